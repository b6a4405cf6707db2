"""Runs that tell: a row for each run, also for one that fails, in a table beside the data.

It is written when a run begins and completed when it ends, so a run that was killed has begun and never ended. Counts
stand there and sentences without people; no load of dlt's is made for it. A row that cannot be written is a warning,
and ends no run.

A row is written to a dataset of ours alone, and makes none: a first pull writes it once there is one. Runs that are
refused because another is under way share a row for each day: a scheduler may ask each minute.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast
from uuid import uuid4
from weakref import WeakKeyDictionary

import dlt
from dlt.common import logger
from dlt.destinations.impl.filesystem.filesystem import FilesystemClient
from dlt.destinations.job_client_impl import SqlJobClientBase

from listrak_source.api.errors import ListrakError
from listrak_source.api.pacing.tally import Counts, Tally
from listrak_source.api.redaction import redact_people
from listrak_source.api.tracing import Note, span
from listrak_source.api.version import version
from listrak_source.errors import StoppedError, causes
from listrak_source.lease import TABLE as LEASES
from listrak_source.lease import Connect, LostError, TakenError, has_clock
from listrak_source.sql import Sql, opened, text

PULL_RUNS, PUSH_ATTEMPTS = "pull_runs", "push_attempts"
"""The tables of pulls, and of commands that push. In the ledger, ``push_runs`` has the plans that were applied."""
SOURCE = "listrak_sms"
"""dlt's name of the schema that a pull loads into: a dataset that knows it is ours."""
RUNNING, DONE, PARTIAL, FAILED, REFUSED, INTERRUPTED = (
    "running", "done", "partial", "failed", "refused", "interrupted",
)  # fmt: skip

_EACH = {
    "run_id": ("TEXT", "The run: the second when it began, in hexadecimal, and six digits at random."),
    "command": ("TEXT", "What was run: ``pull``, or ``pull()`` by a program."),
    "began_at": ("TIMESTAMPTZ", "When it began, by the clock of its machine."),
    "ended_at": ("TIMESTAMPTZ", "When it ended: ``began_at`` and the time that it took, whatever the clock did since."),
    "outcome": (
        "TEXT",
        "``running`` (one that was killed stays so), ``done``, ``partial`` (done, but not all), ``failed``, ``refused``"
        " (another was under way) or ``interrupted``.",
    ),
    "exit_code": ("BIGINT", "The command's exit code; empty for a program of your own."),
    "times": ("BIGINT", "1; or how many runs were refused that day, which share the row."),
    "host": ("TEXT", "Its machine."),
    "process": ("BIGINT", "Its process there."),
    "versions": ("TEXT", "The versions of listrak_source, dlt and Python, as JSON."),
    "requests": ("BIGINT", "Requests to Listrak, but for those for a token."),
    "retries": ("BIGINT", "Of these: those that were sent again, whatever the reason."),
    "refusals": ("BIGINT", "Of these: those that Listrak refused for haste (HTTP 429)."),
    "message": ("TEXT", "What was wrong, in a sentence."),
}
COLUMNS = {
    PULL_RUNS: {
        **_EACH,
        "sender_codes": ("TEXT", "The sender codes that it was for, as a list in JSON; empty for all."),
        "complete_walk": ("BOOLEAN", "Whether it was to read everything again."),
        "loads": ("BIGINT", "Loads of dlt's that came in."),
        "rows_loaded": ("TEXT", "Rows by table, as JSON."),
        "rows_removed": ("TEXT", "Rows that were marked as removed, by table, as JSON."),
        "set_aside": ("TEXT", "Records that were set aside, by table, as JSON."),
        "remarks": ("TEXT", "What else should be known, as a list of sentences in JSON."),
    },
    PUSH_ATTEMPTS: {
        **_EACH,
        "sync_name": ("TEXT", "The sync."),
        "sender_code_id": ("BIGINT", "Its sender code."),
        "push_run": (
            "TEXT",
            "The run in the ledger (``push_runs``) that it has applied; empty where there was nothing to send.",
        ),
        "results": ("TEXT", "How many values of each operation came to which outcome, as JSON."),
    },
}
"""By table and name: the type, and what it holds."""
_STAYS = ("run_id", "command", "began_at", "times", "host", "process", "versions")
"""Columns that a run fills when it begins."""
_JSON = ("versions", "sender_codes", "rows_loaded", "rows_removed", "set_aside", "remarks", "results")
_TRACED = (
    "outcome", "exit_code", "requests", "retries", "refusals", "sender_codes", "complete_walk", "loads", "rows_loaded",
    "rows_removed", "set_aside", "sync_name", "sender_code_id", "push_run",
)  # fmt: skip
"""What a span tells of a run: numbers, codes and counts by table."""
_MOST, _LONG = 20, 500
"""Sentences that a row keeps, and letters of each, at the most."""
_PATIENCE = 5.0
"""Seconds that the row of an interrupted run has to be written."""


class Keeper(Protocol):
    """Where rows of runs are kept."""

    def add(self, row: Mapping[str, Any], open_sql: Sql | None = None) -> bool:
        """Add a row; False where there is no dataset of ours yet. ``open_sql`` is a connection that is open already."""

    def complete(self, row: Mapping[str, Any], open_sql: Sql | None = None) -> None:
        """Write what the row of this ``run_id`` says by now."""

    def refuse(self, row: Mapping[str, Any]) -> None:
        """Add a row of a run that is refused, or count it in the one that is there."""

    def remove(self, run_id: str) -> None:
        """Take a row out."""

    def latest(self, most: int) -> list[dict[str, Any]]:
        """The latest rows, newest first."""


@dataclass(frozen=True)
class SqlKeeper:
    """A table, written by SQL beside dlt."""

    connect: Connect
    table: str
    file: Callable[[], Path | None] | None = None
    """Tells which file it is, where it is one: only one process may have it open, so who is refused leaves it alone."""

    def add(self, row: Mapping[str, Any], open_sql: Sql | None = None) -> bool:
        """See :class:`Keeper`."""
        if open_sql is not None:
            return self._add(open_sql, row)
        if self.file and (file := self.file()) and not file.exists():  # to open it would make it
            return False
        with self.connect() as sql:
            return self._add(sql, row)

    def _add(self, sql: Sql, row: Mapping[str, Any]) -> bool:
        with suppress(Exception):
            sql.add(self.table, row)
            return True
        if not _is_ours(sql):
            return False
        columns = [f"{name} {kind}" for name, (kind, _) in COLUMNS[self.table].items()]
        # Two at once may both make it, and one of them fails.
        with suppress(Exception):
            sql.run(f"CREATE TABLE IF NOT EXISTS {self.table} ({', '.join(columns)})")
        there = set(sql.columns(self.table))
        if not {"run_id", "outcome"} <= there:
            raise StoppedError(f"the table {self.table} is of somebody else")
        for column in columns:
            if column.split()[0] not in there:  # an earlier version has made it
                sql.run(f"ALTER TABLE {self.table} ADD COLUMN {column}")
        sql.add(self.table, row)
        return True

    def complete(self, row: Mapping[str, Any], open_sql: Sql | None = None) -> None:
        """See :class:`Keeper`."""
        changed = {name: value for name, value in row.items() if name not in _STAYS}
        with nullcontext(open_sql) if open_sql is not None else self.connect() as sql:
            sql.update(self.table, changed, f"run_id = {text(row['run_id'])}")

    def refuse(self, row: Mapping[str, Any]) -> None:
        """See :class:`Keeper`."""
        if self.file is not None:
            return
        with self.connect() as sql:
            of_run, there = f"run_id = {text(row['run_id'])}", 0
            with suppress(Exception):
                there = int(sql.one(f"SELECT COUNT(*) FROM {self.table} WHERE {of_run}"))  # noqa: S608 - our own names
            if not there:
                self._add(sql, row)
                return
            sql.run(f"UPDATE {self.table} SET times = times + 1 WHERE {of_run}")  # noqa: S608
            sql.update(self.table, {name: row[name] for name in ("ended_at", "host", "process", "message")}, of_run)

    def remove(self, run_id: str) -> None:
        """See :class:`Keeper`."""
        with self.connect() as sql:
            sql.run(f"DELETE FROM {self.table} WHERE run_id = {text(run_id)}")  # noqa: S608 - our own names

    def latest(self, most: int) -> list[dict[str, Any]]:
        """See :class:`Keeper`."""
        with self.connect() as sql:
            try:
                there = sql.columns(self.table)
            except Exception:  # noqa: BLE001 - each database has an error of its own for what is not there
                return []
            names = [name for name in COLUMNS[self.table] if name in there]
            if "began_at" not in names:  # somebody else's
                return []
            query = f"SELECT {', '.join(names)} FROM {self.table} ORDER BY began_at DESC LIMIT {most}"  # noqa: S608
            return [dict.fromkeys(COLUMNS[self.table]) | dict(zip(names, row, strict=True)) for row in sql.rows(query)]


def _is_ours(sql: Sql) -> bool:
    """Whether a pull has loaded into the dataset, or holds a lease there: then it has looked at what is there."""
    for query in (
        f"SELECT COUNT(*) FROM _dlt_version WHERE schema_name = {text(SOURCE)}",  # noqa: S608
        f"SELECT COUNT(*) + 1 FROM {LEASES}",  # noqa: S608
    ):
        with suppress(Exception):
            if sql.one(query):
                return True
    return False


@dataclass(frozen=True)
class FileKeeper:
    """A folder of small files, one for each run, in the dataset's own folder."""

    pipeline: dlt.Pipeline
    table: str

    def add(self, row: Mapping[str, Any], open_sql: Sql | None = None) -> bool:  # noqa: ARG002 - it has none
        """See :class:`Keeper`."""
        with self.pipeline.destination_client() as client:
            if not _is_our_folder(client):
                return False
            self._write(client, row)
        return True

    def complete(self, row: Mapping[str, Any], open_sql: Sql | None = None) -> None:  # noqa: ARG002
        """See :class:`Keeper`."""
        with self.pipeline.destination_client() as client:
            self._write(client, row)

    def refuse(self, row: Mapping[str, Any]) -> None:
        """See :class:`Keeper`."""
        with self.pipeline.destination_client() as client:
            if _is_our_folder(client):
                before = self._read(client, str(row["run_id"])) or {"times": 0}
                kept = {"began_at": before["began_at"]} if "began_at" in before else {}
                self._write(client, {**row, **kept, "times": before["times"] + 1})

    def remove(self, run_id: str) -> None:
        """See :class:`Keeper`."""
        with self.pipeline.destination_client() as opened_client, suppress(FileNotFoundError):
            client: Any = opened_client
            client.fs_client.rm_file(f"{self._folder(client)}/{run_id}.json")

    def latest(self, most: int) -> list[dict[str, Any]]:
        """See :class:`Keeper`."""
        with self.pipeline.destination_client() as opened_client:
            client: Any = opened_client
            names: list[str] = []
            with suppress(FileNotFoundError):
                names = [str(path).rpartition("/")[2] for path in client.fs_client.ls(self._folder(client), False)]
            found = [self._read(client, name.removesuffix(".json")) for name in names if name.endswith(".json")]
        rows: list[dict[str, Any]] = [dict.fromkeys(COLUMNS[self.table]) | row for row in found if row]
        return sorted(rows, key=lambda row: row["began_at"].timestamp(), reverse=True)[:most]

    def _folder(self, client: Any) -> str:
        return f"{str(client.dataset_path).rstrip('/')}/{self.table}"

    def _read(self, client: Any, run_id: str) -> dict[str, Any] | None:
        with suppress(OSError, ValueError):
            row = json.loads(client.fs_client.cat_file(f"{self._folder(client)}/{run_id}.json"))
            times = {name: datetime.fromisoformat(row[name]) for name in ("began_at", "ended_at") if row.get(name)}
            return {**row, **times}
        return None

    def _write(self, client: Any, row: Mapping[str, Any]) -> None:
        folder = self._folder(client)
        client.fs_client.makedirs(folder, exist_ok=True)
        told = json.dumps(row, default=lambda moment: moment.isoformat())
        client.fs_client.pipe_file(f"{folder}/{row['run_id']}.json", told.encode())


def _is_our_folder(client: Any) -> bool:
    with suppress(FileNotFoundError):
        found = client.fs_client.ls(client.get_table_dir(client.schema.version_table_name), False)
        return any(str(path).rpartition("/")[2].startswith(f"{SOURCE}__") for path in found)
    return False


def keeper_of(pipeline: dlt.Pipeline, table: str) -> Keeper | None:
    """Where the runs into a pipeline's warehouse are kept; None where nothing of ours can be written there."""
    destination = pipeline.destination
    # What is asked of the destination itself has dlt look up settings, which takes milliseconds.
    if destination.destination_type == "dlt.destinations.duckdb":
        return SqlKeeper(partial(opened, pipeline), table, partial(_file_of, pipeline))
    if issubclass(destination.client_class, FilesystemClient):
        return FileKeeper(pipeline, table)
    is_sql = issubclass(destination.client_class, SqlJobClientBase)
    dialect = destination.capabilities().sqlglot_dialect if is_sql else None
    if dialect == "duckdb" or has_clock(dialect):
        return SqlKeeper(partial(opened, pipeline), table)
    return None


def _file_of(pipeline: dlt.Pipeline) -> Path | None:
    """The DuckDB file, if it is one."""
    credentials = cast("Any", pipeline.destination_client().config).credentials
    is_file = credentials.external_conn() is None and not credentials.database.startswith(":")
    return Path(credentials.database) if is_file else None


@dataclass
class Run:
    """A run, and what it tells of itself."""

    command: str
    sender_codes: Sequence[int] | None = None
    """Those that it is for; None for all."""
    complete_walk: bool = False
    table: str = PULL_RUNS
    if_done: int | None = None
    """The exit code that it ends with where all is done."""
    goes_on: bool = False
    """Whether more is to come after the pull that is at its end."""
    loads: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)
    removed: Mapping[str, int] = field(default_factory=dict)
    set_aside: Mapping[str, int] = field(default_factory=dict)
    remarks: Sequence[str] = ()
    began_at: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    is_over: bool = False
    _since: float = field(default_factory=time.monotonic)
    _keeper: Keeper | None = None
    _note: Note = field(default=lambda _: None)
    _tallies: list[tuple[Tally, Counts]] = field(default_factory=list)
    _written: dict[str, Any] | None = None
    """The row as it was written last, but for when the run ended."""

    def __post_init__(self) -> None:
        """Name it."""
        self.run_id: str = f"{int(self.began_at.timestamp()):x}-{uuid4().hex[:6]}"

    @contextmanager
    def working(self, pipeline: dlt.Pipeline) -> Iterator[None]:
        """A pipeline works for the run, and its warehouse holds the row."""
        self.kept_in(pipeline)
        _running[pipeline] = self
        try:
            with self.traced():
                yield
        finally:
            del _running[pipeline]

    @contextmanager
    def traced(self) -> Iterator[None]:
        """It is a span, with what its row tells in numbers and codes."""
        with span(f"listrak {self.command}", run_id=self.run_id) as self._note:
            yield

    def kept_in(self, pipeline: dlt.Pipeline) -> None:
        """Have the warehouse of a pipeline hold the row."""
        with harmless(self.table):
            self._keeper = keeper_of(pipeline, self.table)

    def counts(self, tally: Tally) -> None:
        """Count what a client sends from now on."""
        self._tallies.append((tally, tally.counts))

    def begin(self, open_sql: Sql | None = None) -> None:
        """Write down that it has begun, unless that is done."""
        if self._written is None and not self.is_over:
            self._write(RUNNING, open_sql=open_sql)

    def so_far(self, outcome: str, open_sql: Sql | None = None) -> None:
        """Write down how far it is, as if that were all if it is ``done``."""
        self._write(outcome, self.if_done if outcome == DONE else None, open_sql=open_sql)

    def end(self, outcome: str, exit_code: int | None = None, message: str | None = None) -> None:
        """Write down how it has ended, once, unless that is what is written already."""
        if not self.is_over:
            self.is_over = True
            self._note({name: value for name, value in self._row(outcome, exit_code, None).items() if name in _TRACED})
            self._write(outcome, exit_code, message)

    def _write(
        self, outcome: str, exit_code: int | None = None, message: str | None = None, open_sql: Sql | None = None
    ) -> None:
        if self._keeper is None:
            return
        row = self._row(outcome, exit_code, message)
        if row == self._written:
            return
        timed = {**row, "ended_at": None if outcome == RUNNING else self._now()}
        keeper, self._keeper = self._keeper, None

        def write() -> None:
            is_there = True
            if outcome == REFUSED:
                if self._written is not None:
                    keeper.remove(self.run_id)
                keeper.refuse({**timed, "run_id": self._of_the_day()})
            elif self._written is not None:
                keeper.complete(timed, open_sql)
            else:
                is_there = keeper.add(timed, open_sql)
            self._written = row if is_there else None
            self._keeper = keeper  # one that has failed is asked no more

        with harmless(self.table):
            if outcome == INTERRUPTED:
                _in_time(write)
            else:
                write()

    def _now(self) -> datetime:
        return self.began_at + timedelta(seconds=time.monotonic() - self._since)

    def _of_the_day(self) -> str:
        """The id that all runs have that are refused on one day, and are alike."""
        alike = json.dumps([self.command, *map(str, self._told().values())])
        return f"{self.began_at:%Y%m%d}-refused-{hashlib.sha256(alike.encode()).hexdigest()[:6]}"

    def _row(self, outcome: str, exit_code: int | None, message: str | None) -> dict[str, Any]:
        sent = sum((tally.counts - before for tally, before in self._tallies), Counts())
        return {
            "run_id": self.run_id,
            "command": self.command,
            "began_at": self.began_at,
            "outcome": outcome,
            "exit_code": exit_code,
            "times": 1,
            "host": socket.gethostname(),
            "process": os.getpid(),
            "versions": json.dumps(versions()),
            "requests": sent.requests,
            "retries": sent.retries,
            "refusals": sent.refusals,
            "message": message[:_LONG] if message else None,
            **self._told(),
        }

    def _told(self) -> dict[str, Any]:
        """The columns that only its table has."""
        return {
            "sender_codes": json.dumps(list(self.sender_codes)) if self.sender_codes else None,
            "complete_walk": self.complete_walk,
            "loads": self.loads,
            "rows_loaded": json.dumps(dict(self.rows)),
            "rows_removed": json.dumps(dict(self.removed)),
            "set_aside": json.dumps(dict(self.set_aside)),
            "remarks": json.dumps(_bounded(self.remarks), ensure_ascii=False),
        }


@dataclass
class Attempt(Run):
    """A command that pushes a sync."""

    table: str = PUSH_ATTEMPTS
    sync_name: str = ""
    sender_code_id: int | None = None
    push_run: str | None = None
    results: Sequence[Mapping[str, Any]] = ()

    def kept_by(self, connect: Connect) -> None:
        """Have the row written over connections like these."""
        self._keeper = SqlKeeper(connect, self.table)

    def _told(self) -> dict[str, Any]:
        return {
            "sync_name": self.sync_name,
            "sender_code_id": self.sender_code_id,
            "push_run": self.push_run,
            "results": json.dumps(list(self.results)),
        }


def outcome_of(error: BaseException) -> str:
    """The outcome of a run that ends by an error."""
    for cause in causes(error):
        if isinstance(cause, TakenError) and not isinstance(cause, LostError):
            return REFUSED
        if not isinstance(cause, Exception):
            return INTERRUPTED
    return FAILED


def why(error: BaseException) -> str:
    """What an error of a program came of, in a sentence: its innermost cause."""
    *_, inner = causes(error)
    told = str(inner).strip().partition("\n")[0]
    if isinstance(inner, (ListrakError, StoppedError, TakenError)):  # none of ours names people
        return told
    return ": ".join(filter(None, [type(inner).__name__, redact_people(told)]))


def versions() -> dict[str, str]:
    """What a run runs with."""
    return {"listrak_source": version(), "dlt": dlt.__version__, "python": platform.python_version()}


def told(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row, for a program: what it holds as JSON is unpacked."""
    return {
        name: json.loads(value) if name in _JSON and isinstance(value, str) else value for name, value in row.items()
    }


def _bounded(sentences: Sequence[str]) -> list[str]:
    kept = [one[:_LONG] for one in sentences[:_MOST]]
    return [*kept, f"and {len(sentences) - _MOST:,} more"] if len(sentences) > _MOST else kept


@contextmanager
def harmless(table: str = PULL_RUNS) -> Iterator[None]:
    """Whatever goes wrong with a row is told, and ends no run."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever it is
        logger.warning(f"The row of this run could not be written to {table}: {type(error).__name__}")


def _in_time(write: Callable[[], None]) -> None:
    """Write, and wait for that for a few seconds: DuckDB may never open a file again in which it was interrupted."""
    failed: list[BaseException] = []

    def tried() -> None:
        try:
            write()
        except Exception as error:  # noqa: BLE001 - handed over to the thread that waits
            failed.append(error)

    thread = threading.Thread(target=tried, name="listrak run", daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    if thread.is_alive():
        raise TimeoutError
    if failed:
        raise failed[0]


# Runs that are under way: whoever works for one finds it by its pipeline.

_running: WeakKeyDictionary[dlt.Pipeline, Run] = WeakKeyDictionary()


def of(pipeline: dlt.Pipeline) -> Run | None:
    """The run that a pipeline works for."""
    return _running.get(pipeline)
