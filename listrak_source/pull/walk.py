"""The walk over contacts and opt-outs: in which order units are read, and what is written of each.

One pull goes three ways, all up to the same moment:

1. *Recent windows* of every stream. What the last pull saw already is left out; the rest is new.
2. *Lookups* of the contacts that are new or newly opted out, where the stream was read before.
3. *Everything*, without a date filter: for streams that were never read, and for all in a complete walk.

Rows that an earlier way wrote are left out of a later one: they know more (a window, dates).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from listrak_source.pull import fingerprints, progress
from listrak_source.pull.dates import DatesInWarehouse
from listrak_source.pull.directory import Directory
from listrak_source.pull.lookups import Person, look_up
from listrak_source.pull.shape import profile_values, shape
from listrak_source.pull.side_by_side import side_by_side
from listrak_source.pull.tables import (
    CONTACT_PROFILE_VALUES,
    CONTACTS,
    LIST_MEMBERSHIPS,
    OPT_OUTS,
    SUBSCRIPTIONS,
    TEXT,
)
from listrak_source.pull.units import ContactUnit, OptOutUnit, Unit, UnitPage, reader
from listrak_source.pull.windows import EVERYTHING, Window, cut, since

Batch = dict[str, pa.Table]
"""Rows by table."""

LISTED = frozenset({CONTACTS.name, CONTACT_PROFILE_VALUES.name, LIST_MEMBERSHIPS.name})
"""The tables that a list's contacts feed."""
LOOKED_UP = frozenset({CONTACTS.name, CONTACT_PROFILE_VALUES.name, SUBSCRIPTIONS.name})
"""The tables that lookups feed."""


@dataclass
class Walk:
    """One pull of the tables that contacts and opt-outs feed."""

    directory: Directory
    wanted: frozenset[str]
    """The tables that were selected."""
    dates: DatesInWarehouse

    streams: dict[str, Unit] = field(default_factory=dict)
    """Every stream that this pull moves, by name, with one unit of it."""
    changed: dict[Person, None] = field(default_factory=dict)
    """Who is to be looked up, in the order found."""
    placed: dict[str, list[pa.Array]] = field(default_factory=lambda: defaultdict(list))
    """By stream: phone numbers whose rows the recent windows wrote."""
    seen: dict[Unit, list[pa.Array]] = field(default_factory=lambda: defaultdict(list))
    """By unit: fingerprints of its rows, for the next pull."""

    def __post_init__(self) -> None:
        self.settings = self.directory.settings
        self.zone = ZoneInfo(self.settings.timezone)
        self.overlap = timedelta(hours=self.settings.overlap)
        self.looks_up = self.settings.lookups != "none" and bool(LOOKED_UP & self.wanted)
        self.asks_everyone = self.looks_up and self.settings.lookups == "all"
        self.complete = self.settings.full or self.asks_everyone
        self.today_again = since(self.directory.now, self.overlap, self.zone)

    def batches(self) -> Iterator[Batch]:
        """Read, and yield rows by table; state moves at the end, when all of them are yielded."""
        recent, whole = self._plan()
        yield from self._read_recent(recent)
        if not self.asks_everyone:
            yield from self._look_up()
        yield from self._read_whole(whole)
        if self.asks_everyone:
            yield from self._look_up()
        self._advance()

    # what to read

    def _plan(self) -> tuple[list[Unit], list[Unit]]:
        recent: list[Unit] = []
        whole: list[Unit] = []
        for sender, lists in self.directory.lists.items():
            self._plan_opt_outs(OptOutUnit(sender, EVERYTHING), recent, whole)
            for item in lists:
                both = [ContactUnit(sender, int(item["phoneListId"]), out, EVERYTHING) for out in (True, False)]
                self._plan_list(both, recent, whole)
        return recent, whole

    def _plan_opt_outs(self, unit: OptOutUnit, recent: list[Unit], whole: list[Unit]) -> None:
        if not self._readers_of(unit):
            return
        self.streams[unit.stream] = unit
        if start := self._start(unit):
            recent.append(replace(unit, window=Window(start, is_open=True)))
        if self._is_new(unit) or (self.complete and self._tables_of(unit)):
            whole.append(unit)

    def _plan_list(self, both: list[ContactUnit], recent: list[Unit], whole: list[Unit]) -> None:
        unit = both[0]
        if not self._readers_of(unit):
            return
        self.streams[unit.stream] = unit
        first = self._start(unit) or self.today_again
        start_date = self.settings.start()
        if start_date and self._is_new(unit):
            first = min(first, start_date)
        for window in cut(first, self.directory.now, self.zone):
            recent += [replace(state, window=window) for state in both]
        if (self._is_new(unit) and not start_date) or (self.complete and self._tables_of(unit)):
            whole += both

    def _start(self, unit: Unit) -> datetime | None:
        """From where any reader of the unit's stream goes on; None when nobody has read it."""
        marks = (progress.watermark(reader, unit.stream) for reader in self._readers_of(unit))
        earliest = min((mark for mark in marks if mark), default=None)
        return since(earliest, self.overlap, self.zone) if earliest else None

    def _is_new(self, unit: Unit) -> bool:
        """Whether a selected table has never read the unit's stream."""
        tables = self._tables_of(unit)
        return bool(tables) and progress.earliest(tables, unit.stream) is None

    def _tables_of(self, unit: Unit) -> frozenset[str]:
        """The selected tables that the unit's stream feeds."""
        return self.wanted & (LISTED if isinstance(unit, ContactUnit) else frozenset({OPT_OUTS.name}))

    def _readers_of(self, unit: Unit) -> frozenset[str]:
        """Whose watermarks the unit's stream moves."""
        return self._tables_of(unit) | ({progress.LOOKUPS} if self.looks_up else set())

    # first way: recent windows

    def _read_recent(self, units: list[Unit]) -> Iterator[Batch]:
        held: dict[Unit, list[pa.Table]] = defaultdict(list)
        known: dict[str, dict[str, pa.Array]] = {}
        for unit, records in self._read(units):
            if unit.stream not in known:
                known[unit.stream] = progress.known(self._readers_of(unit), unit.stream)
            hashes = fingerprints.fingerprint(records)
            self.seen[unit].append(hashes)
            before = known[unit.stream].get(unit.name)
            new = records if before is None else fingerprints.without(records, hashes, before)
            written = records if self.settings.full else new
            finds_changes = self.looks_up and progress.watermark(progress.LOOKUPS, unit.stream) is not None
            if isinstance(unit, OptOutUnit):
                if finds_changes:
                    self._note_changed(unit, new)
                yield self._opt_outs(unit, written)
                continue
            self.placed[unit.stream].append(records["phoneNumber"].combine_chunks())
            yield self._memberships(unit, written)
            if not finds_changes:
                yield self._contacts(unit, written)
            elif sum(map(len, self.seen[unit])) > progress.MOST_REMEMBERED:
                # Too many to tell new from old next time, and to ask for one by one: taken as the list shows them.
                yield from (self._contacts(unit, some) for some in (*held.pop(unit, []), written))
            else:
                held[unit].append(new)
        for unit, some in held.items():
            for new in some:
                self._note_changed(unit, new)

    def _note_changed(self, unit: Unit, records: pa.Table) -> None:
        people = ((unit.sender_code_id, phone) for phone in records["phoneNumber"].to_pylist())
        self.changed.update(dict.fromkeys(people))

    # second way: lookups

    def _look_up(self) -> Iterator[Batch]:
        if self.changed:
            progress.note_lookups()
        yield from look_up(
            self.changed, self.directory.client, self.wanted, self.settings.workers, self.settings.timezone
        )

    # third way: everything

    def _read_whole(self, units: list[Unit]) -> Iterator[Batch]:
        asked = defaultdict(list)
        for sender, phone in self.changed:
            asked[sender].append(phone)
        for unit, records in self._read(units):
            if isinstance(unit, OptOutUnit):
                self._remember_recent_opt_outs(unit, records)
                yield self._opt_outs(unit, records)
                continue
            listed = _without_phones(records, self.placed.get(unit.stream, ()))
            yield self._memberships(unit, listed)
            if self.asks_everyone:
                self._note_changed(unit, records)
            # Also those that a window wrote: who did not change is not looked up, but may be written anew here.
            yield self._contacts(unit, _without_phones(records, [pa.array(asked[unit.sender_code_id], TEXT)]))

    def _remember_recent_opt_outs(self, unit: OptOutUnit, records: pa.Table) -> None:
        recent = records.filter(pc.greater_equal(records["optOutDate"], self.today_again.isoformat()))
        self.seen[unit].append(fingerprints.fingerprint(recent))

    # rows

    def _opt_outs(self, unit: OptOutUnit, records: pa.Table) -> Batch:
        if OPT_OUTS.name not in self.wanted:
            return {}
        given = {"sender_code_id": unit.sender_code_id}
        return {OPT_OUTS.name: shape(records, OPT_OUTS, self.settings.timezone, given)}

    def _memberships(self, unit: ContactUnit, records: pa.Table) -> Batch:
        if LIST_MEMBERSHIPS.name not in self.wanted:
            return {}
        start, end = unit.window.placed(self.zone)
        given = {
            "sender_code_id": unit.sender_code_id,
            "phone_list_id": unit.phone_list_id,
            "subscribed_from": start,
            "subscribed_before": end,
        }
        phones = records.select(["phoneNumber"])
        return {LIST_MEMBERSHIPS.name: shape(phones, LIST_MEMBERSHIPS, self.settings.timezone, given)}

    def _contacts(self, unit: ContactUnit, records: pa.Table) -> Batch:
        batch: Batch = {}
        if self.asks_everyone:
            return batch  # lookups tell more
        if CONTACTS.name in self.wanted:
            given = {"sender_code_id": unit.sender_code_id}
            batch[CONTACTS.name] = self.dates.fill(shape(records, CONTACTS, self.settings.timezone, given))
        if CONTACT_PROFILE_VALUES.name in self.wanted:
            batch[CONTACT_PROFILE_VALUES.name] = profile_values(records, unit.sender_code_id)
        return batch

    # reading and state

    def _read(self, units: Iterable[Unit]) -> Iterator[UnitPage]:
        readers = [reader(unit, self.directory.client, self.settings.page_size) for unit in units]
        return side_by_side(readers, self.settings.workers)

    def _advance(self) -> None:
        now = self.directory.now
        seen: dict[str, dict[str, list[pa.Array]]] = defaultdict(lambda: defaultdict(list))
        for unit, hashes in self.seen.items():
            if self._is_read_again(unit):
                seen[unit.stream][unit.name] += hashes
        for stream, unit in self.streams.items():
            windows = {name: pa.concat_arrays(hashes) for name, hashes in seen[stream].items()}
            progress.remember(stream, now, windows)
            progress.advance(self._readers_of(unit), stream, now)

    def _is_read_again(self, unit: Unit) -> bool:
        """Whether the next pull's overlap reaches back into the unit's window."""
        return isinstance(unit, OptOutUnit) or not unit.window.end or unit.window.end > self.today_again


def _without_phones(records: pa.Table, phones: Iterable[pa.Array]) -> pa.Table:
    chunks = [chunk for chunk in phones if len(chunk)]
    if not chunks:
        return records
    return records.filter(pc.invert(pc.is_in(records["phoneNumber"], value_set=pa.concat_arrays(chunks))))
