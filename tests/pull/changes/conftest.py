"""A small Listrak, and people of it who change."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from listrak_source.sandbox import Sandbox, World
from tests.pull.asking import Somebody, somebody
from tests.pull.changes.walking import own_value
from tests.pull.warehouse import Warehouse


@pytest.fixture(scope="module")
def served() -> Iterator[Sandbox]:
    with Sandbox(World(seed=3, contacts=40, sender_codes=1, lists=3)) as sandbox:
        yield sandbox


@pytest.fixture
def someone(warehouse: Warehouse) -> Somebody:
    """A contact on one list alone, with a profile value."""
    world, one = warehouse.sandbox.world, somebody(warehouse.sandbox)
    lists = world.sender_codes[one.sender_code_id].lists
    on_one = [
        world.phone(person)
        for person in lists[one.phone_list_id].reachable.members
        if sum(bool(item.since[person]) for item in lists.values()) == 1
    ]
    found = Somebody(one.sender_code_id, one.phone_list_id, on_one[0])
    own_value(world, found.phone_number)
    return found


@pytest.fixture
def shared(warehouse: Warehouse, someone: Somebody) -> Somebody:
    """The same person on a second sender code."""
    world = warehouse.sandbox.world
    second = world.add_sender_code("Second")
    phone_list = world.add_list(second, "Its list")
    world.subscribe(second, phone_list, someone.phone_number)
    world.clock.advance(days=10)
    return Somebody(second, phone_list, someone.phone_number)
