"""Collections that move while they are paged, or are not whole for a moment: the next pull finds what one missed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from listrak_source.cli import reports
from listrak_source.sandbox import Fault
from tests.pull.asking import Somebody, on_request, somebody
from tests.pull.proxy import proxy
from tests.pull.sweep.gone import removed
from tests.pull.warehouse import Warehouse, truth

PAGES = {"page_size": 3, "workers": 1}


@pytest.fixture(autouse=True)
def offsets(warehouse: Warehouse) -> None:
    service = warehouse.sandbox.service
    service.quirks = replace(service.quirks, cursors="offsets")


def between_pages(warehouse: Warehouse, operation: str, act: Callable[[], None], without: str = "(none)") -> list[str]:
    """Have ``act`` happen before the second page of a collection, of a query without some filter; returns a list that
    tells when it has.
    """
    happened: list[str] = []

    def look(asked: str, query: str) -> None:
        if asked == operation and "cursor=" in query and without not in query and not happened:
            happened.append(query)
            act()

    on_request(warehouse.sandbox, look)
    return happened


def some(warehouse: Warehouse, stopped: bool = False) -> tuple[Somebody, list[str]]:
    """Twelve people subscribe (and stop), a minute apart."""
    world, someone = warehouse.sandbox.world, somebody(warehouse.sandbox)
    phones = [f"155501090{number:02d}" for number in range(12)]
    for phone in phones:
        world.subscribe(someone.sender_code_id, someone.phone_list_id, phone)
        if stopped:
            world.opt_out(someone.sender_code_id, phone)
        world.clock.advance(minutes=1)
    return someone, phones


def lacks(warehouse: Warehouse, *tables: str) -> dict[str, set[object]]:
    told = truth(warehouse.sandbox)
    held = {name: warehouse.rows(name) if warehouse.records(name) is not None else {} for name in tables}
    missing = {name: set(told[name].keys() - held[name].keys()) for name in tables}
    return {name: keys for name, keys in missing.items() if keys}


@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("gap", [0, 40], ids=["a first pull", "a pull after 40 days"])
def test_a_stop_that_a_page_skipped_is_found_by_the_next_pull(warehouse: Warehouse, gap: int) -> None:
    """13.A1: somebody comes back between two pages of opt-outs, and another stop is on neither of them."""
    world = warehouse.sandbox.world
    if gap:
        warehouse.begin()
        warehouse.pull()
    someone, phones = some(warehouse, stopped=True)
    world.clock.advance(days=gap)
    first = world.phone(world.sender_codes[someone.sender_code_id].opt_out_order.members[0])
    back = phones[0] if gap else first
    # A first pull reads all of them without a date, and a later one those of the days since the last.
    without = "(none)" if gap else "startDate"
    moved = between_pages(warehouse, "list_opt_outs", lambda: world.resubscribe(someone.sender_code_id, back), without)
    warehouse.pull(**PAGES)
    assert moved
    assert lacks(warehouse, "opt_outs"), "it was skipped"
    world.clock.advance(days=gap or 3)
    warehouse.pull(**PAGES)
    assert lacks(warehouse, "opt_outs") == {}
    stops = {key[:2] for key in truth(warehouse.sandbox)["opt_outs"]}
    told = {(key[0], key[2]) for key in warehouse.rows("consent_events") if key[3] == "opted_out"}
    assert stops <= told
    assert warehouse.pull(**PAGES) == {}, "and a third pull loads nothing"


@pytest.mark.full
def test_a_subscription_that_a_page_skipped_is_found_by_the_next_pull(warehouse: Warehouse) -> None:
    """13.A1: somebody leaves between two pages of a long window."""
    world = warehouse.sandbox.world
    warehouse.begin()
    someone, phones = some(warehouse)
    world.clock.advance(days=50)

    def leave() -> None:
        world.leave_list(someone.sender_code_id, someone.phone_list_id, phones[0])

    moved = between_pages(warehouse, "list_contacts", leave)
    warehouse.pull(**PAGES)
    assert moved
    assert lacks(warehouse, "list_memberships"), "it was skipped"
    world.clock.advance(days=50)
    warehouse.pull(**PAGES)
    assert lacks(warehouse, "list_memberships", "contacts") == {}
    assert warehouse.pull(**PAGES) == {}


@pytest.mark.full
def test_whom_a_walk_skipped_is_not_marked(warehouse: Warehouse) -> None:
    """13.A1: somebody leaves between two pages of a complete walk; whoever is skipped for that is alive."""
    world, someone = warehouse.sandbox.world, somebody(warehouse.sandbox)
    warehouse.begin()
    world.clock.advance(days=3)
    moved = between_pages(
        warehouse,
        "list_contacts",
        lambda: world.leave_list(someone.sender_code_id, someone.phone_list_id, someone.phone_number),
    )
    warehouse.pull(full=True, lookups="none", **PAGES)
    assert moved
    there = truth(warehouse.sandbox)
    marked = removed(warehouse)
    assert not marked.get("contacts", set()) & there["contacts"].keys()
    assert not marked.get("list_memberships", set()) & there["list_memberships"].keys()


@pytest.mark.cases(1, 1)
@pytest.mark.parametrize("kind", ["no_rows", "some_rows"])
@pytest.mark.parametrize("gap", [0, 20], ids=["a first pull", "a later pull"])
def test_opt_outs_that_were_not_shown_for_a_moment_come_with_the_next_pull(
    warehouse: Warehouse, gap: int, kind: str
) -> None:
    """13.A2: an answer without them is not taken for good."""
    world = warehouse.sandbox.world
    if gap:
        warehouse.begin()
        warehouse.pull()
    some(warehouse, stopped=True)
    world.clock.advance(days=gap)
    warehouse.sandbox.faults.add(Fault(kind, "list_opt_outs", times=None))  # type: ignore[arg-type]
    warehouse.pull()
    warehouse.sandbox.faults.clear()
    assert lacks(warehouse, "opt_outs")
    world.clock.advance(days=gap or 3)
    warehouse.pull()
    assert lacks(warehouse, "opt_outs") == {}


@pytest.mark.full
def test_a_list_that_was_empty_for_a_moment_is_read_again(warehouse: Warehouse) -> None:
    """13.A2: the first reading of a list that finds nobody is not believed, and the second is."""
    warehouse.sandbox.faults.add(Fault("no_rows", "list_contacts", times=None))
    warehouse.pull()
    warehouse.sandbox.faults.clear()
    warehouse.sandbox.world.clock.advance(days=1)
    warehouse.pull()
    assert lacks(warehouse, "contacts", "list_memberships") == {}


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("operation", ["list_phone_lists", "list_sender_codes"])
@pytest.mark.parametrize("full", [False, True])
def test_what_the_directory_does_not_show_is_asked_for_by_itself(
    warehouse: Warehouse, operation: str, full: bool
) -> None:
    """13.A2: lists and sender codes that were read before are read, though no collection shows them for a moment."""
    warehouse.begin()
    warehouse.pull()
    some(warehouse, stopped=True)
    warehouse.sandbox.world.clock.advance(days=1)
    warehouse.sandbox.faults.add(Fault("no_rows", operation, times=None))
    warehouse.pull(full=full)
    assert lacks(warehouse, "opt_outs", "contacts", "list_memberships", "lists", "sender_codes") == {}
    assert reports.unread(warehouse.pipeline()) == []
    assert removed(warehouse) == {}


def test_the_credentials_of_another_account_stop_the_pull(warehouse: Warehouse) -> None:
    """13.A2: nothing of it comes into the dataset, and nothing there is marked."""
    world = warehouse.sandbox.world
    warehouse.begin()
    for sender in list(world.sender_codes):
        world.delete_sender_code(sender)
    other = world.add_sender_code("Other")
    world.subscribe(other, world.add_list(other, "Its list"), "15550109001")
    for full in (False, True):
        with pytest.raises(Exception, match="credentials of another account"):
            warehouse.pull(full=full)
    assert removed(warehouse) == {}
    assert (other, "15550109001") not in warehouse.rows("contacts")


UNDONE = {"no word": None, "false": False}


@pytest.mark.cases(1)
@pytest.mark.parametrize("said", UNDONE)
def test_a_lookup_takes_no_stop_back(warehouse: Warehouse, said: str) -> None:
    """13.A6: the opt-outs of the same pull say stop, and the contact by itself says nothing of it, or the opposite."""
    world, someone = warehouse.sandbox.world, somebody(warehouse.sandbox)
    warehouse.begin()
    world.clock.advance(hours=1)
    world.opt_out(someone.sender_code_id, someone.phone_number)
    world.clock.advance(minutes=1)

    def change(path: str, answer: dict[str, Any]) -> None:
        if path.endswith(f"/Contact/{someone.phone_number}"):
            answer["data"] |= {"optedOut": UNDONE[said], "unsubscribeDate": None}

    with proxy(warehouse.sandbox, change) as base_url:
        warehouse.pull(base_url=base_url)
    assert warehouse.rows("contacts")[someone.key]["opted_out"] is True
    world.clock.advance(minutes=1)
    warehouse.pull()
    assert warehouse.rows("contacts")[someone.key] == truth(warehouse.sandbox)["contacts"][someone.key]
    events = [key[3] for key in warehouse.rows("consent_events") if key[1:3] == (0, someone.phone_number)]
    assert events == ["opted_out"]


@pytest.mark.full
@pytest.mark.parametrize("data", [[], None])
def test_a_lookup_that_tells_of_no_list_is_asked_again(warehouse: Warehouse, data: Any) -> None:
    """13.A6: a list has just shown them."""
    world, someone = warehouse.sandbox.world, somebody(warehouse.sandbox)
    warehouse.begin()
    world.subscribe(someone.sender_code_id, someone.phone_list_id, "15550109001")
    world.clock.advance(minutes=1)

    def change(path: str, answer: dict[str, Any]) -> None:
        if path.endswith("/Contact/15550109001/PhoneList"):
            answer["data"] = data

    with proxy(warehouse.sandbox, change) as base_url:
        warehouse.pull(base_url=base_url)
    told = {key[3] for key in warehouse.rows("consent_events") if key[2] == "15550109001"}
    assert "subscribed" in told, "the list tells it"
    world.clock.advance(minutes=1)
    warehouse.pull()
    rows = warehouse.rows("subscriptions")
    assert [key for key in rows if key[1] == "15550109001"]


@pytest.mark.full
def test_whom_a_first_reading_skipped_comes_with_the_next_complete_walk(warehouse: Warehouse) -> None:
    """13.A1: nothing tells that somebody was skipped, and to read every list twice costs too much."""
    world, someone = warehouse.sandbox.world, somebody(warehouse.sandbox)
    moved = between_pages(
        warehouse,
        "list_contacts",
        lambda: world.leave_list(someone.sender_code_id, someone.phone_list_id, someone.phone_number),
        "SubscribeDate",
    )
    warehouse.pull(**PAGES)
    assert moved
    assert lacks(warehouse, "list_memberships"), "somebody was skipped"
    world.clock.advance(days=3)
    warehouse.pull(full=True)
    assert lacks(warehouse, "contacts", "list_memberships") == {}


@pytest.mark.full
def test_a_stop_between_its_collection_and_a_lookup_is_told_once(warehouse: Warehouse) -> None:
    """13.A1: the last opt-outs are read, somebody says stop, a lookup tells it, and the opt-outs are read as a whole.
    dlt's insert-only looks for no twins among the new rows.
    """
    warehouse.begin()
    warehouse.pull()
    world, someone = warehouse.sandbox.world, somebody(warehouse.sandbox)
    world.clock.advance(days=2)
    phone = "15550109000"
    world.subscribe(someone.sender_code_id, someone.phone_list_id, phone)
    world.clock.advance(minutes=1)
    happened: list[str] = []

    def look(asked: str, query: str) -> None:
        if asked == "get_contact" and not happened:
            happened.append(query)
            world.opt_out(someone.sender_code_id, phone)

    on_request(warehouse.sandbox, look)
    warehouse.pull(full=True)
    assert happened, "somebody was looked up"
    told = warehouse.query(
        f"SELECT effective_at FROM listrak_sms.consent_events WHERE event = 'opted_out' AND phone_number = '{phone}'"
    )
    assert len(told) == 1
    assert told[0][0] is not None
