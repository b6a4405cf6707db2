"""dlt's own commands, in processes of their own: they find what ``listrak pull`` ran, and nobody is named in it."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from listrak_source.cli.errors import Exit
from listrak_source.sandbox import Fault, Sandbox
from tests.cli.conftest import Listrak


def told(listrak: Listrak) -> str:
    """The command that ``listrak status`` tells."""
    code, out, err = listrak("status")
    assert (code, err) == (0, "")
    return out.splitlines()[-1]


def run(command: str, what: str = "trace") -> str:
    """What dlt says, for ``what`` in the place of ``trace``."""
    program, *words, last = shlex.split(command)
    assert (program, last) == ("dlt", "trace")
    done = subprocess.run(
        [sys.executable, "-m", "dlt", "--non-interactive", "-y", *words, what],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.full
def test_dlt_finds_what_was_pulled(listrak: Listrak, sandbox: Sandbox) -> None:
    listrak("pull", "--table", "lists", "--table", "opt_outs")
    command = told(listrak)
    lists, stops = len(sandbox.world.truth()["lists"]), len(sandbox.world.truth()["opt_outs"])
    found = run(command)
    assert f"- lists: {lists} row(s)" in found
    assert f"- opt_outs: {stops} row(s)" in found
    assert "is LOADED and contains no failed jobs" in found
    assert listrak("pull", "--workers", "0")[0] == Exit.WRONG_USE
    assert run(command) == found, "a pull that its settings do not let begin is none"
    # It begins anew with what the warehouse knows, and the next pull is none the worse.
    assert "Restoring from destination" in run(command, "sync")
    assert "Nothing new at Listrak" in listrak("pull", "--table", "lists")[1]


@pytest.mark.full
def test_dlt_tells_and_lists_the_pipeline(listrak: Listrak, sandbox: Sandbox) -> None:
    assert "dlt pipeline" not in listrak("pull", "--table", "lists")[1]
    command = told(listrak)
    found = run(command, "info")
    assert "dataset_name: listrak_sms" in found
    assert "Has 1 completed load packages" in found
    listed = shlex.split(command)[:-2]
    done = subprocess.run(
        [sys.executable, "-m", *listed, "--list-pipelines"], capture_output=True, text=True, check=True
    )
    assert "1 pipelines found" in done.stdout
    assert "listrak (last run: " in done.stdout
    assert f"What dlt keeps of this run: {command}" in listrak("-v", "pull", "--table", "lists")[2].replace("\n", " ")


@pytest.mark.full
def test_nobody_is_in_what_is_kept_also_of_a_pull_that_failed(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    listrak("pull")
    command = told(listrak)
    sandbox.world.live(2)
    monkeypatch.setenv("SOURCES__LISTRAK__MAX_ATTEMPTS", "1")
    sandbox.faults.add(Fault("status", after=60, times=None, status=500))
    assert listrak("pull", "--full")[0] != 0
    assert "and FAILED in" in run(command)
    folder = Path(shlex.split(command)[3])
    kept = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert len(kept) > 1000
    assert sandbox.client_secret.encode() not in kept
    assert not [phone for phone in sandbox.world.people if phone.encode() in kept]


def test_another_machine_is_told_of_no_command(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    listrak("pull", "--table", "lists")
    monkeypatch.setenv("DLT_DATA_DIR", str(Path("elsewhere").resolve()))
    assert "dlt pipeline" not in told(listrak)
