"""13.B13: one record stops no pull, however deep, wide or large it is, and 13.A8: a new field keeps its column."""

from __future__ import annotations

import json
import shutil
import time
from contextlib import suppress
from datetime import datetime, timezone
from itertools import permutations
from typing import Any

import pytest

from listrak_source.api import ConfigurationError
from listrak_source.api.json_text import DEEPEST, is_deeper, loads
from listrak_source.pull.records.decode import page_decoder
from listrak_source.pull.records.masking import Masks
from listrak_source.pull.records.normalize import folded, shape
from listrak_source.pull.records.quarantine import Rejects
from listrak_source.pull.records.record_limits import Bounds, NewFields
from listrak_source.pull.schema import CONTACTS, OPT_OUTS
from listrak_source.sandbox import Fault
from listrak_source.settings import resolve
from tests.pull.asking import somebody
from tests.pull.pages import SLOW, body
from tests.pull.proxy import proxy
from tests.pull.setting_aside import listed, rejected
from tests.pull.warehouse import Warehouse, truth

TABLES = ("contacts", "contact_profile_values", "list_memberships", "opt_outs", "consent_events")


@pytest.mark.cases(2, 2)
@pytest.mark.parametrize("operation", ["list_contacts", "list_opt_outs"])
@pytest.mark.parametrize(
    ("kind", "reason"),
    [("deep_record", "nested deeper than 50 levels"), ("large_record", "larger than 2,000,000 bytes")],
)
def test_a_record_beyond_the_bounds_is_set_aside_and_takes_no_other_along(
    warehouse: Warehouse, kind: Any, reason: str, operation: str
) -> None:
    sandbox = warehouse.sandbox
    sandbox.faults.add(Fault(kind, operation, times=None))
    began = time.process_time()
    warehouse.pull(*TABLES)
    assert time.process_time() - began < 6
    told, aside = truth(sandbox), rejected(warehouse)
    table = "contacts" if operation == "list_contacts" else "opt_outs"
    assert {row[:2] for row in aside} == {(table, reason)}
    assert all(len(json.dumps(record)) < 25_000 for _, _, record in aside)
    assert all(kind == "deep_record" or record["bytes"] > 3_000_000 for _, _, record in aside)
    gone = {(record["sender_code_id"], record["phoneNumber"]) for _, _, record in aside}
    contacts = warehouse.rows("contacts")
    if operation == "list_opt_outs":
        gone = set()
    stopped = {key for key in gone if told["contacts"][key]["opted_out"]}
    # A page that was asked for twice has another record in its middle: whose one answer is whole is kept.
    missing = listed(told["contacts"]).keys() - contacts.keys()
    assert missing <= gone - stopped, "who says stop is kept"
    assert missing or not gone
    assert warehouse.rows("list_memberships").keys() == told["list_memberships"].keys()
    assert warehouse.rows("opt_outs").keys() == told["opt_outs"].keys(), "a stop is kept whatever is wrong with it"
    assert warehouse.rows("contact_profile_values").keys() == told["contact_profile_values"].keys()


@pytest.mark.full
def test_a_record_of_two_thousand_new_fields_gets_no_more_columns_than_the_bound(warehouse: Warehouse) -> None:
    sandbox = warehouse.sandbox
    sandbox.faults.add(Fault("wide_record", "list_contacts", times=None))
    sandbox.faults.add(Fault("wide_record", "list_opt_outs", times=None))
    warehouse.pull(*TABLES, max_new_columns=20)
    told, contacts = truth(sandbox), warehouse.rows("contacts")
    assert contacts.keys() == told["contacts"].keys()
    assert warehouse.rows("opt_outs").keys() == told["opt_outs"].keys()
    new = {name for row in contacts.values() for name in row if name.startswith("new")}
    assert len(new) == 20
    wide = [row for row in contacts.values() if row["other_fields"]]
    assert wide
    for row in wide:
        others = json.loads(row["other_fields"])
        assert others | {name: row[name] for name in new} == {f"new{number}": str(number) for number in range(2000)}
    assert "rejected_rows" not in warehouse.loads()
    assert warehouse.pull(*TABLES, max_new_columns=20) == {}, "nothing is new"


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("kind", ["deep_record", "wide_record", "doubled_field", "large_record"])
def test_a_lookup_of_such_a_record_stops_nothing_and_keeps_the_stop(warehouse: Warehouse, kind: Any) -> None:
    sandbox, someone = warehouse.sandbox, somebody(warehouse.sandbox)
    warehouse.begin(*TABLES)
    sandbox.world.opt_out(someone.sender_code_id, someone.phone_number)
    sandbox.faults.add(Fault(kind, "get_contact", times=None))
    warehouse.pull(*TABLES)
    assert warehouse.rows("contacts")[someone.key]["opted_out"] is True
    assert warehouse.rows("contact_profile_values") == truth(sandbox)["contact_profile_values"]


def test_a_stop_wins_over_a_field_that_stands_twice(warehouse: Warehouse) -> None:
    """In a list too: who is shown as opted out and as not is opted out."""
    sandbox = warehouse.sandbox
    sandbox.faults.add(Fault("doubled_field", "list_contacts", times=None))
    warehouse.pull("contacts", "contact_profile_values", "list_memberships")
    told = truth(sandbox)
    assert warehouse.rows("contacts") == listed(told["contacts"])
    assert warehouse.rows("contact_profile_values") == told["contact_profile_values"]


@pytest.mark.parametrize("status", [b"200", b'"200"'])
@pytest.mark.parametrize("values", [b'true,"optedOut":false', b'false,"optedOut":true', b'"true","optedOut":null'])
def test_both_decoders_let_the_stop_win(status: bytes, values: bytes) -> None:
    page = b'{"status":%s,"data":[{"phoneNumber":"1","optedOut":false},{"phoneNumber":"2","optedOut":%s}]}'
    for rejects in (None, Rejects()):
        found = page_decoder(CONTACTS, rejects)(page % (status, values)).data
        assert found["optedOut"].to_pylist() == [False, True]


def test_no_row_of_a_page_is_lost_that_names_its_data_twice() -> None:
    page = b'{"data":[{"phoneNumber":"1"}],"nextPageCursor":"a","data":[{"phoneNumber":"2"}]}'
    assert page_decoder(OPT_OUTS)(page).data["phoneNumber"].to_pylist() == ["1", "2"]


@pytest.mark.parametrize("status", [200, SLOW])
@pytest.mark.parametrize("number", ["1.5551234567e10", "15551234567.0", "15551234567"])
def test_a_number_that_is_a_phone_number_is_one(number: str, status: Any) -> None:
    page = body([{"phoneNumber": "(1)"}, {"phoneNumber": "15550001111"}], status).replace(b'"(1)"', number.encode())
    rejects = Rejects()
    assert page_decoder(OPT_OUTS, rejects)(page).data["phoneNumber"].to_pylist() == ["15551234567", "15550001111"]
    assert rejects.counts == {}


DEEP = {
    "brackets": b"[" * 2000 + b"]" * 2000,
    "objects": b'{"a":' * 2000 + b"1" + b"}" * 2000,
    "with others before": b'{"x":[],"a":' * 2000 + b"1" + b"}" * 2000,
    "with others on both sides": b'{"x":[],"a":' * 2000 + b"1" + b',"y":{}}' * 2000,
    "with brackets in texts": b'{"x":"}}]","a":' * 2000 + b"1" + b',"y":"{[{"}' * 2000,
    "very deep": b"[" * 200_000 + b"]" * 200_000,
}


@pytest.mark.parametrize("where", ["new", "firstName", "optedOut", "segmentationFieldValues"])
@pytest.mark.parametrize("name", DEEP)
def test_no_depth_stops_a_decoder(name: str, where: str) -> None:
    page = b'{"status":200,"data":[{"phoneNumber":"1"},{"phoneNumber":"2","%s":%s},{"phoneNumber":"3"}]}'
    rejects = Rejects()
    began = time.process_time()
    found = page_decoder(CONTACTS, rejects)(page % (where.encode(), DEEP[name]))
    assert time.process_time() - began < 2
    assert found.data["phoneNumber"].to_pylist() == ["1", "2", "3"]
    assert [reason.split(";")[0] for _, reason in rejects.counts] == ["nested deeper than 50 levels"]


@pytest.mark.cases(2)
@pytest.mark.parametrize("content", [b'{"data":%s', b"%s", b'{"error":%s,"data":[]}', b'{"warnings":%s,"data":[]}'])
def test_depth_elsewhere_is_no_crash(content: bytes) -> None:
    for deep in DEEP.values():
        with suppress(ValueError):
            page_decoder(CONTACTS, Rejects())(content % deep)


def test_what_is_cut_leaves_the_rest_as_it_was() -> None:
    deep = b'[1,"]}",' * 500 + b"2" + b',{"b":3}]' * 500
    answer = loads(b'{"a":"x\\"[","deep":' + deep + b',"z":[{"y":1}]}')
    assert (answer["a"], answer["z"]) == ('x"[', [{"y": 1}])
    levels, one = 0, answer["deep"]
    while isinstance(one, list):
        assert one[:2] == [1, "]}"]
        assert one[3:] == [{"b": 3}] or one[2] is None
        levels, one = levels + 1, one[2]
    assert levels <= DEEPEST
    assert not is_deeper(b'{"a":[{"b":"]"}]}', 10)


# names of columns

NAMES = ["fooBar", "foo_bar", "FooBar", "foo bar"]


def named(fields: NewFields, *names: str) -> dict[str, str]:
    """Which column each field's value lands in, of a page that has them in this order."""
    rejects = Rejects(bounds=Bounds(fields=fields))
    page = body([{"phoneNumber": "1", **{name: f"of {name}" for name in names}}])
    row = shape(page_decoder(CONTACTS, rejects)(page).data, CONTACTS, "UTC", {"sender_code_id": 1}, rejects).to_pylist()
    return {value[3:]: column for column, value in row[0].items() if str(value).startswith("of ")}


def test_the_order_of_fields_says_nothing_about_their_columns() -> None:
    """On one page, and from page to page, and from pull to pull."""
    first = named(NewFields(), *NAMES)
    assert len(set(first.values())) == len(NAMES)
    for order in permutations(NAMES):
        assert named(NewFields(), *order) == first
    kept = NewFields(known=json.loads(json.dumps({"contacts": first})))
    for order in (*permutations(NAMES, 2), *permutations(NAMES, 1)):
        assert named(kept, *order) == {name: first[name] for name in order}


def test_a_field_named_like_a_column_of_ours_gets_one_of_its_own() -> None:
    names = ("phone_number", "PhoneNumber", "first_name", "removed_at", "other_fields", "_dlt_load_id")
    found = named(NewFields(), *names)
    taken = {*CONTACTS.schema.names, "other_fields", "_dlt_load_id"}
    assert len(found) == 6
    assert not taken & set(found.values())


def test_a_name_that_is_no_text_stops_nothing() -> None:
    page = b'{"data":[{"phoneNumber":"1","a\\ud83d":"x","b\\u0000":"y"}]}'
    rejects = Rejects()
    found = shape(page_decoder(CONTACTS, rejects)(page).data, CONTACTS, "UTC", {"sender_code_id": 1}, rejects)
    assert {"x", "y"} <= set(found.to_pylist()[0].values())


@pytest.mark.parametrize("status", [200, SLOW])
def test_no_personal_field_hides_among_the_others(status: Any) -> None:
    """Whatever it is called, and however many new fields stand before it."""
    masks, rejects = Masks(["email_address"], ["last_name"], "a key of more than sixteen characters"), Rejects()
    new = {f"a{number}": "x" for number in range(2000)} | {"email_address": "z@example.com", "LastName": "Zulu"}
    page = page_decoder(CONTACTS, rejects)(body([{"phoneNumber": "1", **new}], status))
    records = folded(masks.records(page.data), CONTACTS, rejects.bounds)
    text = str(shape(records, masks.table(CONTACTS), "UTC", {"sender_code_id": 1}, rejects).to_pylist())
    assert "a1999" in text
    assert "z@example.com" not in text
    assert "Zulu" not in text


def test_names_that_never_end_are_no_columns() -> None:
    fields = NewFields(most=3)
    found = named(fields, "a", "b", "c" * 500, "", "d")
    assert found == {"": "unnamed", "a": "a", "b": "b"}
    assert fields.known == {"contacts": {"": "unnamed", "a": "a", "b": "b"}}


@pytest.mark.full
def test_columns_are_kept_from_pull_to_pull(warehouse: Warehouse) -> None:
    """Pages, and pulls, have the fields in another order, and a wiped working directory forgets nothing."""
    sandbox, turn = warehouse.sandbox, 0

    def change(path: str, answer: dict[str, Any]) -> None:
        nonlocal turn
        if path.endswith("/Contact"):
            turn += 1
            names = NAMES[turn % len(NAMES) :] + NAMES[: turn % len(NAMES)]
            for record in answer["data"]:
                record |= {name: f"of {name}" for name in names[: 1 + turn % 3]}

    with proxy(sandbox, change) as base_url:
        for full in (False, True, True):
            warehouse.pull("contacts", base_url=base_url, page_size=40, full=full)
            shutil.rmtree(warehouse.folder / "pipelines")
    columns: dict[str, set[str]] = {}
    for row in warehouse.rows("contacts").values():
        for column, value in row.items():
            if str(value).startswith("of "):
                columns.setdefault(str(value)[3:], set()).add(column)
    assert columns.keys() == set(NAMES)
    assert all(len(some) == 1 for some in columns.values()), columns
    assert len(set.union(*columns.values())) == len(NAMES)


@pytest.mark.parametrize(
    ("name", "value"), [("max_depth", 4), ("max_depth", 101), ("max_record_bytes", 10), ("max_new_columns", 1001)]
)
def test_bounds_are_settings(name: str, value: int) -> None:
    given = {"client_id": "a", "client_secret": "b"}
    with pytest.raises(ConfigurationError, match=name):
        resolve(given | {name: value})
    bounds = Bounds.of(resolve(given | {"max_depth": 7, "max_record_bytes": 20_000, "max_new_columns": 0}), {})
    assert (bounds.levels, bounds.size) == (7, 20_000)
    assert bounds.fields.columns(CONTACTS, ["a"]) == {}


def test_what_is_set_aside_is_bounded_and_tells_its_size() -> None:
    rejects = Rejects(lambda record: {**record, "phoneNumber": "hashed"})
    rejects.add(CONTACTS, {"phoneNumber": "15551234567", "note": "é" * 50_000}, "why")
    rows = rejects.drain(datetime(2026, 1, 1, tzinfo=timezone.utc))
    assert rows is not None
    record = json.loads(rows["record"][0].as_py())
    assert record["bytes"] > 100_000
    assert len(record["beginning"]) == 10_000
    assert record["phoneNumber"] == "hashed"
    assert "15551234567" not in rows["record"][0].as_py()
