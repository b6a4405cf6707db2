"""The walk over opt-outs and contacts: in which order units are read, and what is written of each.

One pull goes five ways, one after the other, all up to the same moment:

1. *Opt-outs*, to the end, before any contact: who says stop while contacts are read is then new to the next pull.
2. *The last days* of lists that were read before. What the last pull saw already is left out; the rest is new.
3. *Lookups* of the contacts that are new or newly opted out.
4. *The last days* of lists that were not read before.
5. *Everything*, without a date filter: lists that were never read, and all of them in a complete walk.

What an earlier way wrote is left out of a later one: it knows more (a window, dates). Within each, those who can be
reached are read before those who stopped, so that nobody who changes sides meanwhile is missed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from listrak_source.pull import progress
from listrak_source.pull.fingerprints import Fingerprints, without
from listrak_source.pull.gather import Batch
from listrak_source.pull.kept import ContactDates, Placements
from listrak_source.pull.lookups import Person, look_up
from listrak_source.pull.once import Once
from listrak_source.pull.plan import LOOKED_UP, Plan
from listrak_source.pull.shape import profile_values, shape
from listrak_source.pull.side_by_side import side_by_side
from listrak_source.pull.tables import CONTACT_PROFILE_VALUES, CONTACTS, LIST_MEMBERSHIPS, OPT_OUTS, TEXT
from listrak_source.pull.units import AnyUnit, ContactUnit, OptOutUnit, Unit, reader


@dataclass
class Walk:
    """One pull of the tables that contacts and opt-outs feed."""

    plan: Plan

    changed: dict[Person, None] = field(default_factory=dict)
    """Who is to be looked up, in the order found."""
    once: Once = field(default_factory=Once)
    seen: dict[Unit, list[pa.Array]] = field(default_factory=lambda: defaultdict(list))
    """By unit: fingerprints of its rows, for the next pull."""

    refused: list[Unit] = field(default_factory=list)
    """Units that the API did not read: their streams' watermarks stay."""

    known: dict[str, dict[str, pa.Array]] = field(default_factory=dict)
    """By stream and unit: fingerprints of the last pull."""

    def __post_init__(self) -> None:
        self.dates = ContactDates()
        self.placements = Placements()
        self.settings = self.plan.directory.settings
        self.fingerprints = Fingerprints()

    def batches(self) -> Iterator[Batch]:
        """Read, and yield rows by table; state moves at the end, when all of them are yielded."""
        yield from self._read_opt_outs()
        yield from self._read_changing()
        if not self.plan.asks_everyone:
            yield from self._look_up()
        yield from self._read_recent()
        yield from self._read_whole()
        if self.plan.asks_everyone:
            yield from self._look_up()
        self._advance()

    # the five ways

    def _read_opt_outs(self) -> Iterator[Batch]:
        for opt_outs, records in self._read(self.plan.opt_outs):
            recent = records
            if not opt_outs.window.start:
                # Of all that there ever were, those that a window would have brought. What a window does bring counts
                # whatever its date says.
                start = self.plan.changes_from(opt_outs).isoformat()
                recent = records.filter(pc.greater_equal(records["optOutDate"], start))
            new = self._new(opt_outs, recent, self.fingerprints.of(recent))
            if self.plan.finds_changes(opt_outs):
                self._note_changed(opt_outs, new)
            yield self._opt_outs(opt_outs, new if opt_outs.window.start else records)

    def _read_changing(self) -> Iterator[Batch]:
        held: dict[Unit, list[pa.Table]] = defaultdict(list)
        for unit, records, hashes in self.fingerprints.of_each(self._read_contacts(self.plan.changing)):
            new = self._new(unit, records, hashes)
            written = self._written(records, new)
            yield self._memberships(unit, written)
            if sum(map(len, self.seen[unit])) > progress.MOST_REMEMBERED:
                # Too many to tell new from old next time, and to ask for one by one: taken as the list shows them.
                for some in (*held.pop(unit, []), written):
                    yield self._contacts(unit, some)
            else:
                held[unit].append(new)
        for place, some in held.items():
            for new in some:
                self._note_changed(place, new)

    def _look_up(self) -> Iterator[Batch]:
        if not self.changed:
            return
        progress.note_lookups()
        senders, phones = zip(*self.changed, strict=True)
        people = pa.table({"sender": pa.array(senders), "phoneNumber": pa.array(phones, TEXT)})
        for sender in people["sender"].unique().to_pylist():
            asked = people.filter(pc.equal(people["sender"], sender))
            for opted_out in (False, True):
                self.once.first(self._contacts_group(sender, opted_out), asked)
        yield from look_up(self.changed, self.plan.directory.client, self.plan.wanted, self.settings)

    def _read_recent(self) -> Iterator[Batch]:
        for unit, records, hashes in self.fingerprints.of_each(self._read_contacts(self.plan.recent)):
            written = self._written(records, self._new(unit, records, hashes))
            yield self._memberships(unit, written)
            yield self._contacts(unit, written)

    def _read_whole(self) -> Iterator[Batch]:
        for unit, records in self._read_contacts(self.plan.whole):
            if self.plan.asks_everyone:
                self._note_changed(unit, records)
            yield self._memberships(unit, records)
            yield self._contacts(unit, records)

    def _new(self, unit: Unit, records: pa.Table, hashes: pa.Array) -> pa.Table:
        """The records that the last pull did not see; all of them count as seen for the next one."""
        if unit.stream not in self.known:
            self.known[unit.stream] = progress.known(self.plan.readers_of(unit), unit.stream)
        self.seen[unit].append(hashes)
        before = self.known[unit.stream].get(unit.name)
        return records if before is None else without(records, hashes, before)

    def _written(self, records: pa.Table, new: pa.Table) -> pa.Table:
        """A complete walk trusts nothing that was read before."""
        return records if self.settings.full else new

    def _note_changed(self, unit: Unit, records: pa.Table) -> None:
        people = ((unit.sender_code_id, phone) for phone in records["phoneNumber"].to_pylist())
        self.changed.update(dict.fromkeys(people))

    def _read_contacts(self, units: list[ContactUnit]) -> Iterator[tuple[ContactUnit, pa.Table]]:
        for opted_out in (False, True):
            yield from self._read([unit for unit in units if unit.opted_out is opted_out])

    def _read(self, units: list[AnyUnit]) -> Iterator[tuple[AnyUnit, pa.Table]]:
        client, count = self.plan.directory.client, self.settings.page_size
        readers = [reader(unit, client, count, self.refused.append) for unit in units]
        return side_by_side(readers, self.settings.workers)

    # rows

    def _opt_outs(self, unit: OptOutUnit, records: pa.Table) -> Batch:
        if OPT_OUTS.name not in self.plan.wanted:
            return {}
        given = {"sender_code_id": unit.sender_code_id}
        return {OPT_OUTS.name: shape(records, OPT_OUTS, self.settings.timezone, given)}

    def _memberships(self, unit: ContactUnit, records: pa.Table) -> Batch:
        if LIST_MEMBERSHIPS.name not in self.plan.wanted:
            return {}
        start, end = unit.window.placed(self.plan.zone)
        given = {
            "sender_code_id": unit.sender_code_id,
            "phone_list_id": unit.phone_list_id,
            "subscribed_from": start,
            "subscribed_before": end,
        }
        phones = self.once.first(unit.stream, records.select(["phoneNumber"]))
        rows = shape(phones, LIST_MEMBERSHIPS, self.settings.timezone, given)
        if start is None and progress.watermark(LIST_MEMBERSHIPS.name, unit.stream):
            rows = self.placements.fill(rows, unit.sender_code_id, unit.phone_list_id)
        return {LIST_MEMBERSHIPS.name: rows}

    def _contacts(self, unit: ContactUnit, records: pa.Table) -> Batch:
        if self.plan.asks_everyone:
            return {}  # lookups tell more
        batch: Batch = {}
        fresh = self.once.first(self._contacts_group(unit.sender_code_id, unit.opted_out), records)
        if CONTACTS.name in self.plan.wanted:
            given = {"sender_code_id": unit.sender_code_id}
            rows = shape(fresh, CONTACTS, self.settings.timezone, given)
            batch[CONTACTS.name] = self.dates.fill(rows, unit.sender_code_id) if progress.looked_up() else rows
        if CONTACT_PROFILE_VALUES.name in self.plan.wanted:
            values = profile_values(fresh, unit.sender_code_id, into_empty=self.settings.into_empty)
            batch[CONTACT_PROFILE_VALUES.name] = values
        return batch

    def _contacts_group(self, sender_code_id: int, opted_out: bool) -> str:
        """Whose contacts are written once. Who was written as reachable and then stopped is written again: the merge
        lets the stop win. Without a merge the stop waits for the next pull, to which it is new.
        """
        stopped = opted_out and not self.settings.into_empty
        return f"{'stopped' if stopped else 'contacts'} of {sender_code_id}"

    # state

    def _advance(self) -> None:
        seen: dict[str, dict[str, list[pa.Array]]] = defaultdict(lambda: defaultdict(list))
        for unit, hashes in self.seen.items():
            if self.plan.is_read_again(unit):
                seen[unit.stream][unit.name] += hashes
        for unit in self.refused:
            self.plan.streams.pop(unit.stream, None)
        for stream, unit in self.plan.streams.items():
            windows = {name: pa.concat_arrays(hashes) for name, hashes in seen[stream].items()}
            progress.remember(stream, self.plan.now, windows)
            progress.advance(self.plan.readers_of(unit), stream, self.plan.now)
            if not self.plan.looks_up and self.plan.wanted & LOOKED_UP:
                # What changes from now on is looked up when lookups are on again.
                progress.begin(progress.LOOKUPS, stream, self.plan.now)
