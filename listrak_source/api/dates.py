"""What counts as a date: year one is Listrak's word for none, and so is the last day that .NET has."""

from __future__ import annotations

NO_DATE = "0001-01-01"
LAST_DATE = "9999-12-31"


def date_of(value: object) -> str | None:
    """A date of the API, as it came; None where it says that there is none."""
    text = str(value or "").strip()
    return None if not text or text.startswith((NO_DATE, LAST_DATE)) else text
