"""Walks of some tables between walks of all, and rows that somebody has taken out of the warehouse."""

from __future__ import annotations

import pytest

from tests.pull.asking import Somebody
from tests.pull.changes.walking import WALKS, by_hand, own_value, wrote
from tests.pull.sweep.gone import PEOPLE, removed
from tests.pull.warehouse import Warehouse, truth


def change(warehouse: Warehouse, someone: Somebody, value: str) -> tuple[int, str, int]:
    """Another value of one profile field; returns the key of its row."""
    item = own_value(warehouse.sandbox.world, someone.phone_number)
    warehouse.sandbox.world.edit(someone.phone_number, {"segmentationFieldValues": [item | {"value": value}]})
    return *someone.key, item["segmentationFieldId"]


# -- walks of some tables ---------------------------------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("also", [False, True], ids=["a value", "a value and the profile"])
def test_a_walk_of_contacts_alone_hides_no_edit_of_a_value(warehouse: Warehouse, someone: Somebody, also: bool) -> None:
    warehouse.begin()
    field = change(warehouse, someone, "007")
    if also:
        warehouse.sandbox.world.edit(someone.phone_number, {"firstName": "Zoë the Second"})
    assert wrote(warehouse, "contacts") == ({"contacts": {someone.key}} if also else {})
    assert field in wrote(warehouse)["contact_profile_values"]
    assert warehouse.rows("contact_profile_values") == truth(warehouse.sandbox)["contact_profile_values"]
    assert wrote(warehouse) == {}


@pytest.mark.full
def test_an_incremental_pull_of_contacts_alone_hides_none_either(warehouse: Warehouse, someone: Somebody) -> None:
    """It sees whoever says stop, with the profile of the moment."""
    warehouse.begin()
    change(warehouse, someone, "007")
    warehouse.sandbox.world.opt_out(*someone.key)
    warehouse.sandbox.world.clock.advance(hours=1)
    warehouse.pull("contacts")
    assert warehouse.rows("contacts")[someone.key]["opted_out"]
    warehouse.pull(full=True)
    assert warehouse.rows("contact_profile_values") == truth(warehouse.sandbox)["contact_profile_values"]


@pytest.mark.full
def test_values_that_are_selected_later_are_all_found(warehouse: Warehouse) -> None:
    warehouse.begin("contacts")
    assert warehouse.query(f"SELECT count(values_hash) FROM {warehouse.dataset}.contacts") == [(0,)]
    warehouse.pull(full=True)
    assert warehouse.rows("contact_profile_values") == truth(warehouse.sandbox)["contact_profile_values"]
    assert wrote(warehouse) == {}


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("tables", [("contacts",), ("contacts", "contact_profile_values"), ("contact_profile_values",)])
def test_a_walk_without_memberships_marks_nobody_as_gone(
    warehouse: Warehouse, someone: Somebody, tables: tuple[str, ...]
) -> None:
    warehouse.begin()
    warehouse.sandbox.world.vanish(someone.phone_number)
    warehouse.sandbox.world.clock.advance(days=3)
    assert warehouse.pull(*tables, full=True).keys() <= {WALKS}
    assert removed(warehouse) == {}
    warehouse.pull(full=True)
    assert someone.key in removed(warehouse)["contacts"]


@pytest.mark.full
def test_a_value_that_a_walk_of_values_alone_has_seen_meanwhile(warehouse: Warehouse, someone: Somebody) -> None:
    """The contact's hash is of the value before, which is that of afterwards too."""
    before = own_value(warehouse.sandbox.world, someone.phone_number)["value"]
    warehouse.begin()
    field = change(warehouse, someone, "007")
    warehouse.pull("contact_profile_values", full=True)
    assert warehouse.rows("contact_profile_values")[field]["value"] == "007"
    change(warehouse, someone, before)
    warehouse.pull(full=True)
    assert warehouse.rows("contact_profile_values")[field]["value"] == before
    assert wrote(warehouse) == {}


@pytest.mark.full
def test_a_value_that_a_walk_of_values_alone_has_seen_is_right_where_it_stays(
    warehouse: Warehouse, someone: Somebody
) -> None:
    warehouse.begin()
    field = change(warehouse, someone, "007")
    warehouse.pull("contact_profile_values", full=True)
    warehouse.pull(full=True)
    assert warehouse.rows("contact_profile_values")[field]["value"] == "007"
    assert wrote(warehouse) == {}


# -- rows that somebody has taken out ---------------------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize(
    "harm",
    [
        "DELETE FROM contact_profile_values WHERE rowid % 3 = 0",
        "DELETE FROM contact_profile_values WHERE phone_number = '{}'",
        "DELETE FROM contact_profile_values",
        "DROP TABLE contact_profile_values",
        "UPDATE contact_profile_values SET removed_at = now() WHERE phone_number = '{}'",
    ],
)
def test_values_that_are_gone_from_the_warehouse_come_back(warehouse: Warehouse, someone: Somebody, harm: str) -> None:
    warehouse.begin()
    by_hand(warehouse, harm.format(someone.phone_number))
    told = truth(warehouse.sandbox)["contact_profile_values"]
    warehouse.pull(full=True)
    assert warehouse.rows("contact_profile_values") == told
    assert wrote(warehouse) == {}


@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("table", ["contacts", "list_memberships", "opt_outs", "subscriptions"])
def test_a_row_that_is_gone_from_the_warehouse_comes_back(warehouse: Warehouse, someone: Somebody, table: str) -> None:
    world = warehouse.sandbox.world
    world.opt_out(*someone.key)
    world.clock.advance(days=10)
    warehouse.begin(**({"lookups": "all"} if table == "subscriptions" else {}))
    before = {name: warehouse.rows(name) for name in PEOPLE if warehouse.records(name)}
    by_hand(warehouse, f"DELETE FROM {table} WHERE phone_number = '{someone.phone_number}'")
    assert warehouse.rows(table) != before[table]
    warehouse.pull(full=True)
    for name, rows in before.items():
        assert warehouse.rows(name).keys() == rows.keys(), name
    assert warehouse.rows(table) == before[table]
    assert removed(warehouse) == {}
    assert wrote(warehouse) == {}


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("table", ["contacts", "list_memberships", "opt_outs", "subscriptions"])
def test_a_table_that_is_gone_from_the_warehouse_comes_back(warehouse: Warehouse, table: str) -> None:
    warehouse.begin(lookups="all")
    before = warehouse.rows(table)
    by_hand(warehouse, f"DROP TABLE {table}")
    warehouse.pull(full=True)
    assert warehouse.rows(table) == before
    assert wrote(warehouse) == {}


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize(
    ("table", "column"),
    [("lists", "phone_list_name"), ("opt_outs", "opt_out_reason"), ("subscriptions", "subscription_state")],
)
def test_a_column_that_somebody_has_changed_is_right_again(warehouse: Warehouse, table: str, column: str) -> None:
    """What has no hash is compared column by column."""
    warehouse.begin(lookups="all")
    before = warehouse.rows(table)
    by_hand(warehouse, f"UPDATE {table} SET {column} = 'something else' WHERE rowid = 0")
    assert sum(row != before[key] for key, row in warehouse.rows(table).items()) == 1
    found = wrote(warehouse)
    assert found.keys() == {table}
    assert len(found[table]) == 1
    assert warehouse.rows(table) == before


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("tables", [("subscriptions",), ("opt_outs", "subscriptions"), ("contact_profile_values",)])
def test_without_contacts_the_last_days_are_asked_again_until_they_are_over(
    warehouse: Warehouse, tables: tuple[str, ...]
) -> None:
    """It is the contact's row that knows what a list has shown."""
    world, traffic = warehouse.sandbox.world, warehouse.sandbox.traffic
    warehouse.begin(*tables)
    world.live(1)
    warehouse.pull(*tables)
    asked = []
    for hours in (1, 72, 72, 72):
        world.clock.advance(hours=hours)
        traffic.clear()
        warehouse.pull(*tables)
        asked.append(sum(traffic.counts[name] for name in ("get_contact", "list_contact_subscriptions")))
    assert asked[0] > 0
    assert asked[-1] == 0, asked
