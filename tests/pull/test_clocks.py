"""Clocks and zones that are wrong: no row is lost, and no watermark is ahead of now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from listrak_source.pull.time_zones import move
from listrak_source.sandbox import Sandbox, World
from tests.destinations.places import Place
from tests.pull.asking import on_request, somebody
from tests.pull.cutting import cut, loads
from tests.pull.warehouse import Warehouse, truth

# As far apart as two zones can be: 24 hours; and Kiritimati is 14 hours from UTC.
ZONES = [
    ("Pacific/Honolulu", "Pacific/Kiritimati"),
    ("Pacific/Kiritimati", "Pacific/Honolulu"),
    ("UTC", "Pacific/Kiritimati"),
    ("Pacific/Kiritimati", "UTC"),
]


@pytest.fixture(scope="module", params=ZONES, ids="-".join)
def zoned(request: pytest.FixtureRequest) -> Iterator[tuple[Sandbox, str]]:
    """An account in one zone, and the zone that somebody set."""
    account, setting = request.param
    with Sandbox(World(seed=3, contacts=60, sender_codes=1, lists=2, timezone=account)) as sandbox:
        yield sandbox, setting


def missing(warehouse: Warehouse) -> dict[str, set[Any]]:
    """What the warehouse lacks, by table; opt-outs by person, for a wrong zone shifts their dates."""
    told = truth(warehouse.sandbox)
    lacks = {name: told[name].keys() - warehouse.rows(name).keys() for name in ("contacts", "list_memberships")}
    lacks["opt_outs"] = {key[:2] for key in told["opt_outs"]} - {key[:2] for key in warehouse.rows("opt_outs")}
    return {name: keys for name, keys in lacks.items() if keys}


def watermarks(warehouse: Warehouse) -> set[datetime]:
    state = warehouse.pipeline().state["sources"]["listrak_sms"]
    every = [state, *state["resources"].values()]
    return {datetime.fromisoformat(at) for some in every for at in some.get("watermarks", {}).values()}


@pytest.mark.cases(0, 2)
@pytest.mark.full
@pytest.mark.parametrize("hours", [3, 11])
def test_a_wrong_time_zone_loses_no_row_over_several_pulls(
    zoned: tuple[Sandbox, str], hours: int, tmp_path: Path, place: Place
) -> None:
    """Somebody subscribes and somebody says stop just before and just after each pull."""
    sandbox, setting = zoned
    sandbox.service.reset()
    warehouse, world, someone = Warehouse(sandbox, tmp_path, place), sandbox.world, somebody(sandbox)
    sender = world.sender_codes[someone.sender_code_id]
    members = sender.lists[someone.phone_list_id].reachable.members
    phones = [world.phone(one) for one in list(members)[:14]]
    for number in range(6):
        world.opt_out(sender.sender_code_id, phones.pop())
        warehouse.pull(timezone=setting)
        assert not missing(warehouse), f"pull {number}"
        world.opt_out(sender.sender_code_id, phones.pop())
        world.subscribe(sender.sender_code_id, someone.phone_list_id, f"1555010900{number}")
        world.clock.advance(hours=hours)
    warehouse.pull(timezone=setting)
    assert not missing(warehouse)
    told = truth(sandbox)["contacts"]
    stopped = {key: row["opted_out"] for key, row in warehouse.rows("contacts").items()}
    assert stopped == {key: row["opted_out"] for key, row in told.items()}


@pytest.mark.cases(0, 2)
@pytest.mark.full
def test_a_wrong_time_zone_that_is_set_right_loses_no_row(
    zoned: tuple[Sandbox, str], tmp_path: Path, place: Place
) -> None:
    sandbox, setting = zoned
    sandbox.service.reset()
    warehouse, world, someone = Warehouse(sandbox, tmp_path, place), sandbox.world, somebody(sandbox)
    for number, zone in enumerate((setting, world.timezone, setting, world.timezone)):
        if number:
            move(warehouse.pipeline(), zone)
        warehouse.pull(timezone=zone)
        assert not missing(warehouse), f"pull {number}"
        world.subscribe(someone.sender_code_id, someone.phone_list_id, f"1555010900{number}")
        world.clock.advance(hours=2)


@pytest.mark.full
def test_who_comes_back_while_a_walk_runs_is_not_marked_in_a_wrong_time_zone_either(
    zoned: tuple[Sandbox, str], tmp_path: Path, place: Place
) -> None:
    """Dates do not tell then who moved since the walk began."""
    sandbox, setting = zoned
    sandbox.service.reset()
    warehouse, world, someone = Warehouse(sandbox, tmp_path, place), sandbox.world, somebody(sandbox)
    world.opt_out(*someone.key)
    world.clock.advance(days=3)
    warehouse.begin(timezone=setting)
    world.clock.advance(days=3)
    whole = 0

    def act(operation: str, query: str) -> None:
        nonlocal whole
        whole += operation == "list_contacts" and "Date" not in query
        if whole == 3:  # after the reachable of both lists, before those who stopped
            whole += 1
            world.resubscribe(*someone.key, someone.phone_list_id)

    on_request(sandbox, act)
    warehouse.pull(timezone=setting, full=True, lookups="none", workers=1)
    assert whole > 4
    assert someone.key not in warehouse.rows("contacts", removed=True)
    assert not warehouse.rows("list_memberships", removed=True)
    assert (*someone.key, "removed") not in {(key[0], key[2], key[3]) for key in warehouse.rows("consent_events")}


@pytest.mark.full
def test_a_clock_that_is_ahead_moves_no_watermark_past_now(warehouse: Warehouse) -> None:
    sandbox, someone = warehouse.sandbox, somebody(warehouse.sandbox)
    sandbox.world.clock.advance(days=10)
    warehouse.begin()
    sandbox.service.reset()
    sandbox.world.opt_out(someone.sender_code_id, someone.phone_number)
    sandbox.world.subscribe(someone.sender_code_id, someone.phone_list_id, "15550109001")
    sandbox.world.clock.advance(hours=1)
    warehouse.pull()
    assert watermarks(warehouse) == {sandbox.world.clock.now()}
    assert not missing(warehouse)
    assert warehouse.rows("contacts")[someone.key]["opted_out"] is True


@pytest.mark.full
def test_a_pull_begun_by_a_clock_that_was_ahead_is_not_gone_on_with(warehouse: Warehouse) -> None:
    """What happened since would lie before its moment, and nobody would read it again."""
    sandbox, someone = warehouse.sandbox, somebody(warehouse.sandbox)
    sandbox.world.clock.advance(days=10)
    for rest in loads(warehouse, chunk_rows=150, page_size=20):
        if rest and any(place.endswith("in /") for place in rest["positions"]):
            break
    sandbox.service.reset()
    sandbox.world.clock.advance(days=3)
    sandbox.world.opt_out(someone.sender_code_id, someone.phone_number)
    sandbox.world.subscribe(someone.sender_code_id, someone.phone_list_id, "15550109001")
    sandbox.world.clock.advance(days=1)
    warehouse.pull(chunk_rows=150, page_size=20)
    assert watermarks(warehouse) == {sandbox.world.clock.now()}
    sandbox.world.clock.advance(days=4)
    warehouse.pull()
    assert not missing(warehouse)
    assert warehouse.rows("contacts")[someone.key]["opted_out"] is True


@pytest.mark.full
@pytest.mark.parametrize("days", [5, 9, 13])
def test_what_happened_while_a_clock_was_said_to_be_ahead_is_read_later(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    """Also by a pull for which the mark is in the past again: our own clock tells that less time has gone by."""
    sandbox, someone = warehouse.sandbox, somebody(warehouse.sandbox)
    began = sandbox.world.clock.now()

    class Ours(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return ours

    monkeypatch.setattr("listrak_source.pull.extract.catalog.datetime", Ours)
    ours = began
    sandbox.world.clock.advance(days=10)
    warehouse.pull()
    sandbox.service.reset()
    sandbox.world.clock.advance(days=1)
    sandbox.world.opt_out(someone.sender_code_id, someone.phone_number)
    sandbox.world.subscribe(someone.sender_code_id, someone.phone_list_id, "15550109001")
    sandbox.world.clock.advance(days=days - 1)
    ours = sandbox.world.clock.now()
    warehouse.pull()
    assert not missing(warehouse)
    assert warehouse.rows("contacts")[someone.key]["opted_out"] is True


@pytest.mark.full
def test_a_long_pull_leaves_the_watermark_where_it_began(warehouse: Warehouse) -> None:
    """Days may pass between its loads: the next pull reads them."""
    sandbox, someone = warehouse.sandbox, somebody(warehouse.sandbox)
    began = sandbox.world.clock.now()
    for _ in loads(warehouse, chunk_rows=150, page_size=20):
        sandbox.world.clock.advance(days=4)
        sandbox.world.subscribe(
            someone.sender_code_id, someone.phone_list_id, f"155501{len(sandbox.world.journal):05d}"
        )
    assert watermarks(warehouse) == {began}
    warehouse.pull()
    assert not missing(warehouse)


@pytest.mark.full
def test_a_pull_of_several_processes_ends_with_what_happened_meanwhile(warehouse: Warehouse) -> None:
    sandbox, someone = warehouse.sandbox, somebody(warehouse.sandbox)
    for number in range(3):
        assert cut(warehouse, 1, chunk_rows=20, page_size=10)
        sandbox.world.clock.advance(days=4)
        sandbox.world.subscribe(someone.sender_code_id, someone.phone_list_id, f"1555010900{number}")
    warehouse.pull(chunk_rows=20, page_size=10)
    assert not missing(warehouse)
