"""Datasets that version 0.1 made, which has no hashes: one complete walk takes them over.

``tests/data/made_by_0_1*.duckdb.gz`` are DuckDB files, made with commit 6992738 and DuckDB 1.5.5 by a warehouse of the
tests (``Warehouse`` of ``tests.pull.warehouse``) that pulled at each moment of ``story``::

    with Sandbox(world()) as sandbox:
        warehouse = Warehouse(sandbox, folder)
        for options in story(sandbox.world):
            warehouse.pull(**options)
        cut(warehouse, 2, full=True, workers=1, chunk_rows=15, page_size=5)  # made_by_0_1_cut_short alone

and were then written anew, without their free space (``COPY FROM DATABASE``), and packed with ``gzip -9n``.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from listrak_source.sandbox import Sandbox, World
from tests.pull.asking import Somebody, somebody
from tests.pull.changes.walking import HASHES, hashes, own_value, seen_keys, walks, without_hashes, wrote
from tests.pull.cutting import SMALL_LOADS, cut
from tests.pull.sweep.gone import removed
from tests.pull.warehouse import Warehouse, truth

DATA = Path(__file__).parents[2] / "data"
FILES = ("made_by_0_1", "made_by_0_1_cut_short")


def world() -> World:
    return World(seed=9, contacts=40, sender_codes=2, lists=2)


def story(world: World) -> Iterator[dict[str, Any]]:
    """What happened before the file was left, and the options of each pull."""
    yield {}
    world.live(3)
    yield {}
    people = [phone for phone in sorted(world.people) if any(one.since[world.people[phone]] for one in _lists(world))]
    world.vanish(people[0])
    world.clock.advance(days=3)
    yield {"full": True}
    world.live(1)
    yield {}
    world.vanish(people[1])
    world.edit(people[2], {"firstName": "Zoë the Second"})
    # Who moved in the last days before a walk that another process takes up is left to the next one.
    world.clock.advance(days=3)


def _lists(world: World) -> list[Any]:
    return [one for sender in world.sender_codes.values() for one in sender.lists.values()]


@pytest.fixture(scope="module")
def served() -> Iterator[Sandbox]:
    with Sandbox(world()) as sandbox:
        yield sandbox


@pytest.fixture
def old(warehouse: Warehouse, request: pytest.FixtureRequest) -> Warehouse:
    """The warehouse as version 0.1 has left it, in the world of that moment."""
    for _ in story(warehouse.sandbox.world):
        pass
    packed = DATA / f"{getattr(request, 'param', FILES[0])}.duckdb.gz"
    warehouse.database.write_bytes(gzip.decompress(packed.read_bytes()))
    return warehouse


@pytest.fixture
def one(old: Warehouse) -> Somebody:
    found = somebody(old.sandbox)
    own_value(old.sandbox.world, found.phone_number)
    return found


def as_the_truth(warehouse: Warehouse) -> None:
    told = truth(warehouse.sandbox)
    for name in ("sender_codes", "lists", "profile_fields", "transactional_messages", "contact_profile_values"):
        assert warehouse.rows(name) == told[name], name
    assert warehouse.rows("list_memberships").keys() == told["list_memberships"].keys()
    # The stop of who has vanished is gone after two walks that do not find it.
    known = told["contacts"].keys() | told["unlisted_contacts"].keys()
    assert {key for key in warehouse.rows("opt_outs") if key[:2] in known} == set(told["opt_outs"])
    rows = without_hashes(warehouse.rows("contacts"))
    assert rows.keys() == told["contacts"].keys()
    for key, row in rows.items():
        true = told["contacts"][key]
        # Dates are known of whom somebody has looked up.
        dates = {name: row[name] for name in ("subscribe_date", "unsubscribe_date") if row[name] is None}
        assert row == true | dates, key


def nothing_more(warehouse: Warehouse) -> None:
    """Another walk marks no more than the stops of who has vanished, and the next one writes nothing."""
    assert wrote(warehouse).keys() <= {"opt_outs"}
    assert warehouse.rows("opt_outs").keys() == truth(warehouse.sandbox)["opt_outs"].keys()
    assert wrote(warehouse) == {}


@pytest.mark.cases(0, 1)
@pytest.mark.full
@pytest.mark.parametrize("old", FILES, indirect=True)
def test_one_walk_takes_over_what_version_0_1_has_left(old: Warehouse) -> None:
    contacts = old.records("contacts")
    assert contacts
    assert not set(HASHES) & contacts[0].keys(), "the file is of that version"
    before, told, known = removed(old), old.rows("consent_events"), old.rows("subscriptions")
    dates = {key: row["subscribe_date"] for key, row in old.rows("contacts").items() if row["subscribe_date"]}
    assert before["contacts"]
    assert dates
    assert known
    old.pull(full=True)
    as_the_truth(old)
    there = old.rows("contacts")
    assert all(all(hashes(old)[key]) for key in there), "each has its hashes"
    assert {key: there[key]["subscribe_date"] for key in dates if key in there} == {
        key: date for key, date in dates.items() if key in there
    }, "what was looked up stays"
    assert len(removed(old)["contacts"]) > len(before["contacts"]), "who is gone since is marked"
    assert before["contacts"] <= removed(old)["contacts"]
    events = old.rows("consent_events")
    assert {key: events.get(key) for key in told} == told
    assert {key[3] for key in events.keys() - told.keys()} <= {"removed"}, "and nothing is told again"
    assert all(row["proved"] for row in walks(old))
    assert not seen_keys(old)
    nothing_more(old)
    assert old.pull() == {}


@pytest.mark.full
def test_a_pull_of_the_news_fills_hashes_of_whom_it_sees(old: Warehouse, one: Somebody) -> None:
    """It loses nothing, and the walk after it finds the rest."""
    world = old.sandbox.world
    world.opt_out(*one.key)
    world.clock.advance(hours=1)
    old.pull()
    assert old.rows("contacts")[one.key]["opted_out"]
    assert all(hashes(old)[one.key])
    assert None in {record for record, _ in hashes(old).values()}
    old.pull(full=True)
    as_the_truth(old)
    nothing_more(old)


@pytest.mark.full
def test_an_edit_that_is_as_old_as_the_dataset_is_found(old: Warehouse, one: Somebody) -> None:
    world = old.sandbox.world
    item = own_value(world, one.phone_number)
    world.edit(one.phone_number, {"firstName": "Zoë", "segmentationFieldValues": [item | {"value": "007"}]})
    old.pull("contacts", full=True)
    assert old.rows("contacts")[one.key]["first_name"] == "Zoë"
    old.pull(full=True)
    as_the_truth(old)
    nothing_more(old)


@pytest.mark.full
def test_a_take_over_that_another_process_ends(old: Warehouse) -> None:
    assert cut(old, 2, full=True, workers=1, **SMALL_LOADS)
    assert len(old.query(f"SELECT 1 FROM {old.dataset}.contacts WHERE record_hash IS NULL AND removed_at IS NULL"))
    old.pull(full=True, workers=1, **SMALL_LOADS)
    as_the_truth(old)
    nothing_more(old)


def test_tables_that_it_has_not_made_come_with_the_next_pull(old: Warehouse) -> None:
    assert old.records("rejected_rows") is None
    old.pull("sender_codes")
    assert (old.records("rejected_rows"), old.records("walks")) == ([], [])
