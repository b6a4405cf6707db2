"""Phone numbers for comparing: digits with the country's in front, as Listrak keeps them.

Nearly all are plain American ones, which SQL can tell. The rest (other marks, other countries) go to libphonenumber,
each different one once. What holds anything but digits and marks is no phone number: libphonenumber would read letters
as digits, and find the number of somebody else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

import phonenumbers

from listrak_source.api.phones import DECIMAL, ELEVEN, MARKS, TEN

REGION = "US"
"""The country of numbers that name none: the API's own are American."""

_DIGITS = 10
"""Of a whole number, with its area code."""
_BETWEEN = frozenset("().-/")
_KINDS_BETWEEN = frozenset({"Nd", "Pd", "Zs", "Cf"})
"""Of characters: digits, dashes, blanks, and marks that are not seen, as address books leave them."""


def stripped(text: str) -> str:
    """SQL for the text of the SQL expression ``text`` without what people write between digits."""
    for mark in MARKS:
        text = f"REPLACE({text}, '{mark}', '')"
    return text


def plain(text: str, digits: str | None = None) -> str:
    """SQL for the number of the SQL expression ``text``, where it is a plain American one; null otherwise.

    It is the rule of :mod:`listrak_source.api.phones`.

    ``digits`` is the name of what :func:`stripped` has made of it, where a query has it: it is made once then.
    """
    digits = digits or stripped(text)
    return (
        f"CASE WHEN REGEXP_MATCHES({text}, '^1[0-9]{{10}}$') THEN {text} "
        f"WHEN REGEXP_MATCHES({text}, '{DECIMAL}') THEN NULL "
        f"WHEN REGEXP_MATCHES({digits}, '{ELEVEN}') THEN REPLACE({digits}, '+', '') "
        f"WHEN REGEXP_MATCHES({digits}, '{TEN}') THEN '1' || {digits} END"
    )


def may_be_one(text: str) -> str:
    """SQL: the SQL expression ``text``, no readable phone number, may have been one: it has a digit."""
    return f"COALESCE(REGEXP_MATCHES({text}, '^[^0-9]*[0-9]([0-9]|[^0-9])*$'), FALSE)"


def is_nobodys(number: str) -> str:
    """SQL: the number of the SQL expression ``number``, in its one form, is American and can be nobody's.

    No area code and no exchange begins with 0 or 1.
    """
    return f"REGEXP_MATCHES({number}, '^1([01]|[0-9]{{3}}[01])[0-9]*$')"


def numbers(given: Iterable[str]) -> dict[str, str | None]:
    """By text: its digits in international form, None where libphonenumber finds no possible number in it."""
    return {text: _number(text) for text in given}


def _number(text: str) -> str | None:
    text = text.strip()
    if re.fullmatch(DECIMAL, text) or not _is_written(text) or sum(map(str.isdigit, text)) < _DIGITS:
        return None
    try:
        number = phonenumbers.parse(text, REGION)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    national = phonenumbers.national_significant_number(number)
    digits = "".join(one for one in unicodedata.normalize("NFKC", text) if one.isdigit())
    # libphonenumber leaves digits out that lead nowhere, and would find the number of somebody else.
    if number.country_code == 1 and digits.removeprefix("00").removeprefix("011").removeprefix("1") != national:
        return None
    return f"{number.country_code}{national}"


def _is_written(text: str) -> bool:
    """Digits with marks between them, and a plus before the first."""
    head, plus, rest = text.partition("+")
    if plus and any(map(str.isdigit, head)):
        return False
    return all(one in _BETWEEN or one.isspace() or unicodedata.category(one) in _KINDS_BETWEEN for one in head + rest)


def masked(phone: str) -> str:
    """A number as logs, errors and people may see it: its last four digits."""
    return f"…{phone[-4:]}"
