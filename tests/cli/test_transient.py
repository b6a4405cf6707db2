"""Exit code 4 for what passes, and 1 only where a person must look (13.C18): a warehouse that is down, busy, locked, or
cut off.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from listrak_source.cli.errors import Exit
from listrak_source.cli.warehouse import Warehouse
from listrak_source.sandbox import Sandbox
from tests.cli.conftest import Listrak
from tests.destinations import servers

_HOLD = "import duckdb, sys; open = duckdb.connect('listrak.duckdb'); print(flush=True); sys.stdin.read()"


def connect(address: str) -> Any:
    connection = psycopg2.connect(address)
    connection.autocommit = True
    return closing(connection)


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> str:
    address = servers.database("transient")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", address)
    return address


def test_a_notebook_that_has_the_duckdb_file_open(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("listrak_source.cli.warehouse.PATIENCE", 0.3)
    assert listrak("pull", "--table", "lists")[0] == Exit.DONE
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as notebook:
        assert notebook.stdin
        assert notebook.stdout
        notebook.stdout.readline()
        for command in (("pull",), ("status",), ("push", "status")):
            code, _, err = listrak(*command)
            assert code == Exit.TRY_AGAIN, err
            assert f"listrak.duckdb is open in another program (process {notebook.pid}): when that has ended" in err
            assert err.count("\n") == 1
        notebook.stdin.close()
    assert listrak("pull")[0] == Exit.DONE


@pytest.mark.full
def test_a_pull_waits_for_who_only_looks(listrak: Listrak, sandbox: Sandbox, tmp_path: Path) -> None:
    """And those who only look, as a report does, do not wait for each other."""
    assert listrak("pull")[0] == Exit.DONE
    looks = (
        "import duckdb, sys, time; held = duckdb.connect('listrak.duckdb', read_only=True); print(flush=True);"
        "sys.stdin.readline(); time.sleep(2)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", looks], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as looking:
        assert looking.stdin
        assert looking.stdout
        looking.stdout.readline()
        code, _, err = listrak("report", "--out", str(tmp_path / "report.html"))
        assert (code, err) == (Exit.DONE, "")
        looking.stdin.close()
        code, _, err = listrak("pull")
        assert (code, err) == (Exit.DONE, "")


def test_a_server_that_is_down(listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", "postgresql://somebody:hush@127.0.0.1:1/db")
    for command in ("pull", "status"):
        code, _, err = listrak(command, "-d", "postgres")
        assert code == Exit.TRY_AGAIN, err
        assert "Connection refused" in err
        assert "hush" not in err


@pytest.mark.full
def test_a_bucket_that_is_not_reached(listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", "s3://listrak/somewhere")
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "hush", "ENDPOINT_URL": "http://127.0.0.1:1"}
    for name, value in keys.items():
        monkeypatch.setenv(f"DESTINATION__FILESYSTEM__CREDENTIALS__{name}", value)
    code, _, err = listrak("pull", "-d", "filesystem")
    assert code == Exit.TRY_AGAIN, err
    assert "Run the same command again later." in err


def test_a_server_that_takes_no_more_connections(
    listrak: Listrak, sandbox: Sandbox, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(address) as connection:
        connection.cursor().execute("CREATE ROLE crowded LOGIN CONNECTION LIMIT 0")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", address.replace("postgres:hush@", "crowded:hush@"))
    code, _, err = listrak("pull", "-d", "postgres")
    assert code == Exit.TRY_AGAIN, err
    assert "too many connections" in err


def test_a_database_that_is_not_there_needs_a_person(
    listrak: Listrak, sandbox: Sandbox, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", address.replace("/transient?", "/nowhere?"))
    code, _, err = listrak("pull", "-d", "postgres")
    assert code == Exit.FAILED, err
    assert "does not exist" in err


@contextmanager
def locked(address: str, table: str) -> Iterator[None]:
    """Another session works on a table."""
    with closing(psycopg2.connect(address)) as connection:
        connection.cursor().execute(f"LOCK TABLE listrak_sms.{table}")
        yield


@pytest.mark.full
def test_a_table_that_another_session_has_locked(listrak: Listrak, sandbox: Sandbox, address: str) -> None:
    assert listrak("pull", "-d", "postgres", "--table", "opt_outs")[0] == Exit.DONE
    sandbox.world.live(1)
    with connect(address) as connection:
        connection.cursor().execute("ALTER DATABASE transient SET lock_timeout = '100ms'")
    try:
        with locked(address, "opt_outs"):
            code, _, err = listrak("pull", "-d", "postgres", "--table", "opt_outs")
    finally:
        with connect(address) as connection:
            connection.cursor().execute("ALTER DATABASE transient RESET lock_timeout")
    assert code == Exit.TRY_AGAIN, err
    assert "another session has locked a table" in err
    assert listrak("pull", "-d", "postgres", "--table", "opt_outs")[0] == Exit.DONE


def test_a_connection_that_is_cut(listrak: Listrak, sandbox: Sandbox, address: str) -> None:
    assert listrak("pull", "-d", "postgres", "--table", "opt_outs")[0] == Exit.DONE
    sandbox.world.live(1)
    over = threading.Event()

    def cut() -> None:
        with connect(address) as connection:
            cursor = connection.cursor()
            while not over.wait(0.02):
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = 'transient' AND wait_event_type = 'Lock'"
                )

    cutter = threading.Thread(target=cut)
    cutter.start()
    try:
        with locked(address, "opt_outs"):
            code, _, err = listrak("pull", "-d", "postgres", "--table", "opt_outs")
    finally:
        over.set()
        cutter.join()
    assert code == Exit.TRY_AGAIN, err
    assert listrak("pull", "-d", "postgres", "--table", "opt_outs")[0] == Exit.DONE


def test_a_full_disk_needs_a_person(listrak: Listrak, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        with Path("/dev/full").open("w") as device:
            device.write("a row")

    monkeypatch.setattr(Warehouse, "reading", full)
    code, _, err = listrak("status")
    assert code == Exit.FAILED
    assert err.startswith("listrak: A disk is full (")


def test_a_file_that_is_no_duckdb(listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("letter.duckdb").write_text("Dear Sir" * 2000)
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", "letter.duckdb")
    for command in (("pull",), ("status",), ("report", "--out", "report.html")):
        code, _, err = listrak(*command)
        assert (code, "letter.duckdb is no DuckDB file: name another" in err) == (Exit.WRONG_USE, True), err
    assert Path("letter.duckdb").read_text().startswith("Dear Sir")
