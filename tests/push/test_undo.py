"""Undo: what a run has changed is as it was before, where the API allows that."""

from __future__ import annotations

from typing import Any

import pytest

from listrak_source.push.apply.run import Outcome
from listrak_source.push.apply.undo import NO_WAY_BACK
from listrak_source.push.sync.config import Sync
from listrak_source.push.warehouse import ledger
from tests.push.pushing import Pushing


def applied(pushing: Pushing, sync: Sync) -> ledger.Run:
    pushing.apply(sync)
    with pushing.store() as store:
        run = ledger.last(store, sync.name)
    assert run
    return run


def undone(pushing: Pushing, sync: Sync, run: ledger.Run) -> Outcome | None:
    with pushing.session(sync) as session:
        return session.undo(run, pushing.said.append)


def test_values_are_as_they_were(pushing: Pushing) -> None:
    text, number = pushing.field("Text"), pushing.field("Number")
    first, second, third = pushing.phones(3)
    pushing.edit(first, {text.field_id: "silver", number.field_id: "3"}, firstName="Ann", birthday="1990-01-31")
    pushing.edit(second, {text.field_id: "bronze"}, firstName="", lastName="Lee")
    pushing.warehouse.pull(full=True)
    rows = [(1, first, "gold", "4", "Zoë", None), (2, second, "gold", None, "Bob", "1980-01-01"),
            (3, third, None, None, "Cy", None)]  # fmt: skip
    before = {phone: pushing.contact(phone) for phone in (first, second, third)}
    pushing.customers(["id", "phone", "tier", "points", "first", "born"], rows)
    columns = {
        "tier": text.field_id, "points": number.field_id, "first": {"contact": "first_name"},
        "born": {"contact": "birthday"},
    }  # fmt: skip
    sync = pushing.sync(columns)
    run = applied(pushing, sync)
    assert pushing.contact(first)["values"][text.field_id] == "gold"
    with pushing.session(sync) as session:
        plan = session.plan_undo(run)
    assert (plan.counts["imports"], plan.counts["updates"]) == (2, 3)
    outcome = undone(pushing, sync, run)
    assert outcome
    assert {state for _, state in outcome.counts} == {ledger.CONFIRMED}

    def told(contact: dict[str, Any]) -> dict[str, Any]:
        return {name: value or None for name, value in contact.items()}

    assert {phone: told(pushing.contact(phone)) for phone in before} == {
        phone: told(contact) for phone, contact in before.items()
    }
    assert pushing.rows(f"SELECT undoes FROM push_runs WHERE run_id = '{outcome.run_id}'") == [(run.run_id,)]
    assert pushing.plan(sync).counts["imports"] == 2, "the table wants the same again"
    assert undone(pushing, sync, run) is None, "once"


@pytest.mark.full
def test_what_has_no_way_back_is_named_and_stays(pushing: Pushing) -> None:
    text = pushing.field("Text")
    new = pushing.world.add_list(pushing.sender_code_id, "VIP")
    first, stops = pushing.phones(2)
    for phone in (first, stops):
        pushing.edit(phone, {text.field_id: "was"})
    empty = next(phone for phone in pushing.phones(60) if text.field_id not in pushing.contact(phone)["values"])
    pushing.warehouse.pull(full=True)
    rows = [(1, first, "gold", None, True), (2, stops, None, True, None), (3, empty, "gold", None, None),
            (4, "13125550101", "gold", None, True)]  # fmt: skip
    pushing.customers(["id", "phone", "tier", "stop", "vip"], rows)
    columns = {"tier": text.field_id, "stop": {"contact": "opted_out"}, "vip": {"list": new}}
    sync = pushing.sync(columns, modes=["create", "subscribe"])
    run = applied(pushing, sync)
    pushing.edit(first, {text.field_id: "edited since"})
    pushing.warehouse.pull(full=True)
    with pushing.session(sync) as session:
        plan = session.plan_undo(run)
    assert plan.counts == {
        "opt_outs": 0, "unsubscribes": 2, "creates": 0, "subscribes": 0, "updates": 0, "imports": 0,
    }  # fmt: skip
    assert plan.rejected == {
        f"{text.name}: {NO_WAY_BACK['changed']}": 1, f"{text.name}: {NO_WAY_BACK['empty']}": 1,
        f"opted_out: {NO_WAY_BACK['stop']}": 1, f"phone: {NO_WAY_BACK['created']}": 1,
    }  # fmt: skip
    undone(pushing, sync, run)
    assert pushing.contact(stops)["opted_out"], "a stop stays"
    assert pushing.contact(first)["values"][text.field_id] == "edited since"
    assert pushing.contact(empty)["values"][text.field_id] == "gold"


def test_who_said_stop_is_not_put_back_on_a_list(in_duckdb: Pushing) -> None:
    old = in_duckdb.lists()[0]
    members = in_duckdb.rows(f"SELECT phone_number FROM list_memberships WHERE phone_list_id = {old} ORDER BY 1")
    reachable = set(in_duckdb.phones(60))
    first, second = [phone for (phone,) in members if phone in reachable][:2]
    in_duckdb.customers(["id", "phone", "vip"], [(1, first, False), (2, second, False)])
    sync = in_duckdb.sync({"vip": {"list": old}}, modes=["unsubscribe"])
    run = applied(in_duckdb, sync)
    in_duckdb.world.opt_out(in_duckdb.sender_code_id, first)
    outcome = undone(in_duckdb, sync, run)
    assert outcome
    assert outcome.counts == {
        (ledger.SUBSCRIBE, ledger.CONFIRMED): 1, (ledger.SUBSCRIBE, ledger.OPTED_OUT): 1,
    }  # fmt: skip
    assert in_duckdb.contact(first)["opted_out"]
