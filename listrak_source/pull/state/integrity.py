"""What the state vouches for, against what the warehouse holds.

A watermark says: what is older is in the warehouse. But somebody may have dropped a table since, emptied it, or put an
older copy back. So each load keeps beside a table's watermarks how many rows it has by sender code, at the least. The
next pull counts again before it believes them; what is gone or short is read from its beginning.

``refresh`` is the same with dlt's own hands: what a load is about to drop counts as gone while its rows are read.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

import pyarrow.compute as pc
from dlt.common.schema import Schema
from dlt.common.storages.load_package import commit_load_package_state
from dlt.destinations.exceptions import DatabaseException
from dlt.extract import DltSource

from listrak_source.pull.load import warehouse
from listrak_source.pull.records.batching import Batch
from listrak_source.pull.schema import (
    CONSENT_EVENTS,
    CONTACT_PROFILE_VALUES,
    CONTACTS,
    OF_THE_PULL,
    REJECTED_ROWS,
    SEEN_KEYS,
    SUBSCRIPTIONS,
    TABLES,
    TEXT,
    Table,
)
from listrak_source.pull.state.state import State

Counts = dict[str, Counter[str]]
"""By table and sender code: rows."""

_EVERY = "0"
"""The sender code of rows that are of none."""
_MAY_SHRINK = frozenset({CONTACT_PROFILE_VALUES.name})
"""Tables that a merge also takes rows from: of those nobody knows to a row how many there are after a load."""
_FIELDS = 50
"""Values of one contact that a merge may take away, about: Listrak has as many profile fields of one's own."""
_MAY_COME_TWICE = frozenset({CONTACT_PROFILE_VALUES.name, SUBSCRIPTIONS.name, CONSENT_EVENTS.name, REJECTED_ROWS.name})
"""Tables of which one pull may hand over a row more than once: the first time, half of the rows are vouched for."""
_MADE_AGAIN = "x-listrak-made-again"
_DROPPED = ("dropped_tables", "truncated_tables")


class Integrity:
    """The rows that a pull found when it began, and those that it has handed over since."""

    def __init__(self, state: State, wanted: frozenset[str], changed: frozenset[str] = frozenset()) -> None:
        """Rows of what is ``changed`` on its way are not vouched for: nobody knows how many arrive."""
        self._state = state
        self._changed = changed
        self._tables = [table for name, table in TABLES.items() if name in wanted or table is REJECTED_ROWS]
        of_the_pull = [table for table in OF_THE_PULL if table is not REJECTED_ROWS]
        self._handed: Counts = {}
        self._there: Counts = {table.name: Counter(state.vouched(table.name) or {}) for table in self._tables}
        self.lacking: dict[str, set[str]] = {}
        """By table: what it lacks, a column or everything."""
        # What was extracted and waits to be loaded is vouched for, and not there yet.
        if warehouse.is_loading() and not warehouse.running().has_pending_data:
            self._there, self.lacking = _found(
                [table for table in (*self._tables, *of_the_pull) if warehouse.has_rows(table)]
            )
        warehouse.leave_out(name for name, lost in self.lacking.items() if lost & _asked_for(_table(name)))
        every = (*self._tables, *of_the_pull)
        self.short: dict[str, set[str]] = {table.name: short for table in every if (short := self._short(table))}
        """By table: the sender codes of which rows are gone."""

    def goes_on(self, handed: Mapping[str, Mapping[str, int]]) -> None:
        """Take over what earlier loads of the same pull have handed over.

        Not of what may come twice: nobody knows how often other processes have handed over the same. What they have
        loaded is counted as there.
        """
        self._handed = {name: Counter(counts) for name, counts in handed.items() if name not in _MAY_COME_TWICE}

    def note_handed(self, batch: Batch) -> None:
        """Count rows that are handed over."""
        for name, rows in batch.items():
            counts = self._handed.setdefault(name, Counter())
            if "sender_code_id" not in rows.column_names:
                counts[_EVERY] += rows.num_rows
                continue
            for sender in pc.value_counts(rows["sender_code_id"]):
                counts[str(sender["values"])] += sender["counts"].as_py()

    def save(self, contacts: Mapping[int, int]) -> dict[str, dict[str, int]]:
        """Keep in the state how many rows there are at the least once the running load has come in.

        Returns what was handed over. ``contacts`` says how many different ones were, for one that stops meanwhile comes
        twice.
        """
        self._handed[CONTACTS.name] = Counter({str(sender): count for sender, count in contacts.items()})
        for table in self._tables:
            part = self._state.of_table(table.name)
            if table.name in self._changed:
                part.pop("vouched", None)
            else:
                part["vouched"] = self._least(table)
        return {name: dict(counts) for name, counts in self._handed.items()}

    def _least(self, table: Table) -> dict[str, int]:
        """By sender code: how many rows there are at the least once the running load has come in."""
        least = Counter(self._there.get(table.name, {}))
        handed = {sender: count for sender, count in self._handed.get(table.name, {}).items() if count}
        if table.name in _MAY_SHRINK:
            for sender, count in self._handed.get(CONTACTS.name, Counter()).items():
                least[sender] = max(least[sender] - _FIELDS * count, -(-least[sender] // 2))
        for sender, count in handed.items():
            least[sender] = max(least[sender], -(-count // 2) if table.name in _MAY_COME_TWICE else count)
        return dict(least)

    def forget(self) -> list[str]:
        """Forget how far what is gone was read; returns sentences that say so."""
        told = []
        for name in self.short:
            table = _table(name)
            self._state.of_table(name).pop("vouched", None)
            self._state.forget_rows(name, self.short[name])
            if table is SUBSCRIPTIONS:
                # They come by lookups, and only who is on a list is looked up.
                self._state.forget_rows(CONTACTS.name, self.short[name])
            what = "a column" if name in self.lacking and warehouse.columns_of(table) else "rows"
            then = "begins anew" if table in OF_THE_PULL else "was read from its beginning"
            told.append(f"{name} had lost {what} since the last pull: it {then}.")
        return told

    def have_made_again(self, schema: Schema) -> None:
        """Have the running load make the tables and columns of its ``schema`` that it writes to and that are not there.

        dlt makes them only where its schema has changed.
        """
        for name in self.lacking:
            known: dict[str, Any] = schema.tables.get(name, {})  # type: ignore[assignment]
            known[_MADE_AGAIN] = datetime.now(timezone.utc).isoformat()

    @property
    def asks_again(self) -> bool:
        """Whether what lookups brought is gone: whoever is known to have been asked for is asked for again."""
        return bool({CONTACTS.name, SUBSCRIPTIONS.name} & self.short.keys())

    def _short(self, table: Table) -> set[str]:
        vouched = self._state.vouched(table.name)
        if vouched is None:  # an older version has kept no counts
            return {_EVERY, *self._state.sender_codes(table.name)} if table.name in self.lacking else set()
        if table.name in self.lacking:
            return set(vouched)
        there = self._there.get(table.name, Counter())
        return {sender for sender, count in vouched.items() if there[sender] < count}


def spare_consents(state: State, source: DltSource) -> None:
    """Keep the consent events of a source that runs, whatever ``refresh`` says, unless their resource was named.

    No second reading of Listrak tells again what was seen once.
    """
    package = warehouse.package_state()
    if not any(package.get(kind) for kind in _DROPPED):
        return
    chosen = set(source.selected_resources) & TABLES.keys()
    if CONSENT_EVENTS.name in chosen and chosen != TABLES.keys() - {table.name for table in OF_THE_PULL}:
        return
    for kind in _DROPPED:
        for table in [table for table in package.get(kind, ()) if table["name"] == CONSENT_EVENTS.name]:
            package[kind].remove(table)
            if CONSENT_EVENTS.name not in source.schema.tables:
                source.schema.update_table(table)
            state.restore_marks(_state_before())
    commit_load_package_state()


def _table(name: str) -> Table:
    return TABLES.get(name) or SEEN_KEYS


def _state_before() -> dict[str, Any]:
    """The source's state as it was before this run."""
    found: dict[str, Any] = warehouse.running()._get_state().get("sources", {}).get("listrak_sms", {})
    return found


def _found(tables: list[Table]) -> tuple[Counts, dict[str, set[str]]]:
    """How many rows the tables hold, and what those lack that are not as dlt's schema says."""
    if not tables:
        return {}, {}
    try:
        return _counted(tables, {table.name: warehouse.columns_of(table) for table in tables}), {}
    except (KeyError, DatabaseException, *warehouse.MISSING):
        # One of them is not as it was: which, is asked only now.
        there = warehouse.storage_columns(tables)
    lacking = {table.name: lost for table in tables if (lost := set(warehouse.columns_of(table)) - there[table.name])}
    counts: Counts = {}
    for table in tables:
        if columns := warehouse.columns_of(table) & there[table.name]:
            try:
                counts |= _counted([table], {table.name: frozenset(columns)})
            except warehouse.MISSING:
                lacking[table.name] = set(warehouse.columns_of(table))
    return counts, lacking


def _counted(tables: list[Table], columns: Mapping[str, Iterable[str]]) -> Counts:
    """The rows by table and sender code, in one query.

    It names every column, which costs nothing, so that it fails where one is gone.
    """
    parts = []
    for table in tables:
        sender = "sender_code_id" if "sender_code_id" in table.key else _EVERY
        names = ", ".join(f'"{name}"' for name in sorted(columns[table.name]))
        rows = f"(SELECT {names} FROM {table.name}) AS known"  # noqa: S608 - our own names
        by_sender = " GROUP BY sender_code_id" if sender != _EVERY else ""
        parts.append(f"SELECT '{table.name}' AS name, {sender} AS sender, count(*) AS found FROM {rows}{by_sender}")  # noqa: S608
    counts: Counts = defaultdict(Counter)
    for rows in warehouse.found(" UNION ALL ".join(parts)):
        for row in rows.to_pylist():
            counts[row["name"]][str(row["sender"])] = int(row["found"])
    return dict(counts)


def _asked_for(table: Table) -> set[str]:
    """The columns that a pull asks the warehouse for: keys, dates and flags."""
    return {column.name for column in table.columns if column.key or column.type != TEXT} | {"event", "_dlt_load_id"}
