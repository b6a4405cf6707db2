"""What an answer names twice, or two ways of a pull bring, stands once in the warehouse."""

from __future__ import annotations

from typing import Any

import pytest

from tests.destinations.places import Place
from tests.pull.asking import somebody
from tests.pull.proxy import proxy
from tests.pull.warehouse import Warehouse, truth


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


@pytest.mark.parametrize("place", ["duckdb", "delta"], indirect=True)
def test_who_is_new_on_a_list_with_too_many_new_ones_and_on_another(
    warehouse: Warehouse, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one is taken as it shows them, the other looks them up: each contact is written once."""
    monkeypatch.setattr("listrak_source.pull.progress.MOST_REMEMBERED", 20)
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
