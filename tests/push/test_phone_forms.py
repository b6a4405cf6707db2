"""13.A5: push compares phone numbers in one form, and names a contact to Listrak in Listrak's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from listrak_source.api.phones import canonical, forms
from listrak_source.pull.records import phone_numbers as arrow
from listrak_source.push.sync import phone_numbers
from listrak_source.push.warehouse import ledger
from listrak_source.push.warehouse.sql_client import text
from listrak_source.sandbox import Quirks
from tests.pull.warehouse import truth
from tests.push.pushing import Pushing

FORMS = {
    "15551234567": "15551234567", "5551234567": "15551234567", "+15551234567": "15551234567",
    "(555) 123-4567": "15551234567", "+1 555.123.4567": "15551234567", "1-555-123-4567": "15551234567",
    " 15551234567": "15551234567", "+5551234567": "+5551234567", "25551234567": "25551234567", "": "",
    "555123456": "555123456", "555123456.0": "555123456.0", "1555123456.0": "1555123456.0", "+": "+",
    "15551234567.0": "15551234567.0", "+442070313000": "+442070313000", "442070313000": "442070313000",
    "1-800-FLOWERS": "1-800-FLOWERS", "5551234567\n": "5551234567\n", "\u0665551234567": "\u0665551234567",
    "++15551234567": "++15551234567", "1555123456é": "1555123456é", "5551234567 ext 7": "5551234567 ext 7",
    "1555123456.7": "1555123456.7", "555123456.7": "555123456.7", "-5551234567": "-5551234567", ".": ".",
}  # fmt: skip


@pytest.mark.parametrize("written", FORMS)
def test_one_rule_in_python_arrow_and_sql(in_duckdb: Pushing, written: str) -> None:
    _agree(in_duckdb, [written, "15550001111", None])
    assert canonical(written) == FORMS[written]


@pytest.mark.full
def test_one_rule_in_postgresql_too(pushing: Pushing) -> None:
    for written, form in FORMS.items():
        (found,) = pushing.rows(f"SELECT {phone_numbers.plain(text(written))}")[0]
        assert (found or written) == form


def _agree(pushing: Pushing, written: list[str | None]) -> None:
    column = pa.chunked_array([written[:1], written[1:]], pa.string())
    expected = [None if one is None else canonical(one) for one in written]
    assert arrow.canonical(column).to_pylist() == expected
    assert arrow.canonical(pa.chunked_array([expected], pa.string())).to_pylist() == expected, "there is one form"
    query = " UNION ALL ".join(f"SELECT {at} AS place, {text(one)} AS given" for at, one in enumerate(written) if one)
    if query:
        plain = f"COALESCE({phone_numbers.plain('given')}, given)"
        rows = pushing.rows(f"SELECT {plain} FROM ({query}) AS numbers ORDER BY place")
        assert [found for (found,) in rows] == [one for one in expected if one]


@given(
    st.lists(st.text("01 +().-5", max_size=18) | st.from_regex(r"\A\+?1?[ .-]?\d{3}[ .-]?\d{7}(\.0)?\Z"), max_size=9)
)
def test_they_agree_about_anything(numbers: list[str]) -> None:
    column = pa.chunked_array([numbers], pa.string())
    assert arrow.canonical(column).to_pylist() == [canonical(one) for one in numbers]


def test_a_column_of_eleven_digits_stays_what_it_is() -> None:
    column = pa.chunked_array([["15551234567", None], [], ["25551234567"]], pa.string())
    assert arrow.canonical(column) is column
    assert forms("15551234567") == ("15551234567",)
    assert forms("5551234567") == ("5551234567", "15551234567")
    assert forms("+15551234567") == ("+15551234567", "15551234567", "5551234567")


@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("form", ["ten", "plus"])
def test_listrak_is_asked_in_the_form_that_it_has_written(pushing: Pushing, form: Any) -> None:
    """In no other does it take one here: values by file, a name, a stop, a list, and a second plan finds nothing."""
    sandbox, field = pushing.sandbox, pushing.field("Text")
    first, second, third = pushing.phones(3)
    sandbox.service.quirks = replace(Quirks(), contact_phones=form, phones_taken="listed")
    pushing.warehouse.pull(full=True)
    rows = [
        (1, first, "Zoë", "gold", False),
        (2, second[1:], None, "silver", False),
        (3, f"+{third}", None, None, True),
    ]
    pushing.customers(["id", "phone", "first", "tier", "stop"], rows)
    columns = {"first": {"contact": "first_name"}, "tier": field.field_id, "stop": {"contact": "opted_out"}}
    sync = pushing.sync(columns)
    outcome = pushing.apply(sync)
    assert outcome
    assert {status for _, status in outcome.counts} == {ledger.CONFIRMED}, outcome.counts
    assert pushing.contact(first)["first_name"] == "Zoë"
    assert [pushing.contact(one)["values"][field.field_id] for one in (first, second)] == ["gold", "silver"]
    assert pushing.contact(third)["opted_out"] is True
    assert {row[0] for row in pushing.rows("SELECT phone_number FROM push_confirmed")} == {first, second, third}
    assert pushing.plan(sync).is_empty
    pushing.warehouse.pull()
    assert pushing.plan(sync).is_empty, "also after the next pull"


@pytest.mark.full
@pytest.mark.cases(0, 1)
def test_lists_too(pushing: Pushing) -> None:
    """Who was taken off a list by push is put back by it, in whatever form Listrak writes them."""
    sandbox = pushing.sandbox
    phone, phone_list = pushing.phones(1)[0], pushing.lists()[0]
    sandbox.service.quirks = replace(Quirks(), contact_phones="ten", phones_taken="listed")
    pushing.warehouse.pull(full=True)
    for wanted in ("false", "true", "false"):
        pushing.customers(["id", "phone", "wants"], [(1, phone, wanted)])
        sync = pushing.sync({"wants": {"list": phone_list}}, modes=["subscribe", "unsubscribe"])
        outcome = pushing.apply(sync)
        is_on = (pushing.sender_code_id, phone_list, phone) in truth(sandbox)["list_memberships"]
        assert is_on is (wanted == "true"), (wanted, outcome and outcome.counts)
