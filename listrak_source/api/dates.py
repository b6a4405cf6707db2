"""What counts as a date, and when it is: year one is Listrak's word for none, and so is the last day that .NET has."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

NO_DATE = "0001-01-01"
LAST_DATE = "9999-12-31"
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:[.,]\d+)?(?:(Z)|([+-]\d\d):?(\d\d)?)?")


def date_of(value: object) -> str | None:
    """A date of the API, as it came; None where it says that there is none. It may be no date that anybody can read."""
    text = "" if value is None else str(value).strip()
    return None if not text or text.startswith((NO_DATE, LAST_DATE)) else text


def moment_of(value: object, zone: ZoneInfo, *, late: bool) -> datetime | None:
    """When a date of the API is, by the second, in UTC; None where it is none, or cannot be read.

    Without an offset it is a time of ``zone``; in the hour that comes twice the second one if it is ``late``.
    """
    found = _MOMENT.fullmatch(date_of(value) or "")
    if not found:
        return None
    day, time, is_utc, hours, minutes = found.groups()
    try:
        local = datetime.fromisoformat(f"{day}T{time}")
        ahead = timedelta() if is_utc else offset_of(local, zone, late=late)
        if hours:
            ahead = datetime.strptime(f"{hours}{minutes or '00'}", "%z").utcoffset() or timedelta()
        return (local - ahead).replace(tzinfo=timezone.utc)
    except (ValueError, OverflowError):
        return None


def offset_of(local: datetime, zone: ZoneInfo, *, late: bool) -> timedelta:
    """How far a local time is ahead of UTC."""
    first, second = (local.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta() for fold in (0, 1))
    # A local time that is skipped, as no zone's own dates are, has its first offset either way.
    return min(first, second) if late else first
