"""Values in canonical form: what means the same is the same, in every database that the SQL runs in."""

from __future__ import annotations

from typing import Any

import pytest

from listrak_source.push import phones
from listrak_source.push.store import text
from listrak_source.push.values import Kind, canonical, sent
from tests.push.pushing import Pushing

FORMS: list[tuple[Kind, str, str | None]] = [
    (Kind.TEXT, " a b ", " a b "), (Kind.TEXT, "  ", None), (Kind.TEXT, "007", "007"), (Kind.TEXT, "Zoë 'x' \"y\"", "Zoë 'x' \"y\""),
    (Kind.NUMBER, "10", "10.00"), (Kind.NUMBER, "10.0", "10.00"), (Kind.NUMBER, " +10.004 ", "10.00"), (Kind.NUMBER, "10.005", "10.01"),
    (Kind.NUMBER, "-3.5", "-3.50"), (Kind.NUMBER, "1e3", None), (Kind.NUMBER, "1,000", None), (Kind.NUMBER, "NaN", None),
    (Kind.NUMBER, "", None), (Kind.NUMBER, "1234567890123456", None), (Kind.NUMBER, "ten", None),
    (Kind.CHECKBOX, "on", "1"), (Kind.CHECKBOX, "TRUE", "1"), (Kind.CHECKBOX, "1", "1"), (Kind.CHECKBOX, "off", "0"),
    (Kind.CHECKBOX, "false", "0"), (Kind.CHECKBOX, "yes", None), (Kind.CHECKBOX, "2", None),
    (Kind.DATE, "2020-12-31", "2020-12-31"), (Kind.DATE, "12/31/2020", "2020-12-31"), (Kind.DATE, "2/9/2020", "2020-02-09"),
    (Kind.DATE, "2020-02-29 10:11:12", "2020-02-29"), (Kind.DATE, "2020-02-29T00:00:00", "2020-02-29"), (Kind.DATE, "2021-02-29", None),
    (Kind.DATE, "1900-02-29", None), (Kind.DATE, "2000-02-29", "2000-02-29"), (Kind.DATE, "13/01/2020", None),
    (Kind.DATE, "0001-01-01T00:00:00", None), (Kind.DATE, "soon", None), (Kind.DATE, "2020-04-31", None), (Kind.DATE, "20201231", None),
    (Kind.EMAIL, " Ann@Example.com", "ann@example.com"), (Kind.EMAIL, "ann@example", None), (Kind.EMAIL, "a b@c.de", None),
]  # fmt: skip


def test_canonical_forms(pushing: Pushing) -> None:
    columns = ", ".join(canonical(text(value), kind) for kind, value, _ in FORMS)
    (found,) = pushing.rows(f"SELECT {columns}")
    told = [(kind, value, one) for (kind, value, _), one in zip(FORMS, found, strict=True)]
    assert told == FORMS


def test_columns_of_other_types_have_the_same_forms(pushing: Pushing) -> None:
    def of(kind: Kind, value: str) -> str:
        return canonical(f"CAST({value} AS TEXT)", kind)

    (found,) = pushing.rows(
        f"SELECT {of(Kind.NUMBER, '10')}, {of(Kind.NUMBER, 'CAST(2.5 AS DECIMAL(9, 3))')}, {of(Kind.CHECKBOX, 'TRUE')}, "
        f"{of(Kind.NUMBER, 'CAST(2.5 AS DOUBLE)')}, {of(Kind.DATE, 'DATE ' + text('2020-12-31'))}, "
        f"{of(Kind.DATE, 'TIMESTAMP ' + text('2020-12-31 10:00:00'))}, {of(Kind.CHECKBOX, '0')}"
    )
    assert found == ("10.00", "2.50", "1", "2.50", "2020-12-31", "2020-12-31", "0")


def test_dates_are_sent_as_listrak_writes_them(pushing: Pushing) -> None:
    assert pushing.rows(f"SELECT {sent(text('2020-02-09'), Kind.DATE)}") == [("02/09/2020",)]


@pytest.mark.parametrize(
    ("given", "digits"),
    [("15551234567", "15551234567"), ("5551234567", "15551234567"), ("(555) 123-4567", "15551234567"),
     ("+1 555.123.4567", "15551234567"), ("25551234567", None), ("+5551234567", None), ("555123456", None),
     ("1-800-FLOWERS", None), ("", None)],
)  # fmt: skip
def test_plain_numbers_need_no_library(pushing: Pushing, given: str, digits: str | None) -> None:
    assert pushing.rows(f"SELECT {phones.plain(text(given))}") == [(digits,)]


def test_odd_numbers_go_to_the_library() -> None:
    given: list[Any] = ["1-800-FLOWERS", "+44 20 7031 3000", "212 555 0100 ext. 7", "nobody", "12"]
    assert phones.numbers(given) == {
        "1-800-FLOWERS": "18003569377",
        "+44 20 7031 3000": "442070313000",
        "212 555 0100 ext. 7": "12125550100",
        "nobody": None,
        "12": None,
    }


def test_nobody_sees_a_whole_number() -> None:
    assert phones.masked("15551234567") == "…4567"
