"""What any table may want of any contact, and what should come of it: worked out row by row, without SQL."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from hypothesis import strategies as st

COLUMNS = ("tier", "points", "vip", "born", "first", "stop", "sale")
"""A text, a number and a checkbox of the profile; two fields of the contact; a stop; a list."""
FORMS: dict[str, dict[Any, str | None]] = {
    "tier": {"gold": "gold", 'a "b", c': 'a "b", c', "two\nlines": "two\nlines", "伟 é": "伟 é", "  ": ""},
    "points": {
        "10": "10",
        "10.0": "10",
        "-3.5": "-3.5",
        "ten": None,
        "1.005": "1.01",
        "1,500": "1500",
        "1.5e3": "1500",
    },
    "vip": {"on": "1", "TRUE": "1", "0": "0", "off": "0", "perhaps": None},
    "born": {"1990-05-12": "1990-05-12", "2000-02-29": "2000-02-29"},
    "first": {"Zoë": "Zoë", "Ann": "Ann", "": ""},
    "stop": {"true": "1", "STOP": "1", "1.000": "1", "false": "0", "0.0": "0", "perhaps": None},
    "sale": {"1": "1", "true": "1", "0": "0"},
}
"""By column: what may stand in it, and what that means. None: it does not fit."""


@dataclass(frozen=True)
class Row:
    """A row of the user's table."""

    key: int
    phone: str | None
    """The person, as digits; None for what is no phone number."""
    written: str | None
    """The phone number as the table writes it."""
    values: dict[str, Any]

    def says(self, column: str) -> str | None:
        """The canonical value; None for nothing."""
        value = self.values[column]
        return None if value is None else FORMS[column][value] or None

    def cells(self) -> list[Any]:
        return [self.key, self.written, *(self.values[column] for column in COLUMNS)]

    @property
    def is_bad(self) -> bool:
        return any(value is not None and FORMS[column][value] is None for column, value in self.values.items())


def rows(phones: list[str]) -> st.SearchStrategy[list[Row]]:
    """Tables about these people, and about some things that are no phone numbers."""
    written = st.sampled_from(["{0}", "+{0}", "{1}", "({1[0]}{1[1]}{1[2]}) {1[3]}{1[4]}{1[5]}-{2}"])
    somebody = st.tuples(st.sampled_from(phones), written).map(
        lambda one: (one[0], one[1].format(one[0], one[0][1:], one[0][7:]))
    )
    # Of the last two a lenient reading makes the number of one of these people (14.A1).
    odd = ["nobody", "12", "1-800-FLOWERS", "2.12555123E9", "{0[1]}.{1}", "{0[1]}.{1}E9"]
    nobody = st.tuples(st.sampled_from(phones), st.sampled_from([None, "", *odd])).map(
        lambda one: (None, one[1] and one[1].format(one[0], one[0][2:]))
    )
    values = st.fixed_dictionaries({column: st.sampled_from([None, None, *forms]) for column, forms in FORMS.items()})
    row = st.tuples(st.one_of(somebody, somebody, somebody, nobody), values)
    return st.lists(row, min_size=1, max_size=12).map(
        lambda some: [Row(key, phone, text, held) for key, ((phone, text), held) in enumerate(some)]
    )


def twins(table: list[Row]) -> set[str]:
    """Who stands in the table more than once."""
    return {phone for phone, count in Counter(row.phone for row in table if row.phone).items() if count > 1}


def stopped(table: list[Row]) -> set[str]:
    """Who says stop in any row."""
    return {row.phone for row in table if row.phone and row.says("stop") == "1"}


def rounded(value: str) -> str:
    """A number as it compares."""
    found = f"{Decimal(value.replace(',', '')).quantize(Decimal('0.01'), ROUND_HALF_UP):f}".rstrip("0").rstrip(".")
    return "0" if found == "-0" else found
