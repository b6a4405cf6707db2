"""Phone numbers for comparing: digits with the country's in front, as Listrak keeps them.

Nearly all are plain American ones, which SQL can tell. The rest (letters, extensions, other countries) go to
libphonenumber, each different one once.
"""

from __future__ import annotations

from collections.abc import Iterable

import phonenumbers

REGION = "US"
"""The country of numbers that name none: the API's own are American."""


def stripped(text: str) -> str:
    """SQL for the text of the SQL expression ``text`` without what people write between digits."""
    return f"REGEXP_REPLACE({text}, '[ ().+-]+', '', 'g')"


def plain(text: str, digits: str | None = None) -> str:
    """SQL for the number of the SQL expression ``text``, where it is a plain American one; null otherwise.

    ``digits`` is the name of what :func:`stripped` has made of it, where a query has it: it is made once then.
    """
    digits = digits or stripped(text)
    return (
        f"CASE WHEN REGEXP_MATCHES({text}, '^1[0-9]{{10}}$') THEN {text} "
        f"WHEN REGEXP_MATCHES({digits}, '^[0-9]{{10}}$') AND NOT {text} LIKE '%+%' THEN '1' || {digits} "
        f"WHEN REGEXP_MATCHES({digits}, '^1[0-9]{{10}}$') THEN {digits} END"
    )


def numbers(given: Iterable[str]) -> dict[str, str | None]:
    """By text: its digits in international form, None where libphonenumber finds no possible number in it."""
    found: dict[str, str | None] = {}
    for text in given:
        try:
            number = phonenumbers.parse(text, REGION)
        except phonenumbers.NumberParseException:
            found[text] = None
            continue
        possible = phonenumbers.is_possible_number(number)
        found[text] = f"{number.country_code}{phonenumbers.national_significant_number(number)}" if possible else None
    return found


def masked(phone: str) -> str:
    """A number as logs, errors and people may see it: its last four digits."""
    return f"…{phone[-4:]}"
