"""Lookups that Listrak does not answer: nobody is lost by one, and the next pull asks again."""

from __future__ import annotations

import json

import pytest

from listrak_source.sandbox import Fault
from tests.pull.asking import Somebody, somebody
from tests.pull.setting_aside import rejected
from tests.pull.warehouse import Warehouse, truth

GONE = json.dumps({"status": 404, "error": "ERROR_UNABLE_TO_LOCATE_RESOURCE", "message": "No such thing."})
REFUSED = json.dumps({"status": 400, "error": "ERROR_INVALID_PHONE_NUMBER", "message": "Not that one."})
NEW = "15550109999"


def refuse(warehouse: Warehouse, operation: str, status: int, times: int | None = None) -> None:
    body = GONE if status == 404 else REFUSED
    warehouse.sandbox.faults.add(Fault("status", operation, times=times, status=status, body=body))


def news(warehouse: Warehouse) -> Somebody:
    """Ten days after a first pull somebody says stop and somebody subscribes; gives who stopped."""
    world, stopped = warehouse.sandbox.world, somebody(warehouse.sandbox)
    warehouse.begin()
    world.clock.advance(days=10)
    world.opt_out(stopped.sender_code_id, stopped.phone_number)
    world.subscribe(stopped.sender_code_id, stopped.phone_list_id, NEW)
    world.clock.advance(hours=1)
    return stopped


@pytest.mark.cases(1)
@pytest.mark.parametrize("status", [400, 404])
@pytest.mark.parametrize("operation", ["get_contact", "list_contact_subscriptions"])
def test_who_is_not_told_of_is_written_as_the_list_shows_them_and_asked_again(
    warehouse: Warehouse, operation: str, status: int
) -> None:
    stopped = news(warehouse)
    refuse(warehouse, operation, status)
    warehouse.pull()
    told = truth(warehouse.sandbox)
    contacts, fresh = warehouse.rows("contacts"), (stopped.sender_code_id, NEW)
    assert told["opt_outs"].keys() <= warehouse.rows("opt_outs").keys()
    assert contacts[stopped.key]["opted_out"]
    assert fresh in contacts
    place = (stopped.sender_code_id, stopped.phone_list_id, NEW)
    assert place in warehouse.rows("list_memberships")
    assert (*place, "subscribed") in {key[:4] for key in warehouse.rows("consent_events")}, "the list tells it"
    if status == 400:
        table = "contacts" if operation == "get_contact" else "subscriptions"
        assert {row[:2] for row in rejected(warehouse)} == {(table, "lookup: ERROR_INVALID_PHONE_NUMBER")}
    warehouse.sandbox.faults.clear()
    warehouse.pull()
    for key in (fresh, stopped.key):
        assert warehouse.rows("contacts")[key] == told["contacts"][key], "the next pull has asked again"
        held = {one: row for one, row in warehouse.rows("subscriptions").items() if one[:2] == key}
        assert held == {one: row for one, row in told["subscriptions"].items() if one[:2] == key}


EMPTY = {
    "null": {"status": 200, "data": None},
    "no field": {},
    "an envelope": {"status": 200, "message": "Fine."},
    "twice": {"status": 200, "data": {"status": 200, "data": None}},
    "no contact": {"phoneListId": 1, "status": "Active"},
    "nulls": {"status": 200, "data": {"phoneNumber": None, "optedOut": False, "segmentationFieldValues": []}},
    "somebody else": {"status": 200, "data": {"phoneNumber": "15559998888", "firstName": "Eve", "optedOut": False}},
}


@pytest.mark.full
@pytest.mark.cases(0, 2)
@pytest.mark.parametrize("answer", EMPTY)
def test_an_empty_answer_blanks_nobody(warehouse: Warehouse, answer: str) -> None:
    """13.A6: who is looked up in vain is written as the list shows them, and asked again by the next pull."""
    stopped = news(warehouse)
    before = warehouse.rows("contacts")[stopped.key]
    body = json.dumps(EMPTY[answer])
    warehouse.sandbox.faults.add(Fault("status", "get_contact", times=None, status=200, body=body))
    warehouse.pull()
    told = truth(warehouse.sandbox)
    contacts = warehouse.rows("contacts")
    assert contacts[stopped.key]["opted_out"]
    assert contacts[stopped.key]["first_name"] == before["first_name"] == told["contacts"][stopped.key]["first_name"]
    assert not {"status", "data", "error", "message", "phone_list_id"} & contacts[stopped.key].keys()
    assert contacts.keys() == told["contacts"].keys()
    warehouse.sandbox.faults.clear()
    warehouse.pull()
    fresh = (stopped.sender_code_id, NEW)
    for key in (fresh, stopped.key):
        assert warehouse.rows("contacts")[key] == told["contacts"][key], "the next pull has asked again"


@pytest.mark.full
def test_a_refusal_that_lasts_stops_no_pull(warehouse: Warehouse) -> None:
    stopped = news(warehouse)
    refuse(warehouse, "get_contact", 400)
    for _ in range(3):
        warehouse.pull()
        warehouse.sandbox.world.clock.advance(days=1)
    assert warehouse.rows("contacts")[stopped.key]["opted_out"]


@pytest.mark.full
@pytest.mark.parametrize("status", [400, 404])
@pytest.mark.parametrize("operation", ["get_contact", "list_contact_subscriptions"])
def test_a_complete_walk_marks_nobody_whom_a_list_still_shows(
    warehouse: Warehouse, operation: str, status: int
) -> None:
    warehouse.begin(lookups="all")
    warehouse.sandbox.world.clock.advance(days=7)
    refuse(warehouse, operation, status, times=3)
    warehouse.pull(full=True)
    for table in ("contacts", "contact_profile_values", "list_memberships", "subscriptions"):
        assert not warehouse.rows(table, removed=True), table
    assert warehouse.rows("contacts").keys() == truth(warehouse.sandbox)["contacts"].keys()
