"""Units of the shared sandbox, and a client that reads them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from listrak_source.api import ListrakClient
from listrak_source.pull.extract.date_windows import EVERYTHING
from listrak_source.pull.extract.partitions import ContactPartition, OptOutPartition
from listrak_source.sandbox import Sandbox
from tests.api.conftest import client_of_sandbox
from tests.pull.asking import somebody
from tests.pull.reading.ended import SECOND, list_of, listed


@pytest.fixture(scope="session")
def served(crowded: Sandbox) -> Sandbox:
    return crowded


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[ListrakClient]:
    with client_of_sandbox(sandbox, max_attempts=1) as client:
        client.get_sender_code(somebody(sandbox).sender_code_id)
        sandbox.traffic.clear()
        yield client


@pytest.fixture
def contacts(sandbox: Sandbox) -> ContactPartition:
    """The reachable contacts of the largest list."""
    place = somebody(sandbox)
    return ContactPartition(place.sender_code_id, place.phone_list_id, False, EVERYTHING)


@pytest.fixture
def opt_outs(sandbox: Sandbox) -> OptOutPartition:
    """The opt-outs, with forty more of the last minutes: two in a second, here and there."""
    world, place = sandbox.world, somebody(sandbox)
    people = [world.phone(person) for person in list_of(sandbox).reachable.members][:40]
    for turn, phone in enumerate(people):
        world.opt_out(place.sender_code_id, phone, "Import")
        world.clock.advance(SECOND * (turn % 4))
    return OptOutPartition(place.sender_code_id, EVERYTHING)


@pytest.fixture
def one_second(sandbox: Sandbox) -> OptOutPartition:
    """Six who opt out within one second, and one who does a minute before and one a minute after."""
    world, sender = sandbox.world, somebody(sandbox).sender_code_id
    for turn, phone in enumerate(listed(sandbox)[:8]):
        world.opt_out(sender, phone, "Import")
        if turn in (0, 6):
            world.clock.advance(minutes=1)
    return OptOutPartition(sender, EVERYTHING)
