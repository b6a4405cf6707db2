"""What a complete walk no longer found is marked as removed, once the walk is proved complete and all of it is loaded.

The rows that the warehouse holds and the walk has not seen are asked about by themselves (see ``removal_budget``),
where the walk is proved (see ``proof``). Who moved since the walk began may have been missed in between, and is left
to the next walk. What the walk has seen, and whether that is proved, is told in ``walks``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import reduce
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc

from listrak_source.pull.extract.date_windows import EVERYTHING, Window, since
from listrak_source.pull.extract.pages import read
from listrak_source.pull.extract.parallel import side_by_side
from listrak_source.pull.extract.partitions import AnyUnit, ContactPartition, OptOutPartition, Unit
from listrak_source.pull.keys.dedupe import (
    Dedupe,
    contacts_of,
    opt_outs_of,
    rows_of,
    stopped_contacts_of,
    stops_of,
    subscriptions_of,
)
from listrak_source.pull.load.warehouse import among, at_once, by_group, columns_of, select, whole
from listrak_source.pull.plan import Plan
from listrak_source.pull.records.batching import Batch
from listrak_source.pull.records.row_keys import keys_of, one_array, phone_keys
from listrak_source.pull.schema import (
    CONSENT_EVENTS,
    CONTACT_PROFILE_VALUES,
    CONTACTS,
    LIST_MEMBERSHIPS,
    LISTS,
    OPT_OUTS,
    PHONE_RAW,
    REMOVED_AT,
    SENDER_CODES,
    SUBSCRIPTIONS,
    TABLES,
    TIMESTAMP,
    WALKS,
    Table,
)
from listrak_source.pull.soft_deletes.legacy_phone_numbers import replaced
from listrak_source.pull.soft_deletes.proof import PEOPLE, Proof
from listrak_source.pull.soft_deletes.removal_budget import RemovalBudget
from listrak_source.pull.state.checkpoint import Checkpoint
from listrak_source.pull.state.streams import Stream
from listrak_source.pull.transform import consent_events
from listrak_source.pull.transform.reference_tables import SMALL
from listrak_source.pull.transform.rows import OPT_OUT_KEY, STANDING, Rows
from listrak_source.settings import Settings

_HANDED = "was_handed"
"""A column beside a contact's key: whether the walk has seen it all the same, on no list."""
_FEW = 20_000
"""Of so many people the rows are asked for by their numbers; of more, all are gone through."""

_UNTOLD = f"""
SELECT marked.* FROM list_memberships AS marked LEFT JOIN (
    SELECT sender_code_id AS told_sender, phone_list_id AS told_list, phone_number AS told_phone, event_at AS told_at
    FROM consent_events WHERE event = '{consent_events.REMOVED}'
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

    def __init__(self, plan: Plan, pending: Checkpoint, rows: Rows) -> None:
        """``rows`` know what the walk has seen."""
        self.plan = plan
        self.pending = pending
        self._rows = rows
        self._once = rows.once
        self.settings: Settings = plan.catalog.settings
        self.moved: Dedupe = Dedupe()
        """Who moved since the walk began, by sender code."""
        self._unproved: dict[str, str] = {}
        """Streams and tables of which nothing is marked, and why."""
        self._streams: list[str] = []
        """Those that are gone."""
        self._unlisted = Dedupe()
        """People whom the walk has seen on no list, by sender code: lookups brought them. They are gone."""
        self._gone_people: dict[str, set[str]] = defaultdict(set)
        """By table: phone numbers of rows that are gone."""
        self._removals = RemovalBudget(plan)

    def batches(self) -> Iterator[Batch]:
        """Yield the rows that are gone, marked."""
        for unit, records in self._moves():
            self.moved.add(str(unit.sender_code_id), phone_keys(records["phoneNumber"]))
        with at_once():
            proof = Proof(self.plan, self.pending)
            self._unproved = proof.doubts
            scopes = proof.scopes()
            lacking = {name: list(self._not_found(TABLES[name], scope)) for name, scope in scopes.items()}
        self._judge(lacking, scopes)
        with at_once():
            self._removals.decide()
            for name, scope in scopes.items():
                yield from self._marked(TABLES[name], scope)
            yield from self._untold()
        yield {WALKS.name: self._walks()}

    def _judge(self, lacking: Mapping[str, Iterable[pa.Table]], scopes: Mapping[str, str]) -> None:
        """Hand over what was not found, table by table, to be judged: whom no list shows counts for the next tables."""
        for name, parts in lacking.items():
            table = TABLES[name]
            again = table in PEOPLE[1:] and self._unlisted
            for rows in list(self._not_found(table, scopes[name])) if again else parts:
                gone = self._removals.judge(table, rows)
                if "phone_number" in table.key:
                    self._gone_people[name].update(gone["phone_number"].to_pylist())
                if table is CONTACTS:
                    for (sender,), part in by_group(gone.filter(gone[_HANDED]), ["sender_code_id"]):
                        self._unlisted.add(str(sender), phone_keys(part["phone_number"]))

    def _marked(self, table: Table, scope: str) -> Iterator[Batch]:
        """The rows of a table that are gone, with the events that tell so."""
        for rows in self._gone(table, scope):
            self._streams += _streams_of(table, rows)
            batch = {table.name: rows}
            if CONSENT_EVENTS.name in self.plan.wanted:
                batch[CONSENT_EVENTS.name] = consent_events.of_removed(table, rows, self.plan.now)
            yield batch

    def _untold(self) -> Iterator[Batch]:
        """Events of memberships that were marked before, and of which none tells."""
        if {LIST_MEMBERSHIPS.name, CONSENT_EVENTS.name} <= self.plan.wanted and columns_of(CONSENT_EVENTS):
            for rows in select(_UNTOLD) if REMOVED_AT.name in columns_of(LIST_MEMBERSHIPS) else ():
                marked = whole(rows, LIST_MEMBERSHIPS)
                yield {CONSENT_EVENTS.name: consent_events.of_removed(LIST_MEMBERSHIPS, marked, self.plan.now)}

    def kept(self) -> Iterator[pa.Table]:
        """Rows of ``seen_keys``: what is not marked. What the walk has kept itself is needed until this load is in."""
        yield from self._removals.left()

    def end(self) -> None:
        """The marks were taken: the walk is at its end."""
        self.plan.state.forget(self._streams)
        self.plan.state.note_walk(self.plan.now, self._unproved)
        self._removals.remember()
        self.plan.state.end(self.pending)

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
            if isinstance(unit, OptOutPartition):
                opt_outs.append(replace(unit, window=window))
            else:
                contacts += [replace(unit, opted_out=out, window=window) for out in (False, True)]
        yield from self._read(opt_outs)
        yield from self._read(contacts)
        if not self.pending.moved_over:
            yield from self._new()

    def _new(self) -> Iterator[tuple[Unit, pa.Table]]:
        """Whom the walk did not see in the last days when it began.

        The setting may name another time zone than the account's, and then dates do not tell who moved.
        """
        shown = [unit for unit in self._rows.shown if self.plan.is_read_again(unit)]
        opt_outs = [unit for unit in shown if isinstance(unit, OptOutPartition)]
        contacts = [unit for unit in shown if isinstance(unit, ContactPartition)]
        for unit, records in chain(self._read(opt_outs), self._read(contacts)):
            yield unit, self._rows.moved_since(unit, records)

    def _read(self, units: list[AnyUnit]) -> Iterator[tuple[Unit, pa.Table]]:
        found, count = self.plan.catalog, self.settings.page_size
        readers = [
            read(unit, found.client, count, skips=found.skips, rejects=found.rejects, masks=found.masks)
            for unit in units
        ]
        for reading in side_by_side(readers, self.settings.workers):
            yield reading.unit, reading.records

    def _not_found(self, table: Table, scope: str) -> Iterator[pa.Table]:
        """The keys of rows that the walk has not seen, of people who have not moved meanwhile."""
        if REMOVED_AT.name not in columns_of(table):
            return
        names = ", ".join([*table.key, *({PHONE_RAW.name} & columns_of(table))])
        alive = f"({scope}) AND removed_at IS NULL"
        # Values are gone with their contacts: people are fewer.
        wheres = self._of_unseen(table, alive) if table is CONTACT_PROFILE_VALUES else (alive,)
        for known in chain.from_iterable(select(f"SELECT {names} FROM {table.name} WHERE {one}") for one in wheres):  # noqa: S608
            rows = known.filter(pc.invert(self._seen(table, known)))
            if rows.num_rows == 0:
                continue
            if "phone_number" in table.key:
                rows = self._still(rows)
            if table is CONTACTS:
                rows = rows.append_column(_HANDED, self._by(["sender_code_id"], rows, self._is_handed))
            yield replaced(rows, table, self._has_instead)

    def _of_unseen(self, table: Table, alive: str) -> Iterator[str]:
        """Conditions for rows of people whom the walk has not seen."""
        unseen: set[str] = set()
        for people in select(f"SELECT DISTINCT sender_code_id, phone_number FROM {table.name} WHERE {alive}"):  # noqa: S608
            unseen.update(people["phone_number"].filter(pc.invert(self._seen(table, people))).to_pylist())
        yield from (f"{alive}{some}" for some in _among(unseen) if unseen)

    def _seen(self, table: Table, rows: pa.Table) -> pa.Array:
        """Which of the rows the walk has seen, as booleans."""
        if table in SMALL:
            return self._once.has_keys(rows_of(table.name), keys_of(rows.select(table.key)))
        if table is LIST_MEMBERSHIPS:
            return self._by(["sender_code_id", "phone_list_id"], rows, self._is_on_list)
        if table is OPT_OUTS:
            return self._by(["sender_code_id"], rows, self._is_listed_stop)
        if table is CONTACTS:
            return self._by(["sender_code_id"], rows, self._is_on_any_list)
        seen = self._is_told if table is SUBSCRIPTIONS else self._is_handed
        unlisted = self._by(["sender_code_id"], rows, self._is_unlisted)
        return pc.and_not(self._by(["sender_code_id"], rows, seen), unlisted)

    def _has_instead(self, table: Table, rows: pa.Table) -> pa.Array:
        """Instead of which of the rows the walk has seen another: a stop stands there once, whatever its date."""
        if table is OPT_OUTS:
            return self._by(["sender_code_id"], rows, self._has_stop)
        return self._seen(table, rows)

    def _by(self, names: list[str], rows: pa.Table, has: Callable[[tuple[int, ...], pa.Table], pa.Array]) -> pa.Array:
        """The answer of ``has`` for each group of rows with the same values in a few columns, as booleans."""
        found = pa.repeat(pa.scalar(False), rows.num_rows)
        for group in rows.select(names).group_by(names).aggregate([]).to_pylist():
            here = reduce(pc.and_, (pc.equal(rows[name], group[name]) for name in names))
            key = tuple(int(group[name]) for name in names)
            found = pc.replace_with_mask(found, one_array(here), one_array(has(key, rows.filter(here))))
        return found

    def _is_on_list(self, key: tuple[int, ...], rows: pa.Table) -> pa.Array:
        sender, phone_list = key
        return self._once.has(ContactPartition(sender, phone_list, False, EVERYTHING).stream, rows["phone_number"])

    def _is_listed_stop(self, key: tuple[int, ...], rows: pa.Table) -> pa.Array:
        return self._once.has_keys(opt_outs_of(*key), keys_of(rows.select(OPT_OUT_KEY)))

    def _has_stop(self, key: tuple[int, ...], rows: pa.Table) -> pa.Array:
        return self._once.has(stops_of(*key), rows["phone_number"])

    def _is_handed(self, key: tuple[int, ...], rows: pa.Table) -> pa.Array:
        phones = rows["phone_number"]
        return pc.or_(self._once.has(contacts_of(*key), phones), self._once.has(stopped_contacts_of(*key), phones))

    def _is_on_any_list(self, key: tuple[int, ...], rows: pa.Table) -> pa.Array:
        """Who was handed over, and not by lookups alone."""
        handed = self._is_handed(key, rows)
        doubtful = one_array(pc.and_(handed, self._once.has(stopped_contacts_of(*key), rows["phone_number"])))
        phones = rows["phone_number"].filter(doubtful)
        if len(phones) == 0:
            return handed
        listed = pa.repeat(pa.scalar(False), len(phones))
        for unit in self.plan.streams.values():
            if isinstance(unit, ContactPartition) and unit.sender_code_id == key[0]:
                listed = pc.or_(listed, self._once.has(unit.stream, phones))
        return pc.replace_with_mask(one_array(handed), doubtful, one_array(listed))

    def _is_told(self, key: tuple[int, ...], rows: pa.Table) -> pa.Array:
        return self._once.has_keys(subscriptions_of(*key), keys_of(rows.select(STANDING)))

    def _is_unlisted(self, key: tuple[int, ...], rows: pa.Table) -> pa.Array:
        return self._unlisted.has(str(key[0]), rows["phone_number"])

    def _gone(self, table: Table, scope: str) -> Iterator[pa.Table]:
        """The rows that are to be marked, marked."""
        if REMOVED_AT.name not in columns_of(table) or not (table in SMALL or self._removals.marks_any(table)):
            return
        # Of a few, once more what an earlier sweep has marked: it may have been cut short before its state was kept.
        condition = scope if table in SMALL else f"({scope}) AND {table.name}.removed_at IS NULL"
        parts: Iterable[pa.Table] = chain.from_iterable(
            select(f"SELECT * FROM {table.name} WHERE ({condition}){some}")  # noqa: S608 - our own names
            for some in _among(self._gone_people.get(table.name, ()))
        )
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

    def _still(self, rows: pa.Table) -> pa.Table:
        """Without those who moved meanwhile."""
        return rows.filter(pc.invert(self._by(["sender_code_id"], rows, self._has_moved)))

    def _has_moved(self, key: tuple[int, ...], rows: pa.Table) -> pa.Array:
        return self.moved.has(str(key[0]), rows["phone_number"])

    # what is told of the walk

    def _walks(self) -> pa.Table:
        """Rows of ``walks``."""
        ended = self.plan.catalog.client.server_time or self.plan.now
        tables = ",".join(sorted(self.plan.wanted))
        rows = []
        tried = {*(self.pending.swept or ()), *self._unproved}
        for stream, unit in self.plan.streams.items():
            if stream not in tried or not self.plan.tables_of(unit):
                continue
            why = self._unproved.get(stream) or self._unproved.get(str(Stream(CONTACTS.name, unit.sender_code_id)))
            phone_list = unit.phone_list_id if isinstance(unit, ContactPartition) else 0
            for opted_out, count in self._rows.seen(unit).items():
                key = (unit.sender_code_id, phone_list, opted_out, self.plan.now)
                rows.append((*key, max(ended, self.plan.now), count, why is None, why, tables))
        columns = list(zip(*rows, strict=True)) or [()] * len(WALKS.columns)
        arrays = [pa.array(list(column), field.type) for column, field in zip(columns, WALKS.schema, strict=True)]
        return pa.table(arrays, schema=WALKS.schema)


def _among(people: Collection[str]) -> Iterator[str]:
    """Conditions to add, which together let through the rows of some people; all rows, where none is named."""
    if not people or len(people) > _FEW:
        yield ""
        return
    yield from (f" AND {some}" for some in among(sorted(people)))


def _streams_of(table: Table, rows: pa.Table) -> list[str]:
    """The streams that are gone with lists or sender codes."""
    if table is SENDER_CODES:
        return [OptOutPartition(sender, Window()).stream for sender in rows["sender_code_id"].to_pylist()]
    keys = rows.select(table.key).to_pylist() if table is LISTS else []
    return [ContactPartition(key["sender_code_id"], key["phone_list_id"], False, Window()).stream for key in keys]
