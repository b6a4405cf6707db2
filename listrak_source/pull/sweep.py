"""What a complete walk no longer found is marked as removed, once the walk is proved complete and all of it is loaded.

A complete walk writes every row that it finds. The rows that none of its loads wrote are asked about by themselves (see
``removals``), where the walk is proved (see ``proof``). Who moved since the walk began may have been missed in between,
and is left to the next walk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc

from listrak_source.pull import events, fingerprints, progress
from listrak_source.pull import pending as pendings
from listrak_source.pull.fingerprints import without
from listrak_source.pull.gather import Batch
from listrak_source.pull.held import at_once, by_group, columns_of, held, texts, whole
from listrak_source.pull.older_forms import replaced
from listrak_source.pull.once import Once, phone_keys
from listrak_source.pull.pending import Pending
from listrak_source.pull.plan import Plan
from listrak_source.pull.proof import PEOPLE, Proof
from listrak_source.pull.reading import read
from listrak_source.pull.removals import REPLACED, Removals
from listrak_source.pull.side_by_side import side_by_side
from listrak_source.pull.small import SMALL
from listrak_source.pull.tables import (
    CONSENT_EVENTS,
    CONTACTS,
    LIST_MEMBERSHIPS,
    LISTS,
    OPT_OUTS,
    PHONE_RAW,
    REMOVED_AT,
    SENDER_CODES,
    TABLES,
    TIMESTAMP,
    Table,
)
from listrak_source.pull.units import AnyUnit, ContactUnit, OptOutUnit, Unit
from listrak_source.pull.windows import Window, since

_WRITTEN = "was_written"
"""A column beside a contact's key: whether the walk wrote it all the same."""

_SEEN = """ LEFT JOIN (
    SELECT DISTINCT sender_code_id AS seen_sender, phone_number AS seen_phone FROM {seen_in}
    WHERE _dlt_load_id IN ({loads})
) AS seen ON seen_sender = {table}.sender_code_id AND seen_phone = {table}.phone_number"""
"""Beside a row of a person: whether the walk has seen the person in a table. A join, as below."""

_UNTOLD = f"""
SELECT marked.* FROM list_memberships AS marked LEFT JOIN (
    SELECT sender_code_id AS told_sender, phone_list_id AS told_list, phone_number AS told_phone, event_at AS told_at
    FROM consent_events WHERE event = '{events.REMOVED}'
) AS told
ON told_sender = marked.sender_code_id AND told_list = marked.phone_list_id AND told_phone = marked.phone_number
    AND told_at = marked.removed_at
WHERE marked.removed_at IS NOT NULL AND coalesce(told_phone, '') = ''
"""  # noqa: S608 - our own names
"""The memberships that are marked and have no event that says so. A join, for not every destination can relate a
subquery to the rows around it; and one that finds nothing gives empty texts in ClickHouse.
"""


class Sweep:
    """The last load of a complete walk."""

    def __init__(self, plan: Plan, pending: Pending) -> None:
        self.plan = plan
        self.pending = pending
        self.settings = plan.directory.settings
        self.moved = Once()
        """Who moved since the walk began, by sender code."""
        self._unproved: dict[str, str] = {}
        """Streams and tables of which nothing is marked, and why."""
        self._streams: list[str] = []
        """Those that are gone."""
        self._unlisted = "FALSE"
        """The condition for people whom the walk wrote though they are on no list: lookups brought them."""
        self._removals = Removals(plan)

    def batches(self) -> Iterator[Batch]:
        """Yield the rows that are gone, marked."""
        for unit, records in self._moves():
            self.moved.add(str(unit.sender_code_id), phone_keys(records["phoneNumber"]))
        with at_once():
            proof = Proof(self.plan, self.pending)
            self._unproved = proof.doubts
            scopes = proof.scopes()
            lacking = {name: list(self._not_found(TABLES[name], scope)) for name, scope in scopes.items()}
        for name, parts in lacking.items():
            if TABLES[name] in PEOPLE[1:] and self._unlisted != "FALSE":
                parts = list(self._not_found(TABLES[name], scopes[name]))
            for rows in parts:
                gone = self._removals.judge(TABLES[name], rows)
                if name == CONTACTS.name:
                    self._note_unlisted(gone.filter(gone[_WRITTEN]))
        self._removals.decide()
        for name, scope in scopes.items():
            table = TABLES[name]
            for rows in self._gone(table, scope):
                self._streams += _streams_of(table, rows)
                batch = {table.name: rows}
                if CONSENT_EVENTS.name in self.plan.wanted:
                    batch[CONSENT_EVENTS.name] = events.of_removed(table, rows, self.plan.now)
                yield batch
        if {LIST_MEMBERSHIPS.name, CONSENT_EVENTS.name} <= self.plan.wanted and columns_of(CONSENT_EVENTS):
            for rows in held(_UNTOLD) if REMOVED_AT.name in columns_of(LIST_MEMBERSHIPS) else ():
                marked = whole(rows, LIST_MEMBERSHIPS)
                yield {CONSENT_EVENTS.name: events.of_removed(LIST_MEMBERSHIPS, marked, self.plan.now)}

    def end(self) -> None:
        """The marks were taken: the walk is at its end."""
        progress.forget(self._streams)
        progress.note_walk(self.plan.now, self._unproved)
        self._removals.remember()
        pendings.forget(taken_up=self.pending.moved_over)

    # what is gone

    def _moves(self) -> Iterator[tuple[Unit, pa.Table]]:
        """Who subscribed or said stop since the walk began, by the dates that Listrak tells."""
        start = self.plan.now.astimezone(self.plan.zone).replace(tzinfo=None)
        if self.pending.moved_over:
            # Only dates tell then, and those of another time zone than the setting's may be a day off.
            start = since(self.plan.now, self.plan.overlap, self.plan.zone)
        window = Window(start, is_open=True)
        opt_outs, contacts = [], []
        # A list that was deleted since the walk cannot be asked.
        for unit in (self.plan.streams[stream] for stream in self.pending.swept or () if stream in self.plan.streams):
            if isinstance(unit, OptOutUnit):
                opt_outs.append(replace(unit, window=window))
            else:
                contacts += [replace(unit, opted_out=out, window=window) for out in (False, True)]
        yield from self._read(opt_outs)
        yield from self._read(contacts)
        if not self.pending.moved_over:
            yield from self._new()

    def _new(self) -> Iterator[tuple[Unit, pa.Table]]:
        """Whom the walk did not see in the last days when it began. The setting may name another time zone than the
        account's, and then dates do not tell who moved.
        """
        plan = self.plan
        days = [unit for unit in (*plan.changing, *plan.recent) if plan.is_read_again(unit)]
        for unit, records in chain(self._read(plan.last_opt_outs), self._read(days)):
            before = progress.known(plan.readers_of(unit), unit.stream).get(unit.name)
            yield unit, records if before is None else without(records, fingerprints.of(records), before)

    def _read(self, units: list[AnyUnit]) -> Iterator[tuple[Unit, pa.Table]]:
        found, count = self.plan.directory, self.settings.page_size
        readers = [
            read(unit, found.client, count, skips=found.skips, rejects=found.rejects, masks=found.masks)
            for unit in units
        ]
        for reading in side_by_side(readers, self.settings.workers):
            yield reading.unit, reading.records

    def _not_found(self, table: Table, scope: str) -> Iterator[pa.Table]:
        """The keys of rows that no list shows any more, of people who have not moved meanwhile."""
        if REMOVED_AT.name in columns_of(table):
            names = [*table.key, *({PHONE_RAW.name} & columns_of(table))]
            keys = ", ".join(f"{table.name}.{name} AS {name}" for name in names)
            if table is CONTACTS:
                keys += f", contacts._dlt_load_id IN ({texts(self.pending.loads)}) AS {_WRITTEN}"
            if table is OPT_OUTS:
                keys += f", coalesce(seen_phone, '') <> '' AS {REPLACED}"
            for rows in self._found(table, keys, f"({scope}) AND {table.name}.removed_at IS NULL"):
                yield replaced(rows, table, self.pending.loads)

    def _gone(self, table: Table, scope: str) -> Iterator[pa.Table]:
        """The rows that are to be marked, marked."""
        if REMOVED_AT.name not in columns_of(table) or not (table in SMALL or self._removals.marks_any(table)):
            return
        # Of a few, once more what an earlier sweep has marked: it may have been cut short before its state was kept.
        condition = scope if table in SMALL else f"({scope}) AND {table.name}.removed_at IS NULL"
        parts: Iterable[pa.Table] = self._found(table, f"{table.name}.*", condition)
        if table.merge_key:
            # What is replaced as a whole is handed over as a whole.
            parts = [pa.concat_tables(every)] if (every := list(parts)) else []
        now = pa.scalar(self.plan.now, TIMESTAMP)
        for found in parts:
            before = found[REMOVED_AT.name].cast(TIMESTAMP)
            marks = pc.and_(before.is_null(), self._removals.marks(table, found))
            rows = found.filter(pc.or_(marks, pc.fill_null(pc.equal(before, now), False)))
            if rows.num_rows:
                yield whole(rows, table, **{REMOVED_AT.name: now})

    def _found(self, table: Table, columns: str, condition: str) -> Iterator[pa.Table]:
        """Rows that the walk did not write, or of which it knows more than that."""
        loads, joined = texts(self.pending.loads), ""
        missing = f"{table.name}._dlt_load_id NOT IN ({loads})"
        if table is OPT_OUTS:
            # Who said stop again since stands there once, with the newer date.
            joined = _SEEN.format(loads=loads, table=table.name, seen_in=OPT_OUTS.name)
        elif table is CONTACTS and LIST_MEMBERSHIPS.name in self.plan.wanted and columns_of(LIST_MEMBERSHIPS):
            # A lookup writes also who is on no list any more: for a new stop, say.
            joined = _SEEN.format(loads=loads, table=table.name, seen_in=LIST_MEMBERSHIPS.name)
            missing = f"({missing} OR coalesce(seen_phone, '') = '')"
        elif table in PEOPLE:
            missing = f"({missing} OR {self._unlisted})"
        query = f"SELECT {columns} FROM {table.name}{joined} WHERE {missing} AND ({condition})"  # noqa: S608
        for rows in held(query):
            yield self._still(rows) if "phone_number" in rows.column_names else rows

    def _note_unlisted(self, gone: pa.Table) -> None:
        for (sender,), part in by_group(gone, ["sender_code_id"]):
            people = f"(sender_code_id = {sender} AND phone_number IN ({texts(part['phone_number'].to_pylist())}))"
            self._unlisted = people if self._unlisted == "FALSE" else f"{self._unlisted} OR {people}"

    def _still(self, rows: pa.Table) -> pa.Table:
        """Without those who moved meanwhile."""
        parts = []
        for (sender,), part in by_group(rows, ["sender_code_id"]):
            parts.append(part.filter(pc.invert(self.moved.has(str(sender), part["phone_number"]))))
        return pa.concat_tables(parts)


def _streams_of(table: Table, rows: pa.Table) -> list[str]:
    """The streams that are gone with lists or sender codes."""
    if table is SENDER_CODES:
        return [OptOutUnit(sender, Window()).stream for sender in rows["sender_code_id"].to_pylist()]
    keys = rows.select(table.key).to_pylist() if table is LISTS else []
    return [ContactUnit(key["sender_code_id"], key["phone_list_id"], False, Window()).stream for key in keys]
