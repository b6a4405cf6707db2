"""What to ask for: windows of subscribe or opt-out dates, since no contact carries a date of its own.

Windows are cut at midnight, so that a later pull that reads a day again places its rows exactly where they were. All
times of the API are local and without an offset; watermarks are UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

DAILY = timedelta(days=35)
"""Windows are a day each this far back, and a calendar month each before: a long gap costs few requests."""

_EDGE = timedelta(seconds=1)


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

    @property
    def ask_from(self) -> datetime | None:
        """The start to ask for, a second early: whether the API's bounds are inclusive is not known."""
        return self.start - _EDGE if self.start else None

    @property
    def ask_to(self) -> datetime | None:
        return None if self.is_open else self.end

    def placed(self, zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
        """The bounds in UTC."""
        return _to_utc(self.start, zone), _to_utc(self.end, zone)


EVERYTHING = Window()
"""No date filter at all: also finds contacts that have no subscribe date."""


def since(watermark: datetime, overlap: timedelta, zone: ZoneInfo) -> datetime:
    """The local midnight from which a pull reads again, for a watermark in UTC."""
    local = (watermark - overlap).astimezone(zone).replace(tzinfo=None)
    return datetime.combine(local.date(), time())


def cut(start: datetime, now: datetime, zone: ZoneInfo, daily_until: datetime | None = None) -> Iterator[Window]:
    """Windows from the local time ``start`` to ``now`` (UTC); the last is open, for a clock that runs behind.

    They are days up to ``daily_until`` and in the last :data:`DAILY`, months between.
    """
    today = datetime.combine(now.astimezone(zone).date(), time())
    while start < today:
        end = datetime.combine(start.date() + timedelta(days=1), time())
        if today - start > DAILY and not (daily_until and start < daily_until):
            end = datetime(start.year + start.month // 12, start.month % 12 + 1, 1)
        yield Window(start, min(end, today))
        start = min(end, today)
    yield Window(start, datetime.combine(start.date() + timedelta(days=1), time()), is_open=True)


def _to_utc(local: datetime | None, zone: ZoneInfo) -> datetime | None:
    return local.replace(tzinfo=zone).astimezone(timezone.utc) if local else None
