"""A warehouse that was touched, or stands in the way, before a pull and while it lasts; then a complete walk comes."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import psycopg2
import psycopg2.extras

from listrak_source import lease
from listrak_source.cli.errors import Exit
from listrak_source.pull.schema import TABLES
from listrak_source.sandbox import Sandbox
from tests.chaos import pulls
from tests.chaos.case import Case, Verdict
from tests.chaos.ground import Ended, Ground, look_at
from tests.chaos.judge import DATASET, Held, everything_is_there, held, nothing_is_worse, who_said_stop
from tests.destinations import servers
from tests.pull.asking import on_request

TOUCHED = "A warehouse that was touched"
IN_THE_WAY = "A warehouse that stands in the way"

BY_HAND: dict[str, tuple[str, ...]] = {
    **{f"{name} is dropped": (f"DROP TABLE {{s}}.{name}",) for name in (
        "contacts", "consent_events", "opt_outs", "list_memberships", "contact_profile_values", "sender_codes", "lists",
        "_dlt_loads", "_dlt_version", "_dlt_pipeline_state",
    )},
    **{f"{name} is emptied": (f"DELETE FROM {{s}}.{name}",) for name in (
        "contacts", "consent_events", "opt_outs", "list_memberships", "contact_profile_values", "sender_codes", "lists",
        "_dlt_loads", "_dlt_version", "_dlt_pipeline_state",
    )},
    "contacts with a stop are deleted": ("DELETE FROM {s}.contacts WHERE opted_out",),
    "contacts without a stop are deleted": ("DELETE FROM {s}.contacts WHERE NOT opted_out",),
    "half of opt_outs is deleted": ("DELETE FROM {s}.opt_outs WHERE phone_number LIKE '%1' OR phone_number LIKE '%3' "
                                    "OR phone_number LIKE '%5' OR phone_number LIKE '%7' OR phone_number LIKE '%9'",),
    "stops are taken back": ("UPDATE {s}.contacts SET opted_out = false",),
    "everybody is stopped": ("UPDATE {s}.contacts SET opted_out = true",),
    "opted_out is null": ("UPDATE {s}.contacts SET opted_out = NULL",),
    "contacts are marked as removed": ("UPDATE {s}.contacts SET removed_at = TIMESTAMP '2026-03-01 00:00:00'",),
    "opt_outs are marked as removed": ("UPDATE {s}.opt_outs SET removed_at = TIMESTAMP '2026-03-01 00:00:00'",),
    "memberships are marked as removed": (
        "UPDATE {s}.list_memberships SET removed_at = TIMESTAMP '2026-03-01 00:00:00'",
    ),
    "record_hash is null": ("UPDATE {s}.contacts SET record_hash = NULL",),
    "record_hash is 1": ("UPDATE {s}.contacts SET record_hash = 1",),
    "names are other ones": ("UPDATE {s}.contacts SET first_name = 'X', last_name = NULL",),
    "phone numbers have a plus": ("UPDATE {s}.contacts SET phone_number = '+' || phone_number",),
    "a contact stands twice": ("INSERT INTO {s}.contacts SELECT * FROM {s}.contacts LIMIT 1",),
    "an event stands twice": ("INSERT INTO {s}.consent_events SELECT * FROM {s}.consent_events LIMIT 1",),
    "a column was added": ("ALTER TABLE {s}.contacts ADD COLUMN mine VARCHAR",),
    "a column was dropped": ("ALTER TABLE {s}.contacts DROP COLUMN email_address",),
    "opted_out was dropped": ("ALTER TABLE {s}.contacts DROP COLUMN opted_out",),
    "a key was renamed": ("ALTER TABLE {s}.contacts RENAME COLUMN phone_number TO phone",),
    "a column is text": ("ALTER TABLE {s}.contacts ALTER COLUMN birthday TYPE VARCHAR",),
    "a table was renamed": ("ALTER TABLE {s}.contacts RENAME TO contacts_old",),
    "a view is in a table's place": ("ALTER TABLE {s}.contacts RENAME TO contacts_old",
                                     "CREATE VIEW {s}.contacts AS SELECT * FROM {s}.contacts_old"),
    "a foreign table is in its place": ("DROP TABLE {s}.contacts", "CREATE TABLE {s}.contacts (phone VARCHAR)"),
    "the dataset is gone": ("DROP SCHEMA {s} CASCADE",),
    "the state is damaged": ("UPDATE {s}._dlt_pipeline_state SET state = 'damaged'",),
    "the state is an empty text": ("UPDATE {s}._dlt_pipeline_state SET state = ''",),
    "the schema is damaged": ("UPDATE {s}._dlt_version SET schema = 'damaged'",),
    "loads count as failed": ("UPDATE {s}._dlt_loads SET status = 1",),
    "events are from tomorrow": ("UPDATE {s}.consent_events SET observed_at = TIMESTAMP '2031-01-01 00:00:00'",),
}  # fmt: skip
"""Changes by hand, each as a statement; a complete walk makes good what it can, or a pull says why it stops."""
PLACES = ("duckdb", "postgres")
STATED = ("as before", "its folder gone")
_first: dict[str, str] = {}
"""Databases of PostgreSQL with a first pull in them, by the sandbox that it read."""


def cases(rounds: range) -> Iterator[Case]:
    """Each change by hand, in both databases; each way in which a database may be in the way, at each request."""
    for number in rounds:
        for kind in BY_HAND:
            for place in PLACES:
                for then in ("a pull and a walk", "a walk"):
                    for folder in STATED:
                        name = f"{place}, {then}, {folder}, {number}"
                        yield Case(TOUCHED, kind, name, partial(_by_hand, kind, place, then, folder, number), 3.0)
        for kind in TROUBLE:
            for way in pulls.WAYS:
                for at in range(1, 31):
                    yield Case(
                        IN_THE_WAY, kind, f"{way}, request {at}, {number}", partial(_trouble, kind, way, at, number)
                    )
        for way in pulls.WAYS:
            for blocks in range(1, 31):
                run = partial(_no_room, way, blocks, number)
                yield Case(
                    IN_THE_WAY, "duckdb: files may not grow", f"{way}, {blocks * 64} kB more, {number}", run, 3.0
                )


class Base:
    """A database that a pull by the command loads into."""

    def __init__(self, ground: Ground, place: str) -> None:
        self.ground, self.place = ground, place
        self.arguments: tuple[str, ...] = ()
        if place == "postgres":
            self.name = f"chaos_{uuid4().hex[:12]}"
            self.arguments = ("-d", "postgres")
            self._of(self.name)

    def _of(self, name: str) -> None:
        self.address = servers.postgres().replace("/postgres?", f"/{name}?")
        self.ground.patched.setenv("DESTINATION__POSTGRES__CREDENTIALS", self.address)

    def begin(self, sandbox: Sandbox) -> None:
        """A first pull that nothing happened to."""
        if self.place == "duckdb":
            self.ground.pulled(sandbox)
            return
        if sandbox.base_url not in _first:
            template = f"chaos_first_{uuid4().hex[:12]}"
            servers.database(template)
            self._of(template)
            ended = self.pull()
            assert ended.code == Exit.DONE, ended.text
            _first[sandbox.base_url] = template
            self._of(self.name)
        servers.copy_database(self.name, _first[sandbox.base_url])

    def empty(self) -> None:
        """A database with nothing in it."""
        if self.place == "postgres":
            servers.database(self.name)

    def pull(self, *arguments: str) -> Ended:
        """Pull into it."""
        return self.ground.listrak("pull", *self.arguments, "--workers", "2", *arguments)

    @contextmanager
    def connected(self) -> Iterator[Callable[[str], Any]]:
        """A connection of somebody else's, as a function that runs a statement."""
        if self.place == "duckdb":
            with duckdb.connect("listrak.duckdb") as connection:
                yield connection.execute
            return
        with closing(psycopg2.connect(self.address)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor.execute

    def held(self) -> Held:
        """What it holds."""
        if self.place == "duckdb":
            return held()
        found = Held()
        with closing(psycopg2.connect(self.address)) as connection:
            cursor = connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor)
            for name in TABLES:
                cursor.execute("SELECT to_regclass(%s) IS NOT NULL AS there", [f"{DATASET}.{name}"])
                if cursor.fetchone()["there"]:
                    cursor.execute(f"SELECT * FROM {DATASET}.{name}")
                    found.add(name, [dict(row) for row in cursor.fetchall()])
        return found

    def close(self) -> None:
        """Leave nothing on the server."""
        if self.place == "postgres":
            servers.drop_database(self.name)


@contextmanager
def based(ground: Ground, place: str) -> Iterator[Base]:
    """A database for a case."""
    base = Base(ground, place)
    try:
        yield base
    finally:
        base.close()


def _by_hand(kind: str, place: str, then: str, folder: str, life: int, ground: Ground, verdict: Verdict) -> None:
    sandbox = ground.sandbox()
    with based(ground, place) as base:
        base.begin(sandbox)
        if folder == "as before":
            # So that this machine remembers something.
            ended = base.pull()
            assert ended.code == Exit.DONE, ended.text
        pulls.live(sandbox, life)
        with base.connected() as run:
            for statement in BY_HAND[kind]:
                run(statement.format(s=DATASET))
        for way in ((), ("--full",), ("--full",)) if then == "a pull and a walk" else (("--full",), ("--full",)):
            sandbox.world.clock.advance(minutes=1)
            ended = base.pull(*way)
            look_at(verdict, ended, sandbox)
        if ended.code not in (Exit.DONE, Exit.NOT_ALL):
            # It has said what is wrong, and what to do. What was there stays.
            return
        after = base.held()
        for name, count in after.doubled.items():
            known = "stands twice" in kind
            verdict.find("doubled", f"{name} has {count} keys twice", 0 if known else count)
        everything_is_there(verdict, after, sandbox)


TROUBLE: dict[str, str] = {
    "postgres: connections are cut": "cut",
    "postgres: read-only from then on": "ALTER DATABASE {d} SET default_transaction_read_only = on",
    "postgres: statements may take 1 ms": "ALTER DATABASE {d} SET statement_timeout = 1",
    "postgres: no connection more": "ALTER DATABASE {d} CONNECTION LIMIT 0",
    "postgres: a table is locked for a second": "lock",
}
_CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = '{d}'"
_WELL = (
    "ALTER DATABASE {d} RESET default_transaction_read_only", "ALTER DATABASE {d} RESET statement_timeout",
    "ALTER DATABASE {d} CONNECTION LIMIT -1",
)  # fmt: skip


def _trouble(kind: str, way: str, at: int, life: int, ground: Ground, verdict: Verdict) -> None:
    sandbox = ground.sandbox()
    with based(ground, "postgres") as base:
        if way == "first":
            base.empty()
        else:
            base.begin(sandbox)
        pulls.live(sandbox, life)
        before = base.held()
        on_request(sandbox, _at(at, partial(_begin_trouble, base, TROUBLE[kind])))
        ended = base.pull(*pulls.WAYS[way])
        sandbox.traffic.__dict__.pop("note", None)
        # Where nothing may be written the lease stays. A command ends with its process, and this one goes on.
        ground.patched.setattr(lease, "is_running", lambda _: False)
        _elsewhere(*(statement.format(d=base.name) for statement in _WELL))
        look_at(verdict, ended, sandbox)
        after = base.held()
        nothing_is_worse(verdict, before, after, sandbox)
        if ended.code == Exit.DONE:
            who_said_stop(verdict, after, sandbox)
        _walk(base, sandbox, verdict)


def _at(number: int, act: Callable[[], None]) -> Callable[[str, str], None]:
    seen = 0

    def asked(*_: str) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            act()

    return asked


def _begin_trouble(base: Base, what: str) -> None:
    if what == "lock":
        threading.Thread(target=_locked, args=(base,), daemon=True).start()
        return
    if what != "cut":
        _elsewhere(what.format(d=base.name))
    # A setting of the database is one of the connections that come after it.
    _elsewhere(_CUT.format(d=base.name))


def _locked(base: Base) -> None:
    with suppress(psycopg2.Error), closing(psycopg2.connect(base.address)) as connection:
        connection.cursor().execute(f"LOCK TABLE {DATASET}.contacts IN ACCESS EXCLUSIVE MODE")
        time.sleep(1)


def _elsewhere(*statements: str) -> None:
    with closing(psycopg2.connect(servers.postgres())) as connection:
        connection.autocommit = True
        for statement in statements:
            connection.cursor().execute(statement)


def _walk(base: Base, sandbox: Sandbox, verdict: Verdict) -> None:
    sandbox.world.clock.advance(minutes=1)
    ended = base.pull("--full")
    look_at(verdict, ended, sandbox)
    if ended.code != Exit.DONE:
        verdict.find("lost", f"a walk that nothing happened to ended with {ended.code}: {ended.text[-600:]}")
        return
    everything_is_there(verdict, base.held(), sandbox)


def _no_room(way: str, blocks: int, life: int, ground: Ground, verdict: Verdict) -> None:
    """No file may grow beyond a size, as on a disk that is full; in a process of its own."""
    sandbox = ground.sandbox()
    with based(ground, "duckdb") as base:
        if way != "first":
            base.begin(sandbox)
        pulls.live(sandbox, life)
        before, database = base.held(), Path("listrak.duckdb")
        most = blocks * 65_536 + (database.stat().st_size if database.exists() else 0)
        began = time.monotonic()
        found = subprocess.run(
            [sys.executable, "-m", "listrak_source", "pull", *pulls.WAYS[way]],
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
            preexec_fn=partial(_limited, most),
        )
        text = found.stdout + found.stderr
        look_at(verdict, Ended(found.returncode, text, time.monotonic() - began), sandbox)
        after = base.held()
        nothing_is_worse(verdict, before, after, sandbox)
        if found.returncode == Exit.DONE:
            who_said_stop(verdict, after, sandbox)
        _walk(base, sandbox, verdict)


def _limited(most: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
