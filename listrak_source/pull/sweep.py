"""What a complete walk no longer found is marked as removed, once the walk is proved complete and all of it is loaded.

A complete walk writes every row that it finds. So the rows that none of its loads wrote are gone at Listrak. That is
believed of a list, an opt-out collection or a sender code only where

- every unit was read to its end (see ``reading``),
- the warehouse holds as many rows of the walk's loads as were handed over, and
- nobody moved there since the walk began: who did may have been missed in between, and is left to the next walk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc
from dlt.common import logger

from listrak_source.pull import events, fingerprints, progress
from listrak_source.pull import pending as pendings
from listrak_source.pull.fingerprints import without
from listrak_source.pull.gather import Batch
from listrak_source.pull.groups import contacts_of
from listrak_source.pull.held import by_group, columns_of, held, texts, whole
from listrak_source.pull.once import Once, phone_keys
from listrak_source.pull.pending import Pending
from listrak_source.pull.plan import Plan
from listrak_source.pull.reading import read
from listrak_source.pull.side_by_side import side_by_side
from listrak_source.pull.small import SMALL
from listrak_source.pull.tables import (
    CONSENT_EVENTS,
    CONTACT_PROFILE_VALUES,
    CONTACTS,
    LIST_MEMBERSHIPS,
    LISTS,
    OPT_OUTS,
    REMOVED_AT,
    SENDER_CODES,
    SUBSCRIPTIONS,
    TABLES,
    TIMESTAMP,
    TRANSACTIONAL_MESSAGES,
    Table,
)
from listrak_source.pull.units import AnyUnit, ContactUnit, OptOutUnit, Unit
from listrak_source.pull.windows import Window, since

_PEOPLE = (CONTACTS, CONTACT_PROFILE_VALUES, SUBSCRIPTIONS)
_BELOW = {
    SENDER_CODES.name: frozenset(TABLES),
    LISTS.name: frozenset(table.name for table in (*_PEOPLE, LIST_MEMBERSHIPS, TRANSACTIONAL_MESSAGES)),
    CONTACTS.name: frozenset(table.name for table in _PEOPLE),
}
"""By table: the others in which nothing is known to be gone while records of it could not be read."""

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

    def batches(self) -> Iterator[Batch]:
        """Yield the rows that are gone, marked."""
        scopes = self._scopes()
        for unit, records in self._moves():
            self.moved.add(str(unit.sender_code_id), phone_keys(records["phoneNumber"]))
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
        pendings.forget(taken_up=self.pending.moved_over)

    # what is proved

    def _scopes(self) -> dict[str, str]:
        """By table, the condition under which a row that the walk did not write is gone."""
        bad = self._unproved = self._doubts()
        for stream, reason in sorted(bad.items()):
            logger.warning(f"{stream}: nothing is marked as removed, for {reason}.")
        skipped = {stream.split("/")[1] for stream in bad if stream.startswith("contacts/") and stream.endswith("/")}
        bad_lists = {stream.split("/")[1] for stream in bad if stream.startswith("contacts/")}
        bad_people = bad_lists | {stream.rsplit(" ", 1)[1] for stream in bad if stream.startswith("contacts of ")}
        bad_stops = {stream.split("/")[1] for stream in bad if stream.startswith("opt_outs/")}
        scopes = {
            LIST_MEMBERSHIPS.name: self._of_lists(bad, bad_lists),
            OPT_OUTS.name: self._of_senders(bad_stops),
        }
        if not self.settings.lists:
            scopes |= {table.name: self._of_senders(bad_people) for table in _PEOPLE}
            if not self.settings.sender_codes:
                scopes |= {table.name: self._of_senders(skipped) for table in SMALL} | {SENDER_CODES.name: "TRUE"}
        if not self.plan.asks_subscriptions:
            scopes.pop(SUBSCRIPTIONS.name, None)  # the walk wrote none
        doubted = bad.keys() | {name for table in bad for name in _BELOW.get(table, ())}
        return {name: scope for name, scope in scopes.items() if name in self.plan.wanted - doubted}

    def _doubts(self) -> dict[str, str]:
        bad = self.pending.unproved | self.plan.directory.doubts()
        found: dict[str, int] = {}
        for table in (LIST_MEMBERSHIPS, CONTACTS, OPT_OUTS):
            if table.name in self.plan.wanted:
                found |= self._loaded(table)
        for stream, count in self.pending.counts.items():
            if stream in found and found[stream] != count:
                bad[stream] = f"{count} rows were read and {found[stream]} are loaded"
        return bad

    def _loaded(self, table: Table) -> dict[str, int]:
        """How many rows of each stream the walk's loads have brought."""
        streams = {stream: 0 for stream in self.pending.counts if _feeds(stream, table)}
        if columns_of(table):
            scope = "sender_code_id, phone_list_id" if table is LIST_MEMBERSHIPS else "sender_code_id"
            query = (
                f"SELECT {scope}, count(*) AS found FROM {table.name} "  # noqa: S608 - our own names
                f"WHERE _dlt_load_id IN ({texts(self.pending.loads)}) GROUP BY {scope}"
            )
            for rows in held(query):
                for row in rows.to_pylist():
                    streams[_stream(table, row)] = row["found"]
        return streams

    def _of_senders(self, bad: set[str]) -> str:
        if self.settings.sender_codes:
            good = [str(sender) for sender in self.settings.sender_codes if str(sender) not in bad]
            return f"sender_code_id IN ({', '.join(good)})" if good else "FALSE"
        return f"sender_code_id NOT IN ({', '.join(sorted(bad))})" if bad else "TRUE"

    def _of_lists(self, bad: dict[str, str], bad_senders: set[str]) -> str:
        """Lists that were read; and those that are not there any more, where all of the others were."""
        parts = [] if self.settings.lists else [self._of_senders(bad_senders)]
        for stream in self.pending.swept or ():
            if stream.startswith("contacts/") and stream not in bad:
                _, sender, phone_list = stream.split("/")
                if self.settings.lists or sender in bad_senders:
                    parts.append(f"(sender_code_id = {sender} AND phone_list_id = {phone_list})")
        return " OR ".join(parts) or "FALSE"

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
            read(unit, found.client, count, refused=lambda _: None, rejects=found.rejects, masks=found.masks)
            for unit in units
        ]
        for reading in side_by_side(readers, self.settings.workers):
            yield reading.unit, reading.records

    def _gone(self, table: Table, scope: str) -> Iterator[pa.Table]:
        if REMOVED_AT.name not in columns_of(table):
            return
        query = f"SELECT * FROM {table.name} WHERE _dlt_load_id NOT IN ({texts(self.pending.loads)}) AND ({scope})"  # noqa: S608
        # Of a few, once more what an earlier sweep has marked: it may have been cut short before its state was kept.
        parts: Iterable[pa.Table] = held(query if table in SMALL else f"{query} AND removed_at IS NULL")
        if table.merge_key:
            # What is replaced as a whole is handed over as a whole.
            parts = [pa.concat_tables(every)] if (every := list(parts)) else []
        for found in parts:
            now = pa.scalar(self.plan.now, TIMESTAMP)
            marked = pc.coalesce(found[REMOVED_AT.name].cast(TIMESTAMP), now)
            rows = found.filter(pc.equal(marked, now))
            rows = self._still(rows) if "phone_number" in rows.column_names else rows
            if rows.num_rows:
                yield whole(rows, table, **{REMOVED_AT.name: now})

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


def _feeds(stream: str, table: Table) -> bool:
    if table is CONTACTS:
        return stream.startswith("contacts of ")
    return stream.startswith("opt_outs/" if table is OPT_OUTS else "contacts/")


def _stream(table: Table, row: dict[str, int]) -> str:
    if table is CONTACTS:
        return contacts_of(row["sender_code_id"])
    if table is OPT_OUTS:
        return OptOutUnit(row["sender_code_id"], Window()).stream
    return ContactUnit(row["sender_code_id"], row["phone_list_id"], False, Window()).stream
