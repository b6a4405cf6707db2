"""Page bytes into Arrow: both ways of reading give the same, and what is no page is an error to be tried again."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from listrak_source.pull.records.coerce import from_records, record_schema
from listrak_source.pull.records.decode import page_decoder
from listrak_source.pull.records.normalize import shape
from listrak_source.pull.records.quarantine import Rejects
from listrak_source.pull.schema import CONTACTS, OPT_OUTS
from tests.pull.pages import GARBAGE, SLOW, body, contact, decode, meaning, record, shaped


def both_ways(records: list[Any]) -> tuple[pa.Table, pa.Table]:
    """Contacts and profile values, by the fast and by the slow way, shaped as they reach the warehouse."""
    return shaped(decode(body(records)).data), shaped(decode(body(records, SLOW)).data)


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


@pytest.mark.parametrize("content", GARBAGE)
def test_what_is_no_page_is_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(content)


@pytest.mark.cases(1)
@pytest.mark.parametrize("content", ["null", " null ", 'null{"data":[]}'])
def test_null_is_a_value_error_too(content: str) -> None:
    """In a process of its own: Arrow's reader can take the whole process down."""
    code = (
        "from listrak_source.pull.records.decode import page_decoder\n"
        "from listrak_source.pull.schema import CONTACTS\n"
        f"try:\n    page_decoder(CONTACTS)({content.encode()!r})\n"
        "except ValueError:\n    print('refused')\n"
    )
    path = [sys.executable, "-c", code]
    run = subprocess.run(
        path, capture_output=True, text=True, check=False, timeout=60, env={"PYTHONPATH": ":".join(sys.path)}
    )
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


@pytest.mark.parametrize("status", [200, SLOW])
def test_envelope_may_say_more(status: Any) -> None:
    more = {"warnings": [{"a": [1]}, None], "since": "2020-01-31", "totalCount": 1e20, "links": {"self": None}}
    page = decode(body([contact()], status, nextPageCursor="abc", **more))
    assert (page.rows, page.next_cursor, page.data["phoneNumber"].to_pylist()) == (1, "abc", ["15550001111"])
