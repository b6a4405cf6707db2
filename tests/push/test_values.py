"""Values in canonical form: what means the same is the same, in every database that the SQL runs in."""

from __future__ import annotations

from typing import Any

import pytest

from listrak_source.push.sync import phone_numbers
from listrak_source.push.sync.canonical import Kind, canonical, wire_form
from listrak_source.push.warehouse.sql_client import text
from tests.push.pushing import Pushing

FORMS: dict[Kind, dict[str, str | None]] = {
    Kind.TEXT: {" a b ": " a b ", "  ": None, "\t": None, "007": "007", "Zoë 'x' \"y\"": "Zoë 'x' \"y\""},
    Kind.NUMBER: {
        "10": "10", "10.0": "10", " +10.004 ": "10", "10.005": "10.01", "-3.5": "-3.5", "1e3": "1000", "1,000": "1000",
        "NaN": None, "": None, "1234567890123456": None, "ten": None, "999999999999999.999": "1000000000000000",
        "1,234,567.80": "1234567.8", "1,23": None, "1,000,00": None, "1e-05": "0", "-1e-05": "0", "1.5E+2": "150",
        "9e-3": "0.01", "1e14": "100000000000000", "1e15": None, "5.": "5", ".5": "0.5", "007": "7", "0": "0",
        "-0.001": "0", "100.00": "100", "e5": None, ".": None, "1e": None, "1 000": None, "$5": None, "+": None,
    },
    Kind.CHECKBOX: {
        "on": "1", "TRUE": "1", "1": "1", "off": "0", "false": "0", "yes": "1", "n": "0",
        "1.0": "1", "\tTRUE\n": "1", "perhaps": None, "2": None,
    },
    Kind.DATE: {
        "2020-12-31": "2020-12-31", "12/31/2020": "2020-12-31", "2/9/2020": "2020-02-09", "soon": None,
        "2020-02-29 10:11:12": "2020-02-29", "2020-02-29T00:00:00": "2020-02-29", "2021-02-29": None,
        "1900-02-29": None, "2000-02-29": "2000-02-29", "13/01/2020": None, "0001-01-01T00:00:00": None,
        "2020-04-31": None, "20201231": None,
    },
    Kind.EMAIL: {" Ann@Example.com": "Ann@Example.com", "ann@example": None, "a b@c.de": None},
}  # fmt: skip


def test_canonical_forms(pushing: Pushing) -> None:
    for kind, forms in FORMS.items():
        (found,) = pushing.rows(f"SELECT {', '.join(canonical(text(value), kind) for value in forms)}")
        assert dict(zip(forms, found, strict=True)) == forms, kind


def test_columns_of_other_types_have_the_same_forms(pushing: Pushing) -> None:
    def of(kind: Kind, value: str) -> str:
        return canonical(f"CAST({value} AS TEXT)", kind)

    forms = [
        (of(Kind.NUMBER, "10"), "10"),
        (of(Kind.NUMBER, "CAST(2.5 AS DECIMAL(9, 3))"), "2.5"),
        (of(Kind.NUMBER, "CAST(2.5 AS DOUBLE)"), "2.5"),
        (of(Kind.CHECKBOX, "TRUE"), "1"),
        (of(Kind.CHECKBOX, "0"), "0"),
        (of(Kind.DATE, "DATE '2020-12-31'"), "2020-12-31"),
        (of(Kind.DATE, "TIMESTAMP '2020-12-31 10:00:00'"), "2020-12-31"),
    ]
    assert pushing.rows(f"SELECT {', '.join(sql for sql, _ in forms)}") == [tuple(form for _, form in forms)]


def test_dates_are_sent_as_listrak_writes_them(pushing: Pushing) -> None:
    assert pushing.rows(f"SELECT {wire_form(text('2020-02-09'), Kind.DATE)}") == [("02/09/2020",)]


@pytest.mark.parametrize(
    ("given", "digits"),
    [("15551234567", "15551234567"), ("5551234567", "15551234567"), ("(555) 123-4567", "15551234567"),
     ("+1 555.123.4567", "15551234567"), ("25551234567", None), ("+5551234567", None), ("555123456", None),
     ("1-800-FLOWERS", None), ("", None), ("555123456.0", None)],
)  # fmt: skip
def test_plain_numbers_need_no_library(pushing: Pushing, given: str, digits: str | None) -> None:
    assert pushing.rows(f"SELECT {phone_numbers.plain(text(given))}") == [(digits,)]


def test_odd_numbers_go_to_the_library() -> None:
    given: list[Any] = ["+44 20 7031 3000", "212/555-0100", "nobody", "12"]
    assert phone_numbers.numbers(given) == {
        "+44 20 7031 3000": "442070313000",
        "212/555-0100": "12125550100",
        "nobody": None,
        "12": None,
    }


def test_words_and_decimals_make_no_number_of_somebody_else() -> None:
    given = ["555-1234 mom", "234-5678 abc", "call 555-1234", "n/a 212 5551", "555123456.0", "5551234"]
    assert phone_numbers.numbers(given) == dict.fromkeys(given)


def test_nobody_sees_a_whole_number() -> None:
    assert phone_numbers.masked("15551234567") == "…4567"
