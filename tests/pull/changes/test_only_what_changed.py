"""A complete walk writes what has changed at Listrak since the last one, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.pull.asking import Somebody
from tests.pull.changes.walking import (
    NAMES,
    WALKS,
    by_hand,
    hashes,
    own_value,
    walks,
    wrote,
)
from tests.pull.warehouse import Warehouse, truth

# -- an account in which nothing has changed ---------------------------------------------------------------------------


@pytest.mark.parametrize("lookups", ["changed", pytest.param("all", marks=pytest.mark.full)])
def test_a_walk_of_an_unchanged_account_writes_its_own_record_alone(warehouse: Warehouse, lookups: str) -> None:
    warehouse.begin(lookups=lookups)
    before = warehouse.loads()
    for _ in range(2):
        assert warehouse.pull(full=True).keys() == {WALKS}
    assert {name: loads for name, loads in warehouse.loads().items() if name in NAMES} == before


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("days", [1, 40, 5])
def test_it_writes_nothing_some_days_later_either(warehouse: Warehouse, days: int) -> None:
    """Also not of who has subscribed or stopped in the days before, whom a window of dates has placed since."""
    world = warehouse.sandbox.world
    warehouse.begin()
    world.live(2)
    warehouse.pull()
    world.clock.advance(days=2)
    warehouse.pull()
    warehouse.pull(full=True)
    world.clock.advance(days=days)
    assert wrote(warehouse) == {}
    assert warehouse.pull() == {}


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("place", ["postgres", "parquet", "delta"], indirect=True)
def test_it_is_so_in_other_places(warehouse: Warehouse) -> None:
    warehouse.begin()
    assert warehouse.pull(full=True).keys() == {WALKS}


@pytest.mark.full
def test_a_refresh_of_everybody_writes_what_it_tells_and_then_nothing(warehouse: Warehouse) -> None:
    """Dates that are looked up are compared by themselves: they are of no listing, and of no hash."""
    warehouse.begin()
    told = hashes(warehouse)
    found = wrote(warehouse, lookups="all")
    assert found["contacts"] == truth(warehouse.sandbox)["contacts"].keys()
    assert found["subscriptions"]
    assert "contact_profile_values" not in found
    assert "list_memberships" not in found
    assert hashes(warehouse) == told
    assert wrote(warehouse, lookups="all") == {}
    assert wrote(warehouse) == {}


# -- one contact that has changed --------------------------------------------------------------------------------------


@pytest.mark.full
def test_an_edited_contact_alone_is_written_and_not_its_values(warehouse: Warehouse, someone: Somebody) -> None:
    warehouse.begin()
    before = hashes(warehouse)
    warehouse.sandbox.world.edit(someone.phone_number, {"firstName": "Zoë the Second"})
    assert wrote(warehouse) == {"contacts": {someone.key}}
    assert warehouse.rows("contacts")[someone.key]["first_name"] == "Zoë the Second"
    after = hashes(warehouse)
    assert {key for key in after if after[key] != before[key]} == {someone.key}
    assert after[someone.key][1] == before[someone.key][1], "its values are what they were"
    assert wrote(warehouse) == {}


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("lookups", ["changed", "none"])
def test_an_edited_contact_keeps_the_dates_that_were_looked_up(
    warehouse: Warehouse, someone: Somebody, lookups: str
) -> None:
    warehouse.begin(lookups="all")
    warehouse.sandbox.world.edit(someone.phone_number, {"firstName": "Zoë the Second"})
    assert wrote(warehouse, lookups=lookups) == {"contacts": {someone.key}}
    told, row = truth(warehouse.sandbox)["contacts"][someone.key], warehouse.rows("contacts")[someone.key]
    assert {name: row[name] for name in told} == told
    assert row["subscribe_date"]


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("how", ["edited", "gone", "new"])
def test_an_edited_value_is_written_with_its_contact_and_of_nobody_else(
    warehouse: Warehouse, someone: Somebody, how: str
) -> None:
    world = warehouse.sandbox.world
    value = own_value(world, someone.phone_number)
    if how == "new":
        world.edit(someone.phone_number, {"segmentationFieldValues": [value | {"value": ""}]})
    warehouse.begin()
    before = hashes(warehouse)
    world.edit(someone.phone_number, {"segmentationFieldValues": [value | {"value": "" if how == "gone" else "007"}]})
    found = wrote(warehouse)
    field = (*someone.key, value["segmentationFieldId"])
    assert found.keys() - {"contact_profile_values"} == {"contacts"}
    assert found["contacts"] == {someone.key}
    assert {key[:2] for key in found.get("contact_profile_values", ())} <= {someone.key}
    rows = warehouse.rows("contact_profile_values")
    assert (field in rows) is (how != "gone")
    if how != "gone":
        assert field in found["contact_profile_values"]
        assert rows[field]["value"] == "007"
    after = hashes(warehouse)
    assert {key for key in after if after[key] != before[key]} == {someone.key}
    assert wrote(warehouse) == {}


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("empty", [False, True], ids=["null by hand", "null by hand, and edited"])
def test_a_contact_without_a_hash_is_written_whenever_it_is_seen(
    warehouse: Warehouse, someone: Somebody, empty: bool
) -> None:
    warehouse.begin()
    before = hashes(warehouse)
    if empty:
        value = own_value(warehouse.sandbox.world, someone.phone_number)
        warehouse.sandbox.world.edit(
            someone.phone_number,
            {"firstName": "Zoë the Second", "segmentationFieldValues": [value | {"value": "007"}]},
        )
    by_hand(
        warehouse,
        f"UPDATE contacts SET record_hash = NULL, values_hash = NULL WHERE phone_number = '{someone.phone_number}'",
    )
    found = wrote(warehouse)
    assert found["contacts"] == {someone.key}
    assert found.keys() <= {"contacts", "contact_profile_values"}
    told = truth(warehouse.sandbox)
    assert warehouse.rows("contacts")[someone.key]["first_name"] == told["contacts"][someone.key]["first_name"]
    assert warehouse.rows("contact_profile_values") == told["contact_profile_values"]
    assert all(hashes(warehouse)[someone.key])
    assert (hashes(warehouse) == before) is not empty
    assert wrote(warehouse) == {}


@pytest.mark.full
def test_a_stop_and_a_return_are_another_half_of_an_equal_record(warehouse: Warehouse, someone: Somebody) -> None:
    world = warehouse.sandbox.world
    warehouse.begin()
    seen = [hashes(warehouse)[someone.key]]
    for stopped in (True, False):
        if stopped:
            world.opt_out(*someone.key)
        else:
            world.resubscribe(*someone.key, someone.phone_list_id)
        world.clock.advance(hours=1)
        assert wrote(warehouse, lookups="none")["contacts"] == {someone.key}
        assert warehouse.rows("contacts")[someone.key]["opted_out"] is stopped
        seen.append(hashes(warehouse)[someone.key])
    assert seen[0] == seen[2] != seen[1]
    assert {values for _, values in seen} == {seen[0][1]}


# -- an account of two sender codes ------------------------------------------------------------------------------------
@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("how", ["profile", "value"])
def test_an_edit_that_is_seen_on_one_sender_code_is_not_yet_seen_on_the_other(
    warehouse: Warehouse, someone: Somebody, shared: Somebody, how: str
) -> None:
    world, phone = warehouse.sandbox.world, someone.phone_number
    value = own_value(world, phone)
    warehouse.begin()
    change: dict[str, Any] = {"segmentationFieldValues": [value | {"value": "007"}]}
    world.edit(phone, change if how == "value" else {"firstName": "Zoë the Second"})
    for options, one in (({"sender_codes": [someone.sender_code_id]}, someone), ({}, shared)):
        found = wrote(warehouse, **options)
        assert found["contacts"] == {one.key}
        assert {key[:2] for key in found.get("contact_profile_values", ())} == ({one.key} if how == "value" else set())
        assert found.keys() <= {"contacts", "contact_profile_values"}
    told, values = truth(warehouse.sandbox), warehouse.rows("contact_profile_values")
    for one in (someone, shared):
        assert warehouse.rows("contacts")[one.key]["first_name"] == told["contacts"][one.key]["first_name"]
        key = (*one.key, value["segmentationFieldId"])
        assert values[key] == told["contact_profile_values"][key]
    assert wrote(warehouse) == {}
    assert {row["sender_code_id"] for row in walks(warehouse)} == {someone.sender_code_id, shared.sender_code_id}
