"""Pulls that another process began: whoever ends one reads what has happened since, too."""

from __future__ import annotations

import json

import pytest

from listrak_source.sandbox import Fault
from tests.pull.asking import on_request, somebody
from tests.pull.cutting import cut, elsewhere, until_the_sweep
from tests.pull.warehouse import Warehouse, truth

NEW = "15550106666"


@pytest.mark.full
def test_the_last_of_a_walk_a_week_later_brings_the_week_too(warehouse: Warehouse) -> None:
    world, one = warehouse.sandbox.world, somebody(warehouse.sandbox)
    warehouse.begin()
    world.clock.advance(days=7)
    until_the_sweep(warehouse).close()
    elsewhere(warehouse)
    world.clock.advance(days=7)
    world.opt_out(*one.key)
    world.subscribe(one.sender_code_id, one.phone_list_id, NEW)
    world.clock.advance(hours=1)
    warehouse.pull(full=True)
    assert one.key in {key[:2] for key in warehouse.rows("opt_outs")}
    assert warehouse.rows("contacts")[one.key]["opted_out"]
    assert (one.sender_code_id, one.phone_list_id, NEW) in warehouse.rows("list_memberships")


@pytest.mark.full
@pytest.mark.parametrize("zone", ["America/New_York", "UTC", "Pacific/Kiritimati"])
def test_who_comes_back_while_a_walk_is_taken_up_is_not_marked(warehouse: Warehouse, zone: str) -> None:
    """Also where the setting names another zone than the account's, whose dates then tell little."""
    world, one = warehouse.sandbox.world, somebody(warehouse.sandbox)
    world.opt_out(*one.key)
    world.clock.advance(days=3)
    warehouse.begin(timezone=zone)
    world.clock.advance(days=3)
    options = {"timezone": zone, "full": True, "lookups": "none", "workers": 1, "page_size": 40, "chunk_rows": 40}
    assert cut(warehouse, 1, **options)
    asked = 0

    def act(operation: str, query: str) -> None:
        nonlocal asked
        asked += operation == "list_contacts" and "Date" not in query and "optedOut=true" in query
        if asked == 1:
            asked += 1
            world.resubscribe(*one.key, one.phone_list_id)

    on_request(warehouse.sandbox, act)
    warehouse.pull(**options)
    assert asked > 1, "it moved in time"
    place = (one.sender_code_id, one.phone_list_id, one.phone_number)
    assert place in truth(warehouse.sandbox)["list_memberships"]
    assert one.key not in warehouse.rows("contacts", removed=True)
    assert place not in warehouse.rows("list_memberships", removed=True)
    assert not [key for key in warehouse.rows("consent_events") if key[3] == "removed" and key[2] == one.phone_number]


@pytest.mark.full
def test_who_moved_in_the_two_days_before_a_walk_that_is_taken_up_is_marked_by_the_next(warehouse: Warehouse) -> None:
    """What the first process saw of those days is not known."""
    world, one = warehouse.sandbox.world, somebody(warehouse.sandbox)
    sender = one.sender_code_id
    other = next(item for item in world.sender_codes[sender].lists if item != one.phone_list_id)
    world.subscribe(sender, one.phone_list_id, NEW)
    warehouse.begin()
    world.leave_list(sender, one.phone_list_id, NEW)
    world.subscribe(sender, other, NEW)
    world.clock.advance(hours=1)
    assert cut(warehouse, 1, full=True, chunk_rows=40, page_size=40)
    warehouse.pull(full=True, chunk_rows=40, page_size=40)
    assert (sender, one.phone_list_id, NEW) in warehouse.rows("list_memberships")
    world.clock.advance(days=3)
    warehouse.pull(full=True)
    assert (sender, one.phone_list_id, NEW) in warehouse.rows("list_memberships", removed=True)


@pytest.mark.full
def test_cursors_that_live_no_longer_than_a_load_keep_no_pull_from_its_end(warehouse: Warehouse) -> None:
    """Each load of another process begins its list again, and gets further."""
    expired = json.dumps({"status": 400, "error": "ERROR_INVALID_PARAMETER", "message": "cursor is invalid."})
    left, loads = True, 0
    while left:
        fresh = True

        def act(operation: str, query: str) -> None:
            nonlocal fresh
            if fresh and operation == "list_contacts" and "cursor=" in query:
                warehouse.sandbox.faults.add(Fault("status", operation, status=400, body=expired))
            fresh &= operation != "list_contacts"

        on_request(warehouse.sandbox, act)
        left = cut(warehouse, 1, workers=1, chunk_rows=20, page_size=7)
        loads += 1
        assert loads < 40, "it gets nowhere"
    assert loads > 4
    warehouse.sandbox.traffic.__dict__.pop("note", None)
    warehouse.sandbox.faults.clear()
    assert warehouse.rows("contacts").keys() == truth(warehouse.sandbox)["contacts"].keys()
