"""Values in canonical form, as SQL: so that what means the same compares as the same, in the warehouse.

Listrak keeps every profile value as text: a checkbox reads ``1`` or ``0`` and may be written ``on`` or ``true``, a date
is American, a number has up to two decimals (BEHAVIOUR: profile values). All of it is DuckDB's SQL; see ``sql_client``.
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
    BIRTHDAY = "day"
    """A date that no zone moves."""
    POSTAL_CODE = "postal code"
    """A text that may look like a number, with zeros in front."""
    STOP = "stop or none"
    """Whether somebody has said stop."""
    MEMBERSHIP = "yes or no"
    """Whether somebody is to be on a list."""


# Not as lists of texts: DuckDB joins a table with each list of more than a few, for every row.
_YES = "[+]?0*1([.]0*)?(e[+-]?0+)?|on|true|t|yes|y"
_NO = "[+-]?(0+([.]0*)?|[.]0+)(e[+-]?[0-9]+)?|off|false|f|no|n"
_LEAVES = (
    "(stop( ?all)?|stopped|unsub|unsubscribed?|opt(ed)?[ _-]?out|out|cancel|cancell?ed|end|quit|revoked?|dnc|"
    "do[ _-]not[ _-](contact|text))[.!]*"
)
"""How people and programs say stop: the words that carriers prescribe, and those that databases hold."""
_STAYS = "subscribed?|opt(ed)?[ _-]?in"
_WORDS = {
    Kind.CHECKBOX: (_YES, _NO),
    Kind.STOP: (f"{_YES}|{_LEAVES}", f"{_NO}|{_STAYS}"),
    Kind.MEMBERSHIP: (f"{_YES}|{_STAYS}", f"{_NO}|{_LEAVES}"),
}
BLANKS = (
    " \t\n\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
)
"""White space of any kind, and what takes no space at all: a database's own idea of a blank is the space alone."""
_BARE = "^[!-~]([ -~]*[!-~])?$"
"""A text that has no blanks around it, as nearly all: to look takes DuckDB an eighth of the time of trimming."""
_PLACES = "([.][0-9]*)?"
_PLAIN = f"(0*[0-9]{{1,15}}|[0-9]{{1,3}}(,[0-9]{{3}}){{1,4}}){_PLACES}|[.][0-9]+"
_SCALED = (
    f"[0-9]{_PLACES}e[+]?0*([0-9]|1[0-4])|[0-9]{{1,3}}{_PLACES}e[+]?0*([0-9]|1[0-2])|[0-9]{{1,6}}{_PLACES}e[+]?0*[0-9]"
    f"|([0-9]{{1,15}}{_PLACES}|[.][0-9]+)e-[0-9]{{1,3}}"
)
_USUAL = "^-?[0-9]{1,15}([.][0-9]+)?$"
"""As databases write numbers."""
_NUMBER = f"^[+-]?({_PLAIN}|{_SCALED})$"
"""Of fifteen digits before the point at the most; by thousands, or with an exponent, too."""
_EMAIL = "^[^@ ,;<>]+@[^@ ,;<>]+[.][^@ ,;<>.]+$"
# Regular expressions that know the calendar: one look at a value, and nothing is cast that could fail.
_YEAR = "([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[2-9])"
_LEAP_YEAR = "([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)"
_LONG_MONTH, _SHORT_MONTH = "(0?[13578]|1[02])", "(0?[469]|11)"
_TO_31, _TO_30, _TO_28 = "(0?[1-9]|[12][0-9]|3[01])", "(0?[1-9]|[12][0-9]|30)", "(0?[1-9]|1[0-9]|2[0-8])"
_AMERICAN = (
    f"^({_LONG_MONTH}/{_TO_31}/{_YEAR}|{_SHORT_MONTH}/{_TO_30}/{_YEAR}|0?2/{_TO_28}/{_YEAR}|0?2/29/{_LEAP_YEAR})$"
)
_ISO_DAY = f"({_YEAR}-({_LONG_MONTH}-{_TO_31}|{_SHORT_MONTH}-{_TO_30}|02-{_TO_28})|{_LEAP_YEAR}-02-29)".replace(
    "0?", "0"
)
_TIME = "[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?"
_OFFSET = " ?(Z|z|UTC|GMT|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?)"
_ISO = f"^{_ISO_DAY}({_TIME}( ?[AaPp][Mm]|{_OFFSET})?)?$"
"""What else stands behind a day may say that it is another one: an era, say."""
_LOCAL = f"^{_ISO_DAY}({_TIME}( ?[AaPp][Mm])?)?$"
_MOMENT = f"^{_ISO_DAY}{_TIME}{_OFFSET}$"


def canonical(text: str, kind: Kind) -> str:
    """SQL for the canonical form of the SQL expression ``text``; null where it is no such value, or blank."""
    bare = trimmed(text)
    if kind in (Kind.TEXT, Kind.POSTAL_CODE):
        return f"CASE WHEN {bare} <> '' THEN {text} END"
    if kind is Kind.EMAIL:
        return f"CASE WHEN REGEXP_MATCHES({bare}, '{_EMAIL}') THEN {bare} END"
    if kind is Kind.NUMBER:
        # As a text once more: PostgreSQL looks at a literal whether it is a number before it asks for the condition.
        return (
            f"CASE WHEN REGEXP_MATCHES({text}, '{_USUAL}') THEN {_in_cents(f'CAST({text} AS TEXT)')} "
            f"WHEN REGEXP_MATCHES(LOWER({bare}), '{_NUMBER}') THEN {_number(bare)} END"
        )
    if kind in _WORDS:
        yes, no = _WORDS[kind]
        return (
            f"CASE WHEN {text} = '1' OR {text} = 'true' THEN '1' WHEN {text} = '0' OR {text} = 'false' THEN '0' "
            f"WHEN REGEXP_MATCHES(LOWER({bare}), '^({yes})$') THEN '1' "
            f"WHEN REGEXP_MATCHES(LOWER({bare}), '^({no})$') THEN '0' END"
        )
    return _date(bare)


def of_table(text: str, kind: Kind) -> str:
    """SQL for what a table's SQL expression ``text`` wants: the canonical form, and of a text no blanks around it.

    What Listrak holds keeps its blanks, so that they are seen.
    """
    if kind in (Kind.DATE, Kind.BIRTHDAY):
        return _date(trimmed(text), _LOCAL)  # of a moment the day depends on the zone: see ``desired_state``
    return f"NULLIF({trimmed(text)}, '')" if kind in (Kind.TEXT, Kind.POSTAL_CODE) else canonical(text, kind)


def _in_cents(number: str) -> str:
    """With two decimals at the most, as Listrak keeps them."""
    return f"RTRIM(RTRIM(CAST(CAST({number} AS DECIMAL(18, 2)) AS TEXT), '0'), '.')"


def _number(text: str) -> str:
    """The same where thousands are set apart, or there is an exponent."""
    # DuckDB rounds a small number with an exponent up, at the last place of the decimal that it is asked for.
    scaled = _in_cents(f"CAST({text} AS DECIMAL(38, 9))")
    plain = _in_cents(f"REPLACE({text}, ',', '')")
    return f"CASE WHEN LOWER({text}) LIKE '%e%' THEN {scaled} ELSE {plain} END"


def shortest(number: str) -> str:
    """SQL for the text of a number, given as the SQL expression ``number``, without zeros behind its decimal point."""
    trimmed = f"RTRIM(RTRIM({number}, '0'), '.')"
    has_zeros = f"{number} LIKE '%.%' AND {number} NOT LIKE '%e%'"
    return f"CASE WHEN {number} IN ('-0', '-0.0') THEN '0' WHEN {has_zeros} THEN {trimmed} ELSE {number} END"


def trimmed(text: str) -> str:
    """SQL for the SQL expression ``text`` without the blanks around it."""
    return f"CASE WHEN REGEXP_MATCHES({text}, '{_BARE}') THEN {text} ELSE TRIM({text}, '{BLANKS}') END"


def is_moment(text: str) -> str:
    """SQL: the SQL expression ``text`` is a time with its offset."""
    return f"{text} LIKE '%:%' AND REGEXP_MATCHES({trimmed(text)}, '{_MOMENT}')"


def is_said(text: str) -> str:
    """SQL: the SQL expression ``text`` says anything. What is blank says nothing."""
    return f"COALESCE({trimmed(text)}, '') <> ''"


def compare_form(value: str, kind: Kind) -> str:
    """SQL for what is compared of the canonical ``value``: an email address is the same in small letters."""
    return f"LOWER({value})" if kind is Kind.EMAIL else value


def wire_form(value: str, kind: Kind) -> str:
    """SQL for what is sent for the canonical ``value``, an SQL expression."""
    if kind in (Kind.DATE, Kind.BIRTHDAY):
        return f"SUBSTRING({value}, 6, 2) || '/' || SUBSTRING({value}, 9, 2) || '/' || SUBSTRING({value}, 1, 4)"
    return value


def fast_form(text: str, kind: Kind) -> str:
    """SQL for how Listrak would write the SQL expression ``text``, if it is as databases write such values.

    So nearly all that is the same is found to be so without its canonical form.
    """
    if kind in (Kind.DATE, Kind.BIRTHDAY):
        return wire_form(text, kind)
    if kind is Kind.CHECKBOX:
        return f"CASE {text} WHEN 'true' THEN '1' WHEN 'false' THEN '0' ELSE {text} END"
    return text


def _date(text: str, iso: str = _ISO) -> str:
    """As 2020-12-31. The year one is Listrak's word for no date."""
    # Told from both ends, for not every database can split a text.
    month, day = f"SUBSTRING({text}, 1, 2)", f"SUBSTRING({text}, LENGTH({text}) - 6, 2)"
    two = " || '-' || ".join(f"LPAD(REPLACE({part}, '/', ''), 2, '0')" for part in (month, day))
    american = f"SUBSTRING({text}, LENGTH({text}) - 3, 4) || '-' || {two}"
    return (
        f"CASE WHEN REGEXP_MATCHES({text}, '{iso}') THEN SUBSTRING({text}, 1, 10) "
        f"WHEN REGEXP_MATCHES({text}, '{_AMERICAN}') THEN {american} END"
    )
