"""Masks: what a hash is, which columns can be masked, and that nothing in clear is left over."""

from __future__ import annotations

import hmac
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from listrak_source.api import ConfigurationError
from listrak_source.pull.records.coerce import from_records
from listrak_source.pull.records.decode import page_decoder
from listrak_source.pull.records.masking import DROPPABLE, Masks
from listrak_source.pull.records.phone_numbers import RAW_PHONE, raw_phones
from listrak_source.pull.schema import CONTACTS, TABLES, TEXT
from listrak_source.settings import resolve

KEY = "a key that nobody knows"
ID = {"client_id": "an id", "client_secret": "a secret"}
SOMEBODY: dict[str, Any] = {
    "phoneNumber": "15551234567",
    "emailAddress": "zoe@example.com",
    "firstName": "Zoë",
    "lastName": "O'Brien 👩‍👩‍👧‍👦",
    "birthday": "1990-05-12T00:00:00",
    "postalCode": "01234",
    "optedOut": False,
    "segmentationFieldValues": [{"segmentationFieldId": 7, "value": "Gold"}],
}


def hashed(text: str, key: str = KEY) -> str:
    """As a user computes it."""
    return hmac.new(key.encode(), text.encode(), "sha256").hexdigest()


def contacts(*records: dict[str, Any]) -> pa.Table:
    return from_records(records, CONTACTS)


def phones(masks: Masks, values: list[str | None]) -> list[str | None]:
    found: list[str | None] = masks.records(pa.table({"phoneNumber": pa.array(values, TEXT)}))[
        "phoneNumber"
    ].to_pylist()
    return found


@pytest.fixture(scope="module")
def all_hashed() -> Masks:
    return Masks(["phone_number", *DROPPABLE], [], KEY)


def test_every_column_is_the_hmac_of_its_text(all_hashed: Masks) -> None:
    row = all_hashed.records(contacts(SOMEBODY)).to_pylist()[0]
    expected = {name: hashed(str(SOMEBODY[name])) for name in ("phoneNumber", "emailAddress", "firstName", "lastName")}
    expected |= {"birthday": hashed("1990-05-12"), "postalCode": hashed("01234"), RAW_PHONE: "15551234567"}
    assert {name: row[name] for name in expected} == expected
    assert (row["optedOut"], row["segmentationFieldValues"][0]["value"]) == (False, "Gold")


@given(st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), max_size=50))
def test_hash_of_any_text(all_hashed: Masks, values: list[str | None]) -> None:
    expected = [hashed(value) if value else value for value in values]
    assert phones(all_hashed, values) == expected, "null stays null, and empty stays empty"
    assert [all_hashed.record({"phoneNumber": value})["phoneNumber"] for value in values] == expected


@pytest.mark.parametrize("length", [16, 63, 64, 65, 200])
def test_key_of_any_length(length: int) -> None:
    key = ("ключ key" * 30)[:length]
    assert phones(Masks(["phone_number"], [], key), ["1"]) == [hashed("1", key)]


def test_many_values_in_many_chunks_and_threads(all_hashed: Masks) -> None:
    numbers = [str(15550000000 + number % 700) for number in range(5000)]
    column = pa.chunked_array([pa.array(numbers[:1234]), pa.array([], TEXT), pa.array(numbers[1234:])])
    table = pa.table({"phoneNumber": column, "firstName": column, "optedOut": pa.repeat(True, 5000)})
    expected = [hashed(number) for number in numbers]
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(all_hashed.records, [table] * 16):
            assert found["phoneNumber"].to_pylist() == found["firstName"].to_pylist() == expected
            assert found[RAW_PHONE].to_pylist() == numbers
    assert all_hashed.records(table.slice(0, 0)).num_rows == 0


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("1990-05-12T00:00:00", "1990-05-12"),
        ("1990-05-12T00:00:00.0000000", "1990-05-12"),
        ("1990-05-12", "1990-05-12"),
        ("soon", "soon"),
        ("0001-01-01T00:00:00", None),
        ("", None),
        (None, None),
    ],
)
def test_birthday_is_hashed_as_its_day(all_hashed: Masks, text: str | None, day: str | None) -> None:
    expected = hashed(day) if day else None
    assert all_hashed.records(contacts({"birthday": text}))["birthday"].to_pylist() == [expected]
    assert all_hashed.record({"birthday": text}) == {"birthday": expected}


def test_dropped_fields_are_gone_in_every_spelling() -> None:
    masks = Masks(["phone_number"], DROPPABLE, KEY)
    odd = SOMEBODY | {"EmailAddress": "a@example.com", "postal_code": "5", "PhoneNumber": "15551234567", "color": "red"}
    page = page_decoder(CONTACTS)(json.dumps({"data": [odd]}).encode()).data
    row = masks.records(page).to_pylist()[0]
    kept = {"phoneNumber", "PhoneNumber", "optedOut", "segmentationFieldValues", "color"}
    assert row.keys() - {"subscribeDate", "unsubscribeDate"} == {*kept, RAW_PHONE}
    assert row["phoneNumber"] == row["PhoneNumber"] == hashed("15551234567")
    assert row["color"] == "red"
    record = masks.record(odd)
    assert record.keys() == kept
    assert "15551234567" not in str(record)


@pytest.mark.parametrize("value", [15551234567, 1.5, True, ["Zoë", 1], {"first": "Zoë"}])
def test_rejected_record_whose_value_is_no_text(all_hashed: Masks, value: Any) -> None:
    fields = ("phoneNumber", "emailAddress", "firstName", "lastName", "postalCode")
    raw = {**dict.fromkeys(fields, value), "optedOut": "perhaps"}
    as_kept = all_hashed.records(contacts(dict.fromkeys(fields, value))).to_pylist()[0]
    assert all_hashed.record(raw) == {name: as_kept[name] for name in fields} | {"optedOut": "perhaps"}
    assert len(as_kept["firstName"]) == 64
    assert all_hashed.record({"phoneNumber": 15551234567}) == {"phoneNumber": hashed("15551234567")}


def test_half_a_surrogate_pair_is_hashed_as_it_would_be_kept(all_hashed: Masks) -> None:
    assert all_hashed.record({"firstName": "a\ud83d"}) == {"firstName": hashed("a\ufffd")}


def test_raw_phone_is_there_only_when_the_phone_is_hashed() -> None:
    records = contacts(SOMEBODY)
    clear = Masks(["email_address"], [], KEY).records(records)
    assert RAW_PHONE not in clear.column_names
    assert raw_phones(clear).to_pylist() == ["15551234567"]
    masked = Masks(["phone_number"], [], KEY).records(records)
    assert raw_phones(masked).to_pylist() == ["15551234567"]


def test_tables_are_described_as_they_are_written() -> None:
    masks = Masks(["phone_number", "birthday"], ["first_name", "email_address"], KEY)
    for table in TABLES.values():
        found = masks.table(table)
        if "phone_number" not in table.schema.names:
            assert found is table
            continue
        told = {column.name: column for column in found.columns}
        assert "HMAC-SHA256" in told["phone_number"].description, table.name
        assert found.key == table.key
        assert found.merge_hints == table.merge_hints
        # The other form of a hashed number would tell it.
        gone = masks.dropped | {"phone_number_raw"}
        assert found.schema.names == [name for name in table.schema.names if name not in gone]
    birthday = masks.table(CONTACTS).schema.field("birthday")
    assert birthday.type == TEXT
    assert masks.table(CONTACTS).resource_hints()["columns"]["birthday"]["data_type"] == "text"
    assert "HMAC" not in next(
        column.description for column in masks.table(CONTACTS).columns if column.name == "postal_code"
    )


def test_nothing_configured_costs_nothing() -> None:
    masks = Masks.of(resolve(ID))
    records, record = contacts(SOMEBODY), dict(SOMEBODY)
    assert not masks
    assert masks.mark == ""
    assert masks.records(records) is records
    assert masks.record(record) is record
    assert all(masks.table(table) is table for table in TABLES.values())
    opt_outs = pa.table({"phoneNumber": ["1"], "optOutReason": ["API"]})
    assert Masks([], ["first_name"]).records(opt_outs) is opt_outs


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"hash_columns": ["phone"], "hash_key": KEY}, "hash_columns: 'phone' is none of phone_number, email_address"),
        ({"drop_columns": ["opted_out"]}, "drop_columns: 'opted_out' is none of email_address"),
        ({"drop_columns": ["phone_number"]}, "phone_number joins the tables"),
        ({"hash_columns": "birthday", "hash_key": KEY}, "is to be a list of names, and is str"),
        ({"hash_columns": ["birthday"], "drop_columns": ["birthday"], "hash_key": KEY}, "birthday cannot be in both"),
        ({"hash_columns": ["birthday"]}, "hash_key is missing"),
        ({"hash_columns": ["birthday"], "hash_key": "  "}, "hash_key is missing"),
        ({"hash_columns": ["birthday"], "hash_key": "too-short-a-key"}, "hash_key is too short"),
    ],
)
def test_wrong_setting_is_one_sentence(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^sources\.listrak") as failed:
        Masks.of(resolve(ID | options))
    assert said in str(failed.value)
    assert "too-short-a-key" not in f"{failed.value!r}"


def test_key_is_not_shown() -> None:
    settings = resolve(ID | {"hash_columns": ["phone_number"], "hash_key": KEY})
    masks = Masks.of(settings)
    for text in (repr(settings), repr(masks), str(masks), masks.mark):
        assert KEY not in text
    assert phones(masks, ["1"]) == [hashed("1")], "and yet it is used"


def test_mark_tells_other_masks_apart() -> None:
    marks = {
        masks.mark
        for masks in (
            Masks(["phone_number"], [], KEY),
            Masks(["phone_number"], [], KEY + "2"),
            Masks(["phone_number", "birthday"], [], KEY),
            Masks(["phone_number"], ["birthday"], KEY),
            Masks([], ["birthday"]),
        )
    }
    assert len(marks) == 5
    assert Masks(["birthday", "phone_number"], [], KEY).mark in marks, "whatever the order"
