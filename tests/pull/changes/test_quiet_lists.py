"""What a pull asks of lists: each page once, and windows of dates only where something is new in them."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.pull.asking import Somebody, queries
from tests.pull.changes.walking import events_of, place_other_than, wrote
from tests.pull.warehouse import Warehouse


def asked(warehouse: Warehouse, *resources: str, **options: Any) -> Counter[tuple[int, str]]:
    """Pull, and return how many requests each half of each list cost."""
    warehouse.sandbox.traffic.clear()
    warehouse.pull(*resources, **options)
    return Counter(
        (int(path.split("/")[-2]), query["optedOut"]) for path, query in queries(warehouse.sandbox, "/Contact")
    )


def halves(warehouse: Warehouse) -> set[tuple[int, str]]:
    lists = [item for sender in warehouse.sandbox.world.sender_codes.values() for item in sender.lists]
    return {(item, state) for item in lists for state in ("true", "false")}


def settle(warehouse: Warehouse) -> None:
    """Two pulls long after the first one, whose overlaps reach back neither to it nor to anything else."""
    for _ in range(2):
        warehouse.sandbox.world.clock.advance(days=5)
        warehouse.pull()


def placed(warehouse: Warehouse, key: tuple[int, int, str]) -> tuple[datetime | None, datetime | None]:
    row = warehouse.rows("list_memberships")[key]
    return row["subscribed_from"], row["subscribed_before"]


def test_a_first_pull_asks_for_each_page_once_and_for_no_window(warehouse: Warehouse) -> None:
    counts = asked(warehouse, page_size=5000)
    assert counts == dict.fromkeys(halves(warehouse), 1)
    assert not any("startSubscribeDate" in query for _, query in queries(warehouse.sandbox, "/Contact"))


@pytest.mark.full
def test_a_list_where_nothing_is_new_costs_one_request_a_half(warehouse: Warehouse) -> None:
    warehouse.begin()
    settle(warehouse)
    warehouse.sandbox.world.clock.advance(hours=1)
    assert asked(warehouse) == dict.fromkeys(halves(warehouse), 1)


def test_the_pull_after_the_first_one_finds_nothing_and_asks_no_more_than_two_windows(warehouse: Warehouse) -> None:
    """Who subscribed in the days before the first pull is in no window yet, and is no news all the same."""
    world = warehouse.sandbox.world
    sender = next(iter(world.sender_codes.values()))
    world.subscribe(sender.sender_code_id, next(iter(sender.lists)), "15550109990")
    world.clock.advance(minutes=5)
    warehouse.begin()
    for _ in range(2):
        world.clock.advance(minutes=5)
        assert warehouse.pull() == {}
        counts = asked(warehouse)
        assert set(counts) == halves(warehouse)
        assert max(counts.values()) <= 2


def test_the_half_in_which_somebody_is_new_is_asked_by_day_and_no_other(
    warehouse: Warehouse, someone: Somebody
) -> None:
    world = warehouse.sandbox.world
    warehouse.begin()
    settle(warehouse)
    world.clock.advance(days=2)
    world.subscribe(someone.sender_code_id, someone.phone_list_id, "15550109991")
    at = world.clock.now()
    world.clock.advance(days=1)
    counts = asked(warehouse)
    busy = (someone.phone_list_id, "false")
    assert counts[busy] > 2, "all of its days, and each of them"
    assert {half: count for half, count in counts.items() if half != busy} == dict.fromkeys(
        halves(warehouse) - {busy}, 1
    )
    start, end = placed(warehouse, (someone.sender_code_id, someone.phone_list_id, "15550109991"))
    assert start is not None
    assert end is not None
    assert start <= at <= end <= start + timedelta(hours=25)


@pytest.mark.parametrize("hours", [1, pytest.param(30, marks=pytest.mark.full)])
@pytest.mark.parametrize("lookups", ["changed", pytest.param("none", marks=pytest.mark.full)])
def test_who_leaves_a_list_and_comes_back_soon_after_the_first_pull_is_placed_anew(
    warehouse: Warehouse, someone: Somebody, hours: int, lookups: str
) -> None:
    """With an equal record, on a list that the first pull has shown them on, without a window."""
    world, (sender, phone) = warehouse.sandbox.world, someone.key
    second = place_other_than(warehouse, someone)
    world.subscribe(sender, second, phone)
    world.clock.advance(days=10)
    warehouse.begin()
    assert placed(warehouse, (sender, second, phone)) == (None, None)
    world.clock.advance(minutes=10)
    world.leave_list(sender, second, phone)
    world.clock.advance(hours=hours)
    world.subscribe(sender, second, phone)
    at = world.clock.now()
    for _ in range(2):
        world.clock.advance(minutes=10)
        warehouse.pull(lookups=lookups)
        start, end = placed(warehouse, (sender, second, phone))
        assert start is not None
        assert end is not None
        assert start <= at <= end <= start + timedelta(hours=25)
    world.clock.advance(minutes=10)
    assert warehouse.pull(lookups=lookups) == {}, "and stays so"


@pytest.mark.full
def test_who_is_new_on_the_day_of_the_first_pull_is_placed_after_it(warehouse: Warehouse, someone: Somebody) -> None:
    world, key = warehouse.sandbox.world, (someone.sender_code_id, someone.phone_list_id, "15550109992")
    warehouse.begin()
    first = world.clock.now()
    world.clock.advance(minutes=10)
    world.subscribe(*key)
    for _ in range(3):
        world.clock.advance(hours=5)
        warehouse.pull()
        start, end = placed(warehouse, key)
        assert start is not None
        assert end is not None
        assert first <= start < end
        assert [event for place, event in events_of(warehouse, key[2]) if place] == ["subscribed"]


@pytest.mark.full
@pytest.mark.parametrize("lookups", ["changed", "none"])
def test_who_said_stop_last_year_and_is_imported_today_is_seen(
    warehouse: Warehouse, someone: Somebody, lookups: str
) -> None:
    """No window of opt-outs has them, and no reachable half: only the other half of their list does."""
    world, (sender, phone) = warehouse.sandbox.world, someone.key
    world.opt_out(sender, phone)
    warehouse.begin()
    settle(warehouse)
    second = place_other_than(warehouse, someone)
    world.clock.advance(days=2)
    world.import_dated(sender, second, phone)
    world.clock.advance(hours=1)
    counts = asked(warehouse, lookups=lookups)
    assert (sender, second, phone) in warehouse.rows("list_memberships")
    assert warehouse.rows("contacts")[someone.key]["opted_out"]
    assert counts[second, "true"] > 1
    assert counts[second, "false"] == 1


@pytest.mark.full
@pytest.mark.parametrize("missing", ["list_memberships", "contacts"])
def test_a_pull_of_one_table_is_quiet_too(warehouse: Warehouse, missing: str) -> None:
    chosen = {"list_memberships", "contacts"} - {missing}
    warehouse.begin(*chosen)
    for _ in range(2):
        warehouse.sandbox.world.clock.advance(days=5)
        warehouse.pull(*chosen)
    warehouse.sandbox.world.clock.advance(hours=1)
    assert asked(warehouse, *chosen) == dict.fromkeys(halves(warehouse), 1)


@pytest.mark.full
def test_a_walk_over_quiet_lists_asks_their_days_as_one(warehouse: Warehouse) -> None:
    """Once before it reads all of them, and once when it asks who has moved meanwhile."""
    warehouse.begin()
    settle(warehouse)
    warehouse.sandbox.world.clock.advance(hours=1)
    warehouse.sandbox.traffic.clear()
    assert wrote(warehouse) == {}
    dated = [query for _, query in queries(warehouse.sandbox, "/Contact") if "startSubscribeDate" in query]
    assert len(dated) <= 3 * len(halves(warehouse))
