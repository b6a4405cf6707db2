"""A first reading in slices of subscribe dates, and from a date on: side by side, and whom that leaves out."""

from __future__ import annotations

from time import monotonic
from typing import Any

import pytest

from listrak_source.sandbox import Sandbox
from tests.pull.asking import on_request, somebody
from tests.pull.cutting import SMALL_LOADS, agree, cut
from tests.pull.warehouse import Warehouse, truth


@pytest.fixture(scope="session")
def served(crowded: Sandbox) -> Sandbox:
    return crowded


UNDATED = "12125550001"


@pytest.fixture
def undated(sandbox: Sandbox) -> str:
    """Somebody who is on a list without a subscribe date."""
    one = somebody(sandbox)
    sandbox.world.import_undated(one.sender_code_id, one.phone_list_id, UNDATED, {"firstName": "Ann"})
    return UNDATED


def people(warehouse: Warehouse) -> set[str]:
    """Who is in the warehouse; each key stands once in each table."""
    found = {key[1] for key in warehouse.rows("contacts")}
    assert found == {key[2] for key in warehouse.rows("list_memberships")}
    return found


@pytest.mark.full
def test_slices_bring_everybody_who_has_a_date_placed_in_their_slice(warehouse: Warehouse) -> None:
    warehouse.pull(slices=3, page_size=7)
    told = truth(warehouse.sandbox)
    for name in ("contacts", "contact_profile_values", "list_memberships", "opt_outs"):
        assert warehouse.rows(name).keys() == told[name].keys(), name
    rows = warehouse.rows("list_memberships")
    for key, row in rows.items():
        at = told["list_memberships"][key]["subscribed_at"]
        assert not row["subscribed_from"] or row["subscribed_from"] <= at, key
        assert not row["subscribed_before"] or at < row["subscribed_before"], key
    assert len({row["subscribed_from"] for row in rows.values()}) > 5, "in many slices"
    assert warehouse.pull(slices=3) == {}, "read once, it goes on by windows"


@pytest.mark.parametrize("slices", [None, 3], ids=["whole", "in slices"])
def test_one_list_is_read_side_by_side_in_slices_only(warehouse: Warehouse, slices: int | None) -> None:
    """The sandbox waits before each answer, so what comes within that time is under way at once."""
    sandbox, wait = warehouse.sandbox, 0.1
    sandbox.service.delay = wait
    came: list[float] = []
    # The last days are read by the day, side by side in either case.
    recent = ("startSubscribeDate=2026-02", "startSubscribeDate=2026-03")

    def act(operation: str, query: str) -> None:
        if operation == "list_contacts" and not any(start in query for start in recent):
            came.append(monotonic())

    on_request(sandbox, act)
    options: dict[str, Any] = {"slices": slices, "lists": [somebody(sandbox).phone_list_id], "workers": 4}
    warehouse.pull("list_memberships", page_size=50, **options)
    came.sort()
    assert len(came) > 4
    at_once = max(sum(1 for other in came[at:] if other - begun < wait) for at, begun in enumerate(came))
    assert 2 <= at_once <= 4 if slices else at_once == 1


@pytest.mark.full
def test_slices_that_are_cut_short_again_and_again_end_as_if_nobody_had(warehouse: Warehouse, twin: Warehouse) -> None:
    twin.pull(slices=6)
    rounds = 1
    while cut(warehouse, 1, slices=6, **{**SMALL_LOADS, "chunk_rows": 120}):
        rounds += 1
    assert rounds > 2
    agree(warehouse, twin)


@pytest.mark.full
@pytest.mark.parametrize("options", [{}, {"slices": 1}, {"start_date": "2010-01-01"}], ids=["all", "slices", "since"])
def test_who_has_no_date_is_read_unless_dates_are_asked_for(
    warehouse: Warehouse, undated: str, options: dict[str, Any]
) -> None:
    """The complete walk, which asks for none, finds them."""
    everybody = {phone for _, phone in truth(warehouse.sandbox)["contacts"]}
    assert undated in everybody
    warehouse.pull(**options)
    assert people(warehouse) == (everybody if not options else everybody - {undated})
    warehouse.sandbox.world.clock.advance(days=1)
    warehouse.pull(full=True, **options)
    assert people(warehouse) == everybody
