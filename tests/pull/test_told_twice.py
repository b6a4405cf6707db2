"""What an answer names twice, or two ways of a pull bring, stands once in the warehouse."""

from __future__ import annotations

from typing import Any

import pytest

from listrak_source.cli.reports import remarks
from tests.destinations.places import Place
from tests.pull.asking import somebody
from tests.pull.proxy import proxy
from tests.pull.warehouse import Warehouse, truth


@pytest.mark.full
@pytest.mark.parametrize("place", ["duckdb", "delta"], indirect=True)
@pytest.mark.parametrize("into_empty", [False, True])
def test_a_field_and_a_list_that_an_answer_names_twice(warehouse: Warehouse, place: Place, into_empty: bool) -> None:
    def change(path: str, answer: dict[str, Any]) -> None:
        if path.endswith("/Contact"):
            for record in answer["data"]:
                values = record["segmentationFieldValues"]
                record["segmentationFieldValues"] = [one | {"value": "older"} for one in values[:1]] + values
        elif "/Contact/" in path and path.endswith("/PhoneList"):
            answer["data"] += answer["data"][:1]

    someone = somebody(warehouse.sandbox)
    with proxy(warehouse.sandbox, change) as base_url:
        warehouse.pull(base_url=base_url, into_empty=into_empty, lists=[someone.phone_list_id])
        told = truth(warehouse.sandbox)
        held = warehouse.rows("contact_profile_values")
        assert held == {key: row for key, row in told["contact_profile_values"].items() if key in held}
        warehouse.pull(base_url=base_url, lookups="all", lists=[someone.phone_list_id])
    assert warehouse.rows("subscriptions").keys() <= told["subscriptions"].keys()
    assert warehouse.rows("contact_profile_values") == held


@pytest.mark.full
@pytest.mark.parametrize("place", ["duckdb", "delta"], indirect=True)
def test_who_is_new_on_a_list_with_too_many_new_ones_and_on_another(
    warehouse: Warehouse, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one is taken as it shows them, the other looks them up: each contact is written once."""
    monkeypatch.setattr("listrak_source.pull.walk.MOST_LOOKED_UP", 20)
    world, someone = warehouse.sandbox.world, somebody(warehouse.sandbox)
    sender = someone.sender_code_id
    first, second, *_ = world.sender_codes[sender].lists
    warehouse.pull()
    world.clock.advance(days=5)
    for number in range(30):
        world.subscribe(sender, first, f"1555010{number:04d}")
        if number < 5:
            world.subscribe(sender, second, f"1555010{number:04d}")
    world.clock.advance(hours=1)
    warehouse.pull()
    assert warehouse.rows("contacts").keys() == truth(warehouse.sandbox)["contacts"].keys()
    told = {key[1:4] for key in warehouse.rows("consent_events")}
    for number in range(30):
        lists = (first, second) if number < 5 else (first,)
        assert {(one, f"1555010{number:04d}", "subscribed") for one in lists} <= told, "by the list, where nobody asked"
    title = f"reachable contacts of list {first}, sender code {sender}"
    assert remarks(warehouse.pipeline()) == [f"Too many {title} are new at once: nobody of them was looked up."]


@pytest.mark.full
def test_stops_are_looked_up_however_many_they_are(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once: the second pull finds them as they are."""
    monkeypatch.setattr("listrak_source.pull.walk.MOST_LOOKED_UP", 20)
    world, sender = warehouse.sandbox.world, somebody(warehouse.sandbox).sender_code_id
    warehouse.pull()
    world.clock.advance(days=5)
    reachable = truth(warehouse.sandbox)["contacts"].items()
    stopped = sorted({phone for (one, phone), row in reachable if one == sender and not row["opted_out"]})[:40]
    for phone in stopped:
        world.opt_out(sender, phone)
    for _ in range(2):
        world.clock.advance(hours=1)
        warehouse.pull()
        assert remarks(warehouse.pipeline()) == [], "nothing is missing"
        told, held = truth(warehouse.sandbox)["contacts"], warehouse.rows("contacts")
        assert {phone: held[sender, phone] for phone in stopped} == {phone: told[sender, phone] for phone in stopped}


@pytest.mark.full
@pytest.mark.parametrize("into_empty", [False, True])
def test_who_stands_among_the_opt_outs_and_on_an_undated_list(warehouse: Warehouse, into_empty: bool) -> None:
    """The list tells that somebody is on it, and so does the lookup: whoever is on both sides is looked up."""
    someone, phone = somebody(warehouse.sandbox), "15550109001"
    warehouse.sandbox.world.import_undated(someone.sender_code_id, someone.phone_list_id, phone)
    warehouse.sandbox.traffic.clear()

    def change(path: str, answer: dict[str, Any]) -> None:
        if path.endswith("/OptOut") and answer["data"]:
            answer["data"] += [answer["data"][0] | {"phoneNumber": phone}]

    with proxy(warehouse.sandbox, change) as base_url:
        warehouse.pull(base_url=base_url, into_empty=into_empty)
    assert warehouse.sandbox.traffic.counts["list_contact_subscriptions"], "who is on both sides is looked up"
    events = [key for key in warehouse.rows("consent_events") if key[2:4] == (phone, "subscribed")]
    assert [key[:2] for key in events] == [(someone.sender_code_id, someone.phone_list_id)]
