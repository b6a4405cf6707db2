"""Whom push has confirmed, or has tried in vain, after the contact was last written: the next walk writes it again.

Push waits for a newer sighting of these contacts, and knows it by the load of their rows.
"""

from __future__ import annotations

from time import time

import pytest

from listrak_source.push.warehouse.ledger import TABLES as LEDGER
from tests.pull.asking import Somebody
from tests.pull.changes.walking import by_hand, hashes, wrote
from tests.pull.warehouse import Warehouse

AT = {"push_confirmed": "confirmed_at", "push_tried": "tried_at"}


def note(warehouse: Warehouse, table: str, one: Somebody, at: float) -> None:
    """What push writes down of a contact."""
    by_hand(
        warehouse,
        f"CREATE TABLE IF NOT EXISTS {table} ({LEDGER[table]})",
        f"INSERT INTO {table} (sender_code_id, phone_number, target, {AT[table]}) "
        f"VALUES ({one.sender_code_id}, '{one.phone_number}', 'firstName', {at!r})",
    )


def keys_of(warehouse: Warehouse, one: Somebody) -> dict[str, set[object]]:
    """The rows that are written with a contact."""
    tables = ("contacts", "contact_profile_values", "list_memberships")
    return {
        name: {key for key in warehouse.rows(name) if (key[0], one.phone_number) == one.key and one.phone_number in key}
        for name in tables
    }


@pytest.mark.cases(1, 1)
@pytest.mark.parametrize("table", AT)
def test_a_contact_that_push_names_later_than_its_load_is_written_again(
    warehouse: Warehouse, someone: Somebody, shared: Somebody, table: str
) -> None:
    """With its values and its memberships, once, and on the sender code that push names."""
    warehouse.begin()
    told = hashes(warehouse)
    note(warehouse, table, someone, time())
    expected = keys_of(warehouse, someone)
    assert all(expected.values())
    assert wrote(warehouse) == expected
    assert hashes(warehouse) == told
    assert wrote(warehouse) == {}, "it was seen since"
    note(warehouse, table, shared, time())
    assert wrote(warehouse) == keys_of(warehouse, shared)


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("table", AT)
def test_a_contact_that_push_has_named_before_its_load_is_not(
    warehouse: Warehouse, someone: Somebody, table: str
) -> None:
    warehouse.begin()
    note(warehouse, table, someone, 1.0)
    by_hand(
        warehouse,
        f"INSERT INTO {table} SELECT * REPLACE ((SELECT min(_dlt_load_id)::DOUBLE - 1 FROM contacts) AS {AT[table]}) "
        f"FROM {table}",
    )
    assert wrote(warehouse) == {}


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("table", AT)
def test_whom_push_names_and_no_walk_finds_is_gone_as_anybody(
    warehouse: Warehouse, someone: Somebody, table: str
) -> None:
    warehouse.begin()
    warehouse.sandbox.world.vanish(someone.phone_number)
    warehouse.sandbox.world.clock.advance(days=3)
    note(warehouse, table, someone, time())
    warehouse.pull(full=True)
    assert someone.key in warehouse.rows("contacts", removed=True)
    assert wrote(warehouse) == {}
