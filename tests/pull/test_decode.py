"""Page bytes into Arrow: both ways of reading give the same, and what is no page is an error to be tried again."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timezone
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listrak_source.pull.decode import page_decoder
from listrak_source.pull.records import from_groups, from_records, record_schema
from listrak_source.pull.rejects import Rejects
from listrak_source.pull.shape import profile_values, shape
from listrak_source.pull.tables import CONTACTS, LIST_MEMBERSHIPS, OPT_OUTS, SUBSCRIPTIONS

decode = page_decoder(CONTACTS)

SLOW = "200"
"""A status that is text where the contract has a number: Arrow's strict reader refuses the page."""


def body(records: list[Any], status: Any = 200, **more: Any) -> bytes:
    return json.dumps({"status": status, "nextPageCursor": None, "data": records} | more, ensure_ascii=False).encode()


def contact(**fields: Any) -> dict[str, Any]:
    return {"phoneNumber": "15550001111", "segmentationFieldValues": []} | fields


def as_text(table: pa.Table) -> list[dict[str, Any]]:
    """The rows without what the two ways may tell differently: whether an absent extra field is a column of nulls."""
    return [{name: value for name, value in row.items() if value is not None} for row in table.to_pylist()]


def both_ways(records: list[Any]) -> tuple[pa.Table, pa.Table]:
    """Contacts and profile values, by the fast and by the slow way, shaped as they reach the warehouse."""
    return shaped(decode(body(records)).data), shaped(decode(body(records, SLOW)).data)


def shaped(records: pa.Table) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    contacts = shape(records, CONTACTS, "America/New_York", {"sender_code_id": 1})
    return as_text(contacts), as_text(profile_values(records, 1))


def meaning(told: Any) -> Any:
    """Extra fields as the values that their text stands for: 1 and 1.0 are one number, an absent key is null."""
    if isinstance(told, (list, tuple)):
        return [meaning(one) for one in told]
    if isinstance(told, dict):
        pairs = {
            key: meaning(value) if key in EXTRA or not isinstance(value, str) else value for key, value in told.items()
        }
        return {key: value for key, value in pairs.items() if value is not None}
    try:
        value = json.loads(told) if isinstance(told, str) else told
    except ValueError:
        return told
    return meaning(value) if isinstance(value, (list, dict)) else value


EXTRA = ("loyalty_tier", "roi_score", "changed_by")

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalar = st.none() | text | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0.5, -1.25, 1e20, 2.0])
extra = (
    scalar | st.lists(st.integers(0, 9), max_size=3) | st.dictionaries(st.sampled_from("ab"), st.integers(), max_size=2)
)
value_item = st.fixed_dictionaries(
    {"segmentationFieldId": st.integers(1, 10**6)},
    optional={"value": st.none() | text | st.integers(0, 99), "changedBy": scalar},
)
record = st.fixed_dictionaries(
    {"phoneNumber": st.from_regex(r"\A0?1?\d{10}\Z") | text},
    optional={
        "emailAddress": st.none() | text,
        "firstName": st.none() | text,
        "lastName": st.none() | text,
        "birthday": st.none() | st.dates().map(lambda day: f"{day}T00:00:00"),
        "postalCode": st.none() | st.from_regex(r"\A0\d{4}\Z") | st.integers(0, 99999),
        "optedOut": st.none() | st.booleans(),
        "segmentationFieldValues": st.none() | st.lists(value_item, max_size=3),
        "loyaltyTier": extra,
        "ROIScore": extra,
    },
)


@settings(max_examples=150, deadline=None)
@given(st.lists(record, max_size=4))
def test_fast_and_slow_way_agree(records: list[dict[str, Any]]) -> None:
    fast, slow = both_ways(records)
    assert meaning(fast) == meaning(slow)


@pytest.mark.parametrize(
    "value",
    [
        "2020-01-31", "2020-01-31T10:00:00", "2020-01-31T10:00:00Z", "2020-01-31 10:00:00", "2020-01-31T10:00:00.25",
        "007", "1.50", "", "é\tü", 1.5, 12345678901234567890, -3, True, {"since": "2020-01-31"}, [1, "two"],
    ],
)  # fmt: skip
def test_extra_field_keeps_its_text(value: Any) -> None:
    """Text stays as it came, whatever it looks like; the rest is as JSON writes it. Also inside a profile value."""
    expected = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    values = [{"segmentationFieldId": 5, "value": "x", "loyaltyTier": value}]
    for contacts, rows in both_ways([contact(loyaltyTier=value, segmentationFieldValues=values)]):
        assert contacts[0]["loyalty_tier"] == expected
        assert rows[0]["loyalty_tier"] == expected


@pytest.mark.parametrize("neighbours", [[], [None], ["never"], [5]])
def test_one_value_does_not_depend_on_its_neighbours(neighbours: list[Any]) -> None:
    contacts, _ = shaped(decode(body([contact(since=value) for value in ("2020-01-31", *neighbours)])).data)
    assert contacts[0]["since"] == "2020-01-31"
    contacts, _ = shaped(decode(body([contact(extra=value) for value in ({"a": 1}, {"b": 2})])).data)
    assert json.loads(contacts[0]["extra"]) == {"a": 1}


@pytest.mark.parametrize(
    ("one", "other"), [(1, "n/a"), (1, 2.5), ("2020-01-31", "never"), (None, 1), (True, "yes"), ({"a": 1}, [1])]
)
def test_pages_of_one_list_fit_together_whatever_an_extra_field_holds(one: Any, other: Any) -> None:
    pages = [
        decode(
            body([contact(tier=tier, segmentationFieldValues=[{"segmentationFieldId": 5, "value": "x", "tier": tier}])])
        )
        for tier in (one, other)
    ]
    schemas = [page.data.schema.field("segmentationFieldValues").type for page in pages]
    joined = pa.concat_tables([page.data for page in pages], promote_options="default")
    assert joined.num_rows == 2, schemas


@pytest.mark.parametrize("status", [200, SLOW])
@pytest.mark.parametrize(
    ("given", "cursor"), [({"nextPageCursor": "abc=="}, "abc=="), ({"nextPageCursor": ""}, None), ({}, None)]
)
def test_cursor(given: dict[str, Any], cursor: str | None, status: Any) -> None:
    assert decode(body([contact()], status, **given)).next_cursor == cursor


def test_cursor_key_may_be_absent() -> None:
    assert decode(b'{"data":[{"phoneNumber":"1"}]}').next_cursor is None


def test_number_as_cursor_becomes_text() -> None:
    """As the client's own reading of pages has it."""
    assert decode(body([contact()], nextPageCursor=5)).next_cursor == "5"


def test_what_no_warehouse_can_keep_is_replaced() -> None:
    """A byte that is no UTF-8, a character that PostgreSQL refuses: neither stops the pulls for ever."""
    body = b'{"data":[{"phoneNumber":"15550000001","firstName":"Jos\xe9","lastName":"a\\u0000b"}]}'
    for rejects in (None, Rejects()):
        (row,) = page_decoder(CONTACTS, rejects)(body).data.to_pylist()
        assert (row["phoneNumber"], row["firstName"], row["lastName"]) == ("15550000001", "Jos\ufffd", "a\ufffdb")


@pytest.mark.parametrize("status", [200, SLOW])
def test_empty_page(status: Any) -> None:
    page = decode(body([], status))
    assert (page.rows, page.data.num_rows) == (0, 0)
    assert page.data.schema.names == record_schema(CONTACTS).names


GARBAGE = [
    b"", b" ", b"[]", b"{}", b"5", b"true", b'"text"', b'{"data":null}', b'{"data":{}}', b'{"data":5}', b'{"data":[5]}',
    b'{"data":["x"]}', b'{"data":[[]]}', b"<html><body>Service Unavailable</body></html>", b"\xff\xfe", b'{"data":[]',
    b'{"data":[]} trailing', b'{"data":[]}{"data":[]}', b'{"status":500,"error":"ERROR_X","message":"m"}',
    b'{"data":[{"optedOut":"perhaps"}]}', b'{"data":[{"optedOut":5}]}',
    b'{"data":[{"segmentationFieldValues":5}]}', b'{"data":[{"segmentationFieldValues":[5]}]}',
    b'{"data":[{"segmentationFieldValues":[{"segmentationFieldId":"x"}]}]}',
    b'{"data":[{"segmentationFieldValues":[{"segmentationFieldId":1180591620717411303424}]}]}',
    b'{"data":[],"nextPageCursor":{"a":1}}',
]  # fmt: skip


@pytest.mark.parametrize("content", GARBAGE)
def test_what_is_no_page_is_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(content)


@pytest.mark.parametrize("content", ["null", " null ", 'null{"data":[]}'])
def test_null_is_a_value_error_too(content: str) -> None:
    """In a process of its own: Arrow's reader can take the whole process down."""
    code = (
        "from listrak_source.pull.decode import page_decoder\n"
        "from listrak_source.pull.tables import CONTACTS\n"
        f"try:\n    page_decoder(CONTACTS)({content.encode()!r})\n"
        "except ValueError:\n    print('refused')\n"
    )
    path = [sys.executable, "-c", code]
    run = subprocess.run(path, capture_output=True, text=True, timeout=60, env={"PYTHONPATH": ":".join(sys.path)})
    assert (run.returncode, run.stdout.strip()) == (0, "refused")


def test_every_cut_of_a_page_is_a_value_error() -> None:
    whole = body([contact(firstName="Zoë", tier=1.5)], nextPageCursor="abc")
    for end in range(len(whole)):
        with pytest.raises(ValueError, match=r"."):
            decode(whole[:end])


def test_half_a_surrogate_pair_loses_no_row() -> None:
    """A .NET string cut in the middle of an emoji: valid JSON, and the rest of the page is fine."""
    page = decode(b'{"data":[{"phoneNumber":"15550001111","firstName":"Ann \\ud83d"},{"phoneNumber":"15550002222"}]}')
    assert page.data["phoneNumber"].to_pylist() == ["15550001111", "15550002222"]
    assert page.data["firstName"][0].as_py().startswith("Ann ")


@pytest.mark.parametrize("status", [200, SLOW])
def test_nulls_among_records_and_values(status: Any) -> None:
    values = [None, {"segmentationFieldId": 5, "value": "x"}]
    page = decode(body([None, contact(segmentationFieldValues=values)], status))
    assert page.rows == 2, "what the API sent counts for telling a full page"
    _, rows = shaped(page.data)
    assert [(row["segmentation_field_id"], row["value"]) for row in rows] == [(5, "x")]


def test_reason_as_a_number_and_other_opt_outs() -> None:
    records = [
        {"phoneNumber": "15550001111", "optOutDate": "2026-03-01T10:00:00", "optOutReason": reason}
        for reason in (0, 7, 8, "Campaign", "NewReason", None)
    ]
    page = page_decoder(OPT_OUTS)(body(records))
    rows = shape(page.data, OPT_OUTS, "America/New_York", {"sender_code_id": 1})
    assert rows["opt_out_reason"].to_pylist() == ["Campaign", "Workflow", "8", "Campaign", "NewReason", None]


def test_records_that_are_objects_already() -> None:
    table = from_records([{"phoneNumber": 5550001111, "new": {"a": 1}}, {"optedOut": "true"}], CONTACTS)
    assert table["phoneNumber"].to_pylist() == ["5550001111", None]
    assert table["optedOut"].to_pylist() == [None, True]
    assert table["new"].to_pylist() == ['{"a": 1}', None]
    with pytest.raises(ValueError, match="optedOut"):
        from_records([{"optedOut": "maybe"}], CONTACTS)


# records that cannot be kept


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


@settings(max_examples=100, deadline=None)
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


@pytest.mark.parametrize("status", [200, SLOW])
def test_envelope_may_say_more(status: Any) -> None:
    more = {"warnings": [{"a": [1]}, None], "since": "2020-01-31", "totalCount": 1e20, "links": {"self": None}}
    page = decode(body([contact()], status, nextPageCursor="abc", **more))
    assert (page.rows, page.next_cursor, page.data["phoneNumber"].to_pylist()) == (1, "abc", ["15550001111"])


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
