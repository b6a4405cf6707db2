"""Tables as they stand in the warehouse, and fields that the contract does not name."""

from __future__ import annotations

from typing import Any

import pytest

from listrak_source.pull.schema import BOOLEAN, DATE, INTEGER, TABLES, TEXT, TIMESTAMP
from tests.pull.asking import somebody
from tests.pull.proxy import proxy
from tests.pull.warehouse import Warehouse, truth

TYPES = {TEXT: "text", INTEGER: "bigint", BOOLEAN: "bool", DATE: "date", TIMESTAMP: "timestamp"}
DUCKDB = {TEXT: "VARCHAR", INTEGER: "BIGINT", BOOLEAN: "BOOLEAN", DATE: "DATE", TIMESTAMP: "TIMESTAMP WITH TIME ZONE"}


def test_every_table_is_as_declared(warehouse: Warehouse) -> None:
    warehouse.pull()
    warehouse.sandbox.world.live(1)
    warehouse.pull(full=True)
    schema = warehouse.pipeline().default_schema
    # What a pull has seen is no table to read.
    told = {name for name in schema.tables if not name.startswith("_dlt")} - {"seen_keys"}
    assert told == set(TABLES)
    for name, table in TABLES.items():
        known: dict[str, Any] = dict(schema.tables[name]["columns"])
        assert known.keys() == {column.name for column in table.columns} | {"_dlt_load_id"}, name
        for column in table.columns:
            told = known[column.name]
            assert told["data_type"] == TYPES[column.type], (name, column.name)
            assert told["description"] == column.description
            assert bool(told.get("primary_key")) is column.key, (name, column.name)
            assert told.get("nullable", True) is not column.key, (name, column.name)
        # Nothing is set aside here: as yet there was nothing to merge.
        assert schema.tables[name].get("write_disposition") == ("append" if name == "rejected_rows" else "merge")
        there = warehouse.query(
            f"SELECT column_name, data_type FROM information_schema.columns WHERE table_name = '{name}'"
            " AND table_schema = 'listrak_sms'"
        )
        assert dict(there) == {column.name: DUCKDB[column.type] for column in table.columns} | {
            "_dlt_load_id": "VARCHAR"
        }, name
        assert warehouse.query(f"SELECT count(*) FROM listrak_sms.{name} WHERE _dlt_load_id IS NULL") == [(0,)]


@pytest.mark.full
@pytest.mark.parametrize("page_size", [40, 5000])
def test_new_fields_arrive_as_columns(warehouse: Warehouse, page_size: int) -> None:
    """Of contacts, of their values, of opt-outs and lists; some records have them, with a type that changes."""
    turn = 0

    def change(path: str, answer: dict[str, Any]) -> None:
        nonlocal turn
        if path.endswith(("/Contact", "/OptOut", "/PhoneList")):
            for record in answer["data"]:
                turn += 1
                if turn % 3:
                    record["loyaltyTier"] = turn if turn % 2 else "gold"
                if turn % 5 == 0:
                    record["moreAboutIt"] = {"turn": turn}
                for value in record.get("segmentationFieldValues", []):
                    value["changedBy"] = turn if turn > 150 else "import"

    with proxy(warehouse.sandbox, change) as base_url:
        warehouse.pull(base_url=base_url, page_size=page_size)
    told = truth(warehouse.sandbox)
    for name in ("contacts", "opt_outs", "lists"):
        rows = warehouse.rows(name)
        assert rows.keys() == told[name].keys()
        assert {row["loyalty_tier"] for row in rows.values()} >= {None, "gold"}, name
    assert any('"turn"' in (row["more_about_it"] or "") for row in warehouse.rows("contacts").values())
    values = warehouse.rows("contact_profile_values")
    assert values.keys() == told["contact_profile_values"].keys()
    assert all(row["changed_by"] for row in values.values())


def test_new_field_that_appears_later(warehouse: Warehouse) -> None:
    """In a pull that loads it for few contacts only: the rest has none."""
    someone = somebody(warehouse.sandbox)
    warehouse.begin("contacts", "contact_profile_values")

    def change(path: str, answer: dict[str, Any]) -> None:
        if path.endswith(someone.phone_number):
            answer["data"]["loyaltyTier"] = "007"

    warehouse.sandbox.world.opt_out(someone.sender_code_id, someone.phone_number)
    with proxy(warehouse.sandbox, change) as base_url:
        warehouse.pull("contacts", "contact_profile_values", base_url=base_url)
    rows = warehouse.rows("contacts")
    assert rows[someone.key]["loyalty_tier"] == "007"
    assert sum(row["loyalty_tier"] is not None for row in rows.values()) == 1


def test_nul_character_and_long_text(warehouse: Warehouse) -> None:
    someone = somebody(warehouse.sandbox)
    name = 'Zoë\u0000 "Z"\n,\'' + "x" * 5000
    warehouse.sandbox.world.edit(someone.phone_number, {"firstName": name})
    warehouse.pull("contacts")
    kept = name.replace("\0", "\ufffd")
    assert warehouse.rows("contacts")[someone.key]["first_name"] == kept, "PostgreSQL takes no NUL"


def test_opt_out_without_a_date_is_kept(warehouse: Warehouse) -> None:
    """The year-one sentinel stands for no date: the opt-out is one all the same, and stops no pull."""
    someone = somebody(warehouse.sandbox)
    warehouse.sandbox.world.opt_out(someone.sender_code_id, someone.phone_number)

    def change(path: str, answer: dict[str, Any]) -> None:
        if path.endswith("/OptOut"):
            for record in answer["data"]:
                if record["phoneNumber"] == someone.phone_number:
                    record["optOutDate"] = "0001-01-01T00:00:00"

    with proxy(warehouse.sandbox, change) as base_url:
        warehouse.pull("opt_outs", base_url=base_url)
        warehouse.pull("opt_outs", base_url=base_url, full=True)
    people = [key[:2] for key in warehouse.rows("opt_outs")]
    assert people.count(someone.key) == 1
    assert len(people) == len(truth(warehouse.sandbox)["opt_outs"])


def test_record_without_a_phone_number_stops_no_pull(warehouse: Warehouse) -> None:
    someone = somebody(warehouse.sandbox)

    def change(path: str, answer: dict[str, Any]) -> None:
        for record in answer["data"] if path.endswith("/Contact") else ():
            if record["phoneNumber"] == someone.phone_number:
                record["phoneNumber"] = None

    with proxy(warehouse.sandbox, change) as base_url:
        warehouse.pull("contacts", "contact_profile_values", "list_memberships", base_url=base_url)
    assert warehouse.rows("contacts").keys() == truth(warehouse.sandbox)["contacts"].keys() - {someone.key}
