"""``listrak runs``: a row for each pull, also one that fails, is refused or is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import pytest

from listrak_source.api.redaction import redact_people
from listrak_source.cli.errors import Exit
from listrak_source.cli.process.signals import Terminated
from listrak_source.cli.warehouse import Warehouse
from listrak_source.lease import FileLease
from listrak_source.pull.one_at_a_time import is_empty
from listrak_source.runs import COLUMNS, PULL_RUNS, SqlKeeper, why
from listrak_source.sandbox import Fault, Sandbox, World
from tests.cli.conftest import Listrak
from tests.cli.test_documents import read
from tests.destinations import servers

DUCKDB: tuple[str, ...] = ()
POSTGRES = ("-d", "postgres")
FILES = ("-d", "filesystem")


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    with Sandbox(World(seed=3, contacts=60, sender_codes=1, lists=2)) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__LISTRAK__MAX_ATTEMPTS", "2")


@pytest.fixture(params=[DUCKDB, POSTGRES, FILES], ids=["duckdb", "postgres", "files"])
def into(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The options of a warehouse of its own."""
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(Path("files").absolute()))
    if request.param == POSTGRES:
        monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", servers.database(f"runs_{uuid4().hex[:8]}"))
    chosen: tuple[str, ...] = request.param
    return chosen


def runs(listrak: Listrak, *into: str) -> list[dict[str, Any]]:
    document, _ = read(listrak, "runs", *into)
    assert document["status"] == "success", document["message"]
    found: list[dict[str, Any]] = document["runs"]
    return found


@pytest.mark.cases(1)
def test_a_pull_tells_what_it_has_done(listrak: Listrak, sandbox: Sandbox, into: tuple[str, ...]) -> None:
    before = datetime.now(timezone.utc)
    pulled, _ = read(listrak, "pull", *into)
    (run,) = runs(listrak, *into)
    began, ended = (datetime.fromisoformat(run[name].replace("Z", "+00:00")) for name in ("began_at", "ended_at"))
    assert before <= began <= ended <= datetime.now(timezone.utc)
    assert (run["command"], run["outcome"], run["exit_code"], run["times"]) == ("pull", "done", 0, 1)
    assert run["rows_loaded"] == {one["table"]: one["rows"] for one in pulled["results"]}
    sent = sum(count for name, count in sandbox.traffic.counts.items() if name != "token")
    assert (run["requests"], run["retries"], run["refusals"]) == (sent, 0, 0)
    assert (run["process"], run["sender_codes"], run["complete_walk"]) == (os.getpid(), None, False)
    assert run["versions"].keys() == {"listrak_source", "dlt", "python"}
    assert (run["rows_removed"], run["set_aside"], run["remarks"], run["message"]) == ({}, {}, [], None)
    assert run.keys() == COLUMNS[PULL_RUNS].keys()

    _, gone = next(iter(sandbox.world.truth()["contacts"]))
    sandbox.world.vanish(gone)
    sandbox.faults.add(Fault("status", "list_contacts", status=500))
    sandbox.faults.add(Fault("status", "list_opt_outs", status=429, retry_after="0"))
    sender = min(sandbox.world.sender_codes)
    pulled, _ = read(listrak, "pull", "--full", "--sender-code", str(sender), *into)
    latest, first = runs(listrak, *into)
    assert first == run
    assert (latest["sender_codes"], latest["complete_walk"], latest["loads"] > 1) == ([sender], True, True)
    assert (latest["retries"], latest["refusals"]) == (2, 1)
    results = {one["table"]: one for one in pulled["results"]}
    assert latest["rows_loaded"] == {name: one["rows"] for name, one in results.items() if one["rows"]}
    assert latest["rows_removed"] == {name: one["removed"] for name, one in results.items() if one["removed"]}
    assert latest["rows_removed"]["contacts"] == 1
    assert f"  pull of {sender}: done after " in listrak("runs", *into)[1]


@pytest.mark.cases(1)
def test_a_pull_that_finds_nothing_has_a_row_and_no_other_one_of_its_own(
    listrak: Listrak, sandbox: Sandbox, into: tuple[str, ...]
) -> None:
    listrak("pull", *into)
    listrak("pull", *into)
    run = runs(listrak, *into)[0]
    assert (run["outcome"], run["rows_loaded"], run["message"]) == ("done", {}, None)
    code, out, err = listrak("runs", *into)
    assert (code, err) == (0, "")
    assert out.count("pull: done after ") == 2


def test_what_is_not_whole_says_so(listrak: Listrak, sandbox: Sandbox) -> None:
    sender = min(sandbox.world.sender_codes)
    sandbox.faults.add(Fault("status", "list_phone_lists", path=f"/ShortCode/{sender}/", times=None, status=403))
    document, _ = read(listrak, "pull", "--table", "lists")
    (run,) = runs(listrak)
    assert (run["outcome"], run["exit_code"]) == ("partial", document["exit_code"])
    assert run["message"] == " ".join(document["unread"])


@pytest.mark.cases(1)
def test_a_pull_that_fails_has_a_row_too(
    listrak: Listrak, sandbox: Sandbox, into: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    listrak("pull", *into)
    with monkeypatch.context() as wrong:
        wrong.setenv("SOURCES__LISTRAK__CLIENT_SECRET", "wrong-and-secret")
        refused, _ = read(listrak, "pull", *into)
        wrong.setenv("SOURCES__LISTRAK__CLIENT_SECRET", " ")
        unset, _ = read(listrak, "pull", *into)
    sandbox.faults.add(Fault("status", "list_sender_codes", times=None, status=403))
    failed, _ = read(listrak, "pull", *into)
    found = runs(listrak, *into)
    told = [(run["outcome"], run["exit_code"], run["message"]) for run in reversed(found)]
    assert told[1:] == [("failed", one["exit_code"], one["message"]) for one in (refused, unset, failed)]
    assert [code for _, code, _ in told][:3] == [0, Exit.REFUSED, Exit.WRONG_USE]
    assert all(run["ended_at"] for run in found)
    assert "wrong-and-secret" not in json.dumps(found)
    code, out, _ = listrak("runs", "--last", "1", *into)
    assert code == 0
    assert str(failed["message"]) in out


@pytest.mark.parametrize(("kind", "code"), [(KeyboardInterrupt, Exit.TRY_AGAIN), (Terminated, Exit.TERMINATED)])
def test_a_pull_that_is_told_to_end(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException], code: Exit
) -> None:
    listrak("pull")

    def interrupted(*_: object, **__: object) -> None:
        raise kind

    monkeypatch.setattr("listrak_source.pull.chunks.Catalog.load", interrupted)
    assert listrak("pull")[0] == code
    run = runs(listrak)[0]
    assert (run["outcome"], run["exit_code"]) == ("interrupted", code)


@pytest.mark.cases(1)
def test_a_first_pull_that_fails_makes_nobody_believe_that_something_was_loaded(
    listrak: Listrak, sandbox: Sandbox, into: tuple[str, ...]
) -> None:
    sandbox.faults.add(Fault("status", "list_sender_codes", times=None, status=403))
    assert listrak("pull", *into)[0] != 0
    sandbox.faults.clear()
    names = {"-d": into[1]} if into else {}
    with Warehouse(names.get("-d", "duckdb")).looking() as pipeline:
        assert is_empty(pipeline)
    assert listrak("status", "--max-age", "26h", *into)[0] == Exit.FAILED
    assert "listrak pull makes it" in listrak("doctor", *into)[1]
    if into == POSTGRES:  # there is a dataset: the lease has made it
        (run,) = runs(listrak, *into)
        assert (run["outcome"], run["rows_loaded"]) == ("failed", {})
    assert listrak("pull", *into)[0] == 0
    assert runs(listrak, *into)[0]["outcome"] == "done"


def test_a_dataset_of_somebody_else_gets_no_table(listrak: Listrak, sandbox: Sandbox) -> None:
    with duckdb.connect("listrak.duckdb") as connection:
        connection.execute("CREATE SCHEMA listrak_sms; CREATE TABLE listrak_sms.contacts (id INTEGER)")
    assert listrak("pull")[0] == Exit.WRONG_USE
    with duckdb.connect("listrak.duckdb") as connection:
        tables = connection.execute("SELECT table_name FROM information_schema.tables").fetchall()
    assert tables == [("contacts",)]


def test_a_table_of_that_name_of_somebody_else_stays_as_it_is(
    listrak: Listrak, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    listrak("pull", "--table", "lists")
    with duckdb.connect("listrak.duckdb") as connection:
        connection.execute("DROP TABLE listrak_sms.pull_runs; CREATE TABLE listrak_sms.pull_runs (id INTEGER)")
    assert listrak("pull", "--table", "lists")[0] == 0
    with duckdb.connect("listrak.duckdb") as connection:
        assert [row[0] for row in connection.execute("DESCRIBE listrak_sms.pull_runs").fetchall()] == ["id"]


def test_a_table_of_an_earlier_version_gets_what_it_lacks(listrak: Listrak, sandbox: Sandbox) -> None:
    listrak("pull", "--table", "lists")
    with duckdb.connect("listrak.duckdb") as connection:
        connection.execute("ALTER TABLE listrak_sms.pull_runs DROP COLUMN refusals")
    assert runs(listrak)[0]["refusals"] is None
    listrak("pull", "--table", "lists")
    assert [run["refusals"] for run in runs(listrak)] == [0, None]


def test_a_row_that_cannot_be_written_fails_no_pull(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, dlt_log: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setenv("RUNTIME__LOG_LEVEL", "WARNING")
    monkeypatch.setattr(SqlKeeper, "_add", fail)
    assert listrak("pull", "--table", "lists")[0] == 0
    assert listrak("pull", "--table", "lists")[0] == 0
    assert "The row of this run could not be written to pull_runs: OSError" in dlt_log.text


@pytest.mark.cases(1)
def test_refused_runs_of_a_day_share_a_row(
    listrak: Listrak, sandbox: Sandbox, into: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scheduler may ask each minute."""
    listrak("pull", *into)
    scratch = Warehouse(*into[1:]).scratch.with_suffix(".lock")
    with FileLease(scratch, "another run"):
        for _ in range(3):
            assert listrak("pull", *into)[0] == Exit.TRY_AGAIN
        assert listrak("pull", "--full", *into)[0] == Exit.TRY_AGAIN
    found = [run for run in runs(listrak, *into) if run["outcome"] == "refused"]
    if into == DUCKDB:
        assert not found, "the file is left to who has it"
        return
    assert sorted((run["complete_walk"], run["times"], run["exit_code"]) for run in found) == [
        (False, 3, Exit.TRY_AGAIN),
        (True, 1, Exit.TRY_AGAIN),
    ]
    assert all("is under way" in run["message"] and run["ended_at"] >= run["began_at"] for run in found)


def test_a_run_that_cannot_begin_does_not_touch_a_file_that_a_pull_has(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To open it for a moment could fail the other."""
    listrak("pull", "--table", "lists")
    monkeypatch.setenv("SOURCES__LISTRAK__CLIENT_SECRET", " ")
    with FileLease(Path("listrak.duckdb.lease").absolute(), "a pull"):
        assert listrak("pull")[0] == Exit.WRONG_USE
    assert len(runs(listrak)) == 1
    assert listrak("pull")[0] == Exit.WRONG_USE
    assert [run["outcome"] for run in runs(listrak)] == ["failed", "done"]


@pytest.mark.full
def test_a_killed_pull_has_begun_and_not_ended(
    listrak: Listrak, sandbox: Sandbox, into: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    listrak("pull", *into)
    sandbox.faults.add(Fault("delay", "list_contacts", times=None, seconds=60))
    command = [sys.executable, "-m", "listrak_source", "pull", *into]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 30
        while not sandbox.traffic.counts["list_contacts"] and time.monotonic() < until:
            time.sleep(0.05)
        sandbox.traffic.clear()
        while not sandbox.traffic.counts["list_contacts"] and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
    sandbox.faults.clear()
    run = runs(listrak, *into)[0]
    assert (run["outcome"], run["ended_at"], run["process"]) == ("running", None, process.pid)
    assert "  pull: was killed, or could not tell its end." in listrak("runs", *into)[1]
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("socket.gethostname", lambda: "elsewhere")
        assert "  pull: has not ended." in listrak("runs", *into)[1]
    assert listrak("pull", *into)[0] == 0
    assert [run["outcome"] for run in runs(listrak, *into)] == ["done", "running", "done"]


def test_a_clock_that_jumps_back_ends_no_run_before_it_began(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter([datetime(2031, 1, 1, tzinfo=timezone.utc)])

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return next(moments, datetime(2020, 1, 1, tzinfo=timezone.utc))

    with monkeypatch.context() as jumps:
        jumps.setattr("listrak_source.runs.datetime", Clock)
        listrak("pull", "--table", "lists")
    (run,) = runs(listrak)
    assert run["began_at"] == "2031-01-01T00:00:00Z"
    assert "2031-01-01T00:00:00" <= run["ended_at"] < "2031-01-01T00:01:00"


def test_what_a_database_quotes_of_people_is_masked() -> None:
    error = RuntimeError("Key (phone_number)=(15551234567) already exists\nDETAIL")
    assert why(error) == f"RuntimeError: {redact_people('Key (phone_number)=(15551234567) already exists')}"
    assert "15551234567" not in why(error)


def test_nothing_there(listrak: Listrak, sandbox: Sandbox) -> None:
    document, _ = read(listrak, "runs")
    assert (document["exit_code"], Path("listrak.duckdb").exists()) == (Exit.FAILED, False)
    assert "listrak pull makes it" in document["message"]


@pytest.mark.full
def test_a_year_of_pulls_is_small_and_is_pruned_by_a_statement(listrak: Listrak, sandbox: Sandbox) -> None:
    listrak("pull")
    with duckdb.connect("listrak.duckdb") as connection:
        size = "SELECT sum(length(CAST(COLUMNS(*) AS VARCHAR))) FROM listrak_sms.pull_runs"
        assert sum(value or 0 for value in connection.execute(size).fetchall()[0]) < 1_000
        connection.execute(f"DELETE FROM listrak_sms.{PULL_RUNS} WHERE began_at < now() - INTERVAL 90 DAY")
    assert len(runs(listrak)) == 1
