"""One pull of a sender code, one apply of a sync at a time, on whatever machine: whoever works there has a lease.

In a database it is a row: who has it, on which machine, since when, and when its owner was last heard of, by the
database's clock. It needs nothing of a database but that a row which was added is seen by the next query: who wants a
lease writes down that it does, then looks, and gives way to anybody else who is there. So of two at least one sees the
other, and where both begin in one moment both may give way and try again.

An owner on this machine is there as long as its process runs. One on another machine counts as gone after
:data:`SILENCE` without a heartbeat; whoever may wait takes over then, or gives way as soon as one is heard. Where a
file on this machine is the warehouse, the system locks it (see :class:`FileLease`).
"""

from __future__ import annotations

import json
import os
import random
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from weakref import WeakSet

from dlt.common import logger

from listrak_source.sql import Sql, text

if TYPE_CHECKING:
    from typing_extensions import Self

Connect = Callable[[], AbstractContextManager[Sql]]
"""Opens a connection of its own."""

SILENCE = 60.0
"""Seconds without a heartbeat after which an owner on another machine counts as gone."""
BEAT = 15.0
"""Seconds between two heartbeats."""
TABLE = "listrak_leases"
COLUMNS = (
    "kind TEXT, scope TEXT, owner TEXT, host TEXT, boot TEXT, process BIGINT, started TEXT, began DOUBLE,"
    " heartbeat DOUBLE"
)
"""Of that table, as SQL."""
_CLOCKS = {
    "duckdb": "epoch(now())",
    "postgres": "EXTRACT(EPOCH FROM clock_timestamp())",
    "redshift": "EXTRACT(EPOCH FROM GETDATE())",
    "snowflake": "DATE_PART(EPOCH_SECOND, CURRENT_TIMESTAMP())",
    "bigquery": "UNIX_SECONDS(CURRENT_TIMESTAMP())",
    "databricks": "UNIX_TIMESTAMP()",
}
"""The seconds since 1970 by a database's own clock, in its own SQL."""
_AT_ONCE = 5.0
"""Seconds within which two have begun in one moment, so that both may have to give way."""
_TO_SIGN = 1.0
"""Seconds that whoever has locked a file has for writing its name into it."""
_TRIES = 5
_LISTEN = 1.0
"""Seconds between two looks whether somebody is heard of."""
_IN_SILENCE = 10.0
"""Seconds for which one waits in a queue before it says so."""


class TakenError(Exception):
    """Somebody else has the lease."""


class LostError(TakenError):
    """Somebody else has taken over, for nothing was heard of this one for too long."""


@dataclass(frozen=True)
class Owner:
    """A process on a machine."""

    host: str
    boot: str
    """Of this start of the machine, and of the space that its process numbers are of; empty where nobody tells."""
    process: int
    started: str
    """When the process began, in the system's own count: numbers of processes are given again."""

    @classmethod
    def ourselves(cls) -> Owner:
        """This very process."""
        return cls(socket.gethostname(), _boot(), os.getpid(), _started(os.getpid()))

    def runs_here(self) -> bool | None:
        """Whether it still runs; None where that cannot be told from here."""
        if self.host != socket.gethostname() or self.boot != _boot() or sys.platform == "win32":
            return None
        if not is_running(self.process):
            return False
        started = _started(self.process)
        return started == self.started if started and self.started else None


def is_running(process: int) -> bool:
    """Whether there is a process of that number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _read(path: str) -> str:
    with suppress(OSError):
        return Path(path).read_text(encoding="utf-8").strip()
    return ""


def _boot() -> str:
    boot = _read("/proc/sys/kernel/random/boot_id")
    with suppress(OSError):
        boot += " " + str(Path("/proc/self/ns/pid").readlink())
    return boot


def _started(process: int) -> str:
    # The name of the program, in parentheses, may hold spaces.
    told = _read(f"/proc/{process}/stat").rpartition(")")[2].split()
    return told[19] if len(told) > 19 else ""


def taken(what: str, host: str, process: int, began: float) -> TakenError:
    """The error that says who has it, and since when."""
    since = datetime.fromtimestamp(began, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    return TakenError(f"{what} is under way, on {host}, process {process}, since {since} UTC")


def has_clock(dialect: str | None) -> bool:
    """Whether a lease can be kept in a database of this dialect."""
    return dialect in _CLOCKS


def in_rows(dialect: str | None) -> bool:
    """Whether leases are rows of the warehouse there, so that several machines may work in it at once.

    DuckLake and MotherDuck speak DuckDB's dialect too: a row there is a file, or a round trip, for each heartbeat. A
    lake's catalogue may keep them (see ``pull.load.lake_catalog``).
    """
    return dialect != "duckdb" and has_clock(dialect)


@dataclass(frozen=True)
class Other:
    """Somebody else who has a lease, or is about to."""

    owner: str
    name: str
    """Of the lease."""
    host: str
    process: int
    began: float
    for_seconds: float
    heartbeat: float
    runs: bool | None
    """Whether its process runs; None where that cannot be told from here."""


@dataclass
class SqlLease:
    """A lease in a database, held as a context."""

    connect: Connect
    """Opens a connection for each question, and for each heartbeat."""
    kind: str
    name: str
    """Two of one kind and name exclude each other."""
    parts: tuple[int, ...] | None = ()
    """So do two of one kind that share a part (a sender code); None is all of them."""
    what: str = "another run"
    """What is under way where it is taken."""
    beats: bool = True
    silence: float = SILENCE
    waits: bool = False
    """Whether to wait for an owner on another machine of whom nothing is heard, until it counts as gone."""
    queues: bool = False
    """Whether to wait for any owner, until it has ended."""
    owner: str = field(default_factory=lambda: uuid4().hex)
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        with self.connect() as sql:
            try:
                self._take(sql)
            except BaseException:  # whoever is told to end while it waits leaves nothing behind
                with suppress(Exception):
                    self._give_up(sql)
                raise
        if self.beats:
            self._thread = threading.Thread(target=self._beat, name="listrak lease", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        try:
            with self.connect() as sql:
                self._give_up(sql)
        except Exception as error:  # noqa: BLE001 - what ended the work is what has to be told
            logger.warning(f"The lease stays until this process has ended: {type(error).__name__}")

    def renew(self) -> None:
        """Still at it. Raises :class:`LostError` if somebody else has taken over meanwhile."""
        with self.connect() as sql:
            self._say(sql)
            if not sql.one(f"SELECT COUNT(*) FROM {TABLE} WHERE {self._mine}"):
                raise LostError(f"{self.what} has taken over: nothing was heard of this one for too long")

    @property
    def _mine(self) -> str:
        return f"owner = {text(self.owner)}"

    @property
    def _scope(self) -> str:
        return json.dumps([self.name, self.parts])

    def _beat(self) -> None:
        while not self._ended.wait(BEAT):
            # A database that is away for a moment: the next one gets through, or the load finds out.
            with suppress(Exception), self.connect() as sql:
                self._say(sql)

    def _say(self, sql: Sql) -> None:
        sql.run(f"UPDATE {TABLE} SET heartbeat = {self._now(sql)} WHERE {self._mine}")

    def _now(self, sql: Sql) -> str:
        return sql.verbatim(_CLOCKS[sql.dialect])

    def _take(self, sql: Sql) -> None:
        heard: dict[str, float] = {}
        at_once, began, is_told = 0, time.monotonic(), False
        while True:
            self._announce(sql)
            others = self._others(sql)
            if not others:
                return
            self._give_up(sql)
            first = min(others, key=lambda other: other.began)
            if first.for_seconds <= _AT_ONCE and at_once < _TRIES:
                at_once += 1
                time.sleep(random.uniform(0.1, 1.0))
            elif self.queues:
                if not is_told and time.monotonic() - began > _IN_SILENCE:
                    logger.warning(
                        f"{taken(self.what, first.host, first.process, first.began)}: this one waits for it."
                    )
                    is_told = True
                time.sleep(random.uniform(0.1, _LISTEN))
            elif self.waits and all(
                one.runs is None and heard.setdefault(one.owner, one.heartbeat) == one.heartbeat for one in others
            ):
                time.sleep(_LISTEN)
            else:
                raise taken(self.what, first.host, first.process, first.began)

    def _give_up(self, sql: Sql) -> None:
        sql.run(f"DELETE FROM {TABLE} WHERE {self._mine}")

    def _announce(self, sql: Sql) -> None:
        us, now = Owner.ourselves(), self._now(sql)
        values = [self.kind, self._scope, self.owner, us.host, us.boot]
        told = ", ".join(map(text, values))
        add = f"INSERT INTO {TABLE} SELECT {told}, {us.process}, {text(us.started)}, {now}, {now}"
        with suppress(Exception):
            sql.run(add)
            return
        # Two at once may both make it, and one of them fails.
        for tries in range(_TRIES):
            try:
                sql.run(f"CREATE TABLE IF NOT EXISTS {TABLE} ({COLUMNS})")
                break
            except Exception:
                if tries == _TRIES - 1:
                    raise
                time.sleep(random.uniform(0.05, 0.2))
        sql.run(add)

    def _others(self, sql: Sql) -> list[Other]:
        """Who else is there. Who is gone is taken out."""
        found = []
        columns = "scope, owner, host, boot, process, started, began, heartbeat"
        query = f"SELECT {columns}, {self._now(sql)} FROM {TABLE} WHERE kind = {text(self.kind)} AND NOT {self._mine}"
        for scope, owner, host, boot, process, started, began, heartbeat, now in sql.rows(query):
            name, parts = json.loads(scope)
            if not self._meets(name, parts):
                continue
            runs = Owner(host, boot, int(process), started).runs_here()
            if runs or (runs is None and float(now) - float(heartbeat) < self.silence):
                for_seconds = float(now) - float(began)
                one = Other(owner, name, str(host), int(process), float(began), for_seconds, float(heartbeat), runs)
                found.append(one)
            else:
                sql.run(f"DELETE FROM {TABLE} WHERE owner = {text(owner)} AND heartbeat <= {float(heartbeat)!r}")
        return found

    def _meets(self, name: str, parts: list[int] | None) -> bool:
        if name == self.name or None in (parts, self.parts):
            return True
        return bool(set(parts or ()) & set(self.parts or ()))


@dataclass(eq=False)
class FileLease:
    """A lease by a lock of the system on a file beside the warehouse: it ends with its process, whatever ends that."""

    path: Path
    what: str
    _handle: Any = None

    def __enter__(self) -> Self:
        try:
            import fcntl  # noqa: PLC0415 - not there on Windows
        except ImportError:  # Windows has no such lock: there it is up to the scheduler
            return self
        signed = time.monotonic() + _TO_SIGN
        while True:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = self.path.open("a+", encoding="utf-8")
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                handle.seek(0)
                told = handle.read()
                handle.close()
                with suppress(ValueError, KeyError):
                    told = json.loads(told)
                    raise taken(self.what, told["host"], told["process"], told["began"]) from error
                if time.monotonic() > signed:
                    raise TakenError(f"{self.what} is under way") from error
                time.sleep(0.02)
                continue
            # Who had it before may have taken the file away after it was opened here.
            with suppress(OSError):
                if os.path.samestat(os.fstat(handle.fileno()), self.path.stat()):
                    break
            handle.close()
        us = Owner.ourselves()
        handle.truncate(0)
        handle.write(json.dumps({"host": us.host, "process": us.process, "began": time.time()}))
        handle.flush()
        self._handle = handle
        _LOCKED.add(self)
        return self

    def __exit__(self, *exception: object) -> None:
        _LOCKED.discard(self)
        if self._handle is not None:
            with suppress(OSError):
                self.path.unlink()
            self._handle.close()
            self._handle = None

    def leave(self) -> None:
        """Keep nothing of it, in a child of the process that has it: the lock would last as long as the child."""
        if self._handle is not None:
            self._handle.close()
            self._handle = None

    def renew(self) -> None:
        """Nobody can take it over."""


_LOCKED: WeakSet[FileLease] = WeakSet()
"""What this process has locked: a fork has the same locks, and is another process."""


def _leave_all() -> None:
    for lease in list(_LOCKED):
        lease.leave()
    _LOCKED.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_all)


class NoLease:
    """Where nothing keeps one: that one run at a time writes there is up to whoever starts them."""

    def renew(self) -> None:
        """Nobody knows."""


Lease = SqlLease | FileLease | NoLease


@contextmanager
def held(lease: Lease) -> Iterator[Lease]:
    """Hold a lease of any kind."""
    if isinstance(lease, NoLease):
        yield lease
        return
    with lease:
        yield lease
