"""Values in canonical form, as SQL: so that what means the same compares as the same, in the warehouse.

Listrak keeps every profile value as text: a checkbox reads ``1`` or ``0`` and may be written ``on`` or ``true``, a date
is American, a number has up to two decimals (BEHAVIOUR: profile values). All of it is DuckDB's SQL; see ``store``.
"""

from __future__ import annotations

from enum import Enum


class Kind(Enum):
    """What a value is."""

    TEXT = "text"
    NUMBER = "number"
    CHECKBOX = "checkbox"
    DATE = "date"
    EMAIL = "email address"


# Not as lists of texts: DuckDB joins a table with each list of more than a few, for every row.
_TRUE = "^(1|on|true|t|yes|y|1[.]00?)$"
_FALSE = "^(0|off|false|f|no|n|0[.]00?)$"
_BLANKS = " \t\r\n"
_NUMBER = "^[+-]?[0-9]{1,15}([.][0-9]+)?$"
_EMAIL = "^[^@ ,;<>]+@[^@ ,;<>]+[.][^@ ,;<>.]+$"
# Regular expressions that know the calendar: one look at a value, and nothing is cast that could fail.
_YEAR = "([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[2-9])"
_LEAP_YEAR = "([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)"
_LONG_MONTH, _SHORT_MONTH = "(0?[13578]|1[02])", "(0?[469]|11)"
_TO_31, _TO_30, _TO_28 = "(0?[1-9]|[12][0-9]|3[01])", "(0?[1-9]|[12][0-9]|30)", "(0?[1-9]|1[0-9]|2[0-8])"
_AMERICAN = (
    f"^({_LONG_MONTH}/{_TO_31}/{_YEAR}|{_SHORT_MONTH}/{_TO_30}/{_YEAR}|0?2/{_TO_28}/{_YEAR}|0?2/29/{_LEAP_YEAR})$"
)
_ISO = (
    f"^({_YEAR}-({_LONG_MONTH}-{_TO_31}|{_SHORT_MONTH}-{_TO_30}|02-{_TO_28})|{_LEAP_YEAR}-02-29)([T ].*)?$"
).replace("0?", "0")


def canonical(text: str, kind: Kind) -> str:
    """SQL for the canonical form of the SQL expression ``text``; null where it is no such value, or blank."""
    trimmed = f"TRIM({text}, '{_BLANKS}')"
    if kind is Kind.TEXT:
        return f"CASE WHEN {trimmed} <> '' THEN {text} END"
    if kind is Kind.EMAIL:
        return f"CASE WHEN REGEXP_MATCHES({trimmed}, '{_EMAIL}') THEN {trimmed} END"
    if kind is Kind.NUMBER:
        number = f"CAST(CAST({trimmed} AS DECIMAL(18, 2)) AS TEXT)"
        return f"CASE WHEN REGEXP_MATCHES({trimmed}, '{_NUMBER}') THEN {number} END"
    if kind is Kind.CHECKBOX:
        return (
            f"CASE WHEN REGEXP_MATCHES(LOWER({trimmed}), '{_TRUE}') THEN '1' "
            f"WHEN REGEXP_MATCHES(LOWER({trimmed}), '{_FALSE}') THEN '0' END"
        )
    return _date(trimmed)


def same(value: str, kind: Kind) -> str:
    """SQL for what is compared of the canonical ``value``: an email address is the same in small letters."""
    return f"LOWER({value})" if kind is Kind.EMAIL else value


def sent(value: str, kind: Kind) -> str:
    """SQL for what is sent for the canonical ``value``, an SQL expression."""
    if kind is Kind.DATE:
        return f"SUBSTRING({value}, 6, 2) || '/' || SUBSTRING({value}, 9, 2) || '/' || SUBSTRING({value}, 1, 4)"
    return value


def usual(text: str, kind: Kind) -> str:
    """SQL for how Listrak would write the SQL expression ``text``, if it is as databases write such values: so that
    nearly all that is the same is found to be so without its canonical form."""
    if kind is Kind.DATE:
        return sent(text, kind)
    if kind is Kind.CHECKBOX:
        return f"CASE {text} WHEN 'true' THEN '1' WHEN 'false' THEN '0' ELSE {text} END"
    return text


def _date(text: str) -> str:
    """As 2020-12-31. The year one is Listrak's word for no date."""
    # Told from both ends, for not every database can split a text.
    month, day = f"SUBSTRING({text}, 1, 2)", f"SUBSTRING({text}, LENGTH({text}) - 6, 2)"
    two = " || '-' || ".join(f"LPAD(REPLACE({part}, '/', ''), 2, '0')" for part in (month, day))
    american = f"SUBSTRING({text}, LENGTH({text}) - 3, 4) || '-' || {two}"
    return (
        f"CASE WHEN REGEXP_MATCHES({text}, '{_ISO}') THEN SUBSTRING({text}, 1, 10) "
        f"WHEN REGEXP_MATCHES({text}, '{_AMERICAN}') THEN {american} END"
    )
