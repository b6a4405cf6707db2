"""What a complete walk marks as removed: all that is gone, nothing else, and nothing at all where it is in doubt."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from listrak_source.sandbox import Fault, Sandbox, World
from pipelines.status import in_doubt, last_walk
from tests.destinations.places import Place
from tests.pull.asking import Somebody, on_request, somebody
from tests.pull.cutting import cut, elsewhere, loads, until_the_sweep
from tests.pull.proxy import proxy
from tests.pull.warehouse import Rows, Warehouse, truth


@pytest.fixture(scope="module")
def served() -> Iterator[Sandbox]:
    with Sandbox(World(seed=3, contacts=40, sender_codes=1, lists=3)) as sandbox:
        yield sandbox


PEOPLE = ("contacts", "contact_profile_values", "list_memberships", "opt_outs", "subscriptions")
SMALL = ("sender_codes", "lists", "profile_fields", "transactional_messages")


def removed(warehouse: Warehouse) -> dict[str, set[Any]]:
    """The keys that are marked, by table; tables without any are left out."""
    marked = {name: set(warehouse.rows(name, removed=True)) for name in (*PEOPLE, *SMALL) if warehouse.records(name)}
    return {name: keys for name, keys in marked.items() if keys}


def marks(warehouse: Warehouse) -> dict[str, list[datetime]]:
    """When rows were marked, by table."""
    found = {name: warehouse.records(name) or [] for name in (*PEOPLE, *SMALL)}
    return {name: sorted(row["removed_at"] for row in rows if row.get("removed_at")) for name, rows in found.items()}


def events(warehouse: Warehouse) -> Rows:
    return warehouse.rows("consent_events")


def doubts(warehouse: Warehouse) -> list[str]:
    """What the last complete walk has left in doubt, as the command says it."""
    walk = last_walk(warehouse.pipeline())
    assert walk
    return list(in_doubt(walk[1]))


@dataclass(frozen=True)
class Gone:
    """What is gone in each of these tests: who vanished, who left a list, and whose opt-out has ended."""

    vanished: Somebody
    left: Somebody
    back: Somebody

    @property
    def memberships(self) -> set[Any]:
        return {(one.sender_code_id, one.phone_list_id, one.phone_number) for one in (self.vanished, self.left)}


def settle(warehouse: Warehouse) -> Gone:
    """A first pull, which knows everything; then three people move, and an hour passes."""
    world, someone = warehouse.sandbox.world, somebody(warehouse.sandbox)
    sender, phone_list = someone.sender_code_id, someone.phone_list_id
    phones = [f"1555010900{number}" for number in range(5)]
    for phone in phones:
        world.subscribe(sender, phone_list, phone, {"firstName": "Zoë", "segmentationFieldValues": value(warehouse)})
    for phone in phones[2:]:
        world.opt_out(sender, phone)
        world.clock.advance(minutes=1)
    world.clock.advance(days=10)
    warehouse.pull(lookups="all")
    world.vanish(phones[0])
    world.leave_list(sender, phone_list, phones[1])
    world.resubscribe(sender, phones[2], phone_list)
    world.clock.advance(hours=1)
    return Gone(*(Somebody(sender, phone_list, phone) for phone in phones[:3]))


def value(warehouse: Warehouse) -> list[dict[str, Any]]:
    field = next(one for one in warehouse.sandbox.world.fields.values() if one.data_type == "Text")
    return [{"segmentationFieldId": field.field_id, "value": "007"}]


# -- what is marked ---------------------------------------------------------------------------------------------------


def test_complete_walk_marks_all_that_is_gone_in_every_table_and_nothing_else(warehouse: Warehouse) -> None:
    world = warehouse.sandbox.world
    doomed = world.add_sender_code("Doomed")
    world.subscribe(doomed, world.add_list(doomed, "Its list"), "15550109007", {"firstName": "Ada"})
    world.opt_out(doomed, "15550109007")
    gone = settle(warehouse)
    before = {name: warehouse.rows(name) for name in (*PEOPLE, *SMALL)}
    first, *_, last = world.sender_codes[gone.left.sender_code_id].lists.values()
    world.delete_transactional_message(gone.left.sender_code_id, first.list_id, min(first.messages))
    world.delete_list(gone.left.sender_code_id, last.list_id)
    world.delete_profile_field(value(warehouse)[0]["segmentationFieldId"])
    world.delete_sender_code(doomed)
    world.clock.advance(hours=1)
    warehouse.pull(full=True)
    told = truth(warehouse.sandbox)
    for name in (*PEOPLE, *SMALL):
        held, true = warehouse.rows(name), told[name]
        if name == "subscriptions":
            true = {key: row for key, row in true.items() if key[:2] in told["contacts"]}
        assert held.keys() == true.keys(), name
        if name != "list_memberships":  # of these the truth is another: windows
            assert held == true, name
        marked = warehouse.rows(name, removed=True)
        if name == "contact_profile_values":
            # Whose contact is there still has all of its values replaced.
            assert {key[:2] for key in marked} == {key[:2] for key in before[name]} - told["contacts"].keys()
            assert all(marked[key] == before[name][key] for key in marked)
        else:
            assert marked == {key: row for key, row in before[name].items() if key not in true}, name
            assert marked, f"something of {name} was gone"
    assert {at for each in marks(warehouse).values() for at in each} == {world.clock.now()}


def test_another_walk_keeps_the_first_mark_and_tells_no_event_again(warehouse: Warehouse) -> None:
    settle(warehouse)
    warehouse.pull(full=True)
    before, told = marks(warehouse), events(warehouse)
    assert before["contacts"]
    warehouse.sandbox.world.clock.advance(days=7)
    warehouse.pull(full=True)
    assert marks(warehouse) == before
    assert events(warehouse) == told


def test_each_membership_that_is_gone_is_one_event_and_no_stop_is_taken_back(warehouse: Warehouse) -> None:
    gone = settle(warehouse)
    warehouse.pull(full=True)
    told = [key for key in events(warehouse) if key[3] == "removed"]
    assert {key[:3] for key in told} == gone.memberships
    assert len(told) == 2
    assert (gone.back.sender_code_id, 0, gone.back.phone_number, "opted_out") in {key[:4] for key in events(warehouse)}


def test_incremental_pulls_mark_nothing(warehouse: Warehouse) -> None:
    settle(warehouse)
    warehouse.pull()
    warehouse.pull(lookups="all")
    assert removed(warehouse) == {}


def test_removed_rows_keep_their_columns_those_beyond_the_contract_too(warehouse: Warehouse) -> None:
    def change(path: str, answer: dict[str, Any]) -> None:
        for record in answer["data"] if isinstance(answer["data"], list) else [answer["data"]]:
            record["beyond"] = "kept"

    someone = somebody(warehouse.sandbox)
    with proxy(warehouse.sandbox, change) as base_url:
        warehouse.pull(base_url=base_url, lookups="all")
    before = {name: warehouse.rows(name) for name in PEOPLE}
    warehouse.sandbox.world.vanish(someone.phone_number)
    warehouse.sandbox.world.clock.advance(hours=1)
    warehouse.pull(full=True)
    for name in ("contacts", "list_memberships", "subscriptions"):
        marked = warehouse.rows(name, removed=True)
        assert marked, name
        assert marked == {key: before[name][key] for key in marked}, name
    assert warehouse.rows("contacts", removed=True)[someone.key]["beyond"] == "kept"


# -- who comes back ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [{}, {"full": True}, {"lookups": "none"}])
def test_a_removed_row_that_comes_back_is_alive_again(warehouse: Warehouse, how: dict[str, Any]) -> None:
    gone = settle(warehouse)
    warehouse.pull(full=True)
    world, sender, phone_list = warehouse.sandbox.world, gone.left.sender_code_id, gone.left.phone_list_id
    world.clock.advance(days=20)
    world.subscribe(sender, phone_list, gone.vanished.phone_number, {"firstName": "Somebody else"})
    world.subscribe(sender, phone_list, gone.left.phone_number)
    world.clock.advance(hours=1)
    warehouse.pull(**how)
    told = truth(warehouse.sandbox)
    for one in (gone.vanished, gone.left):
        held, true = warehouse.rows("contacts")[one.key], told["contacts"][one.key]
        if not how:
            assert held == true
        assert held["first_name"] == true["first_name"]
        assert held["subscribe_date"] in (None, true["subscribe_date"])
        assert (sender, phone_list, one.phone_number) in warehouse.rows("list_memberships")
    assert "contacts" not in removed(warehouse)
    assert "list_memberships" not in removed(warehouse)


def test_a_list_that_comes_back_is_alive_again(warehouse: Warehouse) -> None:
    world, someone = warehouse.sandbox.world, somebody(warehouse.sandbox)
    warehouse.pull()
    lists = world.sender_codes[someone.sender_code_id].lists
    there = lists[someone.phone_list_id]
    world.delete_list(someone.sender_code_id, someone.phone_list_id)
    world.clock.advance(days=3)
    warehouse.pull(full=True)
    assert (someone.sender_code_id, someone.phone_list_id) in removed(warehouse)["lists"]
    lists[someone.phone_list_id] = there
    world.clock.advance(days=40)
    warehouse.pull()
    assert "lists" not in removed(warehouse)
    told = truth(warehouse.sandbox)
    assert told["list_memberships"].keys() <= warehouse.rows("list_memberships").keys(), "read from its own beginning"
    assert told["contacts"].keys() <= warehouse.rows("contacts").keys()


# -- walks that are cut short -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk_rows", [None, 15])
def test_a_walk_that_is_cut_short_anywhere_marks_nothing(warehouse: Warehouse, chunk_rows: int | None) -> None:
    """Listrak is away after so many requests. What marks something is a walk that came to its end."""
    gone = settle(warehouse)
    requests, finished = 0, False
    while not finished:
        requests += 3 if chunk_rows else 2
        warehouse.sandbox.faults.clear()
        warehouse.sandbox.faults.add(Fault("status", times=None, after=requests))
        try:
            for left in loads(warehouse, full=True, lookups="none", chunk_rows=chunk_rows, page_size=9, max_attempts=1):
                assert left is None or not removed(warehouse), "the sweep has not begun"
            finished = True
        except PipelineStepFailed as error:
            if "500" not in str(error):
                raise
            assert not removed(warehouse), f"after {requests} requests"
        if requests % 4:
            elsewhere(warehouse)
    assert requests > 10, "it was cut short in many places"
    assert removed(warehouse)["list_memberships"] == gone.memberships


@contextmanager
def answers(warehouse: Warehouse, doubt: str, gone: Gone) -> Iterator[dict[str, Any]]:
    """A Listrak that leaves a doubt about what is there; gives the options that reach it."""
    someone = somebody(warehouse.sandbox)
    if doubt in AT:
        fault, operation, matches = AT[doubt]
        once(warehouse, fault, lambda asked, query: asked == operation and matches(query))
    if "record" not in doubt:
        yield {"page_size": 2 if "opt-out" in doubt else 4}
        return

    def change(path: str, answer: dict[str, Any]) -> None:
        data = answer["data"] if isinstance(answer["data"], list) else [answer["data"]]
        for record in data[:1]:
            if doubt == "a record of a contact" and path.endswith(f"{someone.phone_list_id}/Contact"):
                record["phoneNumber"] = None
            elif doubt == "a record of an opt-out" and path.endswith("/OptOut"):
                record["optOutDate"] = "soon"
            elif doubt == "a record of a list" and path.endswith(f"ShortCode/{someone.sender_code_id}/PhoneList"):
                record["phoneListId"] = "none"
            elif doubt == "a record of a sender code" and path.endswith("/ShortCode"):
                record["shortCodeId"] = "none"
            elif doubt == "a record of a subscription" and "/Contact/" in path and path.endswith("/PhoneList"):
                record["phoneListId"] = "none"
            elif doubt == "a record of a profile field" and path.endswith("/SegmentationField"):
                record["segmentationFieldId"] = "none"

    with proxy(warehouse.sandbox, change) as base_url:
        yield {"base_url": base_url}


def once(warehouse: Warehouse, fault: Fault, matches: Callable[[str, str], bool]) -> None:
    """The first request that matches has the fault."""
    hit = False

    def act(operation: str, query: str) -> None:
        nonlocal hit
        if not hit and matches(operation, query):
            hit = True
            warehouse.sandbox.faults.add(fault)

    on_request(warehouse.sandbox, act)


INACTIVE = json.dumps({"status": 400, "error": "ERROR_LIST_INACTIVE", "message": "Inactive."})
AT: dict[str, tuple[Fault, str, Callable[[str], bool]]] = {
    "a cursor that comes twice": (
        Fault("repeated_page", "list_contacts"), "list_contacts", lambda query: "cursor=" in query,
    ),
    "a full page without a cursor": (
        Fault("full_page_no_cursor", "list_contacts", times=2), "list_contacts", lambda query: "Date" not in query,
    ),
    "a list that is not read": (
        Fault("status", "list_contacts", status=400, body=INACTIVE), "list_contacts", lambda query: "Date" not in query,
    ),
    "an opt-out page that is full": (
        Fault("full_page_no_cursor", "list_opt_outs", times=2), "list_opt_outs", lambda query: "Date" not in query,
    ),
}  # fmt: skip
"""By doubt: what goes wrong, and with the first request of what."""

NOT_MARKED: dict[str, tuple[str, ...]] = {
    "a cursor that comes twice": ("contacts", "contact_profile_values", "subscriptions"),
    "a full page without a cursor": ("contacts", "contact_profile_values", "subscriptions"),
    "a list that is not read": ("contacts", "contact_profile_values", "subscriptions"),
    "an opt-out page that is full": ("opt_outs",),
    "a record of a contact": ("contacts", "contact_profile_values", "subscriptions", "list_memberships"),
    "a record of an opt-out": ("opt_outs",),
    "a record of a subscription": ("subscriptions",),
    "a record of a list": (*PEOPLE[:3], "subscriptions", "lists", "transactional_messages"),
    "a record of a sender code": (*PEOPLE, *SMALL),
    "a record of a profile field": ("profile_fields",),
}
"""By doubt: the tables in which nothing may be marked."""


@pytest.mark.parametrize("doubt", NOT_MARKED)
def test_a_walk_that_is_not_proved_marks_nothing_there_and_says_so(
    warehouse: Warehouse, doubt: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = settle(warehouse)
    monkeypatch.setattr(logging.getLogger("dlt"), "propagate", True)
    with answers(warehouse, doubt, gone) as options, caplog.at_level(logging.WARNING):
        warehouse.pull(full=True, workers=1, **options)
    marked = removed(warehouse)
    assert not marked.keys() & set(NOT_MARKED[doubt]), marked
    assert "nothing is marked as removed" in caplog.text
    assert doubts(warehouse)
    warehouse.sandbox.service.traffic.__dict__.pop("note", None)
    warehouse.sandbox.world.clock.advance(hours=1)
    warehouse.pull(full=True)
    assert not doubts(warehouse), "the next walk is proved"
    assert removed(warehouse)["list_memberships"] == gone.memberships
    assert removed(warehouse)["opt_outs"]
    assert gone.vanished.key in removed(warehouse)["contacts"]


def test_what_was_set_aside_before_a_kill_is_still_in_doubt_after_it(warehouse: Warehouse) -> None:
    gone = settle(warehouse)
    with answers(warehouse, "a record of a contact", gone) as options:
        assert cut(warehouse, 6, full=True, lookups="none", chunk_rows=8, page_size=4, workers=1, **options)
    assert warehouse.records("rejected_rows"), "it was set aside in time"
    warehouse.pull(full=True, lookups="none", page_size=4, workers=1)
    assert removed(warehouse).keys() <= {"opt_outs"}


@pytest.mark.parametrize("table", ["contacts", "list_memberships", "opt_outs"])
def test_rows_that_are_missing_in_the_warehouse_leave_a_doubt(
    warehouse: Warehouse, table: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, place: Place
) -> None:
    if place.name != "duckdb":
        pytest.skip("it takes rows out of a DuckDB file")
    settle(warehouse)
    monkeypatch.setattr(logging.getLogger("dlt"), "propagate", True)
    rest = until_the_sweep(warehouse)
    warehouse.query(
        f"DELETE FROM listrak_sms.{table} WHERE (_dlt_load_id, phone_number) = "
        f"(SELECT (max(_dlt_load_id), max(phone_number)) FROM listrak_sms.{table} "
        f"WHERE _dlt_load_id = (SELECT max(_dlt_load_id) FROM listrak_sms.{table}))"
    )
    with caplog.at_level(logging.WARNING):
        assert list(rest) == [None]
    assert "are loaded" in caplog.text
    assert "are loaded" in " ".join(doubts(warehouse))
    assert table not in removed(warehouse)


# -- what may be marked -----------------------------------------------------------------------------------------------


def test_a_walk_of_some_lists_marks_only_on_these(warehouse: Warehouse) -> None:
    gone = settle(warehouse)
    world, sender = warehouse.sandbox.world, gone.left.sender_code_id
    other = next(one for one in world.sender_codes[sender].lists.values() if one.list_id != gone.left.phone_list_id)
    elsewhere_too = world.phone(other.reachable.members[0])
    world.leave_list(sender, other.list_id, elsewhere_too)
    world.clock.advance(hours=1)
    warehouse.pull(full=True, lists=[gone.left.phone_list_id])
    assert removed(warehouse).keys() <= {"list_memberships", "opt_outs"}, "a contact may be on another list"
    assert removed(warehouse)["list_memberships"] == gone.memberships
    warehouse.pull(full=True)
    assert (sender, other.list_id, elsewhere_too) in removed(warehouse)["list_memberships"]


def test_a_walk_of_some_sender_codes_marks_only_on_these(warehouse: Warehouse) -> None:
    world = warehouse.sandbox.world
    second = world.add_sender_code("Second")
    phone_list = world.add_list(second, "Its list")
    for phone in ("15550109007", "15550109008"):
        world.subscribe(second, phone_list, phone)
    gone = settle(warehouse)
    world.vanish("15550109007")
    world.delete_list(gone.left.sender_code_id, max(world.sender_codes[gone.left.sender_code_id].lists))
    world.clock.advance(hours=1)
    warehouse.pull(full=True, sender_codes=[second])
    marked = removed(warehouse)
    assert marked["contacts"] == {(second, "15550109007")}
    assert {key[0] for keys in marked.values() for key in keys} == {second}
    assert not marked.keys() & set(SMALL)


@pytest.mark.parametrize(
    "tables", [("subscriptions",), ("contacts",), ("opt_outs",), ("list_memberships",), ("lists",)]
)
def test_a_walk_of_one_table_marks_in_it_what_is_gone_and_nothing_else(
    warehouse: Warehouse, tables: tuple[str, ...]
) -> None:
    settle(warehouse)
    warehouse.pull(*tables, full=True)
    (table,) = tables
    told = truth(warehouse.sandbox)
    true = {key for key in told[table] if table != "subscriptions" or key[:2] in told["contacts"]}
    assert warehouse.rows(table).keys() == true
    assert removed(warehouse).keys() <= {table}


@pytest.mark.parametrize("move", ["comes back", "joins another list", "leaves and joins again", "opts out"])
def test_who_moves_while_a_walk_runs_is_not_marked(warehouse: Warehouse, move: str) -> None:
    gone = settle(warehouse)
    world, one = warehouse.sandbox.world, gone.back
    sender, phone_list = one.sender_code_id, one.phone_list_id
    other = next(item.list_id for item in world.sender_codes[sender].lists.values() if item.list_id != phone_list)
    if move == "comes back":
        world.opt_out(sender, one.phone_number)
        world.clock.advance(days=3)
        warehouse.pull()
    seen = 0

    def act(operation: str, query: str) -> None:
        nonlocal seen
        seen += operation == "list_contacts" and "SubscribeDate" not in query
        # The reachable of all three lists are read before those who stopped.
        if seen == 4:
            seen += 1
            world.clock.advance(seconds=30)
            if move == "comes back":
                world.resubscribe(sender, one.phone_number, phone_list)
            elif move == "opts out":
                world.opt_out(sender, one.phone_number)
            else:
                world.leave_list(sender, phone_list, one.phone_number)
                world.subscribe(sender, phone_list if "again" in move else other, one.phone_number)

    on_request(warehouse.sandbox, act)
    warehouse.pull(full=True, workers=1, lookups="none")
    assert seen > 4, "it moved in time"
    marked = removed(warehouse)
    assert one.phone_number not in {key[-1] for key in marked["list_memberships"]}
    assert one.key not in marked["contacts"]
    assert gone.vanished.key in marked["contacts"], "the others are"


# -- a sweep that is cut short ----------------------------------------------------------------------------------------


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


def test_a_list_that_is_deleted_between_walk_and_sweep_stops_nothing(warehouse: Warehouse) -> None:
    gone = settle(warehouse)
    world, sender = warehouse.sandbox.world, gone.left.sender_code_id
    until_the_sweep(warehouse, lookups="none")
    world.delete_list(sender, max(world.sender_codes[sender].lists))
    elsewhere(warehouse)
    warehouse.pull(full=True, lookups="none")
    assert gone.memberships <= removed(warehouse)["list_memberships"]
