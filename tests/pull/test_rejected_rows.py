"""Records that cannot be kept: set aside with a reason, while everything else arrives as it is."""

from __future__ import annotations

from datetime import timezone
from typing import Any

import duckdb
import pytest

from listrak_source.pull.schema import REJECTED_ROWS
from tests.pull.asking import somebody
from tests.pull.proxy import proxy
from tests.pull.setting_aside import only, rejected
from tests.pull.warehouse import Warehouse, truth

# pulls


@pytest.mark.cases(1)
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


@pytest.mark.cases(1)
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


@pytest.mark.full
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


@pytest.mark.full
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


@pytest.mark.cases(1)
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


@pytest.mark.parametrize("by_hand", [False, True], ids=["its row is there", "its row is gone"])
def test_a_record_is_set_aside_once_while_its_row_is_there(warehouse: Warehouse, by_hand: bool) -> None:
    """The warehouse knows what was set aside. Whoever has deleted such a row and pulls again finds it there again."""

    def change(path: str, answer: dict[str, Any]) -> None:
        if path.endswith("/SegmentationField"):
            answer["data"][0]["segmentationFieldId"] = "none"

    with proxy(warehouse.sandbox, change) as base_url:
        warehouse.pull("profile_fields", base_url=base_url)
        before = warehouse.records("rejected_rows")
        assert len(before or ()) == 1
        if by_hand:
            with duckdb.connect(str(warehouse.database)) as connection:
                connection.execute(f"DELETE FROM {warehouse.dataset}.rejected_rows")
        handed = warehouse.pull("profile_fields", base_url=base_url)
    assert ("rejected_rows" in handed) is by_hand
    after = warehouse.records("rejected_rows")
    assert [row["rejected_id"] for row in after or ()] == [row["rejected_id"] for row in before or ()]
