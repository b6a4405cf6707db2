"""The world's clock, and dates as Listrak writes them.

Inside the sandbox a moment is a number of *ticks*: hundreds of nanoseconds since 1970 on the wall clock of the
account's time zone, the resolution of .NET's ``DateTime``. Listrak answers wall time without an offset, so filters
compare wall time with wall time and nothing on the way to a client needs a time zone.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone, tzinfo
from email.utils import format_datetime
from zoneinfo import ZoneInfo

SECOND = 10_000_000
"""Ticks in a second."""
HOUR = 3600 * SECOND
DAY = 24 * HOUR

NO_DATE = "0001-01-01T00:00:00"
"""How Listrak writes *no date* where it does not write null."""

QUIET_HOURS = 4
"""Nothing happens by itself in the first hours after midnight. Clocks are changed then, and a wall time that comes
twice or never could not be compared with what a reader makes of it."""

_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)


def to_ticks(wall: datetime) -> int:
    """Ticks of a naive wall time."""
    return (wall - _EPOCH) // _MICROSECOND * 10


def to_text(ticks: int) -> str:
    """The wall time as Listrak answers it: no offset, zeros at the end of the fraction cut off as .NET does."""
    seconds, fraction = divmod(ticks, SECOND)
    whole = (_EPOCH + timedelta(seconds=seconds)).isoformat()
    return f"{whole}.{fraction:07d}".rstrip("0") if fraction else whole


def to_utc(ticks: int, zone: tzinfo, *, late: bool = False) -> datetime:
    """The instant a reader of the API must take the wall time for: microseconds, the seventh digit cut off.

    A wall time in the hour that comes twice when summer time ends is read as its first pass, or its second if ``late``.
    """
    wall = (_EPOCH + timedelta(microseconds=ticks // 10)).replace(tzinfo=zone)
    passes = [wall.replace(fold=fold).astimezone(timezone.utc) for fold in (0, 1)]
    return max(passes) if late else passes[0]


class Clock:
    """What time it is in the world. It stands still unless it is moved, or is asked to tick along with real time."""

    def __init__(self, start: datetime, zone: ZoneInfo, *, ticking: bool = False) -> None:
        self.zone = zone
        self._at = (start if start.tzinfo else start.replace(tzinfo=zone)).astimezone(timezone.utc)
        self._ticking = ticking
        self._since = time.monotonic()

    def now(self) -> datetime:
        """The world's present, in UTC."""
        if self._ticking:
            return self._at + timedelta(seconds=time.monotonic() - self._since)
        return self._at

    def ticks(self) -> int:
        """The present on the wall clock of the account."""
        return to_ticks(self.now().astimezone(self.zone).replace(tzinfo=None))

    def advance(
        self, by: timedelta | None = None, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0
    ) -> datetime:
        """Moves the world on and returns its new present. Raises ``ValueError`` for a step back."""
        step = (by or timedelta()) + timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        if step < timedelta():
            raise ValueError("the clock only goes forward")
        self._at += step
        return self.now()

    def move_to(self, moment: datetime) -> datetime:
        """Moves the world on to a moment (one without an offset is wall time). It never goes back."""
        aware = moment if moment.tzinfo else moment.replace(tzinfo=self.zone)
        return self.advance(aware.astimezone(timezone.utc) - self.now())

    def http_date(self) -> str:
        """The present as an HTTP ``Date`` header (RFC 1123, GMT)."""
        return format_datetime(self.now(), usegmt=True)
