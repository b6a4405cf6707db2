"""In which window a subscription lies: growth per day is read from that, so it must be true and stay."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from listrak_source.sandbox import Sandbox
from tests.pull.asking import somebody
from tests.pull.warehouse import Rows, Warehouse, truth


def placed(warehouse: Warehouse) -> Rows:
    return {key: row for key, row in warehouse.rows("list_memberships").items() if row["subscribed_from"]}


TOLERANCE = timedelta(seconds=1)
"""The second at midnight stands in two windows, and either may place it."""


def agree(warehouse: Warehouse) -> None:
    told = truth(warehouse.sandbox)["list_memberships"]
    for key, row in placed(warehouse).items():
        if key in told:
            assert row["subscribed_from"] <= told[key]["subscribed_at"] + TOLERANCE, key
            assert told[key]["subscribed_at"] < row["subscribed_before"] + TOLERANCE, key


@pytest.mark.full
def test_days_of_later_pulls_are_placed_by_day_and_stay(warehouse: Warehouse) -> None:
    world = warehouse.sandbox.world
    warehouse.begin("list_memberships")
    for _ in range(3):
        world.live(1)
        warehouse.pull("list_memberships")
    new = {(e.sender_code_id, e.phone_list_id, e.phone_number) for e in world.journal if e.kind == "subscribed"}
    before = placed(warehouse)
    assert new & truth(warehouse.sandbox)["list_memberships"].keys() <= before.keys()
    assert all(row["subscribed_before"] - row["subscribed_from"] <= timedelta(hours=25) for row in before.values())
    agree(warehouse)
    world.clock.advance(days=3)
    warehouse.pull("list_memberships")
    assert placed(warehouse) == before


@pytest.mark.full
def test_complete_walk_keeps_the_placement(warehouse: Warehouse) -> None:
    """It finds memberships without a window; what earlier pulls know of them is not lost."""
    world = warehouse.sandbox.world
    warehouse.begin("list_memberships")
    world.live(2)
    warehouse.pull("list_memberships")
    before = placed(warehouse)
    assert before
    world.clock.advance(days=10)
    warehouse.pull("list_memberships", full=True)
    lost = before.keys() - placed(warehouse).keys()
    assert not lost, f"{len(lost)} of {len(before)}"


@pytest.mark.full
def test_placement_survives_a_table_that_is_selected_later(warehouse: Warehouse) -> None:
    world = warehouse.sandbox.world
    warehouse.begin("list_memberships")
    before = placed(warehouse)
    world.clock.advance(days=10)
    warehouse.pull("list_memberships", "contacts")
    assert placed(warehouse) == before


@pytest.mark.full
def test_a_gap_of_months_is_placed_by_month(warehouse: Warehouse, sandbox: Sandbox) -> None:
    world, someone = sandbox.world, somebody(sandbox)
    warehouse.begin("list_memberships")
    world.clock.advance(days=20)
    world.subscribe(someone.sender_code_id, someone.phone_list_id, "15550109999")
    world.clock.advance(days=100)
    warehouse.pull("list_memberships")
    row = warehouse.rows("list_memberships")[someone.sender_code_id, someone.phone_list_id, "15550109999"]
    assert row["subscribed_before"] - row["subscribed_from"] <= timedelta(days=31, hours=1)
    agree(warehouse)


def test_the_second_around_midnight(warehouse: Warehouse, sandbox: Sandbox) -> None:
    """Windows are asked for a second early: who subscribed in that second stands in two of them."""
    world, someone = sandbox.world, somebody(sandbox)
    world.clock.move_to(datetime(2026, 3, 2, 23, 59, 59))
    for number in range(8):
        world.subscribe(someone.sender_code_id, someone.phone_list_id, f"1555010900{number}")
        world.clock.advance(seconds=0.25)
    world.clock.advance(days=1)
    warehouse.pull("list_memberships")
    agree(warehouse)
