"""People's data on disk: nobody else reads it while a command runs or after it, and load files do not stay (13.C19)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from listrak_source.cli.errors import Exit
from listrak_source.sandbox import Fault, Sandbox


def run(*arguments: str, until: Callable[[], bool] | None = None, **environment: str) -> tuple[int, set[str]]:
    """Run the command as most people's shells do, killing it when ``until`` says so.

    Its exit code, and what anybody else could read of it at any moment: files that do not stay are seen, too.
    """
    command = [sys.executable, "-m", "listrak_source", *arguments]
    seen: set[str] = set()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, umask=0o022, env=os.environ | environment) as process:
        while process.poll() is None:
            seen |= readable()
            if until and until():
                process.send_signal(signal.SIGKILL)
            time.sleep(0.005)
    return process.returncode, seen | readable()


def readable() -> set[str]:
    """The files here that others may read, and the folders that they may look into."""
    found = set()
    # What goes away meanwhile is left out: ``os.walk`` does not mind it.
    for folder, folders, files in os.walk("."):
        for name in (*folders, *files):
            path = Path(folder, name)
            with suppress(FileNotFoundError):
                if path.stat().st_mode & 0o077:
                    found.add(str(path))
    return found


def load_files() -> list[Path]:
    found = (Path(folder, name) for folder, _, files in os.walk("dlt") for name in files)
    return [path for path in found if path.parent.name.endswith("_jobs")]


def test_after_a_pull_no_load_file_stays_and_nobody_else_reads_what_does(sandbox: Sandbox) -> None:
    assert run("pull") == (Exit.DONE, set())
    assert load_files() == []
    assert Path("listrak.duckdb").exists()
    assert list(Path("dlt").rglob("state.json")), "for dlt's own commands"
    assert list(Path("dlt").rglob("trace.pickle"))


@pytest.mark.full
def test_after_a_pull_that_failed(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("status", after=12, times=None, status=500))
    assert run("pull", SOURCES__LISTRAK__MAX_ATTEMPTS="1") == (Exit.TRY_AGAIN, set())
    assert load_files() == []


@pytest.mark.full
def test_after_a_pull_that_was_killed(sandbox: Sandbox) -> None:
    sandbox.service.delay = 0.05
    code, seen = run("pull", "--chunk-rows", "100", until=lambda: len(load_files()) > 8)
    assert (code, seen) == (-signal.SIGKILL, set())
    sandbox.service.delay = 0.0
    assert run("pull") == (Exit.DONE, set())
    assert load_files() == []


@pytest.mark.full
def test_a_file_of_the_destination_may_be_shared_on_request(sandbox: Sandbox) -> None:
    code, seen = run("pull", "--table", "lists", LISTRAK_UMASK="027")
    assert code == Exit.DONE
    assert "listrak.duckdb" in seen
    assert oct(Path("listrak.duckdb").stat().st_mode & 0o777) == "0o640"
