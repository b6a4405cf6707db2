"""One form of a phone number: what two collections write in two forms is one person.

A North American number is eleven digits with the leading 1, however it is written; any other number is as it came. The
rule is stated here once, as expressions that Python, Arrow and SQL read alike: ``pull`` makes Arrow of them, and
``push`` SQL.
"""

from __future__ import annotations

import re

MARKS = " ().-"
"""What people write between digits."""
ELEVEN = "^[+]?1[0-9]{10}$"
"""A number with its country's 1, without marks."""
TEN = "^[0-9]{10}$"
"""A number without its country's, without marks."""
DECIMAL = "^([+-]?[0-9]*[.][0-9]*|-[0-9]+)$"
"""What was a decimal or a negative number once: it has lost or won digits, and is no phone number."""

_MARKS = str.maketrans("", "", MARKS)


def canonical(phone: str) -> str:
    """The one form of a phone number."""
    digits = phone.translate(_MARKS)
    if re.fullmatch(DECIMAL, phone):
        return phone
    if re.fullmatch(ELEVEN, digits):
        return digits.removeprefix("+")
    return f"1{digits}" if re.fullmatch(TEN, digits) else phone


def forms(written: str) -> tuple[str, ...]:
    """The forms in which to ask for somebody, best first.

    The first is the number as Listrak has written it. Where that is not the one form, that one follows, and ten digits:
    another collection may write it so, and only that may be taken.
    """
    phone = canonical(written)
    return (written,) if phone == written else tuple(dict.fromkeys((written, phone, phone[1:])))


def all_forms(phone: str) -> tuple[str, ...]:
    """Every form in which a collection may write the number ``phone``, which is in its one form."""
    return (phone, phone[1:], f"+{phone}") if re.fullmatch(ELEVEN, phone) else (phone,)
