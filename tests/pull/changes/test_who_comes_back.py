"""Who comes back with the record that the warehouse has, and whom one walk sees twice."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from tests.pull.asking import Somebody
from tests.pull.changes.walking import (
    events_of,
    hashes,
    place_other_than,
    profile,
    wrote,
)
from tests.pull.consent_state import consent_at
from tests.pull.warehouse import Warehouse

# -- who comes back with the same record -------------------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("how", [{"full": True}, {}, {"full": True, "lookups": "none"}, {"lookups": "none"}])
@pytest.mark.parametrize("dated", [False, True], ids=["without a date", "with a date"])
def test_a_removed_contact_that_comes_back_unchanged_is_alive_again(
    warehouse: Warehouse, someone: Somebody, how: dict[str, Any], dated: bool
) -> None:
    if not dated and not how.get("full"):
        pytest.skip("no window of dates shows who has none")
    world, (sender, phone) = warehouse.sandbox.world, someone.key
    warehouse.begin()
    record, before = profile(world, phone), hashes(warehouse)[someone.key]
    values = {key for key in warehouse.rows("contact_profile_values") if key[:2] == someone.key}
    world.vanish(phone)
    world.clock.advance(days=3)
    warehouse.pull(full=True)
    for name in ("contacts", "list_memberships", "contact_profile_values"):
        assert any(phone in key for key in warehouse.rows(name, removed=True)), name
    (world.subscribe if dated else world.import_undated)(sender, someone.phone_list_id, phone)
    world.hold(phone, record)
    world.clock.advance(days=3)
    warehouse.pull(**how)
    assert someone.key in warehouse.rows("contacts")
    assert (sender, someone.phone_list_id, phone) in warehouse.rows("list_memberships")
    assert {key for key in warehouse.rows("contact_profile_values") if key[:2] == someone.key} == values
    for name in ("contacts", "list_memberships", "contact_profile_values"):
        assert not any(phone in key for key in warehouse.rows(name, removed=True)), name
    assert hashes(warehouse)[someone.key] == before, "the record is what it was"
    listed = [event for place, event in events_of(warehouse, phone) if place]
    assert listed == ["subscribed", "removed", "subscribed"]
    assert wrote(warehouse, lookups=how.get("lookups", "changed")) == {}


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("how", [{"full": True}, {}, {"full": True, "lookups": "none"}])
def test_a_removed_membership_that_comes_back_unchanged_is_alive_again(
    warehouse: Warehouse, someone: Somebody, how: dict[str, Any]
) -> None:
    world, (sender, phone) = warehouse.sandbox.world, someone.key
    second = place_other_than(warehouse, someone)
    place = (sender, second, phone)
    world.subscribe(sender, second, phone)
    world.clock.advance(days=10)
    warehouse.begin()
    world.leave_list(sender, second, phone)
    world.clock.advance(days=3)
    assert place in wrote(warehouse)["list_memberships"]
    assert place in warehouse.rows("list_memberships", removed=True)
    world.subscribe(sender, second, phone)
    world.clock.advance(hours=1)
    assert wrote(warehouse, **{"full": False} | how)["list_memberships"] == {place}
    assert place in warehouse.rows("list_memberships")
    assert [event for where, event in events_of(warehouse, phone) if where == second] == [
        "subscribed", "removed", "subscribed",
    ]  # fmt: skip


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("lookups", ["changed", "none"])
@pytest.mark.parametrize("last", [False, True], ids=["seen by an incremental pull", "seen by a walk"])
def test_on_a_list_on_day_1_off_on_day_5_back_on_day_10_is_three_events(
    warehouse: Warehouse, someone: Somebody, lookups: str, last: bool
) -> None:
    world, (sender, phone) = warehouse.sandbox.world, someone.key
    second = place_other_than(warehouse, someone)
    warehouse.begin()
    world.clock.advance(days=1)
    world.subscribe(sender, second, phone)
    world.clock.advance(hours=1)
    warehouse.pull(lookups=lookups)
    world.clock.advance(days=4)
    world.leave_list(sender, second, phone)
    world.clock.advance(hours=1)
    warehouse.pull(full=True, lookups=lookups)
    world.clock.advance(days=5)
    world.subscribe(sender, second, phone)
    world.clock.advance(hours=1)
    warehouse.pull(full=last, lookups=lookups)
    told = [event for where, event in events_of(warehouse, phone) if where == second]
    assert [event for event in told if event != "unsubscribed"] == ["subscribed", "removed", "subscribed"]


# -- one walk that sees a contact twice --------------------------------------------------------------------------------


@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("before", ["reachable", "opted out"])
@pytest.mark.parametrize("stopped_on", ["the list that is read last", "the list that is read first"])
def test_the_stop_wins_where_a_walk_sees_a_contact_in_both_halves(
    warehouse: Warehouse, someone: Somebody, before: str, stopped_on: str
) -> None:
    """Whether the record with the stop is the one that the warehouse holds already, or the other one is."""
    world, (sender, phone) = warehouse.sandbox.world, someone.key
    world.subscribe(sender, place_other_than(warehouse, someone), phone)
    world.clock.advance(days=10)
    if before == "opted out":
        world.opt_out(sender, phone)
        world.clock.advance(days=10)
    warehouse.begin()
    if before == "reachable":
        world.opt_out(sender, phone)
        world.clock.advance(days=10)
    person = world.people[phone]
    lists = [one for one in world.sender_codes[sender].lists.values() if one.since[person]]
    still = lists[0] if "last" in stopped_on else lists[-1]
    still.opted_out.remove(still.since[person], person)
    still.reachable.add(still.since[person], person)
    for news in (before == "reachable", False):
        found = wrote(warehouse, lookups="none")
        with duckdb.connect(str(warehouse.database)) as connection:
            assert someone.key in consent_at(connection, world.clock.now()).stopped
        assert warehouse.rows("contacts")[someone.key]["opted_out"] is True
        # Who stands in both halves is written each time: the stop after the other record.
        assert found.get("contacts", set()) >= ({someone.key} if news else set())
