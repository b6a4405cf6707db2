"""Records into rows: dates, names of columns, and contacts without values."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest

from listrak_source.pull.records.coerce import from_records
from listrak_source.pull.records.normalize import NO_DATE, profile_values, shape
from listrak_source.pull.records.quarantine import Rejects
from listrak_source.pull.schema import (
    CONTACTS,
    DATE,
    LIST_MEMBERSHIPS,
    LISTS,
    OPT_OUTS,
    SUBSCRIPTIONS,
    TABLES,
    TIMESTAMP,
    Table,
)


def rows(records: list[dict[str, Any]], timezone: str = "America/New_York") -> pa.Table:
    return shape(from_records(records, CONTACTS), CONTACTS, timezone, {"sender_code_id": 1})


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
        empty = shape(from_records([], table), table, "UTC", given)
        assert empty.schema == table.schema, table.name


def test_contact_without_values_leaves_a_row_that_deletes() -> None:
    records: list[dict[str, Any]] = [
        {"phoneNumber": "1", "segmentationFieldValues": [{"segmentationFieldId": 5, "value": "007"}]},
        {"phoneNumber": "2", "segmentationFieldValues": []},
        {"phoneNumber": "3", "segmentationFieldValues": None},
        {"phoneNumber": "4"},
    ]
    found = profile_values(from_records(records, CONTACTS), 9).to_pylist()
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
        CONTACTS,
    )
    pieces = pa.concat_tables([records.slice(3, 5), records.slice(10, 4), records.slice(0, 0)])
    for row in profile_values(pieces, 1).to_pylist():
        assert row["is_removed"] or row["value"] == f"v{row['phone_number']}"
    owners = {row["phone_number"] for row in profile_values(pieces, 1).to_pylist()}
    assert owners == set(pieces["phoneNumber"].to_pylist())


@pytest.mark.parametrize("others", [0, 1, 3, 30])
@pytest.mark.parametrize("first", [True, False])
def test_a_field_that_comes_twice_has_its_last_value(others: int, *, first: bool) -> None:
    """Beside each other or far apart, in a contact with few values or many, in whatever order."""
    between = [{"segmentationFieldId": 100 - n, "value": f"other {n}"} for n in range(others)]
    values = [{"segmentationFieldId": 5, "value": "old"}, *between, {"segmentationFieldId": 5, "value": "new"}]
    other = {"phoneNumber": "2", "segmentationFieldValues": [{"segmentationFieldId": 5, "value": "its own"}]}
    twice = {"phoneNumber": "1", "segmentationFieldValues": values}
    found = profile_values(from_records([twice, other] if first else [other, twice], CONTACTS), 9).to_pylist()
    assert [row["value"] for row in found if (row["phone_number"], row["segmentation_field_id"]) == ("1", 5)] == ["new"]
    assert [row["value"] for row in found if row["phone_number"] == "2"] == ["its own"]
    assert len(found) == others + 2


def test_unknown_reason_is_kept() -> None:
    records = [
        {"phoneNumber": "1", "optOutDate": "2026-01-01T00:00:00", "optOutReason": why} for why in ("3", "New", None)
    ]
    table = shape(from_records(records, OPT_OUTS), OPT_OUTS, "UTC", {"sender_code_id": 1})
    assert table["opt_out_reason"].to_pylist() == ["Import", "New", None]


# what cannot be kept

NEVER = "0001-01-01T00:00:00"


def kept(
    records: list[dict[str, Any]], table: Table = CONTACTS, **given: Any
) -> tuple[list[dict[str, Any]], list[tuple[str, str, Any]]]:
    """Rows of the table, and what is set aside."""
    rejects = Rejects()
    given = given or {"sender_code_id": 1}
    made = shape(from_records(records, table, rejects), table, "America/New_York", given, rejects)
    assert made.schema.names[: len(table.columns)] == table.schema.names
    aside = rejects.drain(utc(2026, 1, 1))
    told = [] if aside is None else aside.to_pylist()
    return made.to_pylist(), [(row["table_name"], row["reason"], json.loads(row["record"])) for row in told]


@pytest.mark.parametrize(
    "text",
    [
        "soon",
        "12/31/1990",
        "2020-02-30",
        "2020-13-01T00:00:00",
        "1990",
        "0",
        "20200131",
        "10000-01-01",
        "{}",
        " ",
        "1990-05",
    ],
)
@pytest.mark.parametrize("field", ["birthday", "subscribeDate", "unsubscribeDate"])
def test_what_is_no_date_is_set_aside(text: str, field: str) -> None:
    found, aside = kept([{"phoneNumber": "1"}, {"phoneNumber": "2", field: text}, {"phoneNumber": "3"}])
    assert [row["phone_number"] for row in found] == ["1", "3"]
    record = {"phoneNumber": "2", field: text, "sender_code_id": 1}
    assert aside == [("contacts", f"{field}: not a date", record)]


def test_bad_dates_take_no_neighbour_along() -> None:
    """Few among many, several chunks, and two in one record."""
    records = [
        {"phoneNumber": str(n), "subscribeDate": f"2020-01-{n % 28 + 1:02}T10:00:00", "birthday": "1990-05-12"}
        for n in range(3000)
    ]
    good, nothing = kept(records)
    assert (len(good), nothing) == (3000, [])
    for n in (0, 1234, 2999):
        records[n]["birthday"] = f"bad {n}"
    records[1234]["subscribeDate"] = "bad"
    rejects = Rejects()
    table = from_records(records, CONTACTS, rejects)
    pieces = pa.concat_tables([table.slice(0, 1000), table.slice(1000, 0), table.slice(1000)])
    made = shape(pieces, CONTACTS, "America/New_York", {"sender_code_id": 1}, rejects)
    assert made.to_pylist() == [row for n, row in enumerate(good) if n not in (0, 1234, 2999)]
    assert rejects.counts == {
        ("contacts", "birthday: not a date"): 2,
        ("contacts", "birthday: not a date; subscribeDate: not a date"): 1,
    }


def test_same_record_is_the_same_whatever_its_neighbours_carry() -> None:
    bad = {"phoneNumber": "1", "birthday": "soon"}
    _, alone = kept([bad])
    _, beside = kept([bad, {"phoneNumber": "2", "loyaltyTier": "gold", "firstName": "Ann"}])
    assert alone == beside


def test_record_without_a_key_goes_with_what_was_given() -> None:
    rejects = Rejects()
    records = pa.table({"phoneNumber": pa.array(["1", None, "3"])})
    given = {"sender_code_id": pa.array([7, 8, None], pa.int64()), "phone_list_id": 5}
    made = shape(records, LIST_MEMBERSHIPS, "UTC", given, rejects)
    assert [(row["sender_code_id"], row["phone_number"]) for row in made.to_pylist()] == [(7, "1")]
    aside = rejects.drain(utc(2026, 1, 1))
    assert aside is not None
    assert [(row["reason"], json.loads(row["record"])) for row in aside.to_pylist()] == [
        ("phoneNumber: missing", {"sender_code_id": 8, "phone_list_id": 5}),
        ("sender_code_id: missing", {"phoneNumber": "3", "phone_list_id": 5}),
    ]
    assert shape(records, LIST_MEMBERSHIPS, "UTC", given).num_rows == 1, "left out with a line in the log, as before"


@pytest.mark.parametrize(
    ("table", "record", "stays"),
    [
        (OPT_OUTS, {"phoneNumber": "1", "optOutDate": "x"}, True),
        (CONTACTS, {"phoneNumber": "1", "optedOut": True, "unsubscribeDate": "x"}, True),
        (CONTACTS, {"phoneNumber": "1", "optedOut": False, "birthday": "x"}, False),
        (CONTACTS, {"phoneNumber": "1", "optedOut": None, "birthday": "x"}, False),
        (SUBSCRIPTIONS, {"phoneListId": 1, "subscriptionState": "Unsubscribed", "unsubscribeDate": "x"}, True),
        (SUBSCRIPTIONS, {"phoneListId": 1, "subscriptionState": "Unsubscribed", "pendingAgeGate": "x"}, True),
        (SUBSCRIPTIONS, {"phoneListId": 1, "subscriptionState": "Blocked", "subscribeDate": "x"}, True),
        (SUBSCRIPTIONS, {"phoneListId": 1, "subscriptionState": "Subscribed", "subscribeDate": "x"}, False),
        (SUBSCRIPTIONS, {"phoneListId": 1, "subscriptionState": "subscribed", "pendingAgeGate": "x"}, False),
    ],
)
def test_who_says_stop_is_never_held_back(table: Table, record: dict[str, Any], stays: bool) -> None:
    given = {"sender_code_id": 1} | ({"phone_number": "1"} if table is SUBSCRIPTIONS else {})
    found, aside = kept([record], table, **given)
    assert len(aside) == 1
    assert aside[0][2].items() >= record.items() - {("optedOut", None)}
    assert len(found) == stays
    if table is OPT_OUTS:
        assert found[0]["opt_out_date"] == NO_DATE


@pytest.mark.parametrize("table", [LISTS, CONTACTS, OPT_OUTS, SUBSCRIPTIONS], ids=lambda table: table.name)
def test_year_one_is_no_date_in_every_field(table: Table) -> None:
    dates = [column for column in table.columns if column.source and column.type in (DATE, TIMESTAMP)]
    record: dict[str, Any] = {column.source: 1 for column in table.columns if column.source and column.key}
    last = "9999-12-31T23:59:59.9999999"
    for never in (NEVER, "0001-01-01T00:00:00.0000000", "0001-01-01", f"{NEVER}Z", last, last[:10]):
        given = {name: value for name, value in (("sender_code_id", 1), ("phone_number", "1")) if name in table.key}
        found, aside = kept([record | {str(column.source): never for column in dates}], table, **given)
        assert aside == []
        assert [found[0][column.name] for column in dates] == [NO_DATE if column.key else None for column in dates]


@pytest.mark.parametrize("text", ["0001-01-02T00:00:00", "9999-12-30T23:59:59.9999999", "1582-10-10T00:00:00"])
@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Kiritimati", "Pacific/Honolulu"])
def test_dates_at_the_ends_of_time(text: str, zone: str) -> None:
    moment = placed(text, zone)
    assert moment is not None
    assert abs(moment - datetime.fromisoformat(text[:19]).replace(tzinfo=timezone.utc)) < timedelta(days=1)


def test_nothing_known_of_values_is_deleted_where_they_cannot_be_read() -> None:
    rejects = Rejects()
    records = [
        {"phoneNumber": "1", "segmentationFieldValues": "many"},
        {"phoneNumber": "2", "segmentationFieldValues": []},
        {"phoneNumber": "3", "segmentationFieldValues": [{"segmentationFieldId": "x"}, {"segmentationFieldId": 5}]},
    ]
    found = profile_values(from_records(records, CONTACTS, rejects), 9, rejects=rejects)
    assert [(row["phone_number"], row["segmentation_field_id"], row["is_removed"]) for row in found.to_pylist()] == [
        ("3", 5, None), ("2", 0, True),
    ]  # fmt: skip
    assert shape(from_records(records, CONTACTS, Rejects()), CONTACTS, "UTC", {"sender_code_id": 9}).num_rows == 3
    assert rejects.counts == {
        ("contact_profile_values", "segmentationFieldValues: not a list"): 1,
        ("contact_profile_values", "segmentationFieldId: not a whole number"): 1,
    }
