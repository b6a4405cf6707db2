"""Phone numbers for comparing: digits with the country's in front, as Listrak keeps them.

Nearly all are plain American ones, which SQL can tell. The rest (letters, extensions, other countries) go to
libphonenumber, each different one once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import phonenumbers

from listrak_source.api.phones import DECIMAL, ELEVEN, MARKS, TEN

REGION = "US"
"""The country of numbers that name none: the API's own are American."""

_DIGITS = 10
"""Of a whole number, with its area code."""
_WORD = re.compile(r"[+]?1?[ .(-]*8[0-9]{2}[ .)-]*[0-9A-Z]{3}[ .-]*[0-9A-Z]{4}")
"""A toll-free number in letters."""


def stripped(text: str) -> str:
    """SQL for the text of the SQL expression ``text`` without what people write between digits."""
    for mark in MARKS:
        text = f"REPLACE({text}, '{mark}', '')"
    return text


def plain(text: str, digits: str | None = None) -> str:
    """SQL for the number of the SQL expression ``text``, where it is a plain American one; null otherwise. It is the
    rule of :mod:`listrak_source.api.phones`.

    ``digits`` is the name of what :func:`stripped` has made of it, where a query has it: it is made once then.
    """
    digits = digits or stripped(text)
    return (
        f"CASE WHEN REGEXP_MATCHES({text}, '^1[0-9]{{10}}$') THEN {text} "
        f"WHEN {text} LIKE '%{DECIMAL}' THEN NULL "
        f"WHEN REGEXP_MATCHES({digits}, '{ELEVEN}') THEN REPLACE({digits}, '+', '') "
        f"WHEN REGEXP_MATCHES({digits}, '{TEN}') THEN '1' || {digits} END"
    )


def numbers(given: Iterable[str]) -> dict[str, str | None]:
    """By text: its digits in international form, None where libphonenumber finds no possible number in it."""
    return {text: _number(text) for text in given}


def _number(text: str) -> str | None:
    # Words beside a number are no part of it, and a number that was a decimal one has lost or won digits.
    if text.endswith(DECIMAL) or (sum(map(str.isdigit, text)) < _DIGITS and not _WORD.fullmatch(text.strip())):
        return None
    try:
        number = phonenumbers.parse(text, REGION)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return f"{number.country_code}{phonenumbers.national_significant_number(number)}"


def masked(phone: str) -> str:
    """A number as logs, errors and people may see it: its last four digits."""
    return f"…{phone[-4:]}"
