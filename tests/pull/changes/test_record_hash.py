"""The hashes are those that ``record_hash`` specifies: reckoned here from its words, row by row."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pytest

from listrak_source.pull.keys.record_hash import Hasher
from listrak_source.pull.schema import CONTACTS, OPT_OUTS
from tests.pull.warehouse import Warehouse

US, RS, NULL = "\x1f", "\x1e", "\x00"
OF_A_CONTACT = (
    "sender_code_id", "phone_number", "email_address", "first_name", "last_name", "birthday", "postal_code", "opted_out"
)  # fmt: skip


def signed(text: str) -> int:
    """The first eight bytes of its MD5."""
    return int.from_bytes(hashlib.md5(text.encode(), usedforsecurity=False).digest()[:8], "little", signed=True)


def as_text(value: Any) -> str:
    if value is None:
        return NULL
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return str(int(value.timestamp() * 1_000_000))
    return value.isoformat() if isinstance(value, date) else str(value)


@pytest.fixture
def pulled(warehouse: Warehouse) -> Warehouse:
    warehouse.begin(lookups="none")
    return warehouse


@pytest.mark.full
def test_of_each_contact_and_its_values(pulled: Warehouse) -> None:
    contacts = pulled.records("contacts") or []
    assert contacts
    assert any(row["birthday"] for row in contacts)
    for row in contacts:
        # Nobody was looked up, so the half in which the list has shown somebody is what the record says.
        told = [as_text(row["opted_out"]), *(as_text(row[name]) for name in OF_A_CONTACT)]
        assert row["record_hash"] == signed(US.join(["1", *told])), row
    values: dict[Any, list[tuple[int, Any]]] = {(row["sender_code_id"], row["phone_number"]): [] for row in contacts}
    for row in pulled.records("contact_profile_values") or []:
        field = row["segmentation_field_id"], row["value"]
        values[row["sender_code_id"], row["phone_number"]].append(field)
    assert any(values.values())
    for row in contacts:
        sender, phone = row["sender_code_id"], row["phone_number"]
        each = [f"{field}{US}{as_text(value)}" for field, value in sorted(values[sender, phone])]
        assert row["values_hash"] == signed(f"1{US}{sender}{US}{phone}{RS}{RS.join(each)}"), row


def test_what_the_contract_does_not_name_follows_by_name() -> None:
    rows = CONTACTS.schema.empty_table().to_pydict() | {
        "sender_code_id": [7], "phone_number": ["15550001111"], "zeta": ["z"], "alpha": ["Ä"], "empty": [None],
    }  # fmt: skip
    size = {name: values or [None] for name, values in rows.items()}
    known = pa.table({field.name: pa.array(size.pop(field.name), field.type) for field in CONTACTS.schema})
    table = known.append_column("zeta", pa.array(size["zeta"])).append_column("alpha", pa.array(size["alpha"]))
    table = table.append_column("empty", pa.array([None], pa.string()))
    columns = US.join(["1salt", "false", "7", "15550001111", *[NULL] * 6])
    assert Hasher("salt").of_contacts(table, CONTACTS, False).to_pylist() == [
        signed(f"{columns}{RS}alpha{US}Ä{RS}zeta{US}z")
    ]


def test_of_other_tables_all_columns_count(pulled: Warehouse) -> None:
    known = pulled.records("opt_outs") or []
    columns = {name: [row[name] for row in known] for name in OPT_OUTS.schema.names}
    rows = pa.table(columns, OPT_OUTS.schema)
    names = [name for name in OPT_OUTS.schema.names if name not in ("phone_number_raw", "removed_at")]
    expected = [signed(US.join(["1", *(as_text(row[name]) for name in names)])) for row in rows.to_pylist()]
    assert Hasher().of(rows, OPT_OUTS).to_pylist() == expected
    assert expected


@pytest.mark.parametrize("count", [0, 1, 6_000])
def test_many_or_none_and_in_pieces(count: int) -> None:
    phones = [f"1555{number:07}" for number in range(count)]
    nothing = {field.name: pa.nulls(count, field.type) for field in OPT_OUTS.schema}
    pieces = pa.chunked_array([pa.array(phones[:10], pa.string()), pa.array(phones[10:], pa.string())])
    found = Hasher().of(pa.table(nothing | {"phone_number": pieces}, OPT_OUTS.schema), OPT_OUTS).to_pylist()
    assert found == [signed(US.join(["1", NULL, phone, NULL, NULL])) for phone in phones]
