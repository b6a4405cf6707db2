"""Contacts and opt-outs that are wrong in part: set aside, while nobody is lost and a stop is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from listrak_source.pull.records.normalize import NO_DATE
from tests.pull.asking import Somebody, somebody
from tests.pull.proxy import proxy
from tests.pull.setting_aside import listed, log, only, rejected
from tests.pull.warehouse import Warehouse, truth


@pytest.mark.full
@pytest.mark.parametrize(
    ("field", "value", "reason", "page_size"),
    [
        ("birthday", "soon", "birthday: not a date", 40),
        ("birthday", {"day": 1}, "birthday: not a date", 5000),
        ("optedOut", "perhaps", "optedOut: neither true nor false", 5000),
        ("optedOut", {}, "optedOut: neither true nor false", 40),
    ],
)
def test_bad_contact_is_set_aside_and_stays_a_member(
    warehouse: Warehouse, field: str, value: Any, reason: str, page_size: int
) -> None:
    sandbox, someone = warehouse.sandbox, somebody(warehouse.sandbox)
    tables = ("contacts", "contact_profile_values", "list_memberships", "opt_outs")
    change = only(someone, "/Contact", lambda record: record.update({field: value}))
    with proxy(sandbox, change) as base_url, log() as lines:
        warehouse.pull(*tables, base_url=base_url, page_size=page_size)
        told = truth(sandbox)
        for name in ("contact_profile_values", "opt_outs"):
            assert warehouse.rows(name) == told[name], name
        assert warehouse.rows("list_memberships").keys() == told["list_memberships"].keys()
        others = {key: row for key, row in told["contacts"].items() if key != someone.key}
        assert warehouse.rows("contacts") == listed(others)
        ((table, why, record),) = rejected(warehouse)
        assert (table, why) == ("contacts", reason)
        assert (record["phoneNumber"], record["sender_code_id"]) == (someone.phone_number, someone.sender_code_id)
        assert record[field] in (value, json.dumps(value)), "as it came"
        assert [line for line in lines if "set aside" in line] == [f"contacts: 1 set aside in rejected_rows: {reason}"]
        assert warehouse.pull(*tables, base_url=base_url, page_size=page_size) == {}, "nothing is new"
        warehouse.pull(*tables, base_url=base_url, page_size=page_size, full=True)
        assert len(rejected(warehouse)) == 1
        assert warehouse.query("SELECT count(*) FROM listrak_sms.rejected_rows") == [(1,)]
    warehouse.pull(*tables, full=True)
    assert warehouse.rows("contacts") == listed(told["contacts"]), "once the record is right, it is there"
    assert len(rejected(warehouse)) == 1, "and what was set aside stays on record"


@pytest.mark.cases(1)
@pytest.mark.parametrize("lookups", ["none", "changed"])
def test_who_stopped_is_kept_with_a_bad_birthday(warehouse: Warehouse, lookups: str) -> None:
    """The row says stop: it is not held back by another field, and the original is set aside all the same."""
    someone = somebody(warehouse.sandbox)
    warehouse.begin("contacts")
    warehouse.sandbox.world.opt_out(someone.sender_code_id, someone.phone_number)
    listing = only(someone, "/Contact", lambda record: record.update(birthday="soon"))

    def change(path: str, answer: dict[str, Any]) -> None:
        listing(path, answer)
        if path.endswith(someone.phone_number):
            answer["data"]["birthday"] = "soon"

    with proxy(warehouse.sandbox, change) as base_url:
        warehouse.pull("contacts", base_url=base_url, lookups=lookups, full=lookups == "none")
    row = warehouse.rows("contacts")[someone.key]
    assert (row["opted_out"], row["birthday"], bool(row["unsubscribe_date"])) == (True, None, lookups == "changed")
    ((table, reason, record),) = rejected(warehouse)
    assert (table, reason, record["birthday"]) == ("contacts", "birthday: not a date", "soon")


@pytest.mark.cases(1)
@pytest.mark.parametrize("phone", [None, ""])
def test_record_without_a_phone_number_is_set_aside_once(warehouse: Warehouse, phone: Any) -> None:
    """Not once for each table, and not once for each of its values."""
    someone = somebody(warehouse.sandbox)
    change = only(someone, "/Contact", lambda record: record.update(phoneNumber=phone))
    with proxy(warehouse.sandbox, change) as base_url:
        warehouse.pull(base_url=base_url, lists=[someone.phone_list_id])
    ((table, reason, record),) = rejected(warehouse)
    assert (table, reason, record["phoneNumber"]) == ("contacts", "phoneNumber: missing", phone)
    assert "segmentationFieldValues" in record
    for name in ("contacts", "contact_profile_values", "list_memberships"):
        people = {row["phone_number"] for row in warehouse.rows(name).values()}
        assert None not in people
        assert people
        assert not people & {"", someone.phone_number}


def test_opt_outs_are_kept_whatever_is_wrong_with_them(warehouse: Warehouse) -> None:
    someone = somebody(warehouse.sandbox)
    warehouse.sandbox.world.opt_out(someone.sender_code_id, someone.phone_number)

    def spoil(record: dict[str, Any]) -> None:
        record.update(optOutDate="a while ago", optOutReason={"code": 3, "text": "é"})

    with proxy(warehouse.sandbox, only(someone, "/OptOut", spoil)) as base_url:
        for full in (False, False, True):
            warehouse.pull("opt_outs", base_url=base_url, full=full)
    told = truth(warehouse.sandbox)["opt_outs"]
    rows = warehouse.rows("opt_outs")
    mine = {key: row for key, row in rows.items() if key[:2] == someone.key}
    assert {key: row for key, row in rows.items() if key not in mine} == {
        key: row for key, row in told.items() if key[:2] != someone.key
    }
    assert mine.keys() == {(*someone.key, NO_DATE)}
    assert [json.loads(row["opt_out_reason"]) for row in mine.values()] == [{"code": 3, "text": "é"}]
    ((table, reason, record),) = rejected(warehouse)
    assert (table, reason, record["optOutDate"]) == ("opt_outs", "optOutDate: not a date", "a while ago")
    warehouse.pull("opt_outs", full=True)
    assert told.items() <= warehouse.rows("opt_outs").items(), "with its date, once that can be read"


@pytest.mark.full
def test_bad_answer_to_a_lookup(warehouse: Warehouse) -> None:
    """Of two people who are looked up, one is bad in the contact and one in a subscription."""
    sandbox, someone = warehouse.sandbox, somebody(warehouse.sandbox)
    warehouse.begin()
    sender = sandbox.world.sender_codes[someone.sender_code_id]
    other = Somebody(
        someone.sender_code_id,
        someone.phone_list_id,
        sandbox.world.phone(sender.lists[someone.phone_list_id].reachable.members[1]),
    )
    for one in (someone, other):
        sandbox.world.opt_out(one.sender_code_id, one.phone_number)
    before = warehouse.rows("contacts")[someone.key]

    def change(path: str, answer: dict[str, Any]) -> None:
        if path.endswith(f"{someone.phone_number}"):
            answer["data"]["optedOut"] = "who knows"
            answer["data"]["segmentationFieldValues"] = "none of your business"
        if path.endswith(f"{other.phone_number}/PhoneList"):
            first = answer["data"][0]
            first["phoneListId"] = "first"

    told = truth(sandbox)
    lists = sorted(key[2] for key in told["subscriptions"] if key[:2] == other.key)
    with proxy(sandbox, change) as base_url:
        warehouse.pull(base_url=base_url)
    contacts = warehouse.rows("contacts")
    assert contacts[someone.key] == before
    assert contacts[other.key] == told["contacts"][other.key]
    values = warehouse.rows("contact_profile_values")
    assert values == told["contact_profile_values"], "what is known of their values stays"
    subscriptions = warehouse.rows("subscriptions")
    assert len([key for key in subscriptions if key[:2] == other.key]) == len(lists) - 1
    assert all(row == told["subscriptions"][key] for key, row in subscriptions.items())
    assert [row[:2] for row in rejected(warehouse)] == [
        ("contact_profile_values", "segmentationFieldValues: not a list"),
        ("contacts", "optedOut: neither true nor false"),
        ("subscriptions", "phoneListId: not a whole number"),
    ]
    assert rejected(warehouse)[2][2].items() >= {"phone_number": other.phone_number, "phoneListId": "first"}.items()


def test_bad_profile_value_takes_no_other_along(warehouse: Warehouse) -> None:
    someone = somebody(warehouse.sandbox)
    bad = [{"segmentationFieldId": "abc", "value": "x", "more": {"deep": [1]}}, {"value": "y"}, "z", None]

    def spoil(record: dict[str, Any]) -> None:
        record["segmentationFieldValues"] = [*bad, *record["segmentationFieldValues"]]

    with proxy(warehouse.sandbox, only(someone, "/Contact", spoil)) as base_url:
        warehouse.pull("contacts", "contact_profile_values", base_url=base_url)
    told = truth(warehouse.sandbox)
    assert warehouse.rows("contacts") == listed(told["contacts"]), "the contact is one of them"
    assert warehouse.rows("contact_profile_values") == told["contact_profile_values"]
    whose = {"sender_code_id": someone.sender_code_id, "phone_number": someone.phone_number}
    assert rejected(warehouse) == [
        ("contact_profile_values", "record: not an object", {"record": "z"} | whose),
        ("contact_profile_values", "segmentationFieldId: missing", {"value": "y"} | whose),
        ("contact_profile_values", "segmentationFieldId: not a whole number", bad[0] | whose),  # type: ignore[operator]
    ]


@pytest.mark.full
def test_values_that_cannot_be_read_delete_none(warehouse: Warehouse) -> None:
    warehouse.begin("contacts", "contact_profile_values")
    told = truth(warehouse.sandbox)
    sender_code_id, phone, _ = next(key for key in told["contact_profile_values"] if key[:2] in told["contacts"])
    someone = Somebody(sender_code_id, 0, phone)
    change = only(someone, "/Contact", lambda record: record.update(segmentationFieldValues="many", firstName="Ann"))
    with proxy(warehouse.sandbox, change) as base_url:
        warehouse.pull("contacts", "contact_profile_values", base_url=base_url, full=True)
    assert warehouse.rows("contact_profile_values") == told["contact_profile_values"]
    assert warehouse.rows("contacts")[someone.key]["first_name"] == "Ann"
    assert [row[:2] for row in rejected(warehouse)] == [
        ("contact_profile_values", "segmentationFieldValues: not a list")
    ]
