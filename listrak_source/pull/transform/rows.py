"""What is written of what was read: rows for the tables that contacts and opt-outs feed, each once in a pull."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from listrak_source.pull.extract.lookups import Answers, Person
from listrak_source.pull.extract.partitions import ContactPartition, OptOutPartition, Unit, place_of
from listrak_source.pull.keys.dedupe import (
    Dedupe,
    asked_of,
    contacts_of,
    opt_outs_of,
    out_of,
    shown_in,
    stopped_contacts_of,
    stops_of,
    subscriptions_of,
    told_of,
    written_of,
)
from listrak_source.pull.load.warehouse import (
    among,
    at_once,
    by_group,
    columns_of,
    is_ours,
    not_removed,
    select,
    sql_list,
    whole,
)
from listrak_source.pull.plan import LOOKED_UP, Plan
from listrak_source.pull.records.batching import Batch
from listrak_source.pull.records.normalize import profile_values, shape
from listrak_source.pull.records.quarantine import Rejects
from listrak_source.pull.records.row_keys import keys_of, one_array, phone_keys
from listrak_source.pull.schema import (
    CONSENT_EVENTS,
    CONTACT_PROFILE_VALUES,
    CONTACTS,
    INTEGER,
    LIST_MEMBERSHIPS,
    OPT_OUTS,
    RECORD_HASH,
    SUBSCRIPTIONS,
    TEXT,
    Table,
)
from listrak_source.pull.transform import consent_events
from listrak_source.pull.transform.carry_forward import ContactDates, LookedUpBefore, Placements
from listrak_source.pull.transform.consent_changes import ConsentChanges
from listrak_source.pull.transform.contact_hashes import ContactHashes
from listrak_source.pull.transform.known_consents import KnownConsents
from listrak_source.pull.transform.unchanged_rows import UnchangedRows
from listrak_source.settings import Settings

OPT_OUT_KEY = ("phone_number", "opt_out_date")
STANDING = ("phone_number", "phone_list_id")


class Rows:
    """The rows of one pull. Knows what it has written, and what the warehouse knows that a list does not tell."""

    def __init__(self, plan: Plan, doubted: Collection[str] = (), loads: Sequence[str] = ()) -> None:
        """``doubted`` are tables of which rows are known to be gone, ``loads`` those that the pull has behind it."""
        self.plan = plan
        self.settings: Settings = plan.catalog.settings
        self.once: Dedupe = Dedupe()
        """What this pull has seen, by group."""
        self._asked = Dedupe()
        """Who was looked up, or is about to be."""
        self.again: Dedupe = Dedupe()
        """Who is to be looked up by the next pull too, by sender code."""
        senders = sorted({unit.sender_code_id for unit in plan.streams.values()})
        self.unchanged: UnchangedRows | None = None
        """What is there as it is; None where nothing is."""
        if not self.settings.into_empty:
            hasher, apart = plan.catalog.hasher, plan.state.values_apart()
            self.unchanged = UnchangedRows(
                senders, hasher, frozenset(doubted), loads, apart, everybody=bool(plan.whole)
            )
        self._shown = ContactHashes(plan)
        self.shown: dict[Unit, None] = {}
        """The windows of the last days that a complete walk has read, as it has read them."""
        self._known_opt_outs = Dedupe()
        self._met = Dedupe()
        """By list: whom its windows have shown so far, from the oldest on."""
        self._dates = ContactDates()
        self._placements = Placements()
        self._consents = KnownConsents()
        self._telling = ConsentChanges(plan, self.once, self._consents)
        self._asked_before = LookedUpBefore()
        self.doubted: list[tuple[int, pa.ChunkedArray]] = []
        """Sender codes and phone numbers of whom a lookup says something else than a collection of this pull."""
        self._unfit: Counter[int] = Counter()
        """By sender code: whose record, looked up, did not fit."""
        self._left_out: Counter[int] = Counter()
        """By sender code: whose record on a list did not."""

    @at_once()
    def look_at(self, read: Iterable[pa.Table]) -> None:
        """Ask the warehouse now about all whom some records are of."""
        phones = [records["phoneNumber"] for records in read if records.num_rows]
        if self.unchanged and phones:
            chunks = [chunk for column in phones for chunk in column.chunks]
            self.unchanged.look_at(pa.chunked_array(chunks, TEXT), self.plan.wanted)

    @at_once()
    def news(self, unit: Unit, records: pa.Table) -> pa.Table:
        """The records of a window that the warehouse does not hold as the window shows them.

        Those are contacts with another hash, memberships that this same window has not placed, stops with another date.
        """
        if records.num_rows == 0:
            self._note_shown_in(unit, pa.array([], INTEGER))
            return records
        if isinstance(unit, OptOutPartition):
            rows, known = self._known_stops(unit, records)
        else:
            rows, known = self._known_contacts(unit, records)
        if known is None:
            return records
        # Whoever has two records has news if one of them is.
        old, new = rows["phone_number"].filter(known), rows["phone_number"].filter(pc.invert(known))
        phones = records["phoneNumber"]
        is_old = pc.and_not(pc.is_in(phones, value_set=one_array(old)), pc.is_in(phones, value_set=one_array(new)))
        return records.filter(pc.invert(is_old))

    def _known_stops(self, unit: OptOutPartition, records: pa.Table) -> tuple[pa.Table, pa.Array | None]:
        rows, hashes = self._in_window(unit, records)
        self._note_shown_in(unit, hashes)
        known = None
        if self.unchanged and OPT_OUTS.name in self.plan.wanted:
            known = self.unchanged.rows(self._table(OPT_OUTS), rows)
        if self.unchanged and LOOKED_UP & self.plan.wanted:
            stopped = self.unchanged.stopped(rows)
            known = stopped if known is None else pc.and_(known, stopped)
        return rows, known

    def _known_contacts(self, unit: ContactPartition, records: pa.Table) -> tuple[pa.Table, pa.Array | None]:
        rows, hashes = self._in_window(unit, records)
        self._note_shown_in(unit, hashes)
        if self.unchanged is None:
            return rows, None
        found = self._same_contacts(rows, records)
        if LIST_MEMBERSHIPS.name in self.plan.wanted:
            phones = rows["phone_number"]
            on_list = self.unchanged.on_list(unit, self._on_list(unit, pa.table({"phoneNumber": phones})))
            # A window asks a second early: whom the one before has shown as well is placed by that.
            found.append(pc.or_(on_list, self._met.has(unit.stream, phones)))
            self._met.add(unit.stream, phone_keys(phones))
        return rows, reduce(pc.and_, found) if found else None

    def _same_contacts(self, rows: pa.Table, records: pa.Table) -> list[pa.Array]:
        """Which contacts, and of which the values, are there as a window shows them, as booleans."""
        if self.unchanged is None:
            return []
        found = []
        if CONTACTS.name in self.plan.wanted:
            found.append(self.unchanged.contacts(rows, in_any_form=True))
        if CONTACT_PROFILE_VALUES.name in self.plan.wanted:
            found.append(self.unchanged.values(rows, self._shown.values_of(rows, records)))
        return found

    @at_once()
    def newer(
        self, days: Sequence[ContactPartition], span: ContactPartition, records: pa.Table
    ) -> Sequence[ContactPartition] | None:
        """What is still to be asked of a list's ``days``, after they were read as one.

        Those are the days that are newer than the oldest on which somebody is held whom they show, who may be back
        since. None where there is news already, that is, where anything is shown that the warehouse does not hold as
        any of the days would show it.
        """
        if records.num_rows == 0:
            self._note_shown_in(span, pa.array([], INTEGER))
            return ()
        if self.unchanged is None or not self.plan.wanted & {CONTACTS.name, LIST_MEMBERSHIPS.name}:
            return None
        rows, hashes = self._in_window(span, records)
        if not pc.all(pc.is_in(records["phoneNumber"], value_set=one_array(rows["phone_number"]))).as_py():
            return None
        if not all(pc.all(same).as_py() for same in self._same_contacts(rows, records)):
            return None
        known: list[pa.Array] = []
        if LIST_MEMBERSHIPS.name in self.plan.wanted:
            phones = pa.table({"phoneNumber": rows["phone_number"]})
            known = [self.unchanged.on_list(day, self._on_list(day, phones)) for day in days]
            if not pc.all(reduce(pc.or_, known)).as_py():
                return None
        self._note_shown_in(span, hashes)
        oldest = next((at for at, on_day in enumerate(known) if pc.any(on_day).as_py()), len(days))
        return days[oldest + 1 :]

    def _note_shown_in(self, unit: Unit, hashes: pa.Array) -> None:
        if self.settings.full:
            self.shown[unit] = None
            self.once.add(shown_in(place_of(unit)), hashes)

    def moved_since(self, unit: Unit, records: pa.Table) -> pa.Table:
        """The records of a window that it did not show when the walk began."""
        rows, hashes = self._in_window(unit, records)
        seen = rows["phone_number"].filter(self.once.has_keys(shown_in(place_of(unit)), hashes))
        return records.filter(pc.invert(pc.is_in(records["phoneNumber"], value_set=one_array(seen))))

    def _in_window(self, unit: Unit, records: pa.Table) -> tuple[pa.Table, pa.Array]:
        """Rows of what a window shows, and their hashes. What does not fit is set aside where it is written."""
        aside, sender = Rejects(bounds=self.plan.catalog.rejects.bounds), unit.sender_code_id
        if isinstance(unit, ContactPartition):
            rows = self._shown.rows(sender, records, aside, opted_out=unit.opted_out)
            return rows, one_array(rows[RECORD_HASH.name])
        table = self._table(OPT_OUTS)
        rows = shape(records, table, self.settings.timezone, {"sender_code_id": sender}, aside)
        return rows, self.plan.catalog.hasher.of(rows, table)

    @at_once()
    def opt_outs(self, unit: OptOutPartition, records: pa.Table) -> Batch:
        """Rows of opt-outs."""
        if not records.num_rows:
            return {}
        self.note_stops(unit, records)
        rows = self._shape(records, OPT_OUTS, {"sender_code_id": unit.sender_code_id})
        rows = self.once.first(opt_outs_of(unit.sender_code_id), rows, OPT_OUT_KEY)
        told = self._telling.of_opt_outs(rows)
        if self.unchanged and rows.num_rows:
            rows = rows.filter(pc.invert(self.unchanged.rows(self._table(OPT_OUTS), rows)))
            told = told.filter(pc.invert(self.unchanged.events(told))) if told.num_rows else told
        return self._wanted({OPT_OUTS.name: rows, CONSENT_EVENTS.name: told})

    def unknown_opt_outs(self, unit: OptOutPartition, records: pa.Table) -> pa.Table:
        """The opt-outs of people of whom the warehouse lacks one of these."""
        sender, known = unit.sender_code_id, opt_outs_of(unit.sender_code_id)
        if self._known_opt_outs.is_empty(known) and columns_of(OPT_OUTS):
            names = ", ".join(OPT_OUT_KEY)
            among = f"sender_code_id = {sender} AND {not_removed(OPT_OUTS)}"
            for rows in select(f"SELECT {names} FROM opt_outs WHERE {among}"):  # noqa: S608 - our own names
                self._known_opt_outs.add(known, keys_of(rows))
        found = self._shape(records, OPT_OUTS, {"sender_code_id": sender})
        lacking = found.filter(pc.invert(self._known_opt_outs.has_keys(known, keys_of(found.select(OPT_OUT_KEY)))))
        people = pc.unique(lacking["phone_number"])
        return records.filter(pc.is_in(records["phoneNumber"], value_set=people))

    @at_once()
    def reachable(self, unit: OptOutPartition, records: pa.Table) -> pa.Table:
        """The opt-outs of people whom the warehouse holds as reachable."""
        if not is_ours(CONTACTS):
            return records.slice(0, 0)
        held = f"sender_code_id = {unit.sender_code_id} AND NOT opted_out AND {not_removed(CONTACTS)}"
        found = [
            rows["phone_number"]
            for some in among(records["phoneNumber"].to_pylist())
            for rows in select(f"SELECT phone_number FROM contacts WHERE {held} AND {some}")  # noqa: S608 - our own names
        ]
        people = pa.array([phone for some in found for phone in some.to_pylist()], TEXT)
        return records.filter(pc.is_in(records["phoneNumber"], value_set=people))

    def note_stops(self, unit: OptOutPartition, records: pa.Table) -> None:
        """Remember who is among the opt-outs."""
        self.once.add(stops_of(unit.sender_code_id), phone_keys(records["phoneNumber"]))

    def memberships(self, unit: ContactPartition, records: pa.Table, *, tell: bool = True) -> Batch:
        """Rows of who is on a list; ``tell`` where nobody else tells what they consented to."""
        if not records.num_rows:
            return {}
        return self._memberships(unit, self.once.first(unit.stream, records.select(["phoneNumber"])), tell=tell)

    def memberships_of_each(self, read: Sequence[tuple[ContactPartition, pa.Table]]) -> Iterator[tuple[Batch, int]]:
        """The same of several units' records, and of each how many are new."""
        by_stream: dict[str, list[int]] = defaultdict(list)
        for at, (unit, _) in enumerate(read):
            by_stream[unit.stream].append(at)
        new: dict[int, pa.Table] = {}
        for stream, places in by_stream.items():
            phones = [read[at][1].select(["phoneNumber"]) for at in places]
            new |= zip(places, self.once.first_of_each(stream, phones), strict=True)
        for at, (unit, _) in enumerate(read):
            yield self._memberships(unit, new[at], tell=True), new[at].num_rows

    @at_once()
    def _memberships(self, unit: ContactPartition, phones: pa.Table, *, tell: bool) -> Batch:
        rows = self._on_list(unit, phones)
        if self.settings.full and unit.opted_out:
            self.once.add(out_of(unit.stream), phone_keys(phones["phoneNumber"]))
        untold = rows
        if self.unchanged and rows.num_rows and LIST_MEMBERSHIPS.name in self.plan.wanted:
            same = self.unchanged.on_list(unit, rows)
            if tell and CONSENT_EVENTS.name in self.plan.wanted:
                untold = rows.filter(pc.invert(pc.and_(same, self.unchanged.told(unit, rows))))
            rows = rows.filter(pc.invert(same))
        told = self._telling.of_memberships(unit, untold) if tell and untold.num_rows else consent_events.none()
        if unit.window.start is None and self.plan.state.watermark(LIST_MEMBERSHIPS.name, unit.stream):
            rows = self._placements.fill(rows, unit.sender_code_id, unit.phone_list_id)
        return self._wanted({LIST_MEMBERSHIPS.name: rows, CONSENT_EVENTS.name: told})

    @at_once()
    def untold(self, unit: ContactPartition, records: pa.Table) -> Batch:
        """Events of those on a list who were to be looked up, and of whom no lookup has told what they are to it."""
        if not records.num_rows:
            return {}
        phones = records.select(["phoneNumber"])
        told = self.once.has(told_of(unit.sender_code_id), phones["phoneNumber"])
        untold = self.once.first(f"untold, of {unit.stream}", phones.filter(pc.invert(told)))
        if untold.num_rows == 0:
            return {}
        return self._wanted({CONSENT_EVENTS.name: self._telling.of_memberships(unit, self._on_list(unit, untold))})

    @at_once()
    def contacts(self, unit: ContactPartition, records: pa.Table) -> Batch:
        """Rows of contacts and of their profile values, as a list shows them."""
        if not records.num_rows:
            return {}
        fresh = self.once.first(self._contacts_group(unit), records)
        sender = unit.sender_code_id
        if not self.plan.wanted & {CONTACTS.name, CONTACT_PROFILE_VALUES.name, CONSENT_EVENTS.name}:
            return {}
        rows = self._shown.rows(sender, fresh, self.plan.catalog.rejects, opted_out=unit.opted_out)
        self._left_out[sender] += fresh.num_rows - rows.num_rows
        told = self._telling.of_contacts(unit, rows)
        rows = self._shown.without_hash(rows, self.again.has(str(sender), rows["phone_number"]))
        rows, fresh = self._changed(sender, rows, fresh)
        batch = {
            CONTACTS.name: self._dates.fill(rows, sender) if self.plan.state.looked_up() else rows,
            CONTACT_PROFILE_VALUES.name: profile_values(
                fresh, sender, into_empty=self.settings.into_empty, rejects=self.plan.catalog.rejects
            ),
            CONSENT_EVENTS.name: told,
        }
        return self._wanted(batch)

    def _changed(self, sender: int, rows: pa.Table, records: pa.Table) -> tuple[pa.Table, pa.Table]:
        """The contacts that are to be written, and the records of those whose values are."""
        if self.unchanged is None or rows.num_rows == 0:
            return rows, records
        written = self.once.has(written_of(sender), rows["phone_number"])
        same = pa.repeat(pa.scalar(True), rows.num_rows)
        if CONTACTS.name in self.plan.wanted:
            same = self.unchanged.contacts(rows)
        if CONTACT_PROFILE_VALUES.name in self.plan.wanted:
            with_values = pc.and_not(self.unchanged.values(rows, self._shown.values_of(rows, records)), written)
            kept = rows["phone_number"].filter(with_values)
            records = records.filter(pc.invert(pc.is_in(records["phoneNumber"], value_set=one_array(kept))))
            same = pc.and_(same, with_values)
        rows = rows.filter(pc.invert(pc.and_not(same, written)))
        self.once.add(written_of(sender), phone_keys(rows["phone_number"]))
        return rows, records

    def note_shown(self, unit: ContactPartition, records: pa.Table) -> None:
        """Remember what a list tells of people who are about to be looked up."""
        if CONTACTS.name in self.plan.wanted:
            self._shown.note(unit.sender_code_id, records, opted_out=unit.opted_out)

    @at_once()
    def looked_up(self, answers: Answers) -> Batch:
        """The rows that lookups brought, with what they tell of consents.

        Those people are not written from a list too; who was asked for and not told of is.
        """
        batch = self._with_stops(answers.batch)
        found = batch.get(CONTACTS.name)
        for sender, some in _by_sender(answers.answered).items():
            self._count_as_written(sender, _phones(some))
            told = _phones(some, but=set(answers.again))
            told = told.filter(pc.invert(self._on_a_list_but_on_none(sender, told, batch)))
            self.once.add(told_of(sender), phone_keys(told))
            there = pc.sum(pc.equal(found["sender_code_id"], sender)).as_py() if found is not None else 0
            self._unfit[sender] += len(some) - (there or 0)
            self.once.add(subscriptions_of(sender), keys_of(_of(sender, batch[SUBSCRIPTIONS.name]).select(STANDING)))
        told = self._telling.of_lookups(batch)
        if self.unchanged and told.num_rows:
            told = told.filter(pc.invert(self.unchanged.events_among(told)))
        waiting = {(one.sender_code_id, one.phone_number) for one in answers.again}
        waiting |= {(sender, phone) for sender, phones in self.doubted for phone in phones.to_pylist()}
        return self._wanted(self._not_there(self._shown.hashed(batch, waiting)) | {CONSENT_EVENTS.name: told})

    def _not_there(self, batch: Batch) -> Batch:
        """The rows that lookups have brought, without those that the warehouse holds as they are."""
        if self.unchanged is None:
            return batch
        batch = dict(batch)
        if SUBSCRIPTIONS.name in self.plan.wanted and (rows := batch[SUBSCRIPTIONS.name]).num_rows:
            same = self.unchanged.rows(self._table(SUBSCRIPTIONS), rows)
            batch[SUBSCRIPTIONS.name] = rows.filter(pc.invert(same))
        rows = batch.get(CONTACTS.name)
        if rows is None or rows.num_rows == 0:
            return batch
        same = pa.repeat(pa.scalar(True), rows.num_rows)
        if CONTACTS.name in self.plan.wanted:
            same = pc.and_(self.unchanged.among(self._table(CONTACTS), rows), self.unchanged.contacts(rows))
        if CONTACT_PROFILE_VALUES.name in self.plan.wanted:
            values = batch[CONTACT_PROFILE_VALUES.name]
            key = ["sender_code_id", "phone_number"]
            counts = values.filter(values["is_removed"].is_null()).group_by(key).aggregate([([], "count_all")])
            there = rows.select(key).append_column("row", pa.array(range(rows.num_rows), INTEGER))
            there = there.join(counts, keys=key, join_type="left outer").sort_by("row")
            known = self.unchanged.values(rows, pc.fill_null(there["count_all"], 0).combine_chunks())
            same = pc.and_(same, known)
            kept = rows.filter(known).select(key)
            batch[CONTACT_PROFILE_VALUES.name] = values.join(kept, keys=key, join_type="left anti")
        batch[CONTACTS.name] = rows = rows.filter(pc.invert(same))
        for (sender,), part in by_group(rows, ["sender_code_id"]):
            self.once.add(written_of(int(sender)), phone_keys(part["phone_number"]))
        return batch

    def _with_stops(self, batch: Batch) -> Batch:
        """The rows, where who stands among the opt-outs of this pull has said stop, whatever a lookup says of it."""
        found = batch.get(CONTACTS.name)
        if found is None or found.num_rows == 0:
            return batch
        parts = []
        for (sender,), part in by_group(found, ["sender_code_id"]):
            stopped = pc.fill_null(part["opted_out"], False)
            doubted = pc.and_not(self.once.has(stops_of(int(sender)), part["phone_number"]), stopped)
            self._doubt(int(sender), part["phone_number"].filter(doubted))
            at = part.schema.get_field_index("opted_out")
            parts.append(part.set_column(at, part.schema.field(at), pc.or_(stopped, doubted)))
        return batch | {CONTACTS.name: pa.concat_tables(parts)}

    def _on_a_list_but_on_none(self, sender: int, phones: pa.ChunkedArray, batch: Batch) -> pa.Array:
        """Whom a list has shown in this pull, and a lookup told no list of, as booleans."""
        rows = batch.get(SUBSCRIPTIONS.name)
        if not self.plan.asks_subscriptions or rows is None:
            return pa.repeat(pa.scalar(False), len(phones))
        here = rows.filter(pc.equal(rows["sender_code_id"], sender))["phone_number"].combine_chunks()
        on_a_list = pa.repeat(pa.scalar(False), len(phones))
        for unit in self.plan.streams.values():
            if isinstance(unit, ContactPartition) and unit.sender_code_id == sender:
                on_a_list = pc.or_(on_a_list, self.once.has(unit.stream, phones))
        doubted = pc.and_not(on_a_list, pc.is_in(phones, value_set=here))
        self._doubt(sender, phones.filter(doubted))
        return doubted

    def _doubt(self, sender: int, phones: pa.ChunkedArray) -> None:
        if len(phones):
            self.doubted.append((sender, phones))

    def stopped(self, answers: Answers) -> Batch:
        """Rows of contacts that said stop and of whom a lookup told nothing: as the warehouse knows them, opted out."""
        parts = []
        answered = set(answers.answered)
        for sender, some in _by_sender(one for one in answers.asked if one not in answered).items():
            phones = _phones(some)
            phones = phones.filter(self.once.has(stops_of(sender), phones))
            if len(phones) and columns_of(CONTACTS):
                among = f"sender_code_id = {sender} AND phone_number IN ({sql_list(phones.to_pylist())})"
                query = f"SELECT * FROM contacts WHERE {among} AND NOT opted_out AND {not_removed(CONTACTS)}"  # noqa: S608
                for rows in select(query):
                    self._count_as_written(sender, rows["phone_number"])
                    table = self._table(CONTACTS)
                    self.once.add(written_of(sender), phone_keys(rows["phone_number"]))
                    known = whole(rows, table, opted_out=pa.scalar(True))
                    # No list has shown it so: whichever does next is news.
                    parts.append(self._shown.without_hash(known, pa.repeat(True, known.num_rows)))
        return self._wanted({CONTACTS.name: pa.concat_tables(parts)}) if parts else {}

    def to_ask(self, unit: ContactPartition, records: pa.Table) -> pa.Table:
        """Who of a list must be asked one by one.

        That is everyone. Or it is those of whom a complete walk finds dates and subscriptions in the warehouse, and
        those whom Listrak shows as reachable here though they said stop: they came back, or they stand among the
        opt-outs too.
        """
        if not self.plan.looks_up:
            return records.slice(0, 0)
        sender, phones = unit.sender_code_id, records["phoneNumber"]
        if self.plan.asks_everyone:
            asked = pa.repeat(pa.scalar(True), records.num_rows)
        else:
            again = self.settings.full or self.plan.asks_again
            asked = self._asked_before.has(sender, phones) if again else pa.repeat(False, len(phones))
            if not unit.opted_out:
                stopped = pc.or_(self._consents.opted_out(sender, phones), self.once.has(stops_of(sender), phones))
                asked = pc.or_(asked, stopped)
        if not pc.any(asked, min_count=0).as_py():
            return records.slice(0, 0)
        asked = pc.and_not(asked, self.once.has(contacts_of(sender), phones))
        people = self._asked.first(asked_of(sender), records.filter(asked))
        self.note_shown(unit, people)
        return people

    def not_written(self, people: Iterable[Person]) -> list[Person]:
        """Those of whom this pull has brought nothing yet."""
        missing = []
        for sender, some in _by_sender(people).items():
            phones = _phones(some)
            written = self.once.has(contacts_of(sender), phones).to_pylist()
            missing += [person for person, known in zip(some, written, strict=True) if not known]
        return missing

    def _count_as_written(self, sender_code_id: int, phones: pa.ChunkedArray) -> None:
        keys = phone_keys(phones)
        for group in (contacts_of(sender_code_id), stopped_contacts_of(sender_code_id)):
            # Who is asked for again counts once.
            self.once.add(group, keys.filter(pc.invert(self.once.has_keys(group, keys))))

    def _on_list(self, unit: ContactPartition, phones: pa.Table) -> pa.Table:
        start, end = unit.window.placed(self.plan.zone)
        place = {"sender_code_id": unit.sender_code_id, "phone_list_id": unit.phone_list_id}
        return self._shape(phones, LIST_MEMBERSHIPS, place | {"subscribed_from": start, "subscribed_before": end})

    def _table(self, table: Table) -> Table:
        return self.plan.catalog.masks.table(table)

    def _shape(self, records: pa.Table, table: Table, given: dict[str, Any]) -> pa.Table:
        catalog = self.plan.catalog
        return shape(records, self._table(table), self.settings.timezone, given, catalog.rejects)

    def _wanted(self, batch: Batch) -> Batch:
        return {name: rows for name, rows in batch.items() if name in self.plan.wanted}

    def seen(self, unit: Unit) -> dict[bool, int]:
        """How many different rows of a unit's stream this pull has seen: by the half, of a list."""
        if isinstance(unit, OptOutPartition):
            return {True: self.once.count(opt_outs_of(unit.sender_code_id))}
        every, stopped = self.once.count(unit.stream), self.once.count(out_of(unit.stream))
        return {False: every - stopped, True: stopped}

    def contacts_handed(self) -> dict[int, int]:
        """By sender code: how many different contacts were handed over, at the least."""
        senders = {unit.sender_code_id for unit in self.plan.streams.values()}
        return {
            sender: self.once.count_either(contacts_of(sender), stopped_contacts_of(sender))
            - self._unfit[sender]
            - self._left_out[sender]
            for sender in senders
        }

    def _contacts_group(self, unit: ContactPartition) -> str:
        """Whose contacts are written once.

        Who was written as reachable and then stopped is written again: the merge lets the stop win. Without such a
        merge the stop waits for the next pull, to which it is new.
        """
        twice = unit.opted_out and self.plan.keeps_the_stop
        return stopped_contacts_of(unit.sender_code_id) if twice else contacts_of(unit.sender_code_id)


def _of(sender: int, rows: pa.Table) -> pa.Table:
    return rows.filter(pc.equal(rows["sender_code_id"], sender))


def _phones(people: Iterable[Person], but: Collection[Person] = ()) -> pa.ChunkedArray:
    return pa.chunked_array([[one.phone_number for one in people if one not in but]], TEXT)


def _by_sender(people: Iterable[Person]) -> dict[int, list[Person]]:
    found: dict[int, list[Person]] = {}
    for person in people:
        found.setdefault(person.sender_code_id, []).append(person)
    return found
