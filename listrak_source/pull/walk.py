"""The walk over contacts and opt-outs: in which order units are read, and what is written of each.

One pull goes three ways, all up to the same moment:

1. *Recent windows* of every stream. What the last pull saw already is left out; the rest is new.
2. *Lookups* of the contacts that are new or newly opted out, where the stream was read before.
3. *Everything*, without a date filter: for streams that were never read, and for all in a complete walk.

What an earlier way wrote is left out of a later one: it knows more (a window, dates).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from listrak_source.pull import progress
from listrak_source.pull.dates import DatesInWarehouse
from listrak_source.pull.fingerprints import Fingerprints, without
from listrak_source.pull.gather import Batch
from listrak_source.pull.lookups import Person, look_up
from listrak_source.pull.once import Once
from listrak_source.pull.plan import Plan
from listrak_source.pull.shape import profile_values, shape
from listrak_source.pull.side_by_side import side_by_side
from listrak_source.pull.tables import CONTACT_PROFILE_VALUES, CONTACTS, LIST_MEMBERSHIPS, OPT_OUTS
from listrak_source.pull.units import ContactUnit, OptOutUnit, Unit, UnitRecords, reader


@dataclass
class Walk:
    """One pull of the tables that contacts and opt-outs feed."""

    plan: Plan
    dates: DatesInWarehouse

    changed: dict[Person, None] = field(default_factory=dict)
    """Who is to be looked up, in the order found."""
    once: Once = field(default_factory=Once)
    seen: dict[Unit, list[pa.Array]] = field(default_factory=lambda: defaultdict(list))
    """By unit: fingerprints of its rows, for the next pull."""

    refused: list[Unit] = field(default_factory=list)
    """Units that the API did not read: their streams' watermarks stay."""

    def __post_init__(self) -> None:
        self.settings = self.plan.directory.settings
        self.fingerprints = Fingerprints()

    def batches(self) -> Iterator[Batch]:
        """Read, and yield rows by table; state moves at the end, when all of them are yielded."""
        yield from self._read_recent()
        if not self.plan.asks_everyone:
            yield from self._look_up()
        yield from self._read_whole()
        if self.plan.asks_everyone:
            yield from self._look_up()
        self._advance()

    # the three ways

    def _read_recent(self) -> Iterator[Batch]:
        held: dict[Unit, list[pa.Table]] = defaultdict(list)
        known: dict[str, dict[str, pa.Array]] = {}
        for unit, records, hashes in self.fingerprints.of_each(self._read(self.plan.recent)):
            if unit.stream not in known:
                known[unit.stream] = progress.known(self.plan.readers_of(unit), unit.stream)
            self.seen[unit].append(hashes)
            before = known[unit.stream].get(unit.name)
            new = records if before is None else without(records, hashes, before)
            # A complete walk trusts nothing that was read before.
            written = records if self.settings.full else new
            finds_changes = self.plan.finds_changes(unit)
            if isinstance(unit, OptOutUnit):
                if finds_changes:
                    self._note_changed(unit, new)
                yield self._opt_outs(unit, written)
                continue
            yield self._memberships(unit, written)
            if not finds_changes:
                yield self._contacts(unit, written)
            elif sum(map(len, self.seen[unit])) > progress.MOST_REMEMBERED:
                # Too many to tell new from old next time, and to ask for one by one: taken as the list shows them.
                for some in (*held.pop(unit, []), written):
                    yield self._contacts(unit, some)
            else:
                held[unit].append(new)
        for unit, some in held.items():
            for new in some:
                self._note_changed(unit, new)

    def _look_up(self) -> Iterator[Batch]:
        if not self.changed:
            return
        progress.note_lookups()
        people = pa.table(
            {"sender": [person[0] for person in self.changed], "phoneNumber": [p[1] for p in self.changed]}
        )
        for sender in people["sender"].unique().to_pylist():
            self.once.first(_contacts_of(sender), people.filter(pc.equal(people["sender"], sender)))
        yield from look_up(self.changed, self.plan.directory.client, self.plan.wanted, self.settings)

    def _read_whole(self) -> Iterator[Batch]:
        for unit, records in self._read(self.plan.whole):
            if isinstance(unit, OptOutUnit):
                self._remember_recent_opt_outs(unit, records)
                yield self._opt_outs(unit, records)
                continue
            if self.plan.asks_everyone:
                self._note_changed(unit, records)
            yield self._memberships(unit, records)
            yield self._contacts(unit, records)

    def _note_changed(self, unit: Unit, records: pa.Table) -> None:
        people = ((unit.sender_code_id, phone) for phone in records["phoneNumber"].to_pylist())
        self.changed.update(dict.fromkeys(people))

    def _read(self, units: Iterable[Unit]) -> Iterator[UnitRecords]:
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
        return {LIST_MEMBERSHIPS.name: shape(phones, LIST_MEMBERSHIPS, self.settings.timezone, given)}

    def _contacts(self, unit: ContactUnit, records: pa.Table) -> Batch:
        if self.plan.asks_everyone:
            return {}  # lookups tell more
        batch: Batch = {}
        fresh = self.once.first(_contacts_of(unit.sender_code_id), records)
        if CONTACTS.name in self.plan.wanted:
            given = {"sender_code_id": unit.sender_code_id}
            batch[CONTACTS.name] = self.dates.fill(shape(fresh, CONTACTS, self.settings.timezone, given))
        if CONTACT_PROFILE_VALUES.name in self.plan.wanted:
            values = profile_values(fresh, unit.sender_code_id, into_empty=self.settings.into_empty)
            batch[CONTACT_PROFILE_VALUES.name] = values
        return batch

    # state

    def _remember_recent_opt_outs(self, unit: OptOutUnit, records: pa.Table) -> None:
        start = self.plan.read_again_from.isoformat()
        recent = records.filter(pc.greater_equal(records["optOutDate"], start))
        self.seen[unit].append(self.fingerprints.of(recent))

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


def _contacts_of(sender_code_id: int) -> str:
    return f"contacts of {sender_code_id}"
