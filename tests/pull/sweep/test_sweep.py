"""What a complete walk marks as removed: all that is gone, nothing else, and nobody who came back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.pull.asking import on_request, somebody
from tests.pull.proxy import proxy
from tests.pull.sweep.gone import PEOPLE, SMALL, events, marks, removed, settle, value
from tests.pull.warehouse import Warehouse, truth

# -- what is marked ---------------------------------------------------------------------------------------------------


def test_complete_walk_marks_all_that_is_gone_in_every_table_and_nothing_else(warehouse: Warehouse) -> None:
    world = warehouse.sandbox.world
    doomed = world.add_sender_code("Doomed")
    world.subscribe(doomed, world.add_list(doomed, "Its list"), "15550109007", {"firstName": "Ada"})
    world.opt_out(doomed, "15550109007")
    gone = settle(warehouse)
    before = {name: warehouse.rows(name) for name in (*PEOPLE, *SMALL)}
    first, *_, last = world.sender_codes[gone.left.sender_code_id].lists.values()
    world.delete_transactional_message(gone.left.sender_code_id, first.list_id, min(first.messages))
    world.delete_list(gone.left.sender_code_id, last.list_id)
    world.delete_profile_field(value(warehouse)[0]["segmentationFieldId"])
    world.delete_sender_code(doomed)
    world.clock.advance(hours=1)
    warehouse.pull(full=True, removal_percent=100)
    told = truth(warehouse.sandbox)
    for name in (*PEOPLE, *SMALL):
        held, true = warehouse.rows(name), told[name]
        if name == "subscriptions":
            true = {key: row for key, row in true.items() if key[:2] in told["contacts"]}
        if name != "sender_codes":
            # Of what was below a sender code that these credentials do not show any more, nothing is known.
            true = true | {key: row for key, row in before[name].items() if key[0] == doomed}
        assert held.keys() == true.keys(), name
        if name != "list_memberships":  # of these the truth is another: windows
            assert held == true, name
        marked = warehouse.rows(name, removed=True)
        if name == "contact_profile_values":
            # Whose contact is there still has all of its values replaced.
            there = told["contacts"].keys() | {(doomed, "15550109007")}
            assert {key[:2] for key in marked} == {key[:2] for key in before[name]} - there
            assert all(marked[key] == before[name][key] for key in marked)
        else:
            assert marked == {key: row for key, row in before[name].items() if key not in true}, name
            assert marked, f"something of {name} was gone"
    assert {at for each in marks(warehouse).values() for at in each} == {world.clock.now()}


@pytest.mark.full
def test_another_walk_keeps_the_first_mark_and_tells_no_event_again(warehouse: Warehouse) -> None:
    settle(warehouse)
    warehouse.pull(full=True)
    before, told = marks(warehouse), events(warehouse)
    assert before["contacts"]
    warehouse.sandbox.world.clock.advance(days=7)
    warehouse.pull(full=True)
    assert marks(warehouse) == before
    assert events(warehouse) == told


@pytest.mark.full
def test_each_membership_that_is_gone_is_one_event_and_no_stop_is_taken_back(warehouse: Warehouse) -> None:
    gone = settle(warehouse)
    warehouse.pull(full=True)
    told = [key for key in events(warehouse) if key[3] == "removed"]
    assert {key[:3] for key in told} == gone.memberships
    assert len(told) == 2
    assert (gone.back.sender_code_id, 0, gone.back.phone_number, "opted_out") in {key[:4] for key in events(warehouse)}


@pytest.mark.full
def test_incremental_pulls_mark_nothing(warehouse: Warehouse) -> None:
    settle(warehouse)
    warehouse.pull()
    warehouse.pull(lookups="all")
    assert removed(warehouse) == {}


@pytest.mark.full
def test_removed_rows_keep_their_columns_those_beyond_the_contract_too(warehouse: Warehouse) -> None:
    def change(path: str, answer: dict[str, Any]) -> None:
        for record in answer["data"] if isinstance(answer["data"], list) else [answer["data"]]:
            record["beyond"] = "kept"

    someone = somebody(warehouse.sandbox)
    with proxy(warehouse.sandbox, change) as base_url:
        warehouse.pull(base_url=base_url, lookups="all")
    before = {name: warehouse.rows(name) for name in PEOPLE}
    warehouse.sandbox.world.vanish(someone.phone_number)
    warehouse.sandbox.world.clock.advance(hours=1)
    warehouse.pull(full=True)
    for name in ("contacts", "list_memberships", "subscriptions"):
        marked = warehouse.rows(name, removed=True)
        assert marked, name
        assert marked == {key: before[name][key] for key in marked}, name
    assert warehouse.rows("contacts", removed=True)[someone.key]["beyond"] == "kept"


# -- who comes back ---------------------------------------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.parametrize("how", [{}, {"full": True}, {"lookups": "none"}])
def test_a_removed_row_that_comes_back_is_alive_again(warehouse: Warehouse, how: dict[str, Any]) -> None:
    gone = settle(warehouse)
    warehouse.pull(full=True)
    world, sender, phone_list = warehouse.sandbox.world, gone.left.sender_code_id, gone.left.phone_list_id
    world.clock.advance(days=20)
    world.subscribe(sender, phone_list, gone.vanished.phone_number, {"firstName": "Somebody else"})
    world.subscribe(sender, phone_list, gone.left.phone_number)
    world.clock.advance(hours=1)
    warehouse.pull(**how)
    told = truth(warehouse.sandbox)
    for one in (gone.vanished, gone.left):
        held, true = warehouse.rows("contacts")[one.key], told["contacts"][one.key]
        if not how:
            assert held == true
        assert held["first_name"] == true["first_name"]
        assert held["subscribe_date"] in (None, true["subscribe_date"])
        assert (sender, phone_list, one.phone_number) in warehouse.rows("list_memberships")
    assert "contacts" not in removed(warehouse)
    assert "list_memberships" not in removed(warehouse)


@pytest.mark.full
def test_a_list_that_comes_back_is_alive_again(warehouse: Warehouse) -> None:
    world, someone = warehouse.sandbox.world, somebody(warehouse.sandbox)
    warehouse.begin()
    lists = world.sender_codes[someone.sender_code_id].lists
    there = lists[someone.phone_list_id]
    world.delete_list(someone.sender_code_id, someone.phone_list_id)
    world.clock.advance(days=3)
    warehouse.pull(full=True, removal_percent=100)
    assert (someone.sender_code_id, someone.phone_list_id) in removed(warehouse)["lists"]
    lists[someone.phone_list_id] = there
    world.clock.advance(days=40)
    warehouse.pull()
    assert "lists" not in removed(warehouse)
    told = truth(warehouse.sandbox)
    assert told["list_memberships"].keys() <= warehouse.rows("list_memberships").keys(), "read from its own beginning"
    assert told["contacts"].keys() <= warehouse.rows("contacts").keys()


# -- what may be marked -----------------------------------------------------------------------------------------------


@pytest.mark.full
def test_a_walk_of_some_lists_marks_only_on_these(warehouse: Warehouse) -> None:
    gone = settle(warehouse)
    world, sender = warehouse.sandbox.world, gone.left.sender_code_id
    other = next(one for one in world.sender_codes[sender].lists.values() if one.list_id != gone.left.phone_list_id)
    elsewhere_too = world.phone(other.reachable.members[0])
    world.leave_list(sender, other.list_id, elsewhere_too)
    world.clock.advance(hours=1)
    warehouse.pull(full=True, lists=[gone.left.phone_list_id])
    assert removed(warehouse).keys() <= {"list_memberships", "opt_outs"}, "a contact may be on another list"
    assert removed(warehouse)["list_memberships"] == gone.memberships
    warehouse.pull(full=True)
    assert (sender, other.list_id, elsewhere_too) in removed(warehouse)["list_memberships"]


@pytest.mark.full
def test_a_walk_of_some_sender_codes_marks_only_on_these(warehouse: Warehouse) -> None:
    world = warehouse.sandbox.world
    second = world.add_sender_code("Second")
    phone_list = world.add_list(second, "Its list")
    for phone in ("15550109007", "15550109008"):
        world.subscribe(second, phone_list, phone)
    gone = settle(warehouse)
    world.vanish("15550109007")
    world.delete_list(gone.left.sender_code_id, max(world.sender_codes[gone.left.sender_code_id].lists))
    world.clock.advance(hours=1)
    warehouse.pull(full=True, sender_codes=[second])
    marked = removed(warehouse)
    assert marked["contacts"] == {(second, "15550109007")}
    assert {key[0] for keys in marked.values() for key in keys} == {second}
    assert not marked.keys() & set(SMALL)


@pytest.mark.full
@pytest.mark.parametrize(
    "tables", [("subscriptions",), ("contacts", "list_memberships"), ("opt_outs",), ("list_memberships",), ("lists",)]
)
def test_a_walk_of_one_table_marks_in_it_what_is_gone_and_nothing_else(
    warehouse: Warehouse, tables: tuple[str, ...]
) -> None:
    settle(warehouse)
    warehouse.pull(*tables, full=True)
    table, told = tables[0], truth(warehouse.sandbox)
    true = {key for key in told[table] if table != "subscriptions" or key[:2] in told["contacts"]}
    assert warehouse.rows(table).keys() == true
    assert removed(warehouse).keys() <= set(tables)


@pytest.mark.full
@pytest.mark.parametrize("move", ["comes back", "joins another list", "leaves and joins again", "opts out"])
def test_who_moves_while_a_walk_runs_is_not_marked(warehouse: Warehouse, move: str) -> None:
    gone = settle(warehouse)
    world, one = warehouse.sandbox.world, gone.back
    sender, phone_list = one.sender_code_id, one.phone_list_id
    other = next(item.list_id for item in world.sender_codes[sender].lists.values() if item.list_id != phone_list)
    if move == "comes back":
        world.opt_out(sender, one.phone_number)
        world.clock.advance(days=3)
        warehouse.pull()
    seen = 0

    def act(operation: str, query: str) -> None:
        nonlocal seen
        seen += operation == "list_contacts" and "SubscribeDate" not in query
        # The reachable of all three lists are read before those who stopped.
        if seen == 4:
            seen += 1
            world.clock.advance(seconds=30)
            if move == "comes back":
                world.resubscribe(sender, one.phone_number, phone_list)
            elif move == "opts out":
                world.opt_out(sender, one.phone_number)
            else:
                world.leave_list(sender, phone_list, one.phone_number)
                world.subscribe(sender, phone_list if "again" in move else other, one.phone_number)

    on_request(warehouse.sandbox, act)
    warehouse.pull(full=True, workers=1, lookups="none")
    assert seen > 4, "it moved in time"
    marked = removed(warehouse)
    assert one.phone_number not in {key[-1] for key in marked["list_memberships"]}
    assert one.key not in marked["contacts"]
    assert gone.vanished.key in marked["contacts"], "the others are"
