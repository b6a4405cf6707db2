"""What leaves a doubt about what is gone: nothing is marked there, and the next walk that is proved marks it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from listrak_source.sandbox import Fault
from tests.destinations.places import Place
from tests.pull.asking import on_request, somebody
from tests.pull.cutting import cut, until_the_sweep
from tests.pull.proxy import proxy
from tests.pull.sweep.gone import PEOPLE, SMALL, Gone, doubts, removed, settle
from tests.pull.warehouse import Warehouse, truth


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
        data = answer.get("data", [])
        for record in (data if isinstance(data, list) else [data])[:1]:
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


@pytest.mark.full
@pytest.mark.parametrize("doubt", NOT_MARKED)
def test_a_walk_that_is_not_proved_marks_nothing_there_and_says_so(
    warehouse: Warehouse, doubt: str, dlt_log: pytest.LogCaptureFixture
) -> None:
    gone = settle(warehouse)
    with answers(warehouse, doubt, gone) as options, dlt_log.at_level(logging.WARNING):
        warehouse.pull(full=True, workers=1, **options)
    marked = removed(warehouse)
    assert not marked.keys() & set(NOT_MARKED[doubt]), marked
    assert "nothing is marked as removed" in dlt_log.text
    assert doubts(warehouse)
    warehouse.sandbox.service.traffic.__dict__.pop("note", None)
    warehouse.sandbox.world.clock.advance(hours=1)
    warehouse.pull(full=True)
    assert not doubts(warehouse), "the next walk is proved"
    assert removed(warehouse)["list_memberships"] == gone.memberships
    assert removed(warehouse)["opt_outs"]
    assert gone.vanished.key in removed(warehouse)["contacts"]


@pytest.mark.full
def test_what_was_set_aside_before_a_kill_is_still_in_doubt_after_it(warehouse: Warehouse) -> None:
    gone = settle(warehouse)
    with answers(warehouse, "a record of a contact", gone) as options:
        assert cut(warehouse, 6, full=True, lookups="none", chunk_rows=8, page_size=4, workers=1, **options)
    assert warehouse.records("rejected_rows"), "it was set aside in time"
    warehouse.pull(full=True, lookups="none", page_size=4, workers=1)
    assert removed(warehouse).keys() <= {"opt_outs"}


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("table", ["contacts", "list_memberships", "opt_outs"])
def test_rows_that_somebody_takes_away_meanwhile_are_not_gone_and_come_back(
    warehouse: Warehouse, table: str, place: Place
) -> None:
    if place.name != "duckdb":
        pytest.skip("it takes rows out of a DuckDB file")
    settle(warehouse)
    rest = until_the_sweep(warehouse)
    before = warehouse.rows(table).keys()
    warehouse.query(
        f"DELETE FROM listrak_sms.{table} WHERE phone_number IN (SELECT phone_number FROM listrak_sms.{table} LIMIT 3)"
    )
    lost = before - warehouse.rows(table).keys()
    assert list(rest) == [None]
    assert lost
    assert not lost & warehouse.rows(table, removed=True).keys()
    told = truth(warehouse.sandbox)[table].keys()
    warehouse.pull(full=True)
    assert lost & told <= warehouse.rows(table).keys()
