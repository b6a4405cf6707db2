"""14.A4: a stop that is not understood is an error, not a skip; and what anybody would understand is."""

from __future__ import annotations

from typing import Any

import pytest

from listrak_source.push.sync.canonical import Kind, canonical
from listrak_source.push.validate import unread_stops
from listrak_source.push.warehouse.sql_client import text
from tests.push.pushing import Pushing

STOPS: dict[str, str | None] = {
    "true": "1", "1": "1", "1.000": "1", "+1": "1", "1e0": "1", "01": "1", "yes": "1", "STOP": "1", "Stop.": "1",
    "stop all": "1", "STOPALL": "1", "unsubscribed": "1", "Unsubscribe": "1", "opted out": "1", "Opted-Out": "1",
    "opted_out": "1", "optout": "1", "QUIT": "1", "cancel": "1", "cancelled": "1", "END": "1", "REVOKE": "1",
    "do not contact": "1", "DNC": "1", "\u00a0STOP\u00a0": "1",
    "false": "0", "0": "0", "0.000": "0", "-0.0": "0", ".0": "0", "0e0": "0", "no": "0", "subscribed": "0",
    "opted in": "0", "opt-in": "0",
    "maybe": None, "2": None, "10": None, "1.001": None, "not subscribed": None, "not opted out": None, "x": None,
    "pause": None, "unsubscribed?": None,
}  # fmt: skip


def test_words_and_numbers_that_are_a_stop(pushing: Pushing) -> None:
    """14.A4: a number compares as a number, and common words are known."""
    (found,) = pushing.rows(f"SELECT {', '.join(canonical(text(one), Kind.STOP) for one in STOPS)}")
    assert dict(zip(STOPS, found, strict=True)) == STOPS


def test_of_a_list_they_say_the_contrary(pushing: Pushing) -> None:
    """14.A4: who is unsubscribed wants to be off the list."""
    given = ("subscribed", "unsubscribed", "STOP", "1.000", "maybe")
    (found,) = pushing.rows(f"SELECT {', '.join(canonical(text(one), Kind.MEMBERSHIP) for one in given)}")
    assert found == ("1", "0", "0", "1", None)


def _table(pushing: Pushing, kind: str, rows: list[tuple[Any, ...]]) -> Any:
    pushing.customers(["id", "phone", "said"], rows)
    with pushing.store() as store:
        store.run("DROP TABLE IF EXISTS told")
        store.run(f"CREATE TABLE told AS SELECT id, phone, CAST(said AS {kind}) AS said FROM customers")
    return pushing.sync({"said": {"contact": "opted_out"}}, table="told")


@pytest.mark.parametrize("kind", ["DECIMAL(10, 3)", "DOUBLE", "BOOLEAN", "BIGINT"])
def test_stops_in_columns_of_any_type(pushing: Pushing, kind: str) -> None:
    """14.A4: ``1.000`` from ``decimal(10, 3)`` is a stop."""
    first, second = pushing.phones(2)
    sync = _table(pushing, kind, [(1, first, "1"), (2, second, "0")])
    plan = pushing.plan(sync)
    assert (plan.counts["opt_outs"], plan.unread_stops, plan.rejected) == (1, 0, {})


def test_what_is_not_understood_is_counted_and_named_and_holds_up_no_other(pushing: Pushing) -> None:
    """14.A4: a word that nobody knows, and a stop of a number that nobody can read. A row without a number is none."""
    first, second = pushing.phones(2)
    rows = [(1, first, "STOP"), (2, second, "perhaps"), (3, "2.12555123E9", "true"), (4, None, "true"), (5, " ", "1"),
            (6, "nobody", "no"), (7, "n/a", "yes"), (8, "1-800-FLOWERS", "yes"), (9, "555", "yes")]  # fmt: skip
    sync = _table(pushing, "TEXT", rows)
    with pushing.session(sync) as session:
        assert session.check()[1] == []
        assert unread_stops(session.store, sync) == 4
    plan = pushing.plan(sync)
    assert (plan.counts["opt_outs"], plan.unread_stops) == (1, 4)
    assert plan.rejected == {
        "phone: not a phone number": 4, "phone: says stop, and not a phone number": 3,
        "said: says neither stop nor none": 1,
    }  # fmt: skip
    pushing.apply(sync)
    assert pushing.contact(first)["opted_out"], "it is carried out all the same"
    assert pushing.said[0].startswith("4 stops are not understood"), pushing.said
    with pushing.session(sync) as session:
        assert session.left_unread() == 4
    assert pushing.plan(sync).is_empty
    tables = [str(one) for (one,) in pushing.rows("SELECT table_name FROM information_schema.tables")]
    assert not [one for one in tables if one.startswith("push_wanted_")]
