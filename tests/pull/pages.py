"""Pages as bytes, and what is the same of their records whichever way they are read."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from listrak_source.pull.records.decode import page_decoder
from listrak_source.pull.records.normalize import profile_values, shape
from listrak_source.pull.schema import CONTACTS

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

GARBAGE = [
    b"", b" ", b"[]", b"{}", b"5", b"true", b'"text"', b'{"data":""}', b'{"data":{}}', b'{"data":5}', b'{"data":[5]}',
    b'{"data":["x"]}', b'{"data":[[]]}', b"<html><body>Service Unavailable</body></html>", b"\xff\xfe", b'{"data":[]',
    b'{"data":[]} trailing', b'{"data":[]}{"data":[]}', b'{"status":500,"error":"ERROR_X","message":"m"}',
    b'{"data":[{"optedOut":"perhaps"}]}', b'{"data":[{"optedOut":5}]}',
    b'{"data":[{"segmentationFieldValues":5}]}', b'{"data":[{"segmentationFieldValues":[5]}]}',
    b'{"data":[{"segmentationFieldValues":[{"segmentationFieldId":"x"}]}]}',
    b'{"data":[{"segmentationFieldValues":[{"segmentationFieldId":1180591620717411303424}]}]}',
    b'{"data":[],"nextPageCursor":{"a":1}}',
]  # fmt: skip
"""What is no page."""
