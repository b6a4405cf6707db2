"""Walks and sweeps that are cut short: a walk marks nothing before its end, a sweep that is done again the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from listrak_source.sandbox import Fault
from tests.destinations.places import Place
from tests.pull.cutting import elsewhere, loads, until_the_sweep
from tests.pull.sweep.gone import events, marks, removed, settle
from tests.pull.warehouse import Warehouse

# -- walks that are cut short -----------------------------------------------------------------------------------------


@pytest.mark.cases(0, 1)
@pytest.mark.full
@pytest.mark.parametrize(("chunk_rows", "stride"), [(None, 29), (15, 3), (None, 2)])
def test_a_walk_that_is_cut_short_anywhere_marks_nothing(
    warehouse: Warehouse, chunk_rows: int | None, stride: int
) -> None:
    """Listrak is away after so many requests. What marks something is a walk that came to its end."""
    gone = settle(warehouse)
    requests, finished = 0, False
    while not finished:
        requests += stride
        warehouse.sandbox.faults.clear()
        warehouse.sandbox.faults.add(Fault("status", times=None, after=requests))
        try:
            for left in loads(warehouse, full=True, lookups="none", chunk_rows=chunk_rows, page_size=9, max_attempts=1):
                # What follows the sweep reads what has happened since the walk began.
                finished |= left is None
                assert finished or not removed(warehouse), "the sweep has not begun"
        except PipelineStepFailed as error:
            if "500" not in str(error):
                raise
            assert finished or not removed(warehouse), f"after {requests} requests"
        if requests % 4:
            elsewhere(warehouse)
    assert requests > 10, "it was cut short in many places"
    assert removed(warehouse)["list_memberships"] == gone.memberships


# -- a sweep that is cut short ----------------------------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.parametrize("kept", [("contacts",), ("list_memberships",), ("consent_events", "opt_outs"), ()])
def test_a_sweep_that_is_cut_short_and_done_again_gives_the_same(
    warehouse: Warehouse, kept: tuple[str, ...], place: Place, tmp_path: Path
) -> None:
    """Killed while it loads, after some tables: those hold its rows, and the state knows nothing of it."""
    if place.name != "duckdb":
        pytest.skip("it mixes two DuckDB files")
    gone = settle(warehouse)
    rest = until_the_sweep(warehouse)
    shutil.copy(warehouse.database, before := tmp_path / "before.duckdb")
    assert list(rest) == [None]
    wanted = (removed(warehouse), marks(warehouse), events(warehouse))
    assert wanted[0]["list_memberships"] == gone.memberships
    after = tmp_path / "after.duckdb"
    warehouse.database.rename(after)
    before.rename(warehouse.database)
    with duckdb.connect(str(warehouse.database)) as connection:
        connection.execute(f"ATTACH '{after}' AS after")
        for table in kept:
            connection.execute(f"DELETE FROM listrak_sms.{table}")
            connection.execute(f"INSERT INTO listrak_sms.{table} BY NAME FROM after.listrak_sms.{table}")
    elsewhere(warehouse)
    warehouse.sandbox.world.clock.advance(days=2)
    warehouse.pull(full=True)
    assert (removed(warehouse), marks(warehouse), events(warehouse)) == wanted


@pytest.mark.full
def test_what_a_killed_sweep_has_marked_is_told_by_a_later_walk(warehouse: Warehouse, place: Place) -> None:
    """Killed between the marks and their events, and given up for a pull that walks nothing."""
    if place.name != "duckdb":
        pytest.skip("it takes rows out of a DuckDB file")
    gone = settle(warehouse)
    began = warehouse.sandbox.world.clock.now()
    assert list(until_the_sweep(warehouse)) == [None]
    told = {key for key in events(warehouse) if key[3] == "removed"}
    assert told
    warehouse.query("DELETE FROM listrak_sms.consent_events WHERE event = 'removed'")
    warehouse.sandbox.world.clock.advance(days=2)
    warehouse.pull()
    assert not {key for key in events(warehouse) if key[3] == "removed"}
    warehouse.pull(full=True)
    assert {key for key in events(warehouse) if key[3] == "removed"} == told
    assert removed(warehouse)["list_memberships"] == gone.memberships
    assert set(marks(warehouse)["list_memberships"]) == {began}


@pytest.mark.full
def test_a_list_that_is_deleted_between_walk_and_sweep_stops_nothing(warehouse: Warehouse) -> None:
    gone = settle(warehouse)
    world, sender = warehouse.sandbox.world, gone.left.sender_code_id
    until_the_sweep(warehouse, lookups="none")
    world.delete_list(sender, max(world.sender_codes[sender].lists))
    elsewhere(warehouse)
    warehouse.pull(full=True, lookups="none")
    assert gone.memberships <= removed(warehouse)["list_memberships"]
