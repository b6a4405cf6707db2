"""Forgetting one person: what is personal goes from every table, and the fact that they said stop stays, by a hash.

Rows that tell of consent stay, under the keyed hash of the number. So nothing that a pull counts is lost, and a stop is
in force as it was. What tells of nothing but the person goes: profile, profile values, what push has sent, records that
were set aside. By the hash every later pull knows them, and writes nothing else of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import time
from typing import Any

from listrak_source.errors import StoppedError
from listrak_source.forgotten import COLUMNS, TABLE
from listrak_source.person.numbers import Number
from listrak_source.person.record import OF_PEOPLE, There, rejected
from listrak_source.pull.keys.seen_keys import UNMARKED
from listrak_source.pull.records.masking import DROPPABLE
from listrak_source.pull.schema import (
    CONTACT_PROFILE_VALUES,
    CONTACTS,
    PHONE_RAW,
    RECORD_HASH,
    REJECTED_ROWS,
    SEEN_KEYS,
    TABLES,
    VALUES_HASH,
)
from listrak_source.push.sync.config import OPTED_OUT
from listrak_source.push.warehouse.ledger import RUNNING, STOP, among
from listrak_source.push.warehouse.ledger_tables import LEDGER
from listrak_source.push.warehouse.sql_client import Store, name, text

_PERSONAL = frozenset({*DROPPABLE, PHONE_RAW.name, RECORD_HASH.name, VALUES_HASH.name})
LISTED = frozenset({"phone_number", "stopped_at", "found_in", "listed_at"})
"""Columns by which a table is a list of stops: nobody is taken off it."""
_EVERY = "0"
"""The sender code of rows that are of none, as pulls count them."""
_DIGEST = 16


@dataclass(frozen=True)
class Plan:
    """What is to go, and by which statements."""

    counts: dict[str, int]
    """By table: the rows that tell of the person."""
    statements: tuple[str, ...]
    digest: str
    """Of the person and the counts: tells nothing of the number to who lacks the key."""


def plan(store: Store, there: There, working: There, number: Number, *, hashed: str, key_mark: str) -> Plan:
    """What forgetting a number means now.

    ``working`` are the tables that plans of push have left, and lists of stops, with their columns.
    Raises :class:`StoppedError` where push has not ended what it has begun for the person.
    """
    _check_push(store, there, number)
    keys = _row_keys(store, there, number)
    set_aside = [str(row["rejected_id"]) for row in rejected(store, there, number)]
    conditions = dict(_conditions(there, number, keys, set_aside, working))
    counts = {
        table: int(store.one(f"SELECT COUNT(*) FROM {name(table)} WHERE {condition}"))
        for table, condition in conditions.items()
    }
    counts = {table: count for table, count in counts.items() if count}
    made = json.dumps([hashed, sorted(counts.items())])
    tables = {**there, **working}
    statements = [
        *(
            one
            for table in conditions
            if table in counts
            for one in _of(table, tables, number, hashed, conditions[table])
        ),
        *_remembered(hashed, key_mark),
    ]
    return Plan(counts, tuple(statements), hashlib.sha256(made.encode()).hexdigest()[:_DIGEST])


def rows_by_sender(store: Store, there: There) -> dict[str, dict[str, int]]:
    """By table and sender code: rows, as pulls count them."""
    found: dict[str, dict[str, int]] = {}
    for table in (*OF_PEOPLE, REJECTED_ROWS.name):
        if table in there:
            sender = _EVERY if table == REJECTED_ROWS.name else "sender_code_id"
            rows = store.rows(f"SELECT {sender}, COUNT(*) FROM {table} GROUP BY 1")
            found[table] = {str(one): int(count) for one, count in rows}
    return found


def vouched_less(memory: Mapping[str, Any], before: Mapping[str, Mapping[str, int]], after: Mapping[str, Any]) -> None:
    """Have a pull's memory vouch for so many rows less as have gone: no pull is to take them for lost."""
    for table, counts in before.items():
        vouched = memory.get("resources", {}).get(table, {}).get("vouched", {})
        for sender, count in counts.items():
            if (gone := count - after[table].get(sender, 0)) and sender in vouched:
                vouched[sender] = max(vouched[sender] - gone, 0)


def _check_push(store: Store, there: There, number: Number) -> None:
    if {"push_changes", "push_runs"} <= there.keys():
        running = store.rows(
            f"SELECT DISTINCT r.sync_name FROM push_changes AS p JOIN push_runs AS r ON r.run_id = p.run_id "
            f"WHERE r.status = '{RUNNING}' AND {number.among('p.phone_number')}"
        )
        if running:
            raise StoppedError(
                f"a run of push that sends something of this person is not at its end: run listrak push apply "
                f"{running[0][0]} first"
            )
    if "push_refused_stops" in there:
        refused = store.rows(f"SELECT sync_name FROM push_refused_stops WHERE waived_at IS NULL AND {number.among()}")
        if refused:
            raise StoppedError(
                f"a stop of this person is not carried out, for Listrak refuses it: opt them out at Listrak, then "
                f"listrak push waive {refused[0][0]}"
            )


def _row_keys(store: Store, there: There, number: Number) -> list[str]:
    """How rows of syncs' tables name the person."""
    if "push_changes" not in there:
        return list(number.forms)
    found = store.rows(f"SELECT DISTINCT row_key FROM push_changes WHERE {number.among()} AND row_key IS NOT NULL")
    return sorted({*number.forms, *(str(key) for (key,) in found)})


def _conditions(
    there: There, number: Number, keys: Sequence[str], set_aside: Sequence[str], working: There
) -> Iterator[tuple[str, str]]:
    """By table: which rows tell of the person."""
    for table in OF_PEOPLE:
        if table in there:
            yield table, number.among()
    if REJECTED_ROWS.name in there and set_aside:
        yield REJECTED_ROWS.name, among("rejected_id", set_aside)
    if SEEN_KEYS.name in there:
        # Keys of people, packed: the next walks make them anew.
        yield SEEN_KEYS.name, f"task LIKE {text(f'{UNMARKED}%')}"
    for table in LEDGER:
        if table in there and "phone_number" in LEDGER[table].columns:
            yield table, number.among()
        elif table in there and table == "push_rejected":
            yield table, among("row_key", keys)
    for table, columns in working.items():
        parts = [among(column, number.forms) for column in ("phone_number", "phone", "odd") if column in columns]
        parts += [among("row_key", keys)] if "row_key" in columns else []
        if parts:
            yield table, f"({' OR '.join(parts)})"


def _of(table: str, there: There, number: Number, hashed: str, condition: str) -> Iterator[str]:
    """The statements that take from a table what is personal."""
    if table in TABLES and table not in (CONTACT_PROFILE_VALUES.name, REJECTED_ROWS.name):
        yield from _of_pull(table, there[table], number, hashed)
    elif table == "push_changes":
        yield f"DELETE FROM {table} WHERE {condition} AND operation <> '{STOP}'"
        empty = "phone_number_raw = NULL, row_key = NULL, before_value = NULL, note = NULL, reason = NULL"
        yield f"UPDATE {table} SET phone_number = {text(hashed)}, {empty} WHERE {condition}"
    elif table == "push_confirmed":
        yield f"DELETE FROM {table} WHERE {condition} AND target <> '{OPTED_OUT}'"
        yield f"UPDATE {table} SET phone_number = {text(hashed)} WHERE {condition}"
    elif table == "push_refused_stops":
        empty = "phone_number_raw = NULL, row_key = NULL, reason = NULL"
        yield f"UPDATE {table} SET phone_number = {text(hashed)}, {empty} WHERE {condition}"
    elif set(there.get(table, ())) >= LISTED:
        yield f"UPDATE {name(table)} SET phone_number = {text(hashed)} WHERE {condition}"
    else:
        yield f"DELETE FROM {name(table)} WHERE {condition}"


def _of_pull(table: str, columns: Any, number: Number, hashed: str) -> Iterator[str]:
    if table == CONTACTS.name:
        # Of the same person in two forms, a stop of either is the person's.
        everyone = among("phone_number", sorted({*number.forms, hashed}))
        stopped = f"SELECT sender_code_id FROM contacts WHERE opted_out AND {everyone}"
        yield f"UPDATE contacts SET opted_out = TRUE WHERE {everyone} AND sender_code_id IN ({stopped})"
    others = [column for column in TABLES[table].key if column != "phone_number"]
    same = " AND ".join(f"kept.{column} = {table}.{column}" for column in others)
    for form in number.forms:
        if form != hashed:
            twin = f"SELECT 1 FROM {table} AS kept WHERE kept.phone_number = {text(hashed)} AND {same}"
            yield f"DELETE FROM {table} WHERE phone_number = {text(form)} AND EXISTS ({twin})"
            yield f"UPDATE {table} SET phone_number = {text(hashed)} WHERE phone_number = {text(form)}"
    known = {column.name for column in TABLES[table].columns} - _PERSONAL
    if personal := sorted(one for one in columns if one not in known and not one.startswith("_dlt")):
        empty = ", ".join(f"{name(column)} = NULL" for column in personal)
        yield f"UPDATE {table} SET {empty} WHERE phone_number = {text(hashed)}"


def _remembered(hashed: str, key_mark: str) -> Iterator[str]:
    columns = ", ".join(f"{column} {kind}" for column, (kind, _) in COLUMNS.items())
    yield f"CREATE TABLE IF NOT EXISTS {TABLE} ({columns})"
    yield f"DELETE FROM {TABLE} WHERE phone_hash = {text(hashed)}"
    yield f"INSERT INTO {TABLE} VALUES ({text(hashed)}, {text(key_mark)}, {time()!r})"
