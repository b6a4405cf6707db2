"""A pull that came to its end, and who it must have seen.

**What an incremental pull cannot see**, because Listrak moves no date for it; a complete walk does:

- a profile edit of somebody who neither subscribes nor opts out;
- who leaves one list without opting out, and a pending double opt-in;
- a deletion;
- a membership without a subscribe date (an import);
- the other lists of somebody who comes back on one, where nobody is looked up;
- who subscribes again to a list on the day (of the account's time zone) on which the last pull saw them subscribe to
  it, with the same profile: after leaving it, after an opt-out that is over, or as somebody new with the same number;
- dates and subscriptions of people on a list that is read for the first time: its first reading looks nobody up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import duckdb

from listrak_source.pull.schema import TABLES
from tests.pull.warehouse import HASHES, Rows

Tables = dict[str, Rows]
Person = tuple[int, str]
SECOND = timedelta(seconds=1)
DATES = ("subscribe_date", "unsubscribe_date")
FORM = "phone_number_raw"


def read(connection: duckdb.DuckDBPyConnection) -> Tables:
    """Every table from key to row, removed rows included. Raises AssertionError for a key that is there twice."""
    there = connection.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'listrak_sms'")
    names = {row[0] for row in there.fetchall()}
    tables: Tables = {}
    for name, table in TABLES.items():
        tables[name] = {}
        if name in names:
            for row in connection.execute(f"SELECT * FROM listrak_sms.{name}").to_arrow_table().to_pylist():
                key = tuple(_utc(row[column]) for column in table.key)
                assert key not in tables[name], f"{name} holds {key} twice"
                tables[name][key] = {column: _utc(value) for column, value in row.items() if column not in HASHES}
    return tables


@dataclass
class Known:
    """How far the pulls have come."""

    read: dict[tuple[int, int], datetime] = field(default_factory=dict)
    """By list: when the last good pull of it began."""
    looked: dict[tuple[int, int], datetime] = field(default_factory=dict)
    """By list: from when on changed contacts are looked up."""

    def advance(self, began: datetime, lists: frozenset[tuple[int, int]], lookups: str) -> None:
        """After ``lists`` were read by a pull that began at ``began``, or goes on with one that did."""
        for place in lists:
            self.read[place] = began
            if lookups != "none":
                self.looked[place] = began
            self.looked.setdefault(place, began)


@dataclass(frozen=True)
class Pulled:
    """A pull that came to its end, with what was before it."""

    full: bool
    lookups: str
    began: datetime
    before: Tables
    told: Tables
    known: Known
    lists: frozenset[tuple[int, int]]
    """The lists that Listrak let it read, with their sender code."""
    skipped: frozenset[int]
    """The sender codes that it refused to read."""
    moved: frozenset[str]
    """Phone numbers that something happened to since the pull began, where it was taken up again later."""
    touched: frozenset[str]
    """The same, also where an older load package came in with it."""
    account_moved: bool
    unproved: frozenset[str]
    """The tables of which the pull could not prove that it saw everything."""

    def asked(self, people: Any) -> set[Person]:
        return {one for one in people if one[0] not in self.skipped and one[1] not in self.touched}

    def ours(self, name: str, rows: Rows) -> Rows:
        """The rows of a table of people that this pull promises something about."""
        return {
            key: row
            for key, row in rows.items()
            if key[0] not in self.skipped and phone_of(name, key) not in self.touched
        }


def visible(pulled: Pulled) -> set[Person]:
    """Who subscribed, confirmed, came back or opted out so that a pull must have looked them up."""
    told, looked = pulled.told, pulled.known.looked
    found = {(key[0], key[2]) for key in told["list_memberships"] if key[:2] in looked and is_new(pulled, key, looked)}
    since = {sender: min(at for (one, _), at in looked.items() if one == sender) for sender, _ in looked}
    for sender, phone, date in told["opt_outs"]:
        if sender in since and date >= since[sender]:
            found.add((sender, phone))
    return pulled.asked(found & told["contacts"].keys())


def is_new(pulled: Pulled, key: Any, since: dict[tuple[int, int], datetime]) -> bool:
    """Whether a membership is new since its list was read, and not on a day that showed it already."""
    if key[0] in pulled.skipped:
        return False
    at = pulled.told["list_memberships"][key]["subscribed_at"]
    begin = since.get(key[:2])
    if begin is None:
        return True
    if at is None or at < begin:
        return False
    row = pulled.before["list_memberships"].get(key)
    return not (row and row["subscribed_from"] and row["subscribed_from"] - SECOND <= at <= row["subscribed_before"])


def without_form(tables: Tables) -> Tables:
    """What Listrak holds, in whatever form it writes phone numbers now: a row keeps the form that it was read in."""
    return {
        name: {key: {column: value for column, value in row.items() if column != FORM} for key, row in rows.items()}
        for name, rows in tables.items()
    }


def living(tables: Tables) -> Tables:
    """The rows that are not marked as removed, without dlt's own columns."""
    return {
        name: {
            key: {column: value for column, value in row.items() if column not in ("removed_at", "_dlt_load_id", FORM)}
            for key, row in rows.items()
            if row.get("removed_at") is None
        }
        for name, rows in tables.items()
    }


def by_person(rows: Rows) -> dict[Person, Rows]:
    found: dict[Person, Rows] = {}
    for key, row in rows.items():
        found.setdefault(key[:2], {})[key] = row
    return found


def undated(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in DATES}


def phone_of(name: str, key: Any) -> str:
    return str(key[2] if name == "list_memberships" else key[1])


def _utc(value: Any) -> Any:
    return value.astimezone(timezone.utc) if isinstance(value, datetime) else value
