"""The walk over an account: in which order things are read, and what is handed on of each.

One pull goes these ways, one after the other, all up to the same moment, when it began:

1. *The directory*: sender codes, lists, profile fields, messages.
2. *Opt-outs of the last days*, before any contact: who says stop while contacts are read is then new to the next pull.
   All of them, where only one pull has read them so: one answer may have lacked some.
3. *The last days of lists that were read before.* What the warehouse holds as they show it is left out.
4. *Lookups* of the contacts that are new or newly opted out.
5. *All opt-outs*, where they are new or everything is read.
6. *The last days of lists that were not read before.*
7. *Lists without a date filter*: those that were never read, and all of them in a complete walk. Who must be asked one
   by one is asked at once, page by page.

What an earlier way wrote is left out of a later one: it knows more (a window, dates). Within each, those who can be
reached are read before those who stopped, so that nobody who changes sides meanwhile is missed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

import pyarrow as pa

from listrak_source.pull.extract.date_windows import FIRST_SMS, Window
from listrak_source.pull.extract.lookups import Person, look_up
from listrak_source.pull.extract.pages import DONE, PartitionReading, Position, read
from listrak_source.pull.extract.parallel import side_by_side
from listrak_source.pull.extract.partitions import AnyUnit, ContactPartition, OptOutPartition, Unit, place_of
from listrak_source.pull.keys import seen_keys
from listrak_source.pull.keys.dedupe import told_of
from listrak_source.pull.load.warehouse import load_id
from listrak_source.pull.lookup_progress import LookupProgress
from listrak_source.pull.plan import LOOKED_UP, Plan
from listrak_source.pull.records.batching import Batch
from listrak_source.pull.records.phone_numbers import raw_phones
from listrak_source.pull.records.row_keys import phone_keys
from listrak_source.pull.schema import SUBSCRIPTIONS
from listrak_source.pull.state.checkpoint import Checkpoint
from listrak_source.pull.state.state import LOOKUPS
from listrak_source.pull.transform.reference_tables import SmallTables
from listrak_source.pull.transform.rows import Rows
from listrak_source.settings import Settings

TOGETHER = 40_000
"""Rows of lists that are worked on together, about."""

ASKED_TOGETHER = 25_000
"""Records of windows that the warehouse is asked about together, about."""

MOST_LOOKED_UP = 50_000
"""New records of one window whose people are asked for one by one, at the most."""

LOOKUP = 25
"""A contact that is asked one by one takes about as long as this many rows of a page."""


@dataclass(frozen=True)
class Step:
    """Rows by table, how much work they were (in rows of a page), and from where their unit goes on."""

    batch: Batch
    work: int = 0
    unit: Unit | None = None
    position: Position = None
    counts: bool = False
    """Whether another process that goes on need not do it again."""
    settles: bool = True
    """Whether all that counts as seen by then was handed over with it and the steps before."""


class Walk:
    """One pull of everything that is wanted. It may go over several loads: it waits where it stands."""

    def __init__(self, plan: Plan, pending: Checkpoint) -> None:
        self.plan = plan
        self.pending = pending
        self.rows: Rows = Rows(plan, pending.doubted, [*pending.loads_before, *pending.loads])
        self.small: SmallTables = SmallTables(plan, self.rows.unchanged)
        self.settings: Settings = plan.catalog.settings
        self.asking: LookupProgress = LookupProgress(plan)
        self.changed: dict[Person, None] = {}
        """Who is to be looked up, in the order found."""
        self.news: Counter[Unit] = Counter()
        """By unit: how many of its records were new."""
        self.goes_on: bool = bool(pending.loads)
        """Whether another process began this pull."""
        self.asked: int = 0
        """Who was asked about by another process."""
        pending.moved_over |= self.goes_on
        if self.goes_on:
            # Counts what earlier loads have seen as seen.
            found = seen_keys.recall(self.rows.once, pending.task, pending.loads)
            senders = {unit.sender_code_id for unit in plan.streams.values()}
            self.asked = sum(self.rows.once.count(told_of(sender)) for sender in senders)
            if found != pending.seen:
                pending.unproved |= dict.fromkeys(plan.streams, "not all that it had seen was there when it went on")

    def steps(self) -> Iterator[Step]:
        """Read, and yield rows. When all of them are taken, state moves by :meth:`save` and :meth:`advance`."""
        if not self.goes_on:
            yield Step(self.small.batch(self.rows.once))
        yield from self._read_last_opt_outs()
        yield from self._read_opt_outs_again()
        yield from self._read_changing()
        yield from self._read_all_opt_outs()
        yield from self._read_recent()
        yield from self._read_whole()
        errors = self.plan.catalog.failures.errors
        streams = [stream for stream, unit in self.plan.streams.items() if self.plan.readers_of(unit)]
        if streams and errors.keys() >= set(streams):
            # Not one of them could be read: that is no failure of single ones.
            raise errors[streams[0]]

    # the ways

    def _read_last_opt_outs(self) -> Iterator[Step]:
        for reading in self._read(self.plan.last_opt_outs):
            unit, records = reading.unit, reading.records
            # Whatever a window brings counts, whatever its date says.
            new = self.rows.news(unit, records)
            if self.plan.finds_changes(unit):
                self._note_changed(unit, new)
            self.rows.note_stops(unit, records)
            yield Step(self.rows.opt_outs(unit, new), records.num_rows)

    def _read_opt_outs_again(self) -> Iterator[Step]:
        for reading in self._read(self.plan.opt_outs_again):
            unit, records = reading.unit, self.rows.unknown_opt_outs(reading.unit, reading.records)
            if self.plan.finds_changes(unit):
                self._note_changed(unit, records)
            self.rows.note_stops(unit, reading.records)
            yield Step(self.rows.opt_outs(unit, records), reading.records.num_rows)

    def _read_changing(self) -> Iterator[Step]:
        held: dict[ContactPartition, list[pa.Table]] = defaultdict(list)
        for reading, new in chain.from_iterable(map(self._new, self._loud(self.plan.changing))):
            unit, records = reading.unit, reading.records
            if self.news[unit] > MOST_LOOKED_UP:
                # Too many to ask for one by one: taken as the list shows them.
                yield Step(self.rows.memberships(unit, new), records.num_rows)
                for some in (*held.pop(unit, []), new):
                    yield Step(self.rows.contacts(unit, some))
            else:
                tell = not self.plan.asks_subscriptions
                yield Step(self.rows.memberships(unit, new, tell=tell), records.num_rows)
                held[unit].append(new)
        for place, some in held.items():
            for new in some:
                self._note_changed(place, new)
        yield from self._look_up_changed()
        # Of whom a lookup has told nothing, the list does: the reachable first, as everywhere.
        for place, some in sorted(held.items(), key=lambda item: item[0].opted_out):
            for new in some:
                yield Step(self.rows.contacts(place, new))
                if self.plan.asks_subscriptions:
                    yield Step(self.rows.untold(place, new))

    def _look_up_changed(self) -> Iterator[Step]:
        yield from self._look_up(self.rows.not_written(self.changed))

    def _read_all_opt_outs(self) -> Iterator[Step]:
        for reading in self._read(self.plan.all_opt_outs, goes_on=True):
            if self.plan.has_known_contacts(reading.unit):
                # Whoever is held as reachable said stop while the opt-outs could not be read, or were not asked for.
                reachable = people_of(reading.unit, self.rows.reachable(reading.unit, reading.records))
                yield from self._look_up(self.rows.not_written(reachable))
            batch = self.rows.opt_outs(reading.unit, reading.records)
            yield Step(batch, reading.records.num_rows, reading.unit, reading.position, counts=True)

    def _read_recent(self) -> Iterator[Step]:
        older: list[ContactPartition] = []
        for loud in self._loud(self.plan.recent):
            older += [unit for unit in loud if not self.plan.is_read_again(unit)]
            for reading, new in self._new([unit for unit in loud if self.plan.is_read_again(unit)]):
                yield Step(self.rows.memberships(reading.unit, new), reading.records.num_rows)
                yield from self._contacts(reading.unit, new)
        yield from self._read_lists(older)

    def _read_whole(self) -> Iterator[Step]:
        yield from self._read_lists(self.plan.whole)

    def _read_lists(self, units: list[ContactPartition]) -> Iterator[Step]:
        for readings in self._together(self._read_contacts(units, goes_on=True)):
            read = [(reading.unit, reading.records) for reading in readings]
            for batch, new in self.rows.memberships_of_each(read):
                # What a unit that began again brings once more is no work, or a load would hold nothing else.
                yield Step(batch, new, counts=True, settles=False)
            people: dict[ContactPartition, list[pa.Table]] = defaultdict(list)
            for unit, records in read:
                # A contact is the same on whichever list it is found, and in whichever window that has a beginning.
                anyone = replace(unit, phone_list_id=0, window=Window(unit.window.start and FIRST_SMS))
                people[anyone].append(records)
            for anyone, parts in people.items():
                yield from self._contacts(anyone, pa.concat_tables(parts, promote_options="default"))
            # Only now is everything of these records handed over.
            for reading in readings:
                yield Step({}, 0, reading.unit, reading.position)

    def _together(
        self, readings: Iterable[PartitionReading[ContactPartition]]
    ) -> Iterator[list[PartitionReading[ContactPartition]]]:
        """The readings, some at a time.

        Who was written before is looked for among a million keys, which costs the same for one page as for ten; and
        lookups of the next people wait for the last. They are a tenth of a load's work at the most, for another process
        would have to read them again.
        """
        each = LOOKUP if self.plan.asks_everyone else 1
        most = min(TOGETHER, (self.settings.chunk_rows or TOGETHER * 10) // 10) // each
        waiting: list[PartitionReading[ContactPartition]] = []
        rows = 0
        for reading in readings:
            waiting.append(reading)
            rows += reading.records.num_rows
            if rows >= most:
                yield waiting
                waiting, rows = [], 0
        if waiting:
            yield waiting

    def _contacts(self, unit: ContactPartition, records: pa.Table) -> Iterator[Step]:
        asked = self.rows.to_ask(unit, records)
        yield from self._look_up(people_of(unit, asked), on_list=True)
        yield Step(self.rows.contacts(unit, records))

    def _look_up(self, people: list[Person], *, on_list: bool = False) -> Iterator[Step]:
        if people:
            self.plan.state.note_lookups()
            self.asking.begin(len(self.changed), self.asked)
        for answers in look_up(people, self.plan.catalog, self.plan.wanted, self.asking.count):
            if on_list and answers.again:
                self.pending.unproved[SUBSCRIPTIONS.name] = "Listrak did not tell of everybody on its lists"
            for one in answers.again:
                self.rows.again.add(str(one.sender_code_id), phone_keys(pa.chunked_array([[one.phone_number]])))
            work = len(answers.asked) * LOOKUP
            yield Step(self.rows.looked_up(answers), work, counts=True)
            while self.rows.doubted:
                sender, phones = self.rows.doubted.pop()
                self.rows.again.add(str(sender), phone_keys(phones))
            yield Step(self.rows.stopped(answers))

    # reading

    def _new(self, units: list[ContactPartition]) -> Iterator[tuple[PartitionReading[ContactPartition], pa.Table]]:
        """What is read of windows, and of that what is new.

        Windows are many and small, and a question to the warehouse costs more than a small window does: some are asked
        about together.
        """
        for reading in self._asked_about(self._read_in_order(units)):
            new = self.rows.news(reading.unit, reading.records)
            self.news[reading.unit] += new.num_rows
            yield reading, new

    def _loud(self, units: list[ContactPartition]) -> Iterator[list[ContactPartition]]:
        """The windows that must be read one by one, by half, the second when the first was read.

        Those of a list are left out where a page of all of them together holds nothing new. Most lists are quiet on
        most days, and cost one request.
        """
        for opted_out in (False, True):
            half = [unit for unit in units if unit.opted_out is opted_out]
            quiet = self._quiet(half)
            yield [unit for unit in half if unit not in quiet]

    def _quiet(self, units: list[ContactPartition]) -> set[ContactPartition]:
        """The windows of lists where nothing is new.

        Whom a page of several days shows may be held as of one of them, have left since, and be back on a later one. So
        the days after that one are asked for as well, until nobody is shown of whom that can be. Of a list that is read
        for the first time everybody is new: what is asked there is whether it has opted-out people of the last days.
        """
        by_list: dict[str, list[ContactPartition]] = defaultdict(list)
        # With a start_date nothing else would read whom one empty answer leaves out.
        is_read_whole = not self.settings.start()
        for unit in units:
            if self.plan.was_read(unit) or (unit.opted_out and is_read_whole):
                by_list[unit.stream].append(unit)
        quiet: set[ContactPartition] = set()
        left: dict[str, Sequence[ContactPartition]] = {
            stream: days for stream, days in by_list.items() if len(days) > 1
        }
        while left:
            spans = {
                replace(days[0], window=Window.spanning([day.window for day in days])): days for days in left.values()
            }
            left = {}
            for reading in self._asked_about(self._read(list(spans), pages=1)):
                stream, newer = reading.unit.stream, None
                if reading.proved:
                    newer = self.rows.newer(spans[reading.unit], reading.unit, reading.records)
                if newer:
                    left[stream] = newer
                elif newer is not None:
                    quiet.update(by_list[stream])
        return quiet

    def _asked_about(
        self, readings: Iterable[PartitionReading[ContactPartition]]
    ) -> Iterator[PartitionReading[ContactPartition]]:
        """The readings, when the warehouse was asked about the people of some of them together."""
        waiting: list[PartitionReading[ContactPartition]] = []
        for reading in readings:
            waiting.append(reading)
            if sum(one.records.num_rows for one in waiting) >= ASKED_TOGETHER:
                self.rows.look_at(one.records for one in waiting)
                yield from waiting
                waiting = []
        self.rows.look_at(one.records for one in waiting)
        yield from waiting

    def _note_changed(self, unit: Unit, records: pa.Table) -> None:
        if isinstance(unit, ContactPartition):
            self.rows.note_shown(unit, records)
        self.changed.update(dict.fromkeys(people_of(unit, records)))

    def _read_in_order(self, units: list[ContactPartition]) -> Iterator[PartitionReading[ContactPartition]]:
        """Read windows side by side, and give what they hold from the oldest window on."""
        waiting: dict[ContactPartition, list[PartitionReading[ContactPartition]]] = defaultdict(list)
        at, ended = 0, set()
        for reading in self._read(units):
            waiting[reading.unit].append(reading)
            if reading.position == DONE:
                ended.add(reading.unit)
            while at < len(units) and units[at] in waiting:
                yield from waiting.pop(units[at])
                if units[at] not in ended:
                    break
                at += 1
        # One that could not be read has no last reading.
        for unit in units[at:]:
            yield from waiting.pop(unit, ())

    def _read_contacts(
        self, units: list[ContactPartition], *, goes_on: bool = False
    ) -> Iterator[PartitionReading[ContactPartition]]:
        for opted_out in (False, True):
            yield from self._read([unit for unit in units if unit.opted_out is opted_out], goes_on=goes_on)

    def _read(
        self, units: list[AnyUnit], *, goes_on: bool = False, pages: int | None = None
    ) -> Iterator[PartitionReading[AnyUnit]]:
        """Read units side by side.

        With ``goes_on`` from where an earlier load of this pull left them. With ``pages``, so many of each at the most,
        and one that fails has no reading: another question may do.
        """
        found, count = self.plan.catalog, self.settings.page_size
        readers = []
        for unit in units:
            position = self.pending.positions.get(place_of(unit)) if goes_on else None
            if position != DONE:
                reader = read(
                    unit,
                    found.client,
                    count,
                    position,
                    skips=found.answers if pages else found.skips,
                    rejects=found.rejects,
                    masks=found.masks,
                    pages=pages,
                )
                readers.append(partial(self._unless_failed, unit, reader))
        for reading in side_by_side(readers, self.settings.workers):
            if goes_on and reading.position == DONE and not reading.proved:
                self.pending.unproved[reading.unit.stream] = "its pages did not lead from one to the next"
            yield reading

    def _unless_failed(
        self, unit: AnyUnit, reader: Callable[[], Iterator[PartitionReading[AnyUnit]]]
    ) -> Iterator[PartitionReading[AnyUnit]]:
        """Read, unless another part of the stream could not be read: one patience for all of them is enough."""
        return iter(()) if unit.stream in self.plan.catalog.failures.errors else reader()

    # state

    def kept(self) -> pa.Table:
        """Rows of ``seen_keys``: what was seen since the last of them."""
        before = self.rows.once.kept()
        rows = seen_keys.added(self.rows.once, self.pending.task, load_id())
        self.pending.seen += self.rows.once.kept() - before
        return rows

    def save(self) -> None:
        """Keep in the state of the running load how far the pull is, and what is in doubt."""
        self.pending.unproved |= self.plan.catalog.doubts()
        self.plan.state.keep(self.pending)

    def _remarks(self) -> Iterator[str]:
        yield from self.pending.found_gone
        for sender in sorted(self.plan.catalog.skipped):
            yield f"Sender code {sender} is disabled at Listrak: only its own row was read."
        for unit, count in self.news.items():
            # Who said stop is looked up however many they are.
            is_list = isinstance(unit, ContactPartition)
            if is_list and self.plan.finds_changes(unit) and count > MOST_LOOKED_UP:
                yield f"Too many {unit.title} are new at once: nobody of them was looked up."

    def advance(self) -> None:
        """Move the watermarks: the walk is at its end, and all of its rows were taken."""
        failures = self.plan.catalog.failures
        # Of what could not be read the watermarks stay.
        streams = {name: unit for name, unit in self.plan.streams.items() if name not in failures.errors}
        self.pending.unproved |= self.plan.catalog.doubts()
        read = {stream for stream, unit in streams.items() if self.plan.readers_of(unit)}
        self.plan.state.note_unread(failures.told(), attempted=read, partial=self.plan.is_partial)
        self.plan.state.note_remarks(self._remarks())
        self.plan.state.note_clocks(self.plan.catalog.now, self.plan.catalog.our_now or self.plan.catalog.now)
        self.plan.state.count_pulls({unit.sender_code_id for unit in streams.values()})
        for stream, unit in streams.items():
            doubtful = isinstance(unit, OptOutPartition) or self.rows.once.is_empty(stream)
            self.plan.state.advance(self.plan.readers_of(unit), stream, self.plan.now, doubtful=doubtful)
            if not self.plan.looks_up and self.plan.wanted & LOOKED_UP:
                # What changes from now on is looked up when lookups are on again.
                self.plan.state.begin(LOOKUPS, stream, self.plan.now)


def people_of(unit: Unit, records: pa.Table) -> list[Person]:
    """The people of records, to be looked up."""
    phones, numbers = records["phoneNumber"].to_pylist(), raw_phones(records).to_pylist()
    return [Person(unit.sender_code_id, *one) for one in zip(phones, numbers, strict=True)]
