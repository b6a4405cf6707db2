"""A row that somebody has changed by hand: its hash says that it is as Listrak shows it, and it is not."""

from __future__ import annotations

import duckdb
import pytest

from tests.pull.asking import Somebody
from tests.pull.warehouse import Warehouse, truth


def change(warehouse: Warehouse, statement: str) -> None:
    with duckdb.connect(str(warehouse.database)) as connection:
        connection.execute(statement)


@pytest.mark.parametrize("said", ["false", pytest.param("NULL", marks=pytest.mark.full)])
def test_a_stop_that_was_taken_back_by_hand_is_there_after_a_walk(warehouse: Warehouse, said: str) -> None:
    """What the sandbox of strangers found: the hash was the same, so the walk left the contact reachable."""
    warehouse.begin()
    stopped = {key for key, row in truth(warehouse.sandbox)["contacts"].items() if row["opted_out"]}
    assert len(stopped) > 2
    change(warehouse, f"UPDATE listrak_sms.contacts SET opted_out = {said}")
    warehouse.sandbox.world.clock.advance(hours=1)
    warehouse.pull(full=True)
    assert {key for key, row in warehouse.rows("contacts").items() if row["opted_out"]} == stopped
    warehouse.sandbox.world.clock.advance(hours=1)
    assert set(warehouse.pull(full=True)) == {"walks"}


@pytest.mark.full
def test_who_stands_as_stopped_by_hand_stays_so(warehouse: Warehouse, someone: Somebody) -> None:
    """Somebody has told the retailer, say. No walk takes that back before Listrak shows something new."""
    warehouse.begin()
    sender, phone = someone.key
    change(
        warehouse,
        "UPDATE listrak_sms.contacts SET opted_out = true "
        f"WHERE sender_code_id = {sender} AND phone_number = '{phone}'",
    )
    warehouse.sandbox.world.clock.advance(hours=1)
    warehouse.pull(full=True)
    assert warehouse.rows("contacts")[someone.key]["opted_out"] is True


@pytest.mark.full
def test_numbers_that_were_changed_by_hand(warehouse: Warehouse) -> None:
    """They are too many to be marked as removed, and everybody comes again."""
    warehouse.begin()
    change(warehouse, "UPDATE listrak_sms.contacts SET phone_number = '+' || phone_number")
    warehouse.sandbox.world.clock.advance(hours=1)
    warehouse.pull(full=True)
    assert warehouse.rows("contacts").keys() >= truth(warehouse.sandbox)["contacts"].keys()


@pytest.mark.full
def test_another_column_stays_until_listrak_shows_something_new(warehouse: Warehouse, someone: Somebody) -> None:
    """To compare each column of everybody is what a walk does without."""
    warehouse.begin()
    world = warehouse.sandbox.world
    change(warehouse, "UPDATE listrak_sms.contacts SET first_name = 'X'")
    world.clock.advance(hours=1)
    assert set(warehouse.pull(full=True)) == {"walks"}
    assert {row["first_name"] for row in warehouse.rows("contacts").values()} == {"X"}
    world.edit(someone.phone_number, {"lastName": "Newer"})
    world.clock.advance(hours=1)
    warehouse.pull(full=True)
    held, told = warehouse.rows("contacts")[someone.key], truth(warehouse.sandbox)["contacts"][someone.key]
    assert (held["first_name"], held["last_name"]) == (told["first_name"], "Newer")
