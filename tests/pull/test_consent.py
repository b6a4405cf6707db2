"""Who said stop: whatever the order of things, a pull later nobody reads as reachable who is not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from listrak_source.sandbox import Fault, Sandbox
from tests.pull.asking import Somebody, on_request, somebody
from tests.pull.proxy import proxy
from tests.pull.warehouse import Warehouse, truth

TABLES = ("contacts", "opt_outs", "contact_profile_values")


@pytest.fixture
def someone(sandbox: Sandbox) -> Somebody:
    return somebody(sandbox)


def stop(sandbox: Sandbox, someone: Somebody) -> None:
    sandbox.world.opt_out(someone.sender_code_id, someone.phone_number)


def opted_out(warehouse: Warehouse, someone: Somebody) -> bool | None:
    row = warehouse.rows("contacts").get(someone.key)
    return row["opted_out"] if row else None


def has_opt_out(warehouse: Warehouse, someone: Somebody) -> bool:
    return someone.key in {key[:2] for key in warehouse.rows("opt_outs")}


@pytest.mark.cases(1)
@pytest.mark.parametrize("days", [0, 60])
def test_opt_out_between_two_pulls(warehouse: Warehouse, someone: Somebody, days: int) -> None:
    world = warehouse.sandbox.world
    warehouse.begin(*TABLES)
    world.clock.advance(days=days)
    stop(warehouse.sandbox, someone)
    world.clock.advance(days=days)
    warehouse.pull(*TABLES)
    assert has_opt_out(warehouse, someone)
    assert warehouse.rows("contacts")[someone.key] == truth(warehouse.sandbox)["contacts"][someone.key]


@pytest.mark.full
def test_opt_out_reaches_contacts_when_they_alone_are_pulled(warehouse: Warehouse, someone: Somebody) -> None:
    warehouse.begin("contacts")
    warehouse.sandbox.world.clock.advance(days=5)
    stop(warehouse.sandbox, someone)
    warehouse.sandbox.world.clock.advance(days=5)
    warehouse.pull("contacts")
    assert opted_out(warehouse, someone) is True


def test_who_comes_back_is_reachable_and_the_opt_out_stays(warehouse: Warehouse, someone: Somebody) -> None:
    world = warehouse.sandbox.world
    warehouse.begin(*TABLES)
    stop(warehouse.sandbox, someone)
    world.clock.advance(hours=5)
    warehouse.pull(*TABLES)
    world.resubscribe(someone.sender_code_id, someone.phone_number, someone.phone_list_id)
    world.clock.advance(days=3)
    warehouse.pull(*TABLES)
    assert opted_out(warehouse, someone) is False
    assert has_opt_out(warehouse, someone)
    row = warehouse.rows("contacts")[someone.key]
    assert row["unsubscribe_date"] is None
    stop(warehouse.sandbox, someone)
    warehouse.pull(*TABLES)
    assert opted_out(warehouse, someone) is True
    assert len([key for key in warehouse.rows("opt_outs") if key[:2] == someone.key]) == 2


def test_opt_out_while_the_first_pull_reads(warehouse: Warehouse, someone: Somebody) -> None:
    """After the contact was read and before the opt-outs are: the opt-outs are slow, being asked for twice."""
    sandbox = warehouse.sandbox
    asked = 0

    def act(operation: str, query: str) -> None:
        nonlocal asked
        asked += operation == "list_opt_outs"
        if asked == 2:
            stop(sandbox, someone)

    sandbox.faults.add(Fault("status", "list_opt_outs", status=500))
    on_request(sandbox, act)
    warehouse.pull(*TABLES)
    assert asked >= 2
    sandbox.world.clock.advance(hours=1)
    warehouse.pull(*TABLES)
    assert has_opt_out(warehouse, someone)
    assert opted_out(warehouse, someone) is True


@pytest.mark.cases(1)
@pytest.mark.parametrize("after", [10, 14])
def test_opt_out_at_any_moment_of_the_first_pull(warehouse: Warehouse, someone: Somebody, after: int) -> None:
    sandbox = warehouse.sandbox
    sandbox.service.delay = 0.002
    seen = 0

    def act(operation: str, query: str) -> None:
        nonlocal seen
        seen += operation != "token"
        if seen == after:
            stop(sandbox, someone)

    on_request(sandbox, act)
    warehouse.pull("contacts", "opt_outs", "list_memberships", workers=3)
    stop(sandbox, someone)
    sandbox.world.clock.advance(hours=1)
    warehouse.pull("contacts", "opt_outs", "list_memberships")
    assert has_opt_out(warehouse, someone)
    assert opted_out(warehouse, someone) is True


@pytest.mark.full
@pytest.mark.parametrize("full", [False, True])
def test_opt_out_while_a_later_pull_reads(warehouse: Warehouse, someone: Somebody, full: bool) -> None:
    """After the opt-outs were read: while people are looked up, or while a complete walk reads lists."""
    sandbox = warehouse.sandbox
    warehouse.begin(*TABLES)
    sandbox.world.clock.advance(hours=2)

    def act(operation: str, query: str) -> None:
        if operation == ("list_contacts" if full else "get_contact"):
            stop(sandbox, someone)

    if not full:
        sandbox.world.subscribe(someone.sender_code_id, someone.phone_list_id, "15550109999")
    on_request(sandbox, act)
    warehouse.pull(*TABLES, full=full)
    assert someone.key in {key[:2] for key in truth(sandbox)["opt_outs"]}, "it happened in time"
    sandbox.world.clock.advance(hours=1)
    warehouse.pull(*TABLES)
    assert has_opt_out(warehouse, someone)
    assert opted_out(warehouse, someone) is True


@pytest.mark.full
def test_opt_out_while_nobody_is_looked_up_is_found_when_lookups_are_back(
    warehouse: Warehouse, someone: Somebody
) -> None:
    world = warehouse.sandbox.world
    warehouse.begin(*TABLES, lookups="none")
    world.clock.advance(days=2)
    stop(warehouse.sandbox, someone)
    world.clock.advance(days=2)
    warehouse.pull(*TABLES, lookups="none")
    world.clock.advance(days=2)
    warehouse.pull(*TABLES)
    assert opted_out(warehouse, someone) is True


@pytest.mark.full
def test_opt_out_of_who_just_joined_a_new_list(warehouse: Warehouse, someone: Somebody) -> None:
    """A list that is read for the first time shows the contact too, without its dates."""
    world = warehouse.sandbox.world
    warehouse.begin(*TABLES)
    phone_list = world.add_list(someone.sender_code_id, "New")
    world.clock.advance(hours=3)
    world.subscribe(someone.sender_code_id, phone_list, someone.phone_number)
    world.clock.advance(hours=1)
    stop(warehouse.sandbox, someone)
    warehouse.pull(*TABLES)
    assert warehouse.rows("contacts")[someone.key] == truth(warehouse.sandbox)["contacts"][someone.key]


@pytest.mark.full
def test_profile_that_lost_all_its_values(warehouse: Warehouse, someone: Somebody) -> None:
    world = warehouse.sandbox.world
    fields = list(world.fields)[:1]
    world.edit(someone.phone_number, {"segmentationFieldValues": [{"segmentationFieldId": fields[0], "value": "007"}]})
    warehouse.begin(*TABLES)
    assert someone.key in {key[:2] for key in warehouse.rows("contact_profile_values")}
    world.put(someone.sender_code_id, {"phoneNumber": someone.phone_number, "optedOut": True})
    warehouse.pull(*TABLES)
    assert someone.key not in {key[:2] for key in warehouse.rows("contact_profile_values")}


@pytest.mark.full
def test_opt_out_without_a_date_is_seen_by_a_later_pull(warehouse: Warehouse, someone: Somebody) -> None:
    """Whatever the API returns for a window counts, also when the date does not say that it belongs there."""

    def change(path: str, answer: dict[str, Any]) -> None:
        for record in answer["data"] if path.endswith("/OptOut") else ():
            record["optOutDate"] = "0001-01-01T00:00:00"

    with proxy(warehouse.sandbox, change) as base_url:
        warehouse.pull(*TABLES)
        warehouse.sandbox.world.clock.advance(hours=1)
        stop(warehouse.sandbox, someone)
        warehouse.pull(*TABLES, base_url=base_url)
    assert has_opt_out(warehouse, someone)
    assert opted_out(warehouse, someone) is True


@pytest.mark.full
def test_opt_out_after_a_clock_that_was_ahead(warehouse: Warehouse, someone: Somebody) -> None:
    warehouse.sandbox.world.clock.advance(days=5)
    warehouse.begin(*TABLES)
    warehouse.sandbox.service.reset()
    stop(warehouse.sandbox, someone)
    warehouse.sandbox.world.clock.advance(hours=1)
    warehouse.pull(*TABLES)
    assert has_opt_out(warehouse, someone)
    assert opted_out(warehouse, someone) is True


@pytest.mark.cases(1)
@pytest.mark.parametrize("options", [{"slices": 3}, {"start_date": "2020-01-01"}])
def test_no_subscription_is_told_for_a_moment_long_before_it(warehouse: Warehouse, options: dict[str, Any]) -> None:
    """Windows of months place a subscription somewhere in them: it counts from where it is sure. A day does not."""
    warehouse.pull(**options)
    true = {key: row["subscribe_date"] for key, row in truth(warehouse.sandbox)["subscriptions"].items()}
    told = [key for key in warehouse.rows("consent_events") if key[3] == "subscribed"]
    assert told
    early = [key for key in told if (date := true[key[0], key[2], key[1]]) and date - key[4] > timedelta(days=1)]
    assert not early
