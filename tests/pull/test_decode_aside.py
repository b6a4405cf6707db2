"""Records that cannot be kept are set aside when their page is decoded, and nothing else is."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from listrak_source.pull.records.coerce import from_groups
from listrak_source.pull.records.decode import page_decoder
from listrak_source.pull.records.normalize import shape
from listrak_source.pull.records.quarantine import Rejects
from listrak_source.pull.schema import CONTACTS, LIST_MEMBERSHIPS, SUBSCRIPTIONS
from tests.pull.pages import GARBAGE, SLOW, body, contact, decode, meaning, record, shaped


def decoded(records: list[Any], status: Any = 200) -> tuple[pa.Table, list[tuple[str, str, Any]], int]:
    """The records that are kept, what is set aside, and how many rows the page counts."""
    rejects = Rejects()
    page = page_decoder(CONTACTS, rejects, {"sender_code_id": 1})(body(records, status))
    aside = rejects.drain(datetime(2026, 1, 1, tzinfo=timezone.utc))
    rows = [] if aside is None else aside.to_pylist()
    return page.data, [(row["table_name"], row["reason"], json.loads(row["record"])) for row in rows], page.rows


@pytest.mark.parametrize("status", [200, SLOW])
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("text", "record: not an object"),
        ([], "record: not an object"),
        (contact(phoneNumber=None, firstName="Ann"), "phoneNumber: missing"),
        (contact(phoneNumber=""), "phoneNumber: missing"),
        ({}, "phoneNumber: missing"),
        (contact(phoneNumber=None, optedOut="perhaps"), "phoneNumber: missing; optedOut: neither true nor false"),
    ],
)
def test_what_cannot_be_told_is_set_aside_and_counts_as_a_row(bad: Any, reason: str, status: Any) -> None:
    kept, aside, rows = decoded([contact(phoneNumber="1"), bad, None, contact(phoneNumber="2")], status)
    assert kept["phoneNumber"].to_pylist() == ["1", "2"]
    assert rows == 4, "paging depends on what the API sent"
    record = bad if isinstance(bad, dict) else {"record": bad}
    assert aside == [("contacts", reason, record | {"sender_code_id": 1})]


@pytest.mark.parametrize("opted_out", ["perhaps", 5, 0.5, {}, []])
def test_contact_whose_state_cannot_be_read_keeps_its_number_only(opted_out: Any) -> None:
    """For its membership: no contact is made of it."""
    records = [contact(phoneNumber="1", optedOut=True), contact(phoneNumber="2", optedOut=opted_out)]
    kept, aside, _ = decoded(records)
    assert kept["phoneNumber"].to_pylist() == ["1", "2"]
    assert aside == [("contacts", "optedOut: neither true nor false", records[1] | {"sender_code_id": 1})]
    rejects = Rejects()
    contacts = shape(kept, CONTACTS, "UTC", {"sender_code_id": 1}, rejects)
    assert contacts["phone_number"].to_pylist() == ["1"]
    assert contacts.schema == CONTACTS.schema
    assert rejects.counts == {}, "it was told when it came"
    members = shape(kept.select(["phoneNumber"]), LIST_MEMBERSHIPS, "UTC", {"sender_code_id": 1, "phone_list_id": 2})
    assert members["phone_number"].to_pylist() == ["1", "2"]


@pytest.mark.full
@given(st.lists(record, max_size=4))
def test_nothing_is_set_aside_that_fits(records: list[dict[str, Any]]) -> None:
    for status in (200, SLOW):
        with_phone = [one for one in records if one["phoneNumber"]]
        kept, aside, rows = decoded(with_phone, status)
        assert (aside, rows) == ([], len(with_phone))
        assert meaning(shaped(kept)) == meaning(shaped(decode(body(with_phone, status)).data))


NO_PAGE = [content for content in GARBAGE if b'"data":[' not in content or b"]" not in content] + [
    b'{"data":[]} trailing', b'{"data":[]}{"data":[]}',
    b'{"data":["x"],"nextPageCursor":{"a":1}}', b'{"data":["x"', b'{"data":["x"]',
]  # fmt: skip


@pytest.mark.parametrize("content", NO_PAGE)
def test_what_is_no_page_is_still_an_error(content: bytes) -> None:
    """It is asked for again, and nothing of it is set aside."""
    rejects = Rejects()
    with pytest.raises(ValueError, match=r"."):
        page_decoder(CONTACTS, rejects)(content)
    assert rejects.counts == {}


@pytest.mark.parametrize(
    ("opted_out", "read"), [(True, True), ("true", True), ("False", False), (1, True), (0, False), ("0", False)]
)
def test_what_means_true_or_false_is_kept(opted_out: Any, read: bool) -> None:
    kept, aside, _ = decoded([contact(phoneNumber=15550001111, optedOut=opted_out, postalCode=1234, firstName=7)])
    row = kept.to_pylist()[0]
    assert (row["optedOut"], row["phoneNumber"], row["postalCode"], row["firstName"]) == (
        read, "15550001111", "1234", "7",
    )  # fmt: skip
    assert aside == []


def test_records_in_groups_keep_their_owners() -> None:
    """Also where some of a group are left out."""
    rejects = Rejects()
    groups: list[tuple[dict[str, Any], list[Any]]] = [
        ({"sender_code_id": 1, "phone_number": "1"}, [{"phoneListId": 5}, "no object", {"phoneListId": "x"}]),
        ({"sender_code_id": 1, "phone_number": "2"}, [None]),
        ({"sender_code_id": 2, "phone_number": "3"}, [{"phoneListId": "6", "subscriptionState": ["odd"]}]),
    ]
    records, given = from_groups(groups, SUBSCRIPTIONS, rejects)
    rows = shape(records, SUBSCRIPTIONS, "UTC", given, rejects).to_pylist()
    assert [(row["sender_code_id"], row["phone_number"], row["phone_list_id"]) for row in rows] == [
        (1, "1", 5), (2, "3", 6),
    ]  # fmt: skip
    assert rows[1]["subscription_state"] == '["odd"]'
    assert rejects.counts == {
        ("subscriptions", "record: not an object"): 1,
        ("subscriptions", "phoneListId: not a whole number"): 1,
    }
    none, nobody = from_groups([], SUBSCRIPTIONS)
    assert shape(none, SUBSCRIPTIONS, "UTC", nobody).schema == SUBSCRIPTIONS.schema
