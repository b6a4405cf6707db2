"""13.A7: keys made of converted dates. A dataset keeps to one time zone, and what is stored can be moved to another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from listrak_source.api import ConfigurationError
from listrak_source.api.dates import offset_of
from listrak_source.pull.schema import TABLES
from listrak_source.pull.time_zones import move, spans
from listrak_source.sandbox import Sandbox, World
from tests.destinations.places import PLACES
from tests.pull.asking import somebody
from tests.pull.warehouse import Warehouse

CHICAGO, NEW_YORK = "America/Chicago", "America/New_York"


@pytest.fixture(scope="module")
def in_chicago() -> Iterator[Sandbox]:
    with Sandbox(World(seed=3, contacts=60, sender_codes=1, lists=2, timezone=CHICAGO)) as sandbox:
        yield sandbox


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.full)])
def warehouse(in_chicago: Sandbox, tmp_path: Path, request: pytest.FixtureRequest) -> Warehouse:
    in_chicago.service.reset()
    return Warehouse(in_chicago, tmp_path, PLACES[request.param])


def history(warehouse: Warehouse, zone: str, *, moved: bool = False) -> dict[str, Any]:
    """Two pulls with life between them, then a complete walk, before which all is ``moved``. What is held then."""
    warehouse.sandbox.service.reset()
    world = warehouse.sandbox.world
    warehouse.pull(timezone=zone)
    world.live(2)
    warehouse.pull(timezone=zone)
    if moved:
        pipeline = warehouse.pipeline()
        pipeline.sync_destination()
        move(pipeline, CHICAGO)
        zone = CHICAGO
    world.live(1)
    warehouse.pull(timezone=zone, full=True)
    return {name: warehouse.rows(name) for name in TABLES if name != "rejected_rows"}


def test_another_zone_stops_with_a_sentence(warehouse: Warehouse) -> None:
    """15 stops were 30 rows, and 30 events for good."""
    warehouse.pull("opt_outs", "consent_events", timezone=NEW_YORK)
    before = len(warehouse.rows("opt_outs"))
    with pytest.raises(Exception, match="listrak timezone America/Chicago") as told:
        warehouse.pull("opt_outs", "consent_events", timezone=CHICAGO, full=True)
    assert isinstance(told.value.__context__ or told.value.__cause__, Exception)
    assert len(warehouse.rows("opt_outs")) == before


@pytest.mark.full
@pytest.mark.cases(0, 1)
def test_what_is_stored_is_moved_events_included(warehouse: Warehouse, tmp_path: Path) -> None:
    (tmp_path / "right").mkdir()
    right = history(Warehouse(warehouse.sandbox, tmp_path / "right", warehouse.place), CHICAGO)
    ours = history(warehouse, NEW_YORK, moved=True)
    for name, rows in right.items():
        if name == "list_memberships":  # the days of the wrong zone were other days
            assert ours[name].keys() == rows.keys()
        elif name != "consent_events":
            assert ours[name] == rows, name
    dated = {key for key, row in right["consent_events"].items() if row["effective_at"]}
    assert {key for key, row in ours["consent_events"].items() if row["effective_at"]} == dated


@pytest.mark.full
def test_a_move_that_is_not_one_is_refused(warehouse: Warehouse) -> None:
    warehouse.pull("opt_outs", timezone=NEW_YORK)
    for zone, sentence in ((NEW_YORK, "already"), ("Nowhere/Never", "no time zone")):
        with pytest.raises(ConfigurationError, match=sentence):
            move(warehouse.pipeline(), zone)
    warehouse.pull("opt_outs", timezone=NEW_YORK)


@pytest.mark.cases(1, 2)
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    "zones",
    [(NEW_YORK, CHICAGO), ("Europe/Berlin", NEW_YORK), ("UTC", "Asia/Kolkata"), ("Australia/Lord_Howe", "UTC")],
    ids="-".join,
)
def test_spans_move_each_local_time_to_where_it_belongs(zones: tuple[str, str], late: bool) -> None:
    """But for what an old zone skips when its clocks are put forward: two of its local times were one moment."""
    old, new = map(ZoneInfo, zones)
    first, last = datetime(2024, 1, 1, tzinfo=timezone.utc), datetime(2026, 1, 1, tzinfo=timezone.utc)
    found = list(spans(old, new, first, last, late=late))
    assert (found[0][0], found[-1][1]) == (first, last)
    local = datetime(2024, 2, 1)
    while local < datetime(2025, 12, 1):
        at = local - offset_of(local, old, late=late)
        if at.replace(tzinfo=timezone.utc).astimezone(old).replace(tzinfo=None, fold=0) == local:
            (by,) = (seconds for start, end, seconds in found if start <= at.replace(tzinfo=timezone.utc) < end)
            assert at + timedelta(seconds=by) == local - offset_of(local, new, late=late), local
        local += timedelta(minutes=15)


@pytest.mark.full
def test_the_hour_that_comes_twice_leans_to_the_stop(tmp_path: Path) -> None:
    """Who stops in it is stopped whenever in it they subscribed; who comes back is back when a pull has seen it."""
    noon = datetime(2026, 10, 31, 12)
    with Sandbox(World(seed=3, contacts=60, sender_codes=1, lists=2, start=noon)) as sandbox:
        world, one = sandbox.world, somebody(sandbox)
        warehouse = Warehouse(sandbox, tmp_path)
        first_pass = datetime(2026, 11, 1, 5, 30, tzinfo=timezone.utc)
        world.clock.move_to(first_pass + timedelta(minutes=20))
        new = "15550106666"
        world.subscribe(one.sender_code_id, one.phone_list_id, new)
        world.clock.move_to(first_pass + timedelta(hours=1))
        world.opt_out(one.sender_code_id, new)
        warehouse.pull()
        world.clock.advance(minutes=10)
        stopped = {key[2] for key in warehouse.rows("consent_events") if key[3] == "opted_out"}
        assert new in stopped
        (at,) = (key[2] for key in warehouse.rows("opt_outs") if key[1] == new)
        assert at == first_pass + timedelta(hours=1)
        subscribed = [key[4] for key in warehouse.rows("consent_events") if key[2:4] == (new, "subscribed")]
        assert all(moment <= at for moment in subscribed)
        world.resubscribe(one.sender_code_id, new, one.phone_list_id)
        world.clock.advance(hours=3)
        warehouse.pull()
        back = [key[4] for key in warehouse.rows("consent_events") if key[2:4] == (new, "opted_in")]
        assert max(back) > at
