"""What one pull reads: which tables are wanted, which units they need, and from when.

A stream (a list's contacts, a sender code's opt-outs) has readers: the tables that it feeds, and the lookups, which
learn from it who changed. Each reader has a watermark of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pendulum

from listrak_source.api import ConfigurationError
from listrak_source.pull.extract.catalog import Catalog, Record
from listrak_source.pull.extract.date_windows import EVERYTHING, FIRST_SMS, Window, cut, since, slices
from listrak_source.pull.extract.partitions import ContactPartition, OptOutPartition, Unit
from listrak_source.pull.schema import (
    CONSENT_EVENTS,
    CONTACT_PROFILE_VALUES,
    CONTACTS,
    LIST_MEMBERSHIPS,
    OPT_OUTS,
    SUBSCRIPTIONS,
)
from listrak_source.pull.state.state import CLOCKS_DIFFER, LOOKUPS, THE_BEGINNING, State

LISTED = frozenset({CONTACTS.name, CONTACT_PROFILE_VALUES.name, LIST_MEMBERSHIPS.name, CONSENT_EVENTS.name})
"""The tables that a list's contacts feed."""
STOPPED = frozenset({OPT_OUTS.name, CONSENT_EVENTS.name})
"""The tables that a sender code's opt-outs feed."""
_STATES = (False, True)
_TOO_FAR = pendulum.duration(days=366)
"""A clock that was ahead by more tells nothing of how far was read."""
_CLOCKS = CLOCKS_DIFFER
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}$")
LOOKED_UP = frozenset({CONTACTS.name, CONTACT_PROFILE_VALUES.name, SUBSCRIPTIONS.name})
"""The tables that lookups feed."""


@dataclass
class Plan:
    """The units of one pull, all of them up to the same moment."""

    catalog: Catalog
    state: State
    """What earlier pulls have left."""
    wanted: frozenset[str]
    """The tables that were selected."""
    now: datetime
    """When the pull began (UTC): the end of all windows."""
    keeps_the_stop: bool
    """Whether of two rows of a contact in one load the destination keeps the one that tells of a stop."""
    asks_again: bool = False
    """Whether what lookups brought is gone: whoever is known to have been asked for is asked for again."""

    last_opt_outs: list[OptOutPartition] = field(default_factory=list)
    """Opt-outs of the last days."""
    opt_outs_again: list[OptOutPartition] = field(default_factory=list)
    """Opt-outs from the beginning, where only one pull has read them so."""
    all_opt_outs: list[OptOutPartition] = field(default_factory=list)
    """Opt-outs from the beginning, where they are new or everything is read."""
    changing: list[ContactPartition] = field(default_factory=list)
    """The last days of lists that were read before: what is new in them is looked up."""
    recent: list[ContactPartition] = field(default_factory=list)
    """The last days of other lists."""
    whole: list[ContactPartition] = field(default_factory=list)
    """Lists without a date filter."""
    streams: dict[str, Unit] = field(default_factory=dict)
    """Every stream that this pull moves, by name, with one unit of it."""

    def __post_init__(self) -> None:
        settings = self.catalog.settings
        self._marks: dict[tuple[str, str], datetime | None] = {}
        self.zone: pendulum.Timezone = pendulum.timezone(settings.timezone)
        self.ahead: timedelta = self.state.was_ahead(self.catalog.now, self.catalog.our_now or self.catalog.now)
        """By how much Listrak's clock was ahead when the last pull set its marks."""
        self.overlap: pendulum.Duration = pendulum.duration(hours=settings.overlap)
        self.looks_up: bool = settings.lookups != "none" and bool(LOOKED_UP & self.wanted)
        self.asks_subscriptions: bool = self.looks_up and SUBSCRIPTIONS.name in self.wanted
        self.asks_everyone: bool = self.looks_up and settings.lookups == "all"
        self.complete: bool = settings.full or self.asks_everyone
        self.read_again_from: datetime = since(self.now, self.overlap, self.zone)
        """The local midnight from which the next pull reads again."""
        # Opt-outs alone need no lists.
        needs_lists = bool(self.wanted & (LISTED | LOOKED_UP))
        lists = self.catalog.lists if needs_lists else {}
        for sender in self.catalog.sender_code_ids:
            self._plan_opt_outs(OptOutPartition(sender, EVERYTHING))
            for item in lists.get(sender, ()):
                self._plan_list(sender, item)

    @property
    def is_partial(self) -> bool:
        """Whether the pull leaves out tables, lists or sender codes."""
        settings = self.catalog.settings
        return bool(settings.lists or settings.sender_codes) or not self.wanted >= LISTED | STOPPED

    def tables_of(self, unit: Unit) -> frozenset[str]:
        """The selected tables that the unit's stream feeds."""
        return self.wanted & (LISTED if isinstance(unit, ContactPartition) else STOPPED)

    def readers_of(self, unit: Unit) -> frozenset[str]:
        """Whose watermarks the unit's stream moves."""
        return self.tables_of(unit) | ({LOOKUPS} if self.looks_up else set())

    def finds_changes(self, unit: Unit) -> bool:
        """Whether what is new in the unit's stream is to be looked up: not when it is read for the first time."""
        return self.looks_up and not self.asks_everyone and self._mark(LOOKUPS, unit) is not None

    def has_known_contacts(self, unit: OptOutPartition) -> bool:
        """Whether opt-outs that are read for the first time may be of people whom an earlier pull has brought.

        A complete walk shows all of them anew.
        """
        if not self.looks_up or self.complete:
            return False
        lists = (one for one in self.streams.values() if isinstance(one, ContactPartition))
        return any(one.sender_code_id == unit.sender_code_id and self.was_read(one) for one in lists)

    def is_read_again(self, unit: Unit) -> bool:
        """Whether the next pull's overlap reaches back into the unit's window."""
        if isinstance(unit, OptOutPartition) or not unit.window.end:
            return True
        mark = self._earliest(unit)
        again = min(self.read_again_from, since(mark, _CLOCKS, self.zone)) if mark else self.read_again_from
        return unit.window.end > again

    def _plan_opt_outs(self, unit: OptOutPartition) -> None:
        self.streams[unit.stream] = unit
        once_from = self._read_once_from(unit)
        if self.readers_of(unit):
            first = self.changes_from(unit)
            if isinstance(once_from, datetime):
                first = min(first, since(once_from, _CLOCKS, self.zone))
            self.last_opt_outs.append(replace(unit, window=Window(first, is_open=True)))
        # Whatever start_date says: who said stop years ago must be known.
        if self._is_new(unit) or (self.complete and self.tables_of(unit)):
            self.all_opt_outs.append(unit)
        elif once_from == THE_BEGINNING:
            self.opt_outs_again.append(unit)

    def _plan_list(self, sender_code_id: int, item: Record) -> None:
        phone_list_id = int(item["phoneListId"])
        states = [ContactPartition(sender_code_id, phone_list_id, out, EVERYTHING) for out in _STATES]
        unit = states[0]
        self.streams[unit.stream] = unit
        if not self.readers_of(unit):
            return
        days = self.changing if self.finds_changes(unit) else self.recent
        days += [replace(state, window=window) for window in self._windows(unit) for state in states]
        reads_all = self._is_new(unit) and not self.catalog.settings.start()
        if self.complete:
            self.whole += states
        elif reads_all:
            self.whole += [replace(state, window=window) for window in self._slices(item) for state in states]
        elif self._read_once_from(unit) == THE_BEGINNING and not self.catalog.settings.start():
            # Its first reading found nobody: one empty answer is not believed.
            self.whole += states

    def changes_from(self, unit: Unit) -> datetime:
        """The local midnight from which the unit's stream is read again.

        A first pull reads the last days in windows too: so the next one knows what it sees there again.
        """
        return self._start(unit) or self.read_again_from

    def _windows(self, unit: ContactPartition) -> Iterator[Window]:
        first = self.changes_from(unit)
        yield from self._windows_read_once(unit, first)
        start_date = self.catalog.settings.start()
        # What the last pull placed by the day is placed by the day again.
        daily_until = first + self.overlap + timedelta(days=1) if self._start(unit) else None
        if start_date and self._is_new(unit):
            if start_date > self.now.astimezone(self.zone).replace(tzinfo=None):
                raise ConfigurationError(
                    f"sources.listrak.start_date: {start_date:%Y-%m-%d} is still to come; Listrak's clock says "
                    f"{self.now:%Y-%m-%d}, and a first pull would read no subscription"
                )
            first = min(first, start_date)
        yield from cut(first, self.now, self.zone, daily_until)

    def was_read(self, unit: Unit) -> bool:
        """Whether anybody has read the unit's stream before."""
        return self._earliest(unit) is not None

    def _windows_read_once(self, unit: ContactPartition, until: datetime) -> Iterator[Window]:
        """The windows of the last pull that no other has read, as that pull had them, up to where this one begins."""
        once_from, mark = self._read_once_from(unit), self._earliest(unit)
        if not isinstance(once_from, datetime) or mark is None:
            return
        again, start = since(once_from, _CLOCKS, self.zone), since(once_from, self.overlap, self.zone)
        if again < until:
            windows = cut(start, mark, self.zone, start + self.overlap + timedelta(days=1))
            yield from (window for window in windows if window.end and again < window.end <= until)

    def _slices(self, item: Record) -> list[Window]:
        """The whole of a list, for its first reading."""
        months = self.catalog.settings.slices
        if not months:
            return [EVERYTHING]
        created = str(item.get("createDate") or "")[:10]
        try:
            first = datetime.fromisoformat(created) if _DATE.match(created) else FIRST_SMS
        except ValueError:  # 0000-00-00
            first = FIRST_SMS
        return slices(first, self.now, self.zone, months)

    def _start(self, unit: Unit) -> datetime | None:
        """From where any reader of the unit's stream goes on; None when nobody has read it. Never later than now."""
        earliest = self._earliest(unit)
        return since(earliest, self.overlap, self.zone) if earliest else None

    def _earliest(self, unit: Unit) -> datetime | None:
        """Up to where every reader of the unit's stream has read it that has read it at all."""
        marks = (self._mark(reader, unit) for reader in self.readers_of(unit))
        earliest = min((mark for mark in marks if mark), default=None)
        return min(earliest, self.now) if earliest else None

    def _read_once_from(self, unit: Unit) -> datetime | str | None:
        """From when on only the last pull has read the unit's stream: what one answer left out comes with the next."""
        found = self.state.read_once_from(self.tables_of(unit), unit.stream) if self._earliest(unit) else None
        return min(found - self.ahead, self.now) if isinstance(found, datetime) else found

    def _mark(self, reader: str, unit: Unit) -> datetime | None:
        """Up to where a reader had read the unit's stream; None where nobody knows.

        Nobody knows where it was never read, or was read by a clock that was ahead, and still is from where we are.
        """
        # Of each window it is asked again.
        place = (reader, unit.stream)
        if place not in self._marks:
            self._marks[place] = self.state.watermark(*place)
        mark = self._marks[place]
        if mark is None or self.ahead > _TOO_FAR or mark - self.ahead - self.catalog.now > CLOCKS_DIFFER:
            return None
        return mark - self.ahead

    def _is_new(self, unit: Unit) -> bool:
        """Whether a selected table has never read the unit's stream."""
        return any(self._mark(table, unit) is None for table in self.tables_of(unit))
