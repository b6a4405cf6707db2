"""Records that cannot be kept: set aside with a reason, while everything else arrives as it is."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

import pytest

from listrak_source.pull.rejects import Rejects
from listrak_source.pull.shape import NO_DATE
from listrak_source.pull.tables import CONTACTS, OPT_OUTS, REJECTED_ROWS
from tests.pull.asking import Somebody, somebody
from tests.pull.proxy import proxy
from tests.pull.warehouse import Rows, Warehouse, truth

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)
Spoil = Callable[[dict[str, Any]], Any]
"""Changes a record in place, or returns what takes its place."""


# what is set aside, by itself


def test_a_record_is_set_aside_once() -> None:
    rejects = Rejects()
    for record in ({"b": 1, "a": 2}, {"a": 2, "b": 1}, {"a": 2, "b": 2}):
        rejects.add(CONTACTS, record, "birthday: not a date")
    rejects.add(OPT_OUTS, {"a": 2, "b": 1}, "birthday: not a date")
    rejects.add(CONTACTS, {"a": 2, "b": 1}, "optedOut: neither true nor false")
    table = rejects.drain(NOW)
    assert table is not None
    assert table.schema == REJECTED_ROWS.schema
    rows = table.to_pylist()
    assert len({row["rejected_id"] for row in rows}) == len(rows) == 4
    assert [(row["table_name"], row["record"]) for row in rows[:3]] == [
        ("contacts", '{"a": 2, "b": 1}'), ("contacts", '{"a": 2, "b": 2}'), ("opt_outs", '{"a": 2, "b": 1}'),
    ]  # fmt: skip
    assert {row["observed_at"] for row in rows} == {NOW}
    assert rejects.counts == {
        ("contacts", "birthday: not a date"): 2,
        ("contacts", "optedOut: neither true nor false"): 1,
        ("opt_outs", "birthday: not a date"): 1,
    }
    rejects.add(CONTACTS, {"a": 2, "b": 1}, "birthday: not a date")
    assert rejects.drain(NOW) is None
    later = Rejects(known=rejects.ids)
    later.add(CONTACTS, {"a": 2, "b": 1}, "birthday: not a date")
    assert later.drain(NOW) is None, "an earlier pull has it"
    assert later.counts == {("contacts", "birthday: not a date"): 1}, "and it is told again"
    again = Rejects()
    again.add(CONTACTS, {"a": 2, "b": 1}, "birthday: not a date")
    same = again.drain(datetime(2027, 1, 1, tzinfo=timezone.utc))
    assert same is not None
    assert same["rejected_id"][0] == table["rejected_id"][0]


def test_many_threads_set_aside() -> None:
    rejects = Rejects()
    found: list[str] = []

    def work(start: int) -> None:
        for number in range(start, start + 300):
            rejects.add(CONTACTS, {"n": number}, "n: odd")
            if number % 50 == 0 and (table := rejects.drain(NOW)) is not None:
                found.extend(table["record"].to_pylist())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(0, 1600, 200)))
    last = rejects.drain(NOW)
    found += last["record"].to_pylist() if last is not None else []
    assert sorted(json.loads(record)["n"] for record in found) == list(range(1700))
    assert rejects.counts == {("contacts", "n: odd"): 1700}


def test_a_mask_comes_before_record_and_id() -> None:
    def mask(record: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in record.items() if name != "phoneNumber"}

    rejects = Rejects(mask)
    for phone in ("15550001111", "15550002222"):
        rejects.add(CONTACTS, {"phoneNumber": phone, "birthday": "soon"}, "birthday: not a date")
    table = rejects.drain(NOW)
    assert table is not None
    assert table["record"].to_pylist() == ['{"birthday": "soon"}'], "what tells them apart is gone, from the id too"


def test_half_a_surrogate_pair_can_be_set_aside() -> None:
    rejects = Rejects()
    rejects.add(CONTACTS, {"firstName": "Ann \ud83d", "birthday": "soon"}, "birthday: not a date")
    table = rejects.drain(NOW)
    assert table is not None
    assert json.loads(table["record"][0].as_py())["birthday"] == "soon"


@contextmanager
def log() -> Iterator[list[str]]:
    """What dlt's logger says meanwhile; it does not hand on to the root logger, where caplog listens."""
    lines: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    listener = Listener()
    logging.getLogger("dlt").addHandler(listener)
    try:
        yield lines
    finally:
        logging.getLogger("dlt").removeHandler(listener)


# pulls


def only(someone: Somebody, ending: str, spoil: Spoil) -> Callable[[str, dict[str, Any]], None]:
    """A change of the records that are about somebody, on pages of the paths that end so."""

    def change(path: str, answer: dict[str, Any]) -> None:
        if path.endswith(ending) and isinstance(answer.get("data"), list):
            mine = [at for at, record in enumerate(answer["data"]) if record.get("phoneNumber") == someone.phone_number]
            for at in mine:
                instead = spoil(answer["data"][at])
                answer["data"][at] = answer["data"][at] if instead is None else instead

    return change


def rejected(warehouse: Warehouse) -> list[tuple[str, str, Any]]:
    """Table, reason and record of what was set aside."""
    rows = warehouse.rows("rejected_rows").values()
    found = [(row["table_name"], row["reason"], json.loads(row["record"])) for row in rows]
    return sorted(found, key=lambda row: row[:2])


def listed(rows: Rows) -> Rows:
    """Contacts as a list tells them."""
    return {key: row | {"subscribe_date": None, "unsubscribe_date": None} for key, row in rows.items()}


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


@pytest.mark.parametrize("lookups", ["none", "changed"])
def test_who_stopped_is_kept_with_a_bad_birthday(warehouse: Warehouse, lookups: str) -> None:
    """The row says stop: it is not held back by another field, and the original is set aside all the same."""
    someone = somebody(warehouse.sandbox)
    warehouse.pull("contacts")
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


@pytest.mark.parametrize("element", ["a string", 5, [1], True])
def test_element_that_is_no_object(warehouse: Warehouse, element: Any) -> None:
    """In the place of one contact: it is set aside, the page's other records are there."""
    someone = somebody(warehouse.sandbox)
    with proxy(warehouse.sandbox, only(someone, "/Contact", lambda record: element)) as base_url:
        warehouse.pull("contacts", base_url=base_url, lists=[someone.phone_list_id])
    told = truth(warehouse.sandbox)
    members = {key[::2] for key in told["list_memberships"] if key[1] == someone.phone_list_id}
    assert warehouse.rows("contacts").keys() == members - {someone.key}
    aside = {"record": element, "sender_code_id": someone.sender_code_id}
    assert rejected(warehouse) == [("contacts", "record: not an object", aside)]


@pytest.mark.parametrize(
    ("table", "ending"),
    [
        ("sender_codes", "/ShortCode"),
        ("lists", "/PhoneList"),
        ("profile_fields", "/SegmentationField"),
        ("transactional_messages", "/TransactionalMessage"),
        ("subscriptions", "{phone}/PhoneList"),
    ],
)
def test_element_that_is_no_object_in_any_collection(warehouse: Warehouse, table: str, ending: str) -> None:
    """It stops nothing, and a null is nothing."""
    someone = somebody(warehouse.sandbox)
    end = ending.format(phone=someone.phone_number)

    def change(path: str, answer: dict[str, Any]) -> None:
        if path.endswith(end) and ("/Contact/" in path) is (table == "subscriptions"):
            answer["data"] = ["no object", *answer["data"], None]

    with proxy(warehouse.sandbox, change) as base_url:
        warehouse.pull(base_url=base_url, lookups="all", lists=[someone.phone_list_id])
    told = truth(warehouse.sandbox)
    found = warehouse.rows(table)
    assert found
    assert found == {key: row for key, row in told[table].items() if key in found}
    if table == "subscriptions":
        assert {key for key in told[table] if key[:2] == someone.key} <= found.keys()
    assert {row[:2] for row in rejected(warehouse)} == {(table, "record: not an object")}
    assert all(record["record"] == "no object" for *_, record in rejected(warehouse))


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


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        ({"messageLimit": "many"}, "messageLimit: not a whole number"),
        ({"createDate": "once"}, "createDate: not a date"),
        ({"requireAgeGate": "x", "messageLimit": 1.5},
         "messageLimit: not a whole number; requireAgeGate: neither true nor false"),
        ({"phoneListId": "abc"}, "phoneListId: not a whole number"),
        ({"phoneListId": None}, "phoneListId: missing"),
        ({"phoneListId": {"id": 1}}, "phoneListId: not a whole number"),
    ],
)  # fmt: skip
def test_bad_list_is_set_aside(warehouse: Warehouse, spoil: dict[str, Any], reason: str) -> None:
    """Its contacts are read all the same, unless its id cannot be."""
    someone = somebody(warehouse.sandbox)

    def change(path: str, answer: dict[str, Any]) -> None:
        if path.endswith("/PhoneList"):
            for record in answer["data"]:
                if record["phoneListId"] == someone.phone_list_id:
                    record.update(spoil)

    told = truth(warehouse.sandbox)
    with proxy(warehouse.sandbox, change) as base_url:
        warehouse.pull("lists", "list_memberships", base_url=base_url)
        assert warehouse.rows("lists") == {
            key: row for key, row in told["lists"].items() if key[1] != someone.phone_list_id
        }
        known = "phoneListId" not in spoil
        assert warehouse.rows("list_memberships").keys() == {
            key for key in told["list_memberships"] if known or key[1] != someone.phone_list_id
        }
        ((table, why, record),) = rejected(warehouse)
        assert (table, why, record["sender_code_id"]) == ("lists", reason, someone.sender_code_id)
        assert record.items() >= {name: value for name, value in spoil.items() if value is not None}.items()
        assert warehouse.pull("lists", "list_memberships", base_url=base_url) == {}
    warehouse.pull("lists", "list_memberships")
    assert warehouse.rows("lists") == told["lists"]
    assert warehouse.rows("list_memberships").keys() == told["list_memberships"].keys()


def test_bad_sender_code_stops_no_other(warehouse: Warehouse) -> None:
    def change(path: str, answer: dict[str, Any]) -> None:
        if path.endswith("/ShortCode"):
            answer["data"].append(answer["data"][0] | {"shortCodeId": "12a"})

    with proxy(warehouse.sandbox, change) as base_url:
        warehouse.pull(base_url=base_url)
    told = truth(warehouse.sandbox)
    assert warehouse.rows("sender_codes") == told["sender_codes"]
    assert warehouse.rows("contacts").keys() == told["contacts"].keys()
    assert [row[:2] for row in rejected(warehouse)] == [("sender_codes", "shortCodeId: not a whole number")]


def test_bad_answer_to_a_lookup(warehouse: Warehouse) -> None:
    """Of two people who are looked up, one is bad in the contact and one in a subscription."""
    sandbox, someone = warehouse.sandbox, somebody(warehouse.sandbox)
    warehouse.pull()
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


def test_values_that_cannot_be_read_delete_none(warehouse: Warehouse) -> None:
    warehouse.pull("contacts", "contact_profile_values")
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


@pytest.mark.parametrize("into_empty", [False, True])
def test_rejected_rows_are_as_declared_whoever_feeds_them(warehouse: Warehouse, into_empty: bool) -> None:
    """Found by three resources in one pull, and by another one in a later pull."""
    someone = somebody(warehouse.sandbox)
    bad_birthday = only(someone, "/Contact", lambda record: record.update(birthday="soon"))

    def change(path: str, answer: dict[str, Any]) -> None:
        bad_birthday(path, answer)
        for record in answer["data"] if path.endswith(("/PhoneList", "/SegmentationField", "/OptOut")) else ():
            record |= {"createDate": "x", "maxLength": "y", "optOutDate": "z"}

    tables = ("contacts", "lists", "profile_fields")
    with proxy(warehouse.sandbox, change) as base_url:
        warehouse.pull(*tables, base_url=base_url, into_empty=into_empty)
        assert {row[0] for row in rejected(warehouse)} == set(tables)
        warehouse.pull("opt_outs", base_url=base_url)
    assert {row[0] for row in rejected(warehouse)} == {*tables, "opt_outs"}
    assert len(rejected(warehouse)) == len({row["rejected_id"] for row in warehouse.rows("rejected_rows").values()})
    there: dict[str, Any] = dict(warehouse.pipeline().default_schema.tables["rejected_rows"]["columns"])
    assert there.keys() == {*REJECTED_ROWS.schema.names, "_dlt_load_id"}
    assert {name for name, column in there.items() if column.get("primary_key")} == {"rejected_id"}
    assert all(there[column.name]["description"] == column.description for column in REJECTED_ROWS.columns)
    assert {row["observed_at"] for row in warehouse.rows("rejected_rows").values()} == {
        warehouse.sandbox.world.clock.now().replace(microsecond=0, tzinfo=timezone.utc)
    }
