"""Records into rows: dates, names of columns, and contacts without values."""

from __future__ import annotations

from datetime import date, datetime, timezone
from typing import Any

import pyarrow as pa
import pytest

from listrak_source.pull.records import from_records, record_schema
from listrak_source.pull.shape import profile_values, shape
from listrak_source.pull.tables import CONTACTS, OPT_OUTS, TABLES


def rows(records: list[dict[str, Any]], timezone: str = "America/New_York") -> pa.Table:
    return shape(from_records(records, record_schema(CONTACTS)), CONTACTS, timezone, {"sender_code_id": 1})


def placed(text: str | None, timezone: str = "America/New_York") -> datetime | None:
    found: datetime | None = rows([{"phoneNumber": "1", "subscribeDate": text}], timezone)["subscribe_date"][0].as_py()
    return found


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=timezone.utc)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2018-12-14T14:31:55", utc(2018, 12, 14, 19, 31, 55)),
        ("2018-07-14T14:31:55", utc(2018, 7, 14, 18, 31, 55)),
        *((f"2018-12-14T14:31:55.{'1234567'[:n]}", utc(2018, 12, 14, 19, 31, 55, int("1234567"[:n].ljust(6, "0")[:6])))
          for n in range(1, 8)),
        ("2018-12-14T14:31:55Z", utc(2018, 12, 14, 14, 31, 55)),
        ("2018-12-14T14:31:55.1234567Z", utc(2018, 12, 14, 14, 31, 55, 123456)),
        ("2018-12-14T14:31:55+05:30", utc(2018, 12, 14, 9, 1, 55)),
        ("2018-12-14T14:31:55.5-0800", utc(2018, 12, 14, 22, 31, 55, 500000)),
        ("2018-11-04T01:30:00", utc(2018, 11, 4, 5, 30)),
        ("1987-01-01T00:00:00", utc(1987, 1, 1, 5)),
        ("0001-01-01T00:00:00", None),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        (None, None),
    ],
)  # fmt: skip
def test_dates_become_utc(text: str | None, moment: datetime | None) -> None:
    assert placed(text) == moment


def test_skipped_hour_is_placed_at_the_change() -> None:
    moment = placed("2018-03-11T02:30:00")
    assert moment is not None
    assert utc(2018, 3, 11, 6, 30) <= moment <= utc(2018, 3, 11, 7, 30)


def test_zone_is_a_setting() -> None:
    assert placed("2018-12-14T14:31:55", "America/Los_Angeles") == utc(2018, 12, 14, 22, 31, 55)
    assert placed("2018-12-14T14:31:55", "UTC") == utc(2018, 12, 14, 14, 31, 55)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("1990-05-12T00:00:00", date(1990, 5, 12)),
        ("1990-05-12T00:00:00Z", date(1990, 5, 12)),
        ("1990-05-12T23:59:59.9999999-05:00", date(1990, 5, 12)),
        ("1990-05-12", date(1990, 5, 12)),
        ("1899-12-31T00:00:00", date(1899, 12, 31)),
        ("0001-01-01T00:00:00", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Kiritimati"])
def test_birthday_is_a_day_and_not_shifted(text: str, day: date | None, zone: str) -> None:
    assert rows([{"phoneNumber": "1", "birthday": text}], zone)["birthday"][0].as_py() == day


def test_what_is_no_date_names_the_field() -> None:
    with pytest.raises(ValueError, match="subscribeDate"):
        placed("soon")


def test_text_stays_text() -> None:
    row = rows([{"phoneNumber": "05550001111", "postalCode": "01234", "firstName": '  Zoë, "Z"\n'}]).to_pylist()[0]
    assert (row["phone_number"], row["postal_code"], row["first_name"]) == ("05550001111", "01234", '  Zoë, "Z"\n')
    assert rows([{"phoneNumber": "1", "postalCode": 1234}])["postal_code"][0].as_py() == "1234"


def test_new_fields_come_last_in_snake_case() -> None:
    table = rows([{"phoneNumber": "1", "loyaltyTier": "gold", "ROI Score": 3}])
    assert table.schema.names == [*CONTACTS.schema.names, "loyalty_tier", "roi_score"]
    assert table.to_pylist()[0]["roi_score"] == "3"


@pytest.mark.parametrize(
    "names",
    [
        ("senderCodeId",),
        ("sender_code_id", "senderCodeId"),
        ("newField", "new_field"),
        ("senderCodeId", "sender_code_id_2"),
        ("phone_number", "PhoneNumber"),
    ],
)
def test_new_fields_never_share_a_column(names: tuple[str, ...]) -> None:
    record = {"phoneNumber": "15550001111"} | {name: f"of {name}" for name in names}
    table = rows([record])
    assert len(set(table.schema.names)) == len(table.schema.names)
    row = table.to_pylist()[0]
    assert (row["sender_code_id"], row["phone_number"]) == (1, "15550001111"), "our own columns keep what is theirs"
    assert set(row.values()) >= {f"of {name}" for name in names}, "no value is lost"


def test_fixed_columns_have_the_declared_types_whatever_comes() -> None:
    for table in TABLES.values():
        given = {column.name: None for column in table.columns if column.source is None}
        empty = shape(from_records([], record_schema(table)), table, "UTC", given)
        assert empty.schema == table.schema, table.name


def test_contact_without_values_leaves_a_row_that_deletes() -> None:
    records: list[dict[str, Any]] = [
        {"phoneNumber": "1", "segmentationFieldValues": [{"segmentationFieldId": 5, "value": "007"}]},
        {"phoneNumber": "2", "segmentationFieldValues": []},
        {"phoneNumber": "3", "segmentationFieldValues": None},
        {"phoneNumber": "4"},
    ]
    found = profile_values(from_records(records, record_schema(CONTACTS)), 9).to_pylist()
    assert [(row["phone_number"], row["value"], row["is_removed"]) for row in found] == [
        ("1", "007", None), ("2", None, True), ("3", None, True), ("4", None, True),
    ]  # fmt: skip
    assert {row["sender_code_id"] for row in found} == {9}


def test_values_of_a_part_of_a_page_belong_to_their_owners() -> None:
    """Filters leave slices and several chunks behind."""
    records = from_records(
        [
            {"phoneNumber": str(n), "segmentationFieldValues": [{"segmentationFieldId": n, "value": f"v{n}"}] * (n % 3)}
            for n in range(1, 20)
        ],
        record_schema(CONTACTS),
    )
    pieces = pa.concat_tables([records.slice(3, 5), records.slice(10, 4), records.slice(0, 0)])
    for row in profile_values(pieces, 1).to_pylist():
        assert row["is_removed"] or row["value"] == f"v{row['phone_number']}"
    owners = {row["phone_number"] for row in profile_values(pieces, 1).to_pylist()}
    assert owners == set(pieces["phoneNumber"].to_pylist())


def test_unknown_reason_is_kept() -> None:
    records = [
        {"phoneNumber": "1", "optOutDate": "2026-01-01T00:00:00", "optOutReason": why} for why in ("3", "New", None)
    ]
    table = shape(from_records(records, record_schema(OPT_OUTS)), OPT_OUTS, "UTC", {"sender_code_id": 1})
    assert table["opt_out_reason"].to_pylist() == ["Import", "New", None]
