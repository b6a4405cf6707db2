"""Days in a time zone, and its offsets as SQL.

By Python's zones, which come with us: those of a database come from its system, and DuckDB has them only with an
extension.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, time, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

from listrak_source.api.dates import moment_of
from listrak_source.push.sync.canonical import BLANKS

_FIRST, _LAST = datetime(1900, 1, 1, tzinfo=timezone.utc), datetime(2100, 1, 1, tzinfo=timezone.utc)
"""Before and after these a zone keeps the offset that it has then."""
_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
_UTC = re.compile(r"(z|UTC|GMT)$")


def days(moments: Iterable[str], zone: str, *, is_day: bool) -> dict[str, str]:
    """By text of a time with its offset: its day in the zone.

    What is meant as a day is told by its midnight, in UTC or there; for another time of day, and for what cannot be
    read, a text that fits no date.
    """
    return {text: _day(text, ZoneInfo(zone), is_day=is_day) or f"at {text}" for text in moments}


def _day(text: str, zone: ZoneInfo, *, is_day: bool) -> str | None:
    written = text.strip(BLANKS)
    day, rest = written[:11], written[11:].replace(" ", "")
    utc = moment_of(day + _UTC.sub("Z", rest), zone, late=False)
    if utc is None:
        return None
    try:
        local = utc.astimezone(zone)
    except OverflowError:
        return None
    told = [one for one in (utc, local) if one.time() == time()] if is_day else [local]
    return told[0].date().isoformat() if told else None


def offset_sql(utc: str, zone: str) -> str:
    """SQL for how many seconds the zone is ahead of UTC, at the time of the SQL expression ``utc``."""
    offsets = _offsets(zone)

    def among(first: int, last: int) -> str:
        if first == last:
            return str(offsets[first][1])
        middle = (first + last + 1) // 2
        since = offsets[middle][0]
        return f"CASE WHEN {utc} < TIMESTAMP '{since}' THEN {among(first, middle - 1)} ELSE {among(middle, last)} END"

    return among(0, len(offsets) - 1)


@lru_cache(maxsize=4)
def _offsets(zone: str) -> list[tuple[str, int]]:
    """From when on, in UTC, the zone has which offset."""
    place = ZoneInfo(zone)

    def offset(at: datetime) -> int:
        return round((at.astimezone(place).utcoffset() or timedelta()).total_seconds())

    found = [(_FIRST, offset(_FIRST))]
    at = _FIRST
    while at < _LAST:
        if offset(at + _DAY) != found[-1][1]:
            low, high = at, at + _DAY  # by halving: it has changed at high, and not yet at low
            while high - low > _MINUTE:
                middle = low + (high - low) // 2
                low, high = (middle, high) if offset(middle) == found[-1][1] else (low, middle)
            since = high.replace(second=0, microsecond=0)
            found.append((since, offset(high)))
        at += _DAY
    return [(f"{since:%Y-%m-%d %H:%M:%S}", seconds) for since, seconds in found]
