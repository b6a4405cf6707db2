"""The warehouse against the sandbox's own truth, table by table and field by field."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from listrak_source.sandbox import Sandbox, World
from tests.destinations.places import Place
from tests.pull.warehouse import Rows, Warehouse, truth

SMALL = ("sender_codes", "lists", "profile_fields", "transactional_messages")

FOUND = frozenset({"subscribed", "confirmed", "opted_out", "came_back"})
"""What a window of subscribe or opt-out dates brings to light."""


@pytest.fixture
def warehouse(tmp_path: Path, place: Place) -> Iterator[Warehouse]:
    with Sandbox(World(seed=11, contacts=1500)) as sandbox:
        yield Warehouse(sandbox, tmp_path, place)


def without_dates(rows: Rows) -> Rows:
    """Contacts as a list tells them: their dates are known only once they are looked up."""
    return {key: row | {"subscribe_date": None, "unsubscribe_date": None} for key, row in rows.items()}


def agree_on_placement(memberships: Rows, told: Rows) -> None:
    """Each membership's window holds the subscription that the sandbox knows."""
    for key, row in memberships.items():
        subscribed = told[key]["subscribed_at"]
        if row["subscribed_from"]:
            assert row["subscribed_from"] <= subscribed < row["subscribed_before"], key


def test_first_pull_equals_truth(warehouse: Warehouse) -> None:
    warehouse.pull()
    told = truth(warehouse.sandbox)
    for name in (*SMALL, "opt_outs", "contact_profile_values"):
        assert warehouse.rows(name) == told[name], name
    assert warehouse.rows("contacts") == without_dates(told["contacts"])
    memberships = warehouse.rows("list_memberships")
    assert memberships.keys() == told["list_memberships"].keys()
    agree_on_placement(memberships, told["list_memberships"])
    assert any(row["subscribed_from"] for row in memberships.values()), "the last days are placed"
    # Nobody is looked up by a first pull.
    assert "subscriptions" not in warehouse.loads()


@pytest.mark.full
def test_after_three_days_what_a_pull_can_see_is_there(warehouse: Warehouse) -> None:
    world = warehouse.sandbox.world
    warehouse.begin()
    before = {name: warehouse.rows(name) for name in ("contacts", "contact_profile_values", "list_memberships")}
    world.live(3)
    warehouse.pull()
    told = truth(warehouse.sandbox)
    for name in SMALL:
        assert warehouse.rows(name) == told[name], name

    # Every opt-out: those of today, and those that Listrak no longer lists because the person came back.
    opt_outs = warehouse.rows("opt_outs")
    assert told["opt_outs"].items() <= opt_outs.items()

    seen = {(event.sender_code_id, event.phone_number) for event in world.journal if event.kind in FOUND}
    assert {event.kind for event in world.journal} > FOUND, "these days had all of it, and more that no window shows"
    unlisted = world.truth()["unlisted_contacts"]
    contacts = warehouse.rows("contacts")
    for person in seen & told["contacts"].keys():
        assert contacts[person] == told["contacts"][person], "who subscribed or opted out is as Listrak has them now"
    untouched = contacts.keys() - seen - unlisted.keys()
    assert all(contacts[person] == before["contacts"][person] for person in untouched)
    assert told["contacts"].keys() <= contacts.keys(), "nobody is missing"

    values = warehouse.rows("contact_profile_values")
    assert {key: row for key, row in values.items() if key[:2] in seen & told["contacts"].keys()} == {
        key: row for key, row in told["contact_profile_values"].items() if key[:2] in seen
    }
    memberships = warehouse.rows("list_memberships")
    assert told["list_memberships"].keys() <= memberships.keys()
    agree_on_placement({key: memberships[key] for key in told["list_memberships"]}, told["list_memberships"])

    subscriptions = warehouse.rows("subscriptions")
    looked_up = {key[:2] for key in subscriptions}
    assert (seen & told["contacts"].keys()) <= looked_up
    assert subscriptions == {key: row for key, row in told["subscriptions"].items() if key[:2] in looked_up}


@pytest.mark.full
def test_a_pull_that_changed_nothing_in_a_larger_account_loads_nothing(warehouse: Warehouse) -> None:
    test_a_pull_that_changed_nothing_loads_nothing(warehouse.sandbox, warehouse.folder, warehouse.place)


def test_a_pull_that_changed_nothing_loads_nothing(sandbox: Sandbox, tmp_path: Path, place: Place) -> None:
    warehouse = Warehouse(sandbox, tmp_path, place)
    warehouse.pull()
    assert warehouse.pull() == {}, "right after the first"
    warehouse.sandbox.world.live(3)
    assert warehouse.pull()
    loads = warehouse.loads()
    assert warehouse.pull() == {}, "right after a pull that found something"
    warehouse.sandbox.world.clock.advance(timedelta(hours=30))
    assert warehouse.pull() == {}, "the next day"
    assert warehouse.loads() == loads


@pytest.mark.full
def test_complete_walk_finds_what_windows_miss(warehouse: Warehouse) -> None:
    world = warehouse.sandbox.world
    warehouse.begin()
    world.live(3)
    warehouse.pull()
    dated = {key: row for key, row in warehouse.rows("contacts").items() if row["subscribe_date"]}
    world.live(2)
    warehouse.pull(full=True)
    told = truth(warehouse.sandbox)
    contacts = warehouse.rows("contacts")
    for person, row in told["contacts"].items():
        ours = contacts[person]
        assert without_dates({person: ours}) == without_dates({person: row}), "profile edits have arrived"
        # Dates that were looked up are not lost to a list that tells none.
        if person in dated and not row["opted_out"]:
            assert ours["subscribe_date"], person
    values = warehouse.rows("contact_profile_values")
    gone = {key for key in values if key not in told["contact_profile_values"]}
    assert {key[:2] for key in gone} <= contacts.keys() - told["contacts"].keys(), "only of people who vanished"
    assert told["contact_profile_values"].items() <= values.items()
    assert told["list_memberships"].keys() <= warehouse.rows("list_memberships").keys()
    assert told["opt_outs"].items() <= warehouse.rows("opt_outs").items()


@pytest.mark.full
def test_everyone_is_looked_up_on_request(warehouse: Warehouse) -> None:
    warehouse.pull(lookups="all")
    told: dict[str, Any] = truth(warehouse.sandbox)
    assert warehouse.rows("contacts") == told["contacts"], "dates included"
    assert warehouse.rows("contact_profile_values") == told["contact_profile_values"]
    listed = told["contacts"].keys()
    assert warehouse.rows("subscriptions") == {
        key: row for key, row in told["subscriptions"].items() if key[:2] in listed
    }
