"""What a warehouse holds after a case, held against what it held before and what Listrak has."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from listrak_source.pull.schema import TABLES
from listrak_source.sandbox import Sandbox
from tests.chaos.case import Verdict
from tests.pull.consent_state import consent_at
from tests.pull.warehouse import truth

DATASET = "listrak_sms"
PEOPLE = ("contacts", "list_memberships", "opt_outs", "contact_profile_values")
"""Tables of people that a complete walk makes equal to what Listrak has."""
_REPLACED = ("contact_profile_values",)
"""Rows of these are replaced with their contact."""

Key = tuple[Any, ...]
Person = tuple[int, str]


@dataclass
class Held:
    """What a warehouse holds, by table and key."""

    rows: dict[str, dict[Key, dict[str, Any]]] = field(default_factory=dict)
    doubled: dict[str, int] = field(default_factory=dict)
    """Keys that a table has more than once."""
    told: Counter[Key] = field(default_factory=Counter)
    """How often each event is told: sender code, list, person, event, and its moment where Listrak has told that."""

    def add(self, name: str, records: list[dict[str, Any]]) -> None:
        """Take the rows of a table."""
        keys = [tuple(record[column] for column in TABLES[name].key) for record in records]
        self.rows[name] = dict(zip(keys, records, strict=True))
        self.doubled[name] = len(keys) - len(self.rows[name])
        if name == "consent_events":
            columns = ("sender_code_id", "phone_list_id", "phone_number", "event", "effective_at")
            self.told = Counter(tuple(record[column] for column in columns) for record in records)

    def there(self, name: str) -> dict[Key, dict[str, Any]]:
        """The rows of a table that are not marked as removed."""
        return {key: row for key, row in self.rows.get(name, {}).items() if not row.get("removed_at")}

    def stopped(self) -> set[Person]:
        """Contacts that stand as opted out."""
        return {key[:2] for key, row in self.there("contacts").items() if row["opted_out"]}


def held(database: Path = Path("listrak.duckdb")) -> Held:
    """What a DuckDB file holds, however it came to be so; nothing where there is none."""
    found = Held()
    if not database.exists():
        return found
    with duckdb.connect(str(database)) as connection:
        for name in TABLES:
            there = connection.execute(
                "SELECT 1 FROM duckdb_tables() WHERE schema_name = ? AND table_name = ?", [DATASET, name]
            ).fetchone()
            if there:
                found.add(name, connection.table(f"{DATASET}.{name}").to_arrow_table().to_pylist())
    return found


def nothing_is_worse(verdict: Verdict, before: Held, after: Held, sandbox: Sandbox) -> None:
    """After a pull that anything may have happened to."""
    told = truth(sandbox)
    for name, count in after.doubled.items():
        verdict.find("doubled", f"{name} has {count} keys twice", count)
    for name, rows in before.rows.items():
        gone = set() if name in _REPLACED else rows.keys() - after.rows.get(name, {}).keys()
        verdict.find("lost", f"{name} has no {some(gone)} any more", len(gone))
        if name in told:
            marked = (before.there(name).keys() - after.there(name).keys()) & told[name].keys()
            verdict.find(
                "lost", f"{name}: {some(marked)} are there, and are not in it or marked as removed", len(marked)
            )
    for key, row in before.rows.get("consent_events", {}).items():
        if after.rows["consent_events"].get(key, row) != row:
            verdict.find("lost", f"the event {key[0]} … was changed")
    back = {person for person in before.stopped() if _says_stop(told, person)} - after.stopped()
    back &= {key[:2] for key in after.there("contacts")}
    verdict.find("reached", f"{some(back)} had said stop, and stand as reachable", len(back))


def everything_is_there(verdict: Verdict, after: Held, sandbox: Sandbox) -> None:
    """After a complete walk that nothing happened to."""
    told = truth(sandbox)
    for name in PEOPLE:
        missing = told[name].keys() - after.there(name).keys()
        verdict.find("lost", f"{name} lacks {some(missing)}", len(missing))
    who_said_stop(verdict, after, sandbox)


def who_said_stop(verdict: Verdict, after: Held, sandbox: Sandbox) -> None:
    """After a pull that says it has read all: nobody who said stop can be sent to."""
    told = truth(sandbox)
    reachable = {
        key[:2] for key, row in after.there("contacts").items() if not row["opted_out"] and _says_stop(told, key[:2])
    }
    verdict.find("reached", f"{some(reachable)} have said stop, and stand as reachable", len(reachable))
    stops = {key[:2] for key in told["opt_outs"]}
    untold = stops - {key[:2] for key in after.there("opt_outs")}
    verdict.find("reached", f"opt_outs lacks {some(untold)}", len(untold))


def events_say_so(verdict: Verdict, sandbox: Sandbox, database: Path = Path("listrak.duckdb")) -> None:
    """Whoever says stop at Listrak has said stop by what the events tell of now."""
    with duckdb.connect(str(database)) as connection:
        state = consent_at(connection, sandbox.world.clock.now())
    quiet = {key[:2] for key in truth(sandbox)["opt_outs"]} - state.stopped
    verdict.find("lost", f"no event tells that {some(quiet)} said stop", len(quiet))


def told_once(verdict: Verdict, after: Held, like: Held) -> None:
    """No event is told more often than after the same life with pulls that nothing happened to.

    What a list has shown while its people could not be looked up is told once more, with its date, when they can.
    """
    happened: Counter[Key] = Counter()
    for key, count in like.told.items():
        happened[key[:4]] += count
    more = [key for key, count in after.told.items() if count > 1 and (key[4] is not None or count > happened[key[:4]])]
    verdict.find("doubled", f"events told more often: {some(more)}", len(more))


def _says_stop(told: dict[str, Any], person: Key) -> bool:
    row = told["contacts"].get(person) or told["unlisted_contacts"].get(person)
    return bool(row and row["opted_out"])


def some(keys: Any) -> str:
    """A few of them, with the last four digits of people."""
    few = sorted(map(str, keys))[:3]
    return f"{len(keys)} ({'; '.join(few)})"
