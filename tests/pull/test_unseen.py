"""What Listrak moves no date for: a later pull does not see it, and the next complete walk does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from listrak_source.sandbox import Sandbox
from tests.pull.asking import Somebody, somebody
from tests.pull.proxy import proxy
from tests.pull.pulled import undated
from tests.pull.warehouse import Rows, Warehouse, truth

NEW = "15550109001"


def edit(sandbox: Sandbox, one: Somebody) -> None:
    sandbox.world.edit(one.phone_number, {"firstName": "Edited"})


def edit_a_value(sandbox: Sandbox, one: Somebody) -> None:
    field = next(item.field_id for item in sandbox.world.fields.values() if item.data_type == "Text")
    values = [{"segmentationFieldId": field, "value": "edited"}]
    sandbox.world.edit(one.phone_number, {"segmentationFieldValues": values})


def leave(sandbox: Sandbox, one: Somebody) -> None:
    sandbox.world.leave_list(one.sender_code_id, one.phone_list_id, one.phone_number)


def vanish(sandbox: Sandbox, one: Somebody) -> None:
    sandbox.world.vanish(one.phone_number)


def wait_for_a_double_opt_in(sandbox: Sandbox, one: Somebody) -> None:
    phone_list = sandbox.world.add_list(one.sender_code_id, "Confirmed only", double_opt_in=True)
    sandbox.world.subscribe(one.sender_code_id, phone_list, one.phone_number)


def leave_and_join_on_one_day(sandbox: Sandbox, one: Somebody) -> None:
    leave(sandbox, one)
    sandbox.world.clock.advance(hours=1)
    sandbox.world.subscribe(one.sender_code_id, one.phone_list_id, one.phone_number)


def be_imported_without_a_date(sandbox: Sandbox, one: Somebody) -> None:
    sandbox.world.import_undated(one.sender_code_id, one.phone_list_id, NEW)


def held_of(rows: Rows, *phones: str) -> Rows:
    return {key: undated(row) for key, row in rows.items() if set(phones) & set(key)}


@pytest.mark.full
@pytest.mark.parametrize(
    ("happens", "table"),
    [
        (edit, "contacts"),
        (edit_a_value, "contact_profile_values"),
        (leave, "list_memberships"),
        (vanish, "contacts"),
        (wait_for_a_double_opt_in, "subscriptions"),
        (be_imported_without_a_date, "contacts"),
    ],
)
def test_what_moves_no_date_is_seen_by_the_next_complete_walk(
    warehouse: Warehouse, happens: Callable[[Sandbox, Somebody], None], table: str
) -> None:
    one, clock = somebody(warehouse.sandbox), warehouse.sandbox.world.clock
    warehouse.begin(lookups="all")
    before = held_of(warehouse.rows(table), one.phone_number, NEW)
    clock.advance(days=5)
    happens(warehouse.sandbox, one)
    clock.advance(days=5)
    warehouse.pull()
    assert held_of(warehouse.rows(table), one.phone_number, NEW) == before, "the README says so"
    warehouse.pull(full=True)
    held, true = (
        held_of(rows, one.phone_number, NEW) for rows in (warehouse.rows(table), truth(warehouse.sandbox)[table])
    )
    assert held.keys() == true.keys()
    assert held != before
    if table != "list_memberships":  # of these the truth is another: windows
        assert held == true


@pytest.mark.full
def test_the_date_of_who_leaves_and_joins_again_on_one_day_is_seen_by_the_next_complete_walk(
    warehouse: Warehouse,
) -> None:
    world, one = warehouse.sandbox.world, somebody(warehouse.sandbox)
    place = Somebody(one.sender_code_id, one.phone_list_id, NEW)
    key = one.sender_code_id, NEW, one.phone_list_id
    warehouse.begin()
    world.subscribe(one.sender_code_id, one.phone_list_id, NEW)
    world.clock.advance(hours=1)
    warehouse.pull()
    before = warehouse.rows("subscriptions")[key]
    leave_and_join_on_one_day(warehouse.sandbox, place)
    world.clock.advance(hours=1)
    warehouse.pull()
    assert warehouse.rows("subscriptions")[key] == before
    world.clock.advance(days=3)
    warehouse.pull(full=True)
    assert warehouse.rows("subscriptions")[key] == truth(warehouse.sandbox)["subscriptions"][key] != before


def test_somebody_else_with_the_number_of_who_subscribed_on_that_day_looks_the_same(warehouse: Warehouse) -> None:
    world, one = warehouse.sandbox.world, somebody(warehouse.sandbox)
    place = one.sender_code_id, one.phone_list_id, NEW
    warehouse.begin()
    world.subscribe(*place)
    world.clock.advance(hours=1)
    warehouse.pull()
    world.vanish(NEW)
    world.subscribe(*place)
    world.clock.advance(hours=1)
    assert warehouse.pull() == {}
    assert place in warehouse.rows("list_memberships")


@pytest.mark.full
def test_a_stop_that_is_over_before_any_pull_was_never_told(warehouse: Warehouse) -> None:
    """``OptOut`` is a state. What is true in the end is known, and nobody who can be reached looks as if not."""
    world, one = warehouse.sandbox.world, somebody(warehouse.sandbox)
    warehouse.begin()
    world.clock.advance(days=5)
    world.opt_out(*one.key)
    world.clock.advance(hours=5)
    world.resubscribe(*one.key, one.phone_list_id)
    world.clock.advance(days=5)
    for options in ({}, {"full": True}):
        warehouse.pull(**options)
        assert warehouse.rows("contacts")[one.key] == truth(warehouse.sandbox)["contacts"][one.key]
        assert one.key not in {key[:2] for key in warehouse.rows("opt_outs")}
        assert not [key for key in warehouse.rows("consent_events") if key[2:4] == (one.phone_number, "opted_out")]


@pytest.mark.full
def test_a_stop_that_is_dated_back_is_seen_by_the_next_complete_walk(warehouse: Warehouse) -> None:
    """Stops are asked for by their date: one that appears with a date of long ago is in no window."""
    world, one = warehouse.sandbox.world, somebody(warehouse.sandbox)
    world.opt_out(*one.key)

    def not_yet(path: str, answer: dict[str, Any]) -> None:
        if path.endswith("/OptOut"):
            answer["data"] = [record for record in answer["data"] if record["phoneNumber"] != one.phone_number]
        for record in answer["data"] if path.endswith("/Contact") else ():
            record["optedOut"] &= record["phoneNumber"] != one.phone_number

    world.clock.advance(days=10)
    with proxy(warehouse.sandbox, not_yet) as base_url:
        # The second pull is the last that reads all opt-outs once more.
        warehouse.pull(base_url=base_url)
        warehouse.pull(base_url=base_url)
    world.clock.advance(days=10)
    warehouse.pull()
    assert one.key not in {key[:2] for key in warehouse.rows("opt_outs")}
    warehouse.pull(full=True)
    assert truth(warehouse.sandbox)["opt_outs"].items() <= warehouse.rows("opt_outs").items()
    assert warehouse.rows("contacts")[one.key]["opted_out"] is True
