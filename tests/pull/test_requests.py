"""What each pull asks of the API: no more than the selected tables need, and only what is new."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import duckdb
import pytest

from listrak_source import pull
from tests.pull.asking import ask, queries
from tests.pull.proxy import proxy
from tests.pull.warehouse import Warehouse

WALKED = ("contacts", "contact_profile_values", "list_memberships")


@pytest.mark.parametrize(
    ("table", "operations"),
    [
        ("sender_codes", {"list_sender_codes"}),
        ("lists", {"list_sender_codes", "list_phone_lists"}),
        ("profile_fields", {"list_sender_codes", "list_profile_fields"}),
        ("transactional_messages", {"list_sender_codes", "list_phone_lists", "list_transactional_messages"}),
        ("opt_outs", {"list_sender_codes", "list_opt_outs"}),
        *((table, {"list_sender_codes", "list_phone_lists", "list_contacts"}) for table in WALKED),
    ],
)
def test_each_table_alone_asks_only_for_what_it_needs(warehouse: Warehouse, table: str, operations: set[str]) -> None:
    counts = ask(warehouse, table)
    # Opt-outs tell contacts apart that changed: a pull of contacts may read them.
    assert counts.keys() - {"list_opt_outs"} == operations - {"list_opt_outs"}
    assert counts["list_sender_codes"] == 1
    if table == "opt_outs":
        assert counts["list_opt_outs"] == 2, "the last days, by date, and all of them"


@pytest.mark.cases(1)
@pytest.mark.parametrize("pulls", [[{}, {"lookups": "all"}], [{}, {}, {"full": True}]], ids=["lookups", "a later pull"])
def test_a_pull_only_reads(warehouse: Warehouse, pulls: list[dict[str, Any]]) -> None:
    world = warehouse.sandbox.world
    for options in pulls:
        warehouse.pull(**options)
        world.live(1)
    log = list(warehouse.sandbox.traffic.log)
    assert {"get_contact", "list_contact_subscriptions"} <= warehouse.sandbox.traffic.counts.keys()
    assert {(method, path.endswith("/Token")) for method, path, _ in log} == {("GET", False), ("POST", True)}


def test_small_tables_alone_pay_for_no_contact(warehouse: Warehouse) -> None:
    counts = ask(warehouse, "sender_codes", "lists", "profile_fields", "transactional_messages")
    lists = len(next(iter(warehouse.sandbox.world.sender_codes.values())).lists)
    assert counts == {
        "list_sender_codes": 1,
        "list_phone_lists": 2,
        "list_profile_fields": 1,
        "list_transactional_messages": lists,
    }


def test_several_tables_share_each_page(warehouse: Warehouse) -> None:
    alone = ask(warehouse, "contacts")["list_contacts"]
    warehouse.pipeline().drop()
    assert ask(warehouse, *WALKED)["list_contacts"] == alone
    log = queries(warehouse.sandbox, "/Contact")
    assert len(log) == len({(path, *sorted(query.items())) for path, query in log}), "no page is fetched twice"


def test_first_pull_reads_every_list_whole_in_both_states(warehouse: Warehouse) -> None:
    (sender,) = warehouse.sandbox.world.sender_codes.values()
    warehouse.sandbox.world.deactivate_list(sender.sender_code_id, max(sender.lists))
    ask(warehouse, "contacts")
    whole = {
        (path, query["optedOut"])
        for path, query in queries(warehouse.sandbox, "/Contact")
        if not {"startSubscribeDate", "endSubscribeDate"} & query.keys()
    }
    assert {item.active for item in sender.lists.values()} == {True, False}
    assert {(path.split("/")[-2], state) for path, state in whole} == {
        (str(item), state) for item in sender.lists for state in ("true", "false")
    }


def test_second_pull_asks_only_for_new_windows(warehouse: Warehouse) -> None:
    ask(warehouse)
    clock = warehouse.sandbox.world.clock
    before = clock.now().astimezone(clock.zone).replace(tzinfo=None)
    clock.advance(days=2)
    ask(warehouse)
    contacts, opt_outs = queries(warehouse.sandbox, "/Contact"), queries(warehouse.sandbox, "/OptOut")
    assert contacts
    assert opt_outs
    # All opt-outs are read a second time, for one answer is not believed.
    again = [query for _, query in opt_outs if "startDate" not in query]
    assert len(again) == len(warehouse.sandbox.world.sender_codes)
    starts = [query["startSubscribeDate"] for _, query in contacts]
    starts += [query["startDate"] for _, query in opt_outs if "startDate" in query]
    earliest = datetime.fromisoformat(min(starts))
    assert timedelta(days=1) < before - earliest < timedelta(days=3), "back by more than a day, and not by much more"
    for path in {path for path, _ in contacts}:
        for state in ("true", "false"):
            windows = sorted(
                (query["startSubscribeDate"], query.get("endSubscribeDate", "9999"))
                for at, query in contacts
                if at == path and query["optedOut"] == state
            )
            assert all(one[1] >= other[0] for one, other in pairwise(windows)), "without a gap"
            assert windows[-1][1] == "9999", "and without an end"


def test_start_date_bounds_the_first_pull_and_not_the_opt_outs(warehouse: Warehouse) -> None:
    warehouse.pull("contacts", "opt_outs", start_date="2026-01-15")
    contacts = queries(warehouse.sandbox, "/Contact")
    starts = sorted(query["startSubscribeDate"] for _, query in contacts)
    assert datetime(2026, 1, 14) <= datetime.fromisoformat(starts[0]) <= datetime(2026, 1, 15)
    assert any("startDate" not in query for _, query in queries(warehouse.sandbox, "/OptOut"))
    told = warehouse.sandbox.world.truth()
    since = datetime(2026, 1, 15).astimezone(warehouse.sandbox.world.clock.zone)
    joined = {(key[0], key[2]) for key, row in told["list_memberships"].items() if row["subscribed_at"] > since}
    assert 0 < len(joined) < len(told["contacts"])
    assert joined <= warehouse.rows("contacts").keys() <= joined | told["contacts"].keys()
    assert len(warehouse.rows("contacts")) < len(told["contacts"])
    assert len(warehouse.rows("opt_outs")) == len(told["opt_outs"])


def test_pages_of_a_few_rows_bring_the_same(warehouse: Warehouse) -> None:
    warehouse.pull("contacts", "opt_outs", page_size=7, workers=3)
    told = warehouse.sandbox.world.truth()
    assert warehouse.rows("contacts").keys() == told["contacts"].keys()
    assert len(warehouse.rows("opt_outs")) == len(told["opt_outs"])
    assert {query["count"] for _, query in queries(warehouse.sandbox, "/Contact")} <= {"7", "6"}


def test_never_more_than_workers_at_once(warehouse: Warehouse) -> None:
    at_once: list[int] = []
    running = 0
    lock = threading.Lock()

    def slowly(path: str, answer: dict[str, Any]) -> None:
        nonlocal running
        with lock:
            running += 1
            at_once.append(running)
        time.sleep(0.005)
        with lock:
            running -= 1

    with proxy(warehouse.sandbox, slowly) as base_url:
        ask(warehouse, base_url=base_url, workers=3, page_size=20)
    assert max(at_once) == 3


def test_a_file_is_opened_for_several_questions_at_once(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """To open a DuckDB file takes 14 ms, and a pull of some news asks two dozen questions."""
    warehouse.begin()
    warehouse.sandbox.world.live(3)
    opened: list[object] = []
    connect = duckdb.connect

    def count(*arguments: Any, **named: Any) -> Any:
        opened.append(arguments)
        return connect(*arguments, **named)

    monkeypatch.setattr(duckdb, "connect", count)
    assert list(pull(warehouse.pipeline(), **warehouse.options()))
    assert len(opened) <= 16
