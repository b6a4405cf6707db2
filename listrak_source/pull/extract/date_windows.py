"""What to ask for: windows of subscribe or opt-out dates, since no contact carries a date of its own.

Windows are cut at midnight, so that a later pull that reads a day again places its rows exactly where they were. All
times of the API are local and without an offset; watermarks are UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone, tzinfo
from itertools import pairwise
from typing import Any

import pendulum

DAILY = pendulum.duration(days=35)
"""Windows are a day each this far back, and a calendar month each before: a long gap costs few requests."""

FIRST_SMS = pendulum.naive(2000, 1, 1)
"""Before this there was nothing to subscribe to: a window without a start is cut here first."""

_EDGE = pendulum.duration(seconds=1)
_MONTHS_BEFORE = 2000 * 12
"""Calendar months before :data:`FIRST_SMS`: slices are counted from the year 0."""


@dataclass(frozen=True)
class Window:
    """From ``start`` (inclusive) to ``end`` (exclusive), local times without an offset; None is unbounded."""

    start: datetime | None = None
    end: datetime | None = None
    is_open: bool = False
    """The last window of a pull: its end is a label, and the API is asked for all that is newer than its start."""

    @property
    def name(self) -> str:
        """A name that is the same whenever the same window is read."""
        return f"{self.start or ''}/{self.end or ''}"

    @classmethod
    def spanning(cls, windows: Sequence[Window]) -> Window:
        """The one window that several in a row make together."""
        return cls(windows[0].start, windows[-1].end, windows[-1].is_open)

    @property
    def ask_from(self) -> datetime | None:
        """The start to ask for, a second early: whether the API's bounds are inclusive is not known."""
        return self.start - _EDGE if self.start else None

    @property
    def ask_to(self) -> datetime | None:
        """The end to ask for; None where the window is open."""
        return None if self.is_open else self.end

    def halves(self, latest: datetime) -> tuple[Window, Window] | None:
        """This window in two, older half first; None where it cannot be cut: one second, or all before the year 2000.

        ``latest`` is a local time after which nothing can have happened. The second half of a window that asks for all
        that is newer asks for it too. A second cannot be cut because the API's dates have no fractions; since each
        window asks a second early, its page must hold the second before and, if bounds are inclusive, the one after.
        """
        if not self.start:
            if self.end and self.end <= FIRST_SMS:
                return None
            return Window(None, FIRST_SMS), replace(self, start=FIRST_SMS)
        end = self.end if self.end and not self.is_open else max(latest, self.end or latest)
        if end - self.start < 2 * _EDGE:
            return None
        middle = (self.start + (end - self.start) / 2).replace(microsecond=0)
        return Window(self.start, middle), replace(self, start=middle)

    def to_json(self) -> list[Any]:
        """The window as JSON can hold it."""
        return [*(moment and moment.isoformat() for moment in (self.start, self.end)), self.is_open]

    @classmethod
    def from_json(cls, kept: list[Any]) -> Window:
        """The window of :meth:`to_json`."""
        start, end, is_open = kept
        return cls(start and datetime.fromisoformat(start), end and datetime.fromisoformat(end), is_open)

    def placed(self, zone: tzinfo) -> tuple[datetime | None, datetime | None]:
        """The bounds in UTC."""
        return _to_utc(self.start, zone), _to_utc(self.end, zone)


EVERYTHING = Window()
"""No date filter at all: also finds contacts that have no subscribe date."""


def since(watermark: datetime, overlap: timedelta, zone: tzinfo) -> datetime:
    """The local midnight from which a pull reads again, for a watermark in UTC."""
    return _local(watermark - overlap, zone).start_of("day")


def cut(start: datetime, now: datetime, zone: tzinfo, daily_until: datetime | None = None) -> Iterator[Window]:
    """Windows from the local time ``start`` to ``now`` (UTC); the last is open, for a clock that runs behind.

    They are days up to ``daily_until`` and in the last :data:`DAILY`, months between.
    """
    today, at = _local(now, zone).start_of("day"), pendulum.instance(start, tz=None)
    while at < today:
        by_month = today - at > DAILY and not (daily_until and at < daily_until)
        end = at.start_of("month").add(months=1) if by_month else at.start_of("day").add(days=1)
        yield Window(at, min(end, today))
        at = min(end, today)
    yield Window(at, at.start_of("day").add(days=1), is_open=True)


def slices(first: datetime, now: datetime, zone: tzinfo, months: int = 1) -> list[Window]:
    """One list's whole time in slices of so many calendar months each, oldest first, to be read side by side.

    ``first`` is a local time, the list's own ``createDate`` by nature; ``now`` is UTC. The oldest slice has no start
    all the same, and the newest no end, so together they have every contact with a subscribe date. **Contacts without
    one match no slice**: only a read without a date filter finds them. The cuts are the same in every pull, whatever
    ``first`` and ``now`` are. A list that is younger than one cut gets one slice, :data:`EVERYTHING`.
    """
    today = _local(now, zone).start_of("day")
    first = max(first, FIRST_SMS)
    number = (first.year * 12 + first.month - 1) // months * months + months
    cuts = []
    while (cut_at := FIRST_SMS.add(months=number - _MONTHS_BEFORE)) <= today:
        cuts.append(cut_at)
        number += months
    if not cuts:
        return [EVERYTHING]
    between = [Window(start, end) for start, end in pairwise(cuts)]
    return [Window(None, cuts[0]), *between, Window(cuts[-1], today.add(days=1), is_open=True)]


def _local(moment: datetime, zone: tzinfo) -> pendulum.DateTime:
    """A moment as the clocks of a zone tell it, without an offset."""
    return pendulum.instance(moment.astimezone(zone), tz=None).naive()


def _to_utc(local: datetime | None, zone: tzinfo) -> datetime | None:
    if local is None:
        return None
    # Of a time that comes twice the first, by whatever arithmetic it was found: pendulum's may mean the second.
    plain = datetime(local.year, local.month, local.day, local.hour, local.minute, local.second, local.microsecond)
    return plain.replace(tzinfo=zone).astimezone(timezone.utc)
