"""Who leaves a list and joins it again, or subscribes while a pull runs: windows that are read as one hide nobody."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.pull.asking import Somebody, on_request
from tests.pull.changes.walking import place_other_than
from tests.pull.cutting import loads
from tests.pull.warehouse import Warehouse

NEW = "15550109993"
EACH = pytest.mark.parametrize("lookups", ["changed", "none"])
LATER = pytest.mark.full


def placed(warehouse: Warehouse, key: tuple[int, int, str]) -> tuple[Any, Any]:
    row = warehouse.rows("list_memberships")[key]
    return row["subscribed_from"], row["subscribed_before"]


def told(warehouse: Warehouse, phone: str, phone_list: int) -> list[tuple[str, str]]:
    """When and what is told of somebody and a list."""
    rows = [row for row in warehouse.records("consent_events") or [] if row["phone_number"] == phone]
    return sorted((str(row["event_at"]), row["event"]) for row in rows if row["phone_list_id"] == phone_list)


def begin(warehouse: Warehouse, someone: Somebody, at: datetime, **options: Any) -> tuple[int, int, str]:
    """A dataset of some days, at a moment; and somebody with a list that they are not on."""
    world = warehouse.sandbox.world
    second = place_other_than(warehouse, someone)
    warehouse.begin(**options)
    for _ in range(2):
        world.clock.advance(days=5)
        warehouse.pull(**options)
    world.clock.move_to(at)
    return someone.sender_code_id, second, someone.phone_number


def end_and_join_again(warehouse: Warehouse, place: tuple[int, int, str], how: str) -> None:
    """Within ten minutes."""
    world, (sender, _, phone) = warehouse.sandbox.world, place
    if how == "leave":
        world.leave_list(*place)
    else:
        world.opt_out(sender, phone)
    world.clock.advance(minutes=10)
    world.subscribe(*place)


@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("how", ["leave", "stop"])
@EACH
def test_who_joins_again_on_the_next_day_is_placed_anew(
    warehouse: Warehouse, someone: Somebody, lookups: str, how: str
) -> None:
    world = warehouse.sandbox.world
    place = begin(warehouse, someone, datetime(2026, 6, 10, 14), lookups=lookups)
    world.subscribe(*place)
    world.clock.advance(hours=1)
    warehouse.pull(lookups=lookups)
    world.clock.advance(hours=23)
    end_and_join_again(warehouse, place, how)
    at = world.clock.now()
    world.clock.advance(minutes=10)
    warehouse.pull(lookups=lookups)
    start, end = placed(warehouse, place)
    assert start <= at <= end <= start + timedelta(hours=25)


@LATER
@EACH
def test_who_joins_again_just_after_midnight_is_placed_anew(
    warehouse: Warehouse, someone: Somebody, lookups: str
) -> None:
    """The pull soon after midnight makes the next ones read the day before once more."""
    world = warehouse.sandbox.world
    place = begin(warehouse, someone, datetime(2026, 6, 10, 14), lookups=lookups)
    world.subscribe(*place)
    world.clock.advance(hours=1)
    warehouse.pull(lookups=lookups)
    world.leave_list(*place)
    world.clock.move_to(datetime(2026, 6, 11, 0, 10))
    world.subscribe(*place)
    at = world.clock.now()
    world.clock.move_to(datetime(2026, 6, 11, 0, 30))
    for _ in range(3):
        warehouse.pull(lookups=lookups)
        world.clock.advance(days=2)
    start, end = placed(warehouse, place)
    assert start <= at <= end


@LATER
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("how", ["leave", "stop"])
@EACH
def test_both_consents_of_who_joins_again_and_leaves_are_told(
    warehouse: Warehouse, someone: Somebody, lookups: str, how: str
) -> None:
    world = warehouse.sandbox.world
    _, second, phone = place = begin(warehouse, someone, datetime(2026, 6, 10, 20), lookups=lookups)
    world.subscribe(*place)
    for _ in range(6):
        world.clock.advance(hours=2)
        warehouse.pull(lookups=lookups)
    world.clock.advance(minutes=10)
    end_and_join_again(warehouse, place, how)
    for _ in range(5):
        world.clock.advance(hours=2)
        warehouse.pull(lookups=lookups)
    world.leave_list(*place)
    for _ in range(2):
        world.clock.advance(days=1)
        warehouse.pull(lookups=lookups)
    warehouse.pull(full=True, lookups=lookups)
    assert len([event for _, event in told(warehouse, phone, second) if event == "subscribed"]) == 2


@LATER
@pytest.mark.parametrize("slow", ["list_opt_outs", "list_contacts"])
@EACH
def test_who_subscribes_while_a_first_pull_runs_is_told_once(
    warehouse: Warehouse, someone: Somebody, lookups: str, slow: str
) -> None:
    world, place = warehouse.sandbox.world, (someone.sender_code_id, someone.phone_list_id, NEW)
    done: list[str] = []

    def act(operation: str, query: str) -> None:
        if operation == slow and not done:
            done.append(operation)
            world.clock.advance(minutes=5)
            world.subscribe(*place)
            world.clock.advance(minutes=5)

    on_request(warehouse.sandbox, act)
    warehouse.pull(lookups=lookups)
    for _ in range(2):
        world.clock.advance(hours=9)
        warehouse.pull(lookups=lookups)
    assert done
    assert len(told(warehouse, NEW, place[1])) == 1


@LATER
@EACH
def test_who_subscribed_just_before_a_first_pull_in_slices_is_told_once(
    warehouse: Warehouse, someone: Somebody, lookups: str
) -> None:
    world, place = warehouse.sandbox.world, (someone.sender_code_id, someone.phone_list_id, NEW)
    world.subscribe(*place)
    world.clock.advance(hours=5)
    for _ in range(3):
        warehouse.pull(lookups=lookups, slices=1)
        world.clock.advance(hours=3)
    assert len(told(warehouse, NEW, place[1])) == 1


@LATER
@EACH
def test_who_joins_again_hours_after_the_first_pull_is_seen_in_a_wrong_zone_too(
    warehouse: Warehouse, someone: Somebody, lookups: str
) -> None:
    world, options = warehouse.sandbox.world, {"lookups": lookups, "timezone": "UTC"}
    place = someone.sender_code_id, place_other_than(warehouse, someone), someone.phone_number
    world.subscribe(*place)
    world.clock.advance(days=10)
    world.clock.move_to(datetime(2026, 6, 10, 10))
    warehouse.begin(**options)
    world.clock.advance(minutes=10)
    world.leave_list(*place)
    world.clock.advance(minutes=10)
    world.subscribe(*place)
    for _ in range(3):
        world.clock.advance(hours=9)
        warehouse.pull(**options)
    assert placed(warehouse, place)[0]


@LATER
def test_who_joins_again_in_the_hour_that_comes_twice_is_seen(warehouse: Warehouse, someone: Somebody) -> None:
    world = warehouse.sandbox.world
    place = someone.sender_code_id, place_other_than(warehouse, someone), someone.phone_number
    world.subscribe(*place)
    world.clock.advance(days=10)
    world.clock.move_to(datetime(2026, 11, 1, 5, 45, tzinfo=timezone.utc))
    warehouse.begin(lookups="none")
    world.clock.advance(minutes=10)
    world.leave_list(*place)
    world.clock.advance(minutes=25)
    world.subscribe(*place)
    for _ in range(3):
        world.clock.advance(hours=9)
        warehouse.pull(lookups="none")
    assert placed(warehouse, place)[0]


@LATER
@EACH
def test_who_joins_again_after_a_first_pull_by_a_clock_that_was_ahead_is_seen(
    warehouse: Warehouse, someone: Somebody, lookups: str
) -> None:
    world = warehouse.sandbox.world
    place = someone.sender_code_id, place_other_than(warehouse, someone), someone.phone_number
    world.subscribe(*place)
    world.clock.advance(days=100)
    right = world.clock.now()
    world.clock.advance(days=10)
    warehouse.begin(lookups=lookups)
    vars(world.clock)["_at"] = right  # by itself it only goes forward
    for _ in range(2):
        world.clock.advance(hours=2)
        warehouse.pull(lookups=lookups)
    world.leave_list(*place)
    world.clock.advance(hours=2)
    world.subscribe(*place)
    for _ in range(3):
        world.clock.advance(hours=20)
        warehouse.pull(lookups=lookups)
    assert placed(warehouse, place)[0]


@LATER
def test_who_joins_again_after_a_first_pull_that_was_given_up_is_seen(warehouse: Warehouse) -> None:
    world, place = warehouse.sandbox.world, None
    world.clock.advance(days=10)
    for _ in loads(warehouse, chunk_rows=10, page_size=5):
        rows = warehouse.records("list_memberships") or []
        if rows:
            row = min(rows, key=lambda row: (row["phone_list_id"], row["phone_number"]))
            place = row["sender_code_id"], row["phone_list_id"], row["phone_number"]
            break
    assert place is not None
    world.clock.advance(days=4)
    world.leave_list(*place)
    world.clock.advance(minutes=5)
    world.subscribe(*place)
    for _ in range(3):
        world.clock.advance(hours=9)
        warehouse.pull(lookups="none")  # another task: the first pull is given up
    assert placed(warehouse, place)[0]
