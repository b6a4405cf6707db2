"""What is not shown is not gone: a complete walk marks only what Listrak says is gone, asked about it by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dlt
import pytest

from listrak_source import pull
from listrak_source.cli import reports
from listrak_source.pull.keys import seen_keys
from listrak_source.sandbox import Fault, Sandbox, World
from tests.pull.asking import on_request, somebody
from tests.pull.sweep.gone import removed, settle
from tests.pull.warehouse import Warehouse, truth

Act = Callable[[str, str], None]


def _shrinks(kind: Any, operation: str) -> Callable[[Warehouse], None]:
    def shrink(warehouse: Warehouse) -> None:
        warehouse.sandbox.faults.add(Fault(kind, operation, times=None))

    return shrink


def _turns_active_between(warehouse: Warehouse) -> None:
    """A list is inactive while the active ones are asked for, and active while the others are."""
    world, someone = warehouse.sandbox.world, somebody(warehouse.sandbox)
    place = someone.sender_code_id, someone.phone_list_id

    def act(operation: str, query: str) -> None:
        if operation == "list_phone_lists":
            world.deactivate_list(*place, active="inactive" in query)

    on_request(warehouse.sandbox, act)


UNKIND: dict[str, Callable[[Warehouse], None]] = {
    "no opt-outs": _shrinks("no_rows", "list_opt_outs"),
    "a list between two states": _turns_active_between,
    "some opt-outs": _shrinks("some_rows", "list_opt_outs"),
    "no contacts": _shrinks("no_rows", "list_contacts"),
    "some contacts": _shrinks("some_rows", "list_contacts"),
    "no lists": _shrinks("no_rows", "list_phone_lists"),
    "some sender codes": _shrinks("no_rows", "list_sender_codes"),
    "no fields": _shrinks("no_rows", "list_profile_fields"),
    "no messages": _shrinks("no_rows", "list_transactional_messages"),
}


@pytest.mark.cases(1, 1)
@pytest.mark.parametrize("answer", UNKIND)
def test_what_is_not_shown_for_a_moment_is_not_marked(warehouse: Warehouse, answer: str) -> None:
    """13.A2: one answer that lacks rows marks none of them, and tells no event."""
    warehouse.begin(lookups="all")
    warehouse.sandbox.world.clock.advance(days=3)
    UNKIND[answer](warehouse)
    warehouse.pull(full=True)
    assert removed(warehouse) == {}
    assert "removed" not in {key[3] for key in warehouse.rows("consent_events")}


@contextmanager
def _without_questions(warehouse: Warehouse) -> Iterator[dict[str, Any]]:
    warehouse.sandbox.traffic.clear()
    yield {"full": True, "confirmations": 0, "lookups": "none"}
    assert not warehouse.sandbox.traffic.counts["list_contact_subscriptions"]
    assert not warehouse.sandbox.traffic.counts["get_contact"]


@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("comes_back", [False, True])
def test_who_was_not_asked_about_is_marked_by_the_second_walk_in_a_row(warehouse: Warehouse, comes_back: bool) -> None:
    """13.A2: beyond the bound, what one walk did not find is marked only if the next does not find it either."""
    gone = settle(warehouse)
    with _without_questions(warehouse) as options:
        warehouse.pull(**options)
        assert removed(warehouse) == {}
        assert {row["task"] for row in warehouse.records("seen_keys") or []} == {"unmarked by listrak"}
        if comes_back:
            warehouse.sandbox.world.subscribe(gone.left.sender_code_id, gone.left.phone_list_id, gone.left.phone_number)
            warehouse.sandbox.world.clock.advance(days=3)
        warehouse.pull(**options)
    marked = removed(warehouse)
    there = {gone.left.phone_number} if comes_back else set()
    assert marked["list_memberships"] == {key for key in gone.memberships if key[2] not in there}
    assert marked["opt_outs"]
    assert not warehouse.records("seen_keys"), "nothing is left to mark"


@pytest.mark.full
def test_questions_end_at_their_bound(warehouse: Warehouse) -> None:
    """13.A2: so many questions are asked, and whoever was not asked about stays as he was."""
    settle(warehouse)
    warehouse.sandbox.traffic.clear()
    warehouse.pull("list_memberships", full=True, confirmations=1)
    assert warehouse.sandbox.traffic.counts["list_contact_subscriptions"] == 1
    assert len(removed(warehouse)["list_memberships"]) == 1


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("state", ["Not Subscribed", "Subscribed", "Something New"])
def test_whom_listrak_still_calls_a_subscriber_is_not_marked(warehouse: Warehouse, state: str) -> None:
    """13.A2: a state that nobody knows is no proof either."""
    gone = settle(warehouse)
    world = warehouse.sandbox.world
    phone_list = world.sender_codes[gone.left.sender_code_id].lists[gone.left.phone_list_id]
    person = world.people[gone.left.phone_number]
    phone_list.aside[person] = type(phone_list.aside[person])(state, subscribed=1)
    warehouse.pull(full=True)
    marked = removed(warehouse)
    assert {key[2] for key in marked["list_memberships"]} == {gone.vanished.phone_number}
    assert gone.left.key not in marked["contacts"]


@pytest.mark.full
def test_more_than_the_budget_is_marked_only_when_exactly_that_is_let_through(warehouse: Warehouse) -> None:
    """13.A2: the walk says the numbers and marks nothing; told to, it marks that set and no other."""
    world = warehouse.sandbox.world
    warehouse.begin()

    def walk(accept: str | None = None) -> str:
        world.clock.advance(days=3)
        warehouse.pull("contacts", "list_memberships", full=True, lookups="none", accept_removals=accept)
        return reports.removals(warehouse.pipeline()) or ""

    for phone in list(world.people)[:20]:
        world.vanish(phone)
    told = walk()
    state = warehouse.pipeline().state["sources"]["listrak_sms"]["removals"]
    assert state.keys() == {"hash", "told", "load_id"}, "which rows that are stands in the warehouse"
    assert "20 rows of contacts are gone at Listrak" in told
    assert "the budget is 20 %" in told
    world.vanish(next(iter(world.people)))
    assert "21 rows of contacts" in walk("another")
    assert "21 rows of contacts" in (told := walk(told.rsplit(" ", 1)[1].rstrip("."))), "it is another set by now"
    assert removed(warehouse) == {}
    world.vanish(next(iter(world.people)))
    assert walk(told.rsplit(" ", 1)[1].rstrip(".")) == ""
    assert len(removed(warehouse)["contacts"]) == 22, "and one more, which is within the budget"


@pytest.mark.full
def test_who_said_stop_and_left_between_two_pulls_is_marked(warehouse: Warehouse) -> None:
    """13.C22: a lookup brings them, for their stop is new; they are on no list all the same."""
    warehouse.begin()
    world, someone = warehouse.sandbox.world, somebody(warehouse.sandbox)
    world.clock.advance(days=1)
    world.opt_out(someone.sender_code_id, someone.phone_number)
    for phone_list in world.sender_codes[someone.sender_code_id].lists.values():
        if phone_list.since[world.people[someone.phone_number]]:
            world.leave_list(someone.sender_code_id, phone_list.list_id, someone.phone_number)
    world.clock.advance(days=3)
    warehouse.pull(full=True)
    assert someone.key in removed(warehouse)["contacts"]
    assert warehouse.rows("contacts", removed=True)[someone.key]["opted_out"], "and the stop stays"
    assert someone.phone_number in {key[1] for key in warehouse.rows("opt_outs")}


@pytest.mark.full
def test_what_the_last_walk_left_stays_until_the_next_one_is_loaded(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in between, who goes on still knows it."""
    monkeypatch.setattr(seen_keys, "clear", lambda *_, **__: None)
    settle(warehouse)
    for walks in (1, 2, 2, 2):
        with _without_questions(warehouse) as options:
            warehouse.sandbox.world.vanish(next(iter(warehouse.sandbox.world.people)))
            warehouse.sandbox.world.clock.advance(days=3)
            warehouse.pull(**options)
        left = [row for row in warehouse.records("seen_keys") or [] if row["task"].startswith("unmarked")]
        assert len({row["load_id"] for row in left}) == walks


@pytest.mark.full
def test_what_a_walk_left_is_its_pipelines(tmp_path: Path) -> None:
    """Two pipelines may have a dataset together: what one has not found is no matter to the other."""
    with Sandbox(World(seed=3, contacts=200, sender_codes=2, lists=2)) as sandbox:
        warehouse, world = Warehouse(sandbox, tmp_path), sandbox.world
        first, second = sorted(world.sender_codes)
        pipelines = {
            sender: dlt.pipeline(
                f"brand_{sender}",
                destination=warehouse.place.destination(tmp_path),
                dataset_name=warehouse.dataset,
                pipelines_dir=str(tmp_path / "pipelines"),
            )
            for sender in (first, second)
        }
        for round_ in range(3):
            for sender in (first, second):
                options = warehouse.options() | {"sender_codes": [sender], "full": round_ > 0, "confirmations": 0}
                list(pull(pipelines[sender], "contacts", "list_memberships", **options))
            if round_ == 0:
                people = list(truth(sandbox)["contacts"])
                gone = people[:3] + people[-3:]
                for _, phone in gone:
                    world.vanish(phone)
                world.clock.advance(days=3)
        assert set(gone) <= set(warehouse.rows("contacts", removed=True))
