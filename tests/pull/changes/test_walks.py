"""What the table of walks tells, and walks that come in several loads or are killed."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.pull import dying
from tests.pull.asking import Somebody
from tests.pull.changes.walking import events_of, hashes, own_value, place_other_than, seen_keys, walks, wrote
from tests.pull.cutting import SMALL_LOADS, agree, cut, elsewhere, loads
from tests.pull.dying import Moment
from tests.pull.sweep.gone import PEOPLE, removed, settle
from tests.pull.sweep.test_sweep_doubts import answers
from tests.pull.warehouse import Warehouse

COLUMNS = {
    "sender_code_id", "phone_list_id", "opted_out", "began_at", "ended_at", "rows_seen", "proved", "reason", "tables",
}  # fmt: skip
OTHER = {"slices": 3}
"""Another task, and nothing else to read."""
Place = tuple[int, int, bool]
OPT_OUTS = 0
"""The list that a sender code's opt-outs stand for."""


def place_of(row: dict[str, Any]) -> Place:
    return row["sender_code_id"], row["phone_list_id"], bool(row["opted_out"]) or row["phone_list_id"] == OPT_OUTS


def listed(warehouse: Warehouse) -> dict[Place, int]:
    """By sender code, list and half, how many people Listrak lists; its opt-outs are a list of their own."""
    found: dict[Place, int] = {}
    for sender in warehouse.sandbox.world.sender_codes.values():
        found[sender.sender_code_id, OPT_OUTS, True] = len(sender.opt_out_order)
        for one in sender.lists.values():
            found[sender.sender_code_id, one.list_id, False] = len(one.reachable)
            found[sender.sender_code_id, one.list_id, True] = len(one.opted_out)
    return found


def seen(rows: list[dict[str, Any]]) -> dict[Place, int]:
    """The same, as one walk tells it."""
    found = {place_of(row): row["rows_seen"] for row in rows}
    assert len(found) == len(rows), "each once"
    return found


# -- what a walk tells of itself --------------------------------------------------------------------------------------


@pytest.mark.full
def test_a_walk_tells_what_it_has_seen_of_each_list(warehouse: Warehouse, shared: Somebody) -> None:
    world = warehouse.sandbox.world
    warehouse.begin()
    warehouse.pull()
    assert walks(warehouse) == [], "pulls that are no complete walks are not told"
    warehouse.pull(full=True)
    first = walks(warehouse)
    assert first[0].keys() >= COLUMNS
    assert seen(first) == listed(warehouse)
    for row in first:
        assert (row["proved"], row["reason"]) == (True, None)
        assert row["began_at"] == world.clock.now() <= row["ended_at"]
        tables = row["tables"].split(",")
        assert tables == sorted(tables)
        assert {"contacts", "contact_profile_values", "list_memberships", "opt_outs"} <= set(tables)
    world.vanish(shared.phone_number)
    world.clock.advance(days=3)
    warehouse.pull(full=True)
    both = walks(warehouse)
    second = [row for row in both if row["began_at"] == world.clock.now()]
    assert len(both) == len(first) + len(second), "rows are only ever added"
    assert seen(second) == listed(warehouse)


@pytest.mark.full
def test_a_walk_of_some_tells_of_these(warehouse: Warehouse, someone: Somebody, shared: Somebody) -> None:
    world = warehouse.sandbox.world
    warehouse.begin()
    warehouse.pull("contacts", full=True, sender_codes=[shared.sender_code_id])
    assert seen(walks(warehouse)) == {
        place: count
        for place, count in listed(warehouse).items()
        if place[0] == shared.sender_code_id and place[1] != OPT_OUTS
    }
    assert {row["tables"] for row in walks(warehouse)} == {"contacts"}
    world.clock.advance(days=1)
    warehouse.pull("list_memberships", "contacts", full=True, lists=[someone.phone_list_id])
    rows = [row for row in walks(warehouse) if row["began_at"] == world.clock.now()]
    assert {place_of(row)[:2] for row in rows} == {(someone.sender_code_id, someone.phone_list_id)}
    assert {row["tables"] for row in rows} == {"contacts,list_memberships"}


DOUBTS = {
    "a full page without a cursor": "a list",
    "a cursor that comes twice": "a list",
    "a list that is not read": "a list",
    "an opt-out page that is full": "the opt-outs",
}


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("doubt", DOUBTS)
def test_a_list_that_was_not_read_to_its_proved_end_says_why(warehouse: Warehouse, doubt: str) -> None:
    gone = settle(warehouse)
    with answers(warehouse, doubt, gone) as options:
        warehouse.pull(full=True, workers=1, lookups="none", **options)
    rows = [row for row in walks(warehouse) if not row["proved"]]
    assert rows
    assert all(row["reason"] for row in rows)
    assert all(row["reason"] is None for row in walks(warehouse) if row["proved"])
    assert {place_of(row)[1] == OPT_OUTS for row in rows} == {DOUBTS[doubt] == "the opt-outs"}
    assert len({place_of(row)[:2] for row in rows}) == 1, "the others are proved"
    warehouse.sandbox.traffic.__dict__.pop("note", None)
    warehouse.sandbox.world.clock.advance(days=1)
    before = len(walks(warehouse))
    warehouse.pull(full=True)
    assert all(row["proved"] for row in walks(warehouse)[before:])


# -- walks in several loads -------------------------------------------------------------------------------------------


def life(warehouse: Warehouse, someone: Somebody, shared: Somebody) -> None:
    """Somebody is edited, others come, stop, leave a list and are gone."""
    world, (sender, phone_list) = warehouse.sandbox.world, (someone.sender_code_id, someone.phone_list_id)
    item = own_value(world, someone.phone_number)
    values = [item | {"value": "007"}]
    world.edit(someone.phone_number, {"firstName": "Zoë the Second", "segmentationFieldValues": values})
    members = world.sender_codes[sender].lists[phone_list].reachable.members
    others = [phone for phone in map(world.phone, members) if phone != someone.phone_number]
    world.opt_out(sender, others[0])
    world.leave_list(sender, phone_list, others[1])
    world.vanish(others[2])
    world.subscribe(shared.sender_code_id, shared.phone_list_id, "15550109007", {"firstName": "Ada"})
    # Who moved in the last days before a walk that another process takes up is left to the next one.
    world.clock.advance(days=3)


def same(warehouse: Warehouse, twin: Warehouse) -> None:
    agree(warehouse, twin)
    assert hashes(warehouse) == hashes(twin)
    for name in PEOPLE:
        if twin.records(name) is not None:
            assert warehouse.rows(name, removed=True) == twin.rows(name, removed=True), name
    assert not seen_keys(warehouse), "nothing of an unfinished list is left"


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("lookups", ["changed", "all"])
def test_a_walk_in_several_loads_writes_the_rows_of_one(
    warehouse: Warehouse, twin: Warehouse, someone: Somebody, shared: Somebody, lookups: str
) -> None:
    for one in (warehouse, twin):
        one.begin(lookups=lookups)
    assert hashes(warehouse) == hashes(twin)
    life(warehouse, someone, shared)
    whole = wrote(twin)
    left = list(loads(warehouse, full=True, **SMALL_LOADS))
    assert len(left) > 1
    same(warehouse, twin)
    assert someone.key in whole["contacts"]
    assert removed(warehouse)["contacts"]
    assert seen(walks(warehouse)) == seen(walks(twin))
    assert wrote(warehouse, **SMALL_LOADS) == {}
    assert wrote(twin) == {}


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("after", [2, 1, 3, 5])
def test_a_walk_that_another_process_goes_on_with_ends_with_the_same_rows(
    warehouse: Warehouse, twin: Warehouse, someone: Somebody, shared: Somebody, after: int
) -> None:
    for one in (warehouse, twin):
        one.begin()
    life(warehouse, someone, shared)
    twin.pull(full=True)
    assert cut(warehouse, after, full=True, workers=1, **SMALL_LOADS)
    assert seen_keys(warehouse), "what was seen of a list that is not done"
    assert removed(warehouse) == {}, "nobody before the end"
    warehouse.pull(full=True, workers=1, **SMALL_LOADS)
    same(warehouse, twin)
    counts = [row["rows_seen"] for row in walks(warehouse) if row["began_at"] == walks(twin)[0]["began_at"]]
    assert sorted(counts) == sorted(listed(warehouse).values())


@pytest.mark.full
def test_a_walk_of_an_unchanged_account_that_is_cut_short_again_and_again(
    warehouse: Warehouse, shared: Somebody
) -> None:
    """It gets on although it has nothing to write."""
    warehouse.begin()
    before = {name: rows for name, rows in warehouse.loads().items() if name != "walks"}
    cuts = 1
    while cut(warehouse, 1, full=True, workers=1, **SMALL_LOADS):
        cuts += 1
        assert cuts < 60, "each load gets further"
    assert cuts > 3
    assert removed(warehouse) == {}
    assert {name: rows for name, rows in warehouse.loads().items() if name in before} == before
    assert not seen_keys(warehouse)
    assert all(row["proved"] for row in walks(warehouse))


@pytest.mark.full
@pytest.mark.cases(0, 2)
@pytest.mark.parametrize("seed", range(3))
def test_a_walk_that_is_killed_at_many_moments_ends_with_the_same_rows(
    warehouse: Warehouse, twin: Warehouse, someone: Somebody, shared: Somebody, seed: int
) -> None:
    draw = random.Random(seed)
    for one in (warehouse, twin):
        one.begin()
    life(warehouse, someone, shared)
    options: dict[str, Any] = {**SMALL_LOADS, "chunk_rows": 30, "full": True}
    whole = dying.pull(twin, **options)
    assert whole, "it was never cut short"
    for _ in range(3):
        moment = Moment(loads=1) if draw.random() < 0.3 else Moment(told=draw.randint(1, whole))
        dying.pull(warehouse, moment, **options)
        elsewhere(warehouse)
        warehouse.sandbox.world.clock.advance(minutes=10)
    assert dying.pull(warehouse, **options)
    same(warehouse, twin)
    assert wrote(warehouse) == {}


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize(("after", "options"), [(2, {}), (2, OTHER), *((after, {}) for after in (1, 3, 4, 6, 8))])
def test_who_joins_another_list_unchanged_is_looked_up_whoever_ends_the_pull(
    warehouse: Warehouse, someone: Somebody, after: int, options: dict[str, Any]
) -> None:
    """Their membership is loaded before they are looked up, and it is the lookup that tells of it. Also where the next
    pull has another task, and so does not go on.
    """
    world, (sender, phone) = warehouse.sandbox.world, someone.key
    other = place_other_than(warehouse, someone)
    warehouse.begin()
    world.clock.advance(days=5)
    world.subscribe(sender, other, phone)
    world.clock.advance(hours=1)
    before = warehouse.rows("contacts")[someone.key]
    cut(warehouse, after, chunk_rows=1, page_size=5, workers=1)
    warehouse.pull(**options)
    assert (sender, phone, other) in warehouse.rows("subscriptions")
    assert (other, "subscribed") in events_of(warehouse, phone)
    after_it = warehouse.rows("contacts")[someone.key]
    dates = {"subscribe_date", "unsubscribe_date"}
    assert {name: value for name, value in after_it.items() if name not in dates} == {
        name: value for name, value in before.items() if name not in dates
    }
