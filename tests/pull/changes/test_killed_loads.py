"""A load that was killed has left some of its tables: what they hold is told by the next pull all the same."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from listrak_source.sandbox import Quirks
from tests.pull.asking import Somebody
from tests.pull.changes.walking import events_of, place_other_than
from tests.pull.consent_state import consent_at
from tests.pull.cutting import elsewhere
from tests.pull.warehouse import Warehouse

KEPT = [
    ("contacts", "opt_outs"),
    ("contacts", "opt_outs", "list_memberships", "contact_profile_values", "subscriptions"),
    ("list_memberships",),
    ("contacts", "list_memberships", "contact_profile_values"),
    ("consent_events",),
    ("subscriptions", "contact_profile_values"),
]


def mixed(warehouse: Warehouse, before: Path, kept: tuple[str, ...], folder: Path) -> None:
    """The warehouse as it was before the last load, but for the tables that were loaded by then."""
    after = folder / "after.duckdb"
    warehouse.database.rename(after)
    shutil.copy(before, warehouse.database)
    with duckdb.connect(str(warehouse.database)) as connection:
        connection.execute(f"ATTACH '{after}' AS after")
        there = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        for table in (name for name in kept if name in there):
            connection.execute(f"CREATE OR REPLACE TABLE listrak_sms.{table} AS FROM after.listrak_sms.{table}")
    elsewhere(warehouse)


@pytest.mark.cases(0, 1)
@pytest.mark.parametrize(("kept", "lookups"), [(kept, lookups) for lookups in ("changed", "none") for kept in KEPT])
def test_a_stop_and_a_new_list_are_told_whatever_a_killed_load_has_left(
    warehouse: Warehouse, someone: Somebody, tmp_path: Path, kept: tuple[str, ...], lookups: str
) -> None:
    world, sender = warehouse.sandbox.world, someone.sender_code_id
    other = place_other_than(warehouse, someone)
    joins = next(
        world.phone(one)
        for one in world.sender_codes[sender].lists[someone.phone_list_id].reachable.members
        if not world.sender_codes[sender].lists[other].since[one] and world.phone(one) != someone.phone_number
    )
    warehouse.begin(lookups=lookups)
    world.clock.advance(days=1)
    warehouse.pull(lookups=lookups)
    world.clock.advance(hours=3)
    world.opt_out(sender, someone.phone_number)
    world.subscribe(sender, other, joins)
    world.clock.advance(hours=1)
    shutil.copy(warehouse.database, before := tmp_path / "before.duckdb")
    warehouse.pull(lookups=lookups)
    mixed(warehouse, before, kept, tmp_path)
    world.clock.advance(hours=2)
    warehouse.pull(lookups=lookups)
    assert (0, "opted_out") in events_of(warehouse, someone.phone_number)
    assert (other, "subscribed") in events_of(warehouse, joins)
    if lookups == "changed":
        assert warehouse.rows("contacts")[someone.key]["opted_out"] is True
        assert (sender, joins, other) in warehouse.rows("subscriptions")
    with duckdb.connect(str(warehouse.database)) as connection:
        assert someone.key in consent_at(connection, world.clock.now()).stopped
    world.clock.advance(hours=1)
    assert warehouse.pull(lookups=lookups) == {}


@pytest.mark.full
@pytest.mark.parametrize("lookups", ["none", pytest.param("changed", marks=pytest.mark.full)])
def test_who_subscribes_in_the_last_second_of_a_day_is_placed_in_it_once(
    warehouse: Warehouse, someone: Somebody, lookups: Any
) -> None:
    """Each window asks a second early, so the next day shows them too."""
    world, other = warehouse.sandbox.world, place_other_than(warehouse, someone)
    warehouse.begin(lookups=lookups)
    now = world.clock.now()
    midnight = (now + timedelta(days=1)).replace(hour=5, minute=0, second=0, microsecond=0)
    world.clock.advance(seconds=(midnight - now).total_seconds() - 1)
    world.subscribe(someone.sender_code_id, other, someone.phone_number)
    world.clock.advance(hours=2)
    warehouse.pull(lookups=lookups)
    told = events_of(warehouse, someone.phone_number)
    row = warehouse.rows("list_memberships")[someone.sender_code_id, other, someone.phone_number]
    for _ in range(2):
        world.clock.advance(hours=1)
        assert warehouse.pull(lookups=lookups) == {}
    assert events_of(warehouse, someone.phone_number) == told
    assert row["subscribed_before"] == midnight


@pytest.mark.full
def test_a_sender_code_that_is_disabled_is_written_once(warehouse: Warehouse) -> None:
    world = warehouse.sandbox.world
    warehouse.sandbox.service.quirks = Quirks(disabled_reads="refused")
    second = world.add_sender_code("Second")
    world.sender_codes[second].enabled = False
    warehouse.pull()
    for _ in range(2):
        world.clock.advance(hours=1)
        assert warehouse.pull() == {}
