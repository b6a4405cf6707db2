"""However Listrak answers where its contract leaves that open, and whatever breaks on the way: the same warehouse."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, get_args

import pytest

from listrak_source.cli import reports
from listrak_source.sandbox import Fault, Quirks, Sandbox
from listrak_source.sandbox.faults import Kind
from tests.pull.asking import somebody
from tests.pull.proxy import proxy
from tests.pull.warehouse import Rows, Warehouse, truth


@pytest.fixture(scope="session")
def served(crowded: Sandbox) -> Sandbox:
    return crowded


PAGED = {"page_size": 25}


def contents(warehouse: Warehouse) -> dict[str, Rows]:
    return {
        name: warehouse.rows(name) for name in ("contacts", "contact_profile_values", "list_memberships", "opt_outs")
    }


@pytest.fixture(scope="module")
def expected(served: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The warehouse after a pull, a day of life, and another pull, with nothing in the way."""
    served.service.reset()
    warehouse = Warehouse(served, tmp_path_factory.mktemp("expected"))
    warehouse.pull(*TABLES, **PAGED)
    first = contents(warehouse)
    served.world.live(1)
    warehouse.pull(*TABLES, **PAGED)
    return {"first": first, "second": contents(warehouse)}


TABLES = ("contacts", "contact_profile_values", "list_memberships", "opt_outs", "lists")


@pytest.mark.full
@pytest.mark.parametrize(
    "quirks",
    [
        Quirks("relative", "empty", "envelope", "exclusive", "number"),
        Quirks("absolute", "absent", "array", "exclusive", "number"),
        Quirks("elsewhere", error_style="body", no_rows="null"),
        Quirks(no_rows="absent", charset="iso-8859-1"),
    ],
    ids=["relative", "absolute", "elsewhere", "absent"],
)
def test_same_warehouse_with_every_quirk(warehouse: Warehouse, expected: dict[str, Any], quirks: Quirks) -> None:
    warehouse.sandbox.service.quirks = quirks
    warehouse.pull(*TABLES, **PAGED)
    assert contents(warehouse) == expected["first"]
    warehouse.sandbox.world.live(1)
    warehouse.pull(*TABLES, **PAGED)
    assert contents(warehouse) == expected["second"]


@pytest.mark.full
def test_same_warehouse_after_faults_that_pass(warehouse: Warehouse, expected: dict[str, Any]) -> None:
    """Each hits another request, so that their waits run side by side."""
    faults = warehouse.sandbox.faults
    for turn, kind in enumerate(get_args(Kind)[:7]):
        faults.add(Fault(kind, "list_contacts", after=turn * 3, seconds=0.02))
    faults.add(Fault("status", "list_contacts", status=429, retry_after="0"))
    faults.add(Fault("cut_body", "list_opt_outs"))
    warehouse.pull(*TABLES, **PAGED)
    assert faults.waiting() == []
    assert contents(warehouse) == expected["first"]


@pytest.mark.cases(1)
@pytest.mark.parametrize("kind", ["repeated_page", "full_page_no_cursor", "empty_page"])
def test_same_warehouse_after_a_page_that_is_wrong_once(
    warehouse: Warehouse, expected: dict[str, Any], kind: Kind
) -> None:
    sandbox = warehouse.sandbox
    largest = somebody(sandbox).phone_list_id
    sender = next(iter(sandbox.world.sender_codes.values()))
    assert len(sender.lists[largest].opted_out) < 15 < len(sender.lists[largest].reachable)
    # Of the opt-outs, and of the reachable: behind two windows in two states.
    sandbox.faults.add(Fault(kind, "list_opt_outs"))
    sandbox.faults.add(Fault(kind, "list_contacts", after=5 if kind == "empty_page" else 4))
    warehouse.pull(*TABLES, lists=[largest], page_size=15, workers=1)
    assert sandbox.faults.waiting() == []
    first = expected["first"]
    assert warehouse.rows("opt_outs") == first["opt_outs"]
    members = {key: row for key, row in first["list_memberships"].items() if key[1] == largest}
    assert warehouse.rows("list_memberships") == members
    people = {key[::2] for key in members}
    assert warehouse.rows("contacts") == {key: row for key, row in first["contacts"].items() if key in people}


@pytest.mark.full
@pytest.mark.parametrize("bounds", ["inclusive", "exclusive"])
def test_same_warehouse_without_any_cursor(warehouse: Warehouse, expected: dict[str, Any], bounds: Any) -> None:
    """Opt-outs are unpaged, as the contract declares them, and contacts have lost their cursors."""
    warehouse.sandbox.service.quirks = Quirks(bounds=bounds, opt_out_paging="unpaged")
    warehouse.sandbox.faults.add(Fault("full_page_no_cursor", "list_contacts", times=None))
    warehouse.pull(*TABLES, page_size=10)
    assert contents(warehouse) == expected["first"]
    warehouse.sandbox.world.live(1)
    warehouse.pull(*TABLES, page_size=10)
    assert contents(warehouse) == expected["second"]


@pytest.mark.cases(1)
@pytest.mark.parametrize("charset", ["iso-8859-1", "utf-16", "utf-8-sig"])
def test_same_warehouse_in_every_charset(warehouse: Warehouse, expected: dict[str, Any], charset: Any) -> None:
    """13.A9: names are what they are."""
    warehouse.sandbox.service.quirks = Quirks(charset=charset)
    warehouse.pull(*TABLES, **PAGED)
    found = contents(warehouse)
    assert any(not (row["first_name"] or "").isascii() for row in found["contacts"].values())
    assert found == expected["first"]


@pytest.mark.cases(1)
@pytest.mark.parametrize("operation", ["list_opt_outs", "list_contacts"])
def test_an_error_inside_a_success_is_no_empty_page(warehouse: Warehouse, operation: str) -> None:
    """13.A3: taken for the last page, it lost every stop without a word."""
    sandbox = warehouse.sandbox
    sandbox.service.quirks = Quirks(error_style="body")
    sandbox.faults.add(Fault("status", operation, status=500, times=2))
    warehouse.pull("contacts", "opt_outs", page_size=25, lookups="none")
    told = truth(sandbox)
    for table in ("contacts", "opt_outs"):
        assert warehouse.rows(table).keys() == told[table].keys()
    sandbox.faults.add(Fault("status", operation, status=500, times=None))
    warehouse.pull("contacts", "opt_outs", page_size=25, full=True, max_attempts=1)
    assert "HTTP 500" in " ".join(reports.unread(warehouse.pipeline()))


@pytest.mark.full
def test_empty_pages_without_end_stop_a_list_with_a_sentence(warehouse: Warehouse) -> None:
    """13.B14. Nothing of the unit is taken for read."""
    sandbox = warehouse.sandbox
    sandbox.faults.add(Fault("empty_page", "list_contacts", times=None))
    with pytest.raises(Exception, match=r"20 pages in a row .* brought nothing new while reading senderCodeId"):
        warehouse.pull("contacts", page_size=15, max_idle_pages=20, lookups="none")
    sandbox.faults.clear()
    warehouse.pull("contacts")
    assert warehouse.rows("contacts").keys() == truth(sandbox)["contacts"].keys()


STAYING = {
    "status": Fault("status", "list_contacts", times=None),
    "repeated_page": Fault("repeated_page", "list_contacts", times=None),
    "not_json": Fault("not_json", "list_contacts", times=None),
    "opt_outs": Fault("status", "list_opt_outs", times=None),
}


@pytest.mark.cases(1, 1)
@pytest.mark.parametrize("name", STAYING)
def test_fault_that_stays_is_told_and_loses_nothing(warehouse: Warehouse, name: str) -> None:
    sandbox = warehouse.sandbox
    sandbox.faults.add(STAYING[name])
    warehouse.pull("contacts", "opt_outs", max_attempts=1, page_size=15)
    sender = somebody(sandbox).sender_code_id
    said = " ".join(reports.unread(warehouse.pipeline()))
    sandbox.faults.clear()
    warehouse.pull("contacts", "opt_outs")
    told = truth(sandbox)
    assert warehouse.rows("contacts").keys() == told["contacts"].keys()
    assert warehouse.rows("opt_outs").keys() == told["opt_outs"].keys()
    assert str(sender) in said, f"what could not be read is named: {said[-200:]}"


@pytest.mark.full
def test_failed_later_pull_moves_no_watermark(warehouse: Warehouse) -> None:
    sandbox = warehouse.sandbox
    warehouse.begin("contacts", "opt_outs")
    loads = warehouse.loads()
    sandbox.world.live(2)
    sandbox.world.clock.advance(days=5)
    sandbox.faults.add(Fault("status", "list_contacts", times=None, after=10))
    sandbox.faults.add(Fault("status", "list_sender_codes", times=None, after=1))
    with pytest.raises(Exception, match="list_contacts"):
        warehouse.pull("contacts", "opt_outs", max_attempts=1)
    assert warehouse.loads() == loads
    sandbox.faults.clear()
    sandbox.world.clock.advance(days=5)
    warehouse.pull("contacts", "opt_outs")
    told = truth(sandbox)
    assert told["contacts"].keys() <= warehouse.rows("contacts").keys()
    assert told["opt_outs"].keys() <= warehouse.rows("opt_outs").keys()


@pytest.mark.full
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Honolulu"])
def test_wrong_time_zone_loses_no_row(warehouse: Warehouse, zone: str) -> None:
    world = warehouse.sandbox.world
    warehouse.begin("contacts", "opt_outs", "list_memberships", timezone=zone)
    world.live(2)
    warehouse.pull("contacts", "opt_outs", "list_memberships", timezone=zone)
    told = truth(warehouse.sandbox)
    assert told["contacts"].keys() <= warehouse.rows("contacts").keys()
    assert told["list_memberships"].keys() <= warehouse.rows("list_memberships").keys()
    stopped = {key[:2] for key in warehouse.rows("opt_outs")}
    assert {key[:2] for key in told["opt_outs"]} <= stopped


def test_the_sandbox_is_where_these_tests_think(sandbox: Sandbox, tmp_path: Path) -> None:
    """The largest list and the opt-outs fill more than one page of the size used above."""
    sender = next(iter(sandbox.world.sender_codes.values()))
    assert len(sender.opt_out_order) > 15
    assert max(len(item.reachable) for item in sender.lists.values()) > 50


def test_unknown_things_are_kept(warehouse: Warehouse) -> None:
    """Words and numbers that no enum has, fields within fields, a fuller envelope: none is lost, none is set aside."""
    sandbox, someone = warehouse.sandbox, somebody(warehouse.sandbox)
    warehouse.begin()
    sandbox.world.opt_out(someone.sender_code_id, someone.phone_number)
    deep = {"since": "2020-01-31", "tags": ["a", {"b": None}]}

    def change(path: str, answer: dict[str, Any]) -> None:
        answer |= {"warnings": [deep], "asOf": "2026-03-01T00:00:00"}
        records = answer["data"] if isinstance(answer["data"], list) else [answer["data"]]
        for record in records:
            record["deep"] = deep
            if path.endswith("/OptOut"):
                record["optOutReason"] = 99
            elif path.endswith(f"{someone.phone_number}/PhoneList"):
                record |= {"subscriptionState": "On Hold", "pendingDate": "0001-01-01T00:00:00", "pendingAgeGate": 1}
            elif path.endswith("/PhoneList"):
                record |= {"status": 7, "smsListType": ["Odd"], "createDate": "2020-06-01T10:00:00.1234567"}
            elif path.endswith(someone.phone_number):
                record |= {"birthday": "0001-01-01T00:00:00", "phoneNumber": int(someone.phone_number)}
                record["segmentationFieldValues"] = [{"segmentationFieldId": "5", "value": 1.5, "deep": deep}]

    with proxy(sandbox, change) as base_url:
        warehouse.pull(base_url=base_url)
    told = truth(sandbox)
    contact = warehouse.rows("contacts")[someone.key]
    assert contact["opted_out"] is True
    assert (contact["birthday"], json.loads(contact["deep"])) == (None, deep)
    values = {key: row for key, row in warehouse.rows("contact_profile_values").items() if key[:2] == someone.key}
    assert [(key[2], row["value"], json.loads(row["deep"])) for key, row in values.items()] == [(5, "1.5", deep)]
    lists = warehouse.rows("lists")
    assert lists.keys() == told["lists"].keys()
    for row in lists.values():
        assert (row["status"], json.loads(row["sms_list_type"]), json.loads(row["deep"])) == ("7", ["Odd"], deep)
        assert row["create_date"] == datetime(2020, 6, 1, 14, 0, 0, 123456, tzinfo=timezone.utc)
    states = [row for key, row in warehouse.rows("subscriptions").items() if key[:2] == someone.key]
    assert {(row["subscription_state"], row["pending_date"], row["pending_age_gate"]) for row in states} == {
        ("On Hold", None, True)
    }
    (opt_out,) = (row for key, row in warehouse.rows("opt_outs").items() if key[:2] == someone.key)
    assert (opt_out["opt_out_reason"], json.loads(opt_out["deep"])) == ("99", deep)
    assert "rejected_rows" not in warehouse.loads()
