"""14.A1: what is no phone number is nobody's, and no other person's; numbers of any width are taken as digits."""

from __future__ import annotations

from typing import Any

import pytest

from listrak_source.push.sync import phone_numbers
from tests.push.pushing import Pushing

FORGED = (
    "2.12555123E9", "2.125551234e9", "212555123.4", "1212555123.4", "2125551234.00", "-2125551234", "-12125551234",
    "2,125,551,234", "212555123x4", "1-800-FLOWERS", "212 555 0100 ext. 7", "2125550100;7", "2125550100,,7",
    "0x7EB1A2B2", "tel:2125550100", "2125550100+1", "2125550100/2125550101", "١٢٣", "NaN", "112125550100",
    "1 1 212 555 0100",
)  # fmt: skip
"""Texts of which a parser that forgives everything makes a phone number, or that are none."""
WRITTEN = {
    "+44 20 7031 3000": "442070313000", "\u202a+1 (212) 555\u20110100\u202c": "12125550100",
    "212\u00a0555\u00a00100": "12125550100", "\t2125550100\n": "12125550100", "212/555-0100": "12125550100",
    "(+44) 20 7031 3000": "442070313000",
    "011 1 212 555 0100": "12125550100", "+1-212-555-0100": "12125550100",
}  # fmt: skip


def test_nothing_but_digits_and_marks_is_a_number() -> None:
    """14.A1: letters, exponents and decimals invent nobody."""
    assert phone_numbers.numbers(FORGED) == dict.fromkeys(FORGED)
    assert phone_numbers.numbers(WRITTEN) == WRITTEN


def test_a_forged_number_reaches_nobody(pushing: Pushing) -> None:
    """14.A1: whose number a lenient reading of ``2.12555123E9`` gives is neither opted out nor overwritten."""
    field = pushing.field("Text")
    known = pushing.phones(3)
    # What a lenient reading makes of these is somebody: letters are digits there, and a decimal point is a mark.
    forged = [f"{known[0][1]}.{known[0][2:10]}E9", f"{known[1][:10]}.{known[1][10]}", f"-{known[2]}"]
    pushing.customers(["id", "phone", "tier", "stop"], [(at, one, "gold", True) for at, one in enumerate(forged)])
    before = [pushing.contact(one) for one in known]
    sync = pushing.sync({"tier": field.field_id, "stop": {"contact": "opted_out"}})
    plan = pushing.plan(sync)
    assert (plan.counts["opt_outs"], plan.counts["imports"]) == (0, 0), plan.sample
    pushing.apply(sync)
    assert [pushing.contact(one) for one in known] == before
    assert not pushing.sent()


def test_nobody_is_created_whose_number_nobody_can_have(in_duckdb: Pushing) -> None:
    """14.A1: what a form was filled with to get past it."""
    lists = in_duckdb.lists()
    made_up = ["0000000000", "1111111111", "1212555103", "12120555103", "2125550199"]
    in_duckdb.customers(["id", "phone", "news"], [(at, one, True) for at, one in enumerate(made_up)])
    sync = in_duckdb.sync({"news": {"list": lists[0]}}, modes=["create"])
    plan = in_duckdb.plan(sync)
    assert plan.counts["creates"] == 1
    assert plan.rejected == {"phone: not a phone number": 4}


@pytest.mark.cases(3)
@pytest.mark.parametrize("kind", ["BIGINT", "NUMERIC(38, 0)", "NUMERIC(14, 3)", "HUGEINT", "UHUGEINT", "NUMERIC"])
def test_numbers_of_any_width_are_digits(in_duckdb: Pushing, kind: str) -> None:
    """14.A1: a phone number in a column of numbers, however wide that is."""
    _of_any_width(in_duckdb, kind)


@pytest.mark.full
@pytest.mark.cases(0, 2)
@pytest.mark.parametrize("kind", ["BIGINT", "NUMERIC(38, 0)", "NUMERIC(14, 3)", "NUMERIC"])
def test_numbers_of_any_width_in_postgresql(pushing: Pushing, kind: str) -> None:
    """14.A1, in both databases."""
    _of_any_width(pushing, kind)


def _of_any_width(pushing: Pushing, kind: str) -> None:
    field = pushing.field("Text")
    (phone,) = pushing.phones(1)
    rows: list[tuple[Any, ...]] = [(1, phone[1:], "gold")]
    with_places = kind == "NUMERIC(14, 3)" or (kind == "NUMERIC" and pushing.warehouse.place.name != "duckdb")
    if with_places:
        rows.append((2, f"{phone[:9]}.5", "silver"))
    pushing.customers(["id", "phone", "tier"], rows)
    with pushing.store() as store:
        store.run("DROP TABLE IF EXISTS numbered")
        store.run(f"CREATE TABLE numbered AS SELECT id, CAST(phone AS {kind}) AS phone, tier FROM customers")
    sync = pushing.sync({"tier": field.field_id}, table="numbered")
    with pushing.session(sync) as session:
        assert session.check()[1] == []
    plan = pushing.plan(sync)
    assert plan.counts["imports"] == 1
    assert plan.rejected == ({"phone: not a phone number": 1} if with_places else {})


def test_floats_are_refused_with_the_right_word(pushing: Pushing) -> None:
    """14.A1: a floating-point number may have lost digits."""
    pushing.customers(["id", "phone", "tier"], [(1, "2125550100", "gold")])
    with pushing.store() as store:
        store.run("DROP TABLE IF EXISTS numbered")
        store.run("CREATE TABLE numbered AS SELECT id, CAST(phone AS DOUBLE) AS phone, tier FROM customers")
    with pushing.session(pushing.sync({"tier": pushing.field("Text").field_id}, table="numbered")) as session:
        (problem,) = session.check()[1]
    assert "cannot hold phone numbers: take a text or a whole number" in problem
