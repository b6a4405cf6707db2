"""A pull in several loads: each is committed, and whoever goes on ends as if nobody had cut it short."""

from __future__ import annotations

import json
import logging
import random
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from listrak_source import listrak_sms
from listrak_source.pull.extract.pages import DONE, PAGES
from listrak_source.pull.extract.parallel import _WAITING
from listrak_source.sandbox import Fault, Sandbox, World
from tests.pull import dying
from tests.pull.asking import on_request, queries, somebody
from tests.pull.cutting import SMALL_LOADS, agree, cut, elsewhere, loads, told
from tests.pull.dying import Moment
from tests.pull.warehouse import Warehouse, truth


@pytest.fixture(scope="module")
def served() -> Iterator[Sandbox]:
    with Sandbox(World(seed=3, contacts=80, sender_codes=1, lists=3)) as sandbox:
        yield sandbox


def stop(sandbox: Sandbox, phone: str) -> None:
    sandbox.world.opt_out(somebody(sandbox).sender_code_id, phone)


# -- as one load ------------------------------------------------------------------------------------------------------


@pytest.mark.cases(0, 1)
@pytest.mark.full
@pytest.mark.parametrize("lookups", ["changed", "all"])
def test_several_loads_end_with_the_rows_of_one(warehouse: Warehouse, twin: Warehouse, lookups: str) -> None:
    twin.pull(lookups=lookups)
    assert len(list(loads(warehouse, lookups=lookups, **SMALL_LOADS))) > 5
    agree(warehouse, twin)
    warehouse.sandbox.world.live(3)
    twin.pull()
    assert len(list(loads(warehouse, chunk_rows=60, page_size=10))) > 1
    agree(warehouse, twin)
    twin.pull(full=True)
    assert len(list(loads(warehouse, full=True, **SMALL_LOADS))) > 5
    agree(warehouse, twin)


@pytest.mark.full
def test_nobody_else_sees_an_unfinished_pull_as_finished(warehouse: Warehouse) -> None:
    """Watermarks move with the last load only."""
    assert cut(warehouse, 2, **SMALL_LOADS)
    state = restored(warehouse)
    assert state["pending"]
    assert not any(resource.get("watermarks") for resource in state["resources"].values())


def restored(warehouse: Warehouse) -> dict[str, Any]:
    """The state as the warehouse has it."""
    pipeline = warehouse.pipeline()
    pipeline.sync_destination()
    state: dict[str, Any] = pipeline.state["sources"]["listrak_sms"]
    return state


# -- gone on with elsewhere -------------------------------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.parametrize("after", [1, 3, 6])
def test_another_process_reads_at_most_one_chunk_again(warehouse: Warehouse, after: int) -> None:
    sandbox = warehouse.sandbox
    options: dict[str, Any] = {**SMALL_LOADS, "workers": 1}
    assert cut(warehouse, after, **options)
    positions = restored(warehouse)["pending"]["positions"]
    done = [name for name, position in positions.items() if position == DONE]
    before = undated(sandbox)
    elsewhere(warehouse)
    sandbox.traffic.clear()
    warehouse.pull(**options)
    again = undated(sandbox)
    twice = before & again
    # What the first process had loaded is not asked again; what it had asked ahead of that is.
    ahead = PAGES * (_WAITING + 2)
    assert sum(twice.values()) <= ahead + options["chunk_rows"] // options["page_size"]
    for name in done:
        # The pull of the news that follows is the second to read all opt-outs, as it should be.
        most = 1 if name.startswith("opt_outs") else 0
        assert all(times <= most for asked, times in again.items() if named(asked) == name), name
    assert done, "opt-outs, at least"
    assert warehouse.rows("contacts").keys() == truth(sandbox)["contacts"].keys()


def undated(sandbox: Sandbox) -> Counter[tuple[str, str]]:
    """The requests for pages of whole lists and of all opt-outs."""
    log = queries(sandbox, "/Contact") + queries(sandbox, "/OptOut")
    some = [(path, query) for path, query in log if not {"startSubscribeDate", "startDate"} & query.keys()]
    return Counter((path, json.dumps(query, sort_keys=True)) for path, query in some)


def named(asked: tuple[str, str]) -> str:
    """The place of the unit that a request belongs to."""
    path, query = asked[0].split("/"), json.loads(asked[1])
    sender = path[path.index("ShortCode") + 1]
    if path[-1] == "OptOut":
        return f"opt_outs/{sender} opt-outs"
    return f"contacts/{sender}/{path[-2]} {'out' if query['optedOut'] == 'true' else 'in'} /"


@pytest.mark.full
def test_a_refused_cursor_starts_its_unit_again(
    warehouse: Warehouse, twin: Warehouse, dlt_log: pytest.LogCaptureFixture
) -> None:
    """Cursors may expire while nobody pulls."""
    twin.pull()
    assert cut(warehouse, 4, workers=1, **SMALL_LOADS)
    refused = 0

    def act(operation: str, query: str) -> None:
        nonlocal refused
        if "cursor=" in query and not refused:
            refused += 1
            body = json.dumps({"status": 400, "error": "ERROR_INVALID_PARAMETER", "message": "cursor is invalid."})
            warehouse.sandbox.faults.add(Fault("status", operation, status=400, body=body))

    on_request(warehouse.sandbox, act)
    with dlt_log.at_level(logging.WARNING):
        warehouse.pull(workers=1, **SMALL_LOADS)
    assert refused
    assert "read again from the beginning" in dlt_log.text
    agree(warehouse, twin)


@pytest.mark.full
@pytest.mark.cases(0, 2)
@pytest.mark.parametrize(
    "task",
    [
        {"full": True},
        {"lookups": "all"},
        {"lists": "one"},
        {"tables": ("contacts", "opt_outs")},
    ],
    ids="".join,
)
def test_another_task_does_not_go_on_with_an_unfinished_pull(warehouse: Warehouse, task: dict[str, Any]) -> None:
    sandbox = warehouse.sandbox
    someone = somebody(sandbox)
    assert cut(warehouse, 6, **SMALL_LOADS)
    options = dict(task)
    tables = options.pop("tables", ())
    if "lists" in options:
        options["lists"] = [someone.phone_list_id]
    sandbox.world.clock.advance(hours=1)
    warehouse.pull(*tables, **options)
    assert "pending" not in restored(warehouse)
    expected = truth(sandbox)["list_memberships"]
    if task in ({"full": True}, {"lookups": "all"}):
        assert warehouse.rows("list_memberships").keys() == expected.keys()
    warehouse.pull()
    assert warehouse.rows("list_memberships").keys() == expected.keys()
    assert warehouse.rows("contacts").keys() == truth(sandbox)["contacts"].keys()
    if "lookups" not in task:  # dates that lookups bring are events too
        assert set(told(warehouse).values()) == {1}, "what two pulls saw is one event"


@pytest.mark.full
def test_the_same_source_with_other_tables_is_another_task(warehouse: Warehouse) -> None:
    """In one process, where the walk of the first waits in memory."""
    pipeline, source = warehouse.pipeline(), listrak_sms(**warehouse.options() | SMALL_LOADS)
    for _ in range(3):
        pipeline.run(source.with_resources("contacts"))
    for _ in range(40):
        pipeline.run(source.with_resources("list_memberships"))
        if "pending" not in pipeline.state["sources"]["listrak_sms"]:
            break
    assert warehouse.rows("list_memberships").keys() == truth(warehouse.sandbox)["list_memberships"].keys()


# -- killed -----------------------------------------------------------------------------------------------------------


@pytest.mark.cases(1)
@pytest.mark.parametrize("wiped", [True, False], ids=["as the command does", "with its working directory"])
@pytest.mark.parametrize("seed", range(3))
def test_killed_at_many_moments_and_started_again_until_done(
    warehouse: Warehouse, twin: Warehouse, seed: int, wiped: bool
) -> None:
    draw = random.Random(f"{seed} {wiped}")
    options: dict[str, Any] = {**SMALL_LOADS, "chunk_rows": 90, "into_empty": wiped}
    whole = dying.pull(twin, **options)
    assert whole, "it was never cut short"
    for _ in range(3):
        seconds = draw.choice([0.0, draw.uniform(0, 0.1)])
        moment = Moment(loads=1) if draw.random() < 0.2 else Moment(told=draw.randint(1, whole), seconds=seconds)
        dying.pull(warehouse, moment, **options)
        if wiped:
            elsewhere(warehouse)
        warehouse.sandbox.world.clock.advance(minutes=10)
    dying.pull(warehouse, **options)
    agree(warehouse, twin)
    assert warehouse.rows("contacts").keys() == truth(warehouse.sandbox)["contacts"].keys()


@pytest.mark.full
@pytest.mark.parametrize("seed", range(2))
def test_a_complete_walk_that_is_killed_marks_the_same_in_the_end(
    warehouse: Warehouse, twin: Warehouse, seed: int
) -> None:
    world, someone, draw = warehouse.sandbox.world, somebody(warehouse.sandbox), random.Random(seed)
    for one in (warehouse, twin):
        one.pull(lookups="all")
    world.vanish(someone.phone_number)
    world.live(1)
    # Who moved in the last days before a walk that another process takes up is left to the next one.
    world.clock.advance(days=3)
    options: dict[str, Any] = {**SMALL_LOADS, "chunk_rows": 400, "full": True}
    whole = dying.pull(twin, **options)
    assert whole
    for _ in range(3):
        dying.pull(warehouse, Moment(told=draw.randint(1, whole), seconds=draw.uniform(0, 0.05)), **options)
        elsewhere(warehouse)
    dying.pull(warehouse, **options)
    agree(warehouse, twin)
    for name in ("contacts", "list_memberships", "contact_profile_values", "opt_outs", "subscriptions"):
        assert warehouse.rows(name, removed=True) == twin.rows(name, removed=True), name
    assert someone.key in warehouse.rows("contacts", removed=True)


@pytest.mark.parametrize("place", ["duckdb", pytest.param("postgres", marks=pytest.mark.full)], indirect=True)
@pytest.mark.parametrize("plain", [False, pytest.param(True, marks=pytest.mark.full)], ids=["load", "pipeline.run"])
def test_a_merge_that_ends_half_way_takes_no_row(warehouse: Warehouse, plain: bool) -> None:
    """It deletes, and what it was to insert does not come: what it deleted is there again."""
    world, someone = warehouse.sandbox.world, somebody(warehouse.sandbox)
    warehouse.begin()
    before = warehouse.rows("contacts").keys()
    with warehouse.pipeline().sql_client() as client:
        client.execute_sql("UPDATE contacts SET first_name = 'Zoë' WHERE first_name IS NULL")
        client.execute_sql("ALTER TABLE contacts ALTER COLUMN first_name SET NOT NULL")
    world.edit(someone.phone_number, {"firstName": None})
    world.opt_out(*someone.key)
    run = partial(warehouse.pipeline().run, listrak_sms(**warehouse.options())) if plain else warehouse.pull
    with pytest.raises(PipelineStepFailed):
        run()
    assert warehouse.rows("contacts").keys() == before


# -- life between the loads -------------------------------------------------------------------------------------------


@pytest.mark.cases(0, 1)
@pytest.mark.full
@pytest.mark.parametrize("moved", [False, True], ids=["in the same process", "in another process each time"])
@pytest.mark.parametrize("full", [False, True], ids=["first pull", "complete walk"])
def test_what_happens_between_the_loads_is_found_by_the_next_pull_at_the_latest(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, moved: bool, full: bool
) -> None:
    """Between every two loads somebody says stop, somebody comes back, somebody subscribes, somebody is edited."""
    sandbox, world, someone = warehouse.sandbox, warehouse.sandbox.world, somebody(warehouse.sandbox)
    sender = someone.sender_code_id
    # To look up the three who move between two loads must not be all of a load, or the walk would get no further.
    monkeypatch.setattr("listrak_source.pull.walk.LOOKUP", 1)
    options: dict[str, Any] = {**SMALL_LOADS, "lookups": "changed"}
    if full:
        warehouse.pull()
        world.clock.advance(days=5)
        options["full"] = True
    phones = sorted(
        {world.phone(one) for item in world.sender_codes[sender].lists.values() for one in item.reachable.members}
    )
    stopped: list[str] = []
    rounds = 0
    left: object = True
    while left:
        rest = loads(warehouse, **options)
        for left in rest:
            if not left:
                rest.close()
                break
            world.clock.advance(seconds=90)
            stopped.append(phones.pop(0))
            stop(sandbox, stopped[-1])
            if len(stopped) > 3 and len(stopped) % 2:
                world.resubscribe(sender, stopped[-3])
            world.subscribe(sender, someone.phone_list_id, f"155501{rounds:05d}")
            rounds += 1
            if moved:
                rest.close()
                elsewhere(warehouse)
                break
    assert rounds > 5
    world.clock.advance(hours=1)
    warehouse.pull()
    true = truth(sandbox)
    known = warehouse.rows("opt_outs")
    assert true["opt_outs"].keys() <= known.keys()
    contacts = warehouse.rows("contacts")
    for phone in stopped:
        assert contacts[sender, phone]["opted_out"] is true["contacts"][sender, phone]["opted_out"], phone
    assert true["list_memberships"].keys() <= warehouse.rows("list_memberships").keys()
    assert true["contacts"].keys() <= contacts.keys()
    assert {key[2] for key in told(warehouse) if key[3] == "opted_out"} >= {phone for _, phone, _ in true["opt_outs"]}
