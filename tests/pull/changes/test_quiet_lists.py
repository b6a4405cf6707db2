"""What a pull asks of lists: each page once, and windows of dates only where something is new in them."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from listrak_source.sandbox import Fault
from tests.pull.asking import Somebody, on_request, queries
from tests.pull.changes.walking import place_other_than, wrote
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


@pytest.mark.full
def test_a_first_pull_asks_opted_out_halves_for_their_last_days_at_once(warehouse: Warehouse) -> None:
    """And the others by day: of everybody in them it must say on which day they came."""
    world = warehouse.sandbox.world
    stopped = {item.list_id: item.opted_out for sender in world.sender_codes.values() for item in sender.lists.values()}
    counts = asked(warehouse, page_size=5000)
    assert set(counts) == halves(warehouse)
    assert stopped
    assert {count for (_, state), count in counts.items() if state == "true"} == {2}


@pytest.mark.full
def test_a_list_where_nothing_is_new_costs_one_request_a_half(warehouse: Warehouse) -> None:
    warehouse.begin()
    settle(warehouse)
    warehouse.sandbox.world.clock.advance(hours=1)
    assert asked(warehouse) == dict.fromkeys(halves(warehouse), 1)


@pytest.mark.full
def test_a_list_with_somebody_of_yesterday_costs_one_more_as_long_as_they_may_be_back_since(
    warehouse: Warehouse, someone: Somebody
) -> None:
    world, place = warehouse.sandbox.world, (someone.sender_code_id, someone.phone_list_id, "15550109990")
    warehouse.begin()
    settle(warehouse)
    world.clock.move_to(datetime(2026, 6, 10, 14))
    world.subscribe(*place)
    world.clock.advance(hours=1)
    warehouse.pull()
    world.clock.advance(hours=24)
    warehouse.pull()
    world.clock.advance(minutes=5)
    counts = asked(warehouse)
    assert counts.pop((someone.phone_list_id, "false")) == 2
    assert set(counts.values()) == {1}


@pytest.mark.full
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


@pytest.mark.full
def test_where_all_days_at_once_are_refused_each_is_asked(warehouse: Warehouse, someone: Somebody) -> None:
    """A bound of Listrak's on how much time one question may be about is no reason to leave a list unread."""
    world, place = warehouse.sandbox.world, (someone.sender_code_id, someone.phone_list_id, "15550109995")
    warehouse.begin()
    settle(warehouse)
    world.subscribe(*place)
    world.clock.advance(hours=1)
    at_once = Fault("status", operation="list_contacts", path=f"PhoneList/{place[1]}/", status=400)
    warehouse.sandbox.service.faults.add(at_once)
    warehouse.pull(max_attempts=1)
    assert not warehouse.sandbox.service.faults.waiting(), "it was hit"
    assert place in warehouse.rows("list_memberships")
    assert asked(warehouse)[place[1], "false"] <= 2, "and it counts as read"


@pytest.mark.full
def test_one_empty_answer_hides_no_half_that_nothing_else_reads(warehouse: Warehouse, someone: Somebody) -> None:
    """With a start_date a list is never read as a whole."""
    world, place = warehouse.sandbox.world, (someone.sender_code_id, someone.phone_list_id, "15550109996")
    world.subscribe(*place)
    world.subscribe(*place[:2], "15550109997")
    world.clock.advance(days=1)
    world.opt_out(place[0], place[2])
    world.clock.advance(days=20)
    start = (world.clock.now() - timedelta(days=40)).date().isoformat()
    done: list[str] = []

    def act(operation: str, query: str) -> None:
        if operation == "list_contacts" and "optedOut=true" in query and not done:
            done.append(query)
            warehouse.sandbox.service.faults.add(Fault("no_rows", "list_contacts", times=1))

    on_request(warehouse.sandbox, act)
    for _ in range(2):
        warehouse.pull(lists=[place[1]], lookups="none", workers=1, start_date=start)
        world.clock.advance(hours=20)
    assert done
    assert place in warehouse.rows("list_memberships")
