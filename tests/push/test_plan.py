"""A plan says what would change, and sends nothing."""

from __future__ import annotations

import json
from typing import Any

from tests.push.pushing import Pushing


def test_only_what_differs_is_planned(pushing: Pushing) -> None:
    text, number = pushing.field("Text"), pushing.field("Number")
    phones = pushing.phones(4)
    held = pushing.contact(phones[0])
    same = held["values"].get(text.field_id)
    rows = [
        (1, phones[0], same, held["first_name"]),
        (2, f"({phones[1][1:4]}) {phones[1][4:7]}-{phones[1][7:]}", "gold", None),
        (3, phones[2][1:], None, "Zoë \"Z\", 'z'"),
        (4, phones[3], "  ", None),
    ]
    pushing.customers(["id", "phone", "tier", "first"], rows)
    sync = pushing.sync({"tier": text.name, "first": {"contact": "first_name"}})
    plan = pushing.plan(sync)
    assert (plan.counts["opt_outs"], plan.counts["updates"], plan.counts["imports"]) == (0, 1, 1)
    assert plan.fields == {text.name: 1, "first_name": 1}
    assert plan.rejected == {}
    (file,) = plan.files
    assert (file.fields, file.contacts) == ((text.name,), 1)
    assert {one[0] for one in plan.sample} == {f"…{phones[1][-4:]}", f"…{phones[2][-4:]}"}
    assert pushing.plan(sync).hash == plan.hash, "the same again"
    assert not pushing.sent(), "nothing is sent"
    assert number.name not in plan.as_json()
    assert not any(phone in plan.as_json() for phone in phones)
    assert json.loads(plan.as_json())["files"][0]["sha256"] == file.sha256


def test_canonical_forms_are_no_change(pushing: Pushing) -> None:
    number, box, day = (pushing.field(kind) for kind in ("Number", "Checkbox", "Date"))
    (phone,) = pushing.phones(1)
    pushing.edit(phone, {number.field_id: "10", box.field_id: "1", day.field_id: "12/31/2020"})
    pushing.warehouse.pull(full=True)
    columns = {"points": number.field_id, "vip": box.field_id, "since": day.field_id}
    for row in (("10.00", "on", "2020-12-31"), ("10.004", "TRUE", "12/31/2020")):
        pushing.customers(["id", "phone", *columns], [(1, phone, *row)])
        assert pushing.plan(pushing.sync(columns)).is_empty, row
    pushing.customers(["id", "phone", *columns], [(1, phone, "10.01", "off", "1/1/2021")])
    assert pushing.plan(pushing.sync(columns)).fields == {one.name: 1 for one in (number, box, day)}


def test_rejected_rows_are_named_with_the_reason(pushing: Pushing) -> None:
    text, number = pushing.field("Text"), pushing.field("Number")
    long = "x" * ((text.max_length or 0) + 1) if text.max_length else "fine"
    first, second, third, fourth = pushing.phones(4)
    rows = [
        (1, "nobody", "a", "1"), (2, first, "a", "ten"), (3, second, "a", "1"), (4, second[1:], "b", "2"),
        (5, "15550000000", "a", "1"), (6, third, long, "1"), (7, None, "a", "1"), (8, fourth, "a", "1"),
    ]  # fmt: skip
    pushing.customers(["id", "phone", "tier", "points"], rows)
    sync = pushing.sync({"tier": text.field_id, "points": number.field_id})
    plan = pushing.plan(sync)
    assert plan.counts["imports"] == (2 if long == "fine" else 1), "the good rows go"
    rejected = {
        row[0]: row[1:] for row in pushing.rows("SELECT row_key, column_name, reason FROM push_rejected_loyalty")
    }
    assert rejected["1"] == ("phone", "not a phone number") == rejected["7"]
    assert rejected["2"] == ("points", f"does not fit: {number.name} is a number")
    assert rejected["3"] == ("phone", "the same person as row 4")
    assert rejected["4"] == ("phone", "the same person as row 3")
    assert rejected["5"][0] == "phone"
    if text.max_length:
        assert rejected["6"] == (
            "tier",
            f"does not fit: {text.name} is a text, {text.max_length} characters at the most",
        )
    assert "8" not in rejected


def test_a_stop_is_believed_whatever_is_wrong_with_its_row(pushing: Pushing) -> None:
    number = pushing.field("Number")
    first, second, third = pushing.phones(3)
    rows = [(1, first, "ten", True), (2, second, "1", True), (3, second, "2", False), (4, third, "3", False)]
    pushing.customers(["id", "phone", "points", "stop"], [*rows, (5, "15550000000", None, True)])
    plan = pushing.plan(pushing.sync({"points": number.field_id, "stop": {"contact": "opted_out"}}))
    assert plan.counts["opt_outs"] == 3, "also of one whom the last pull does not know"
    assert plan.counts["imports"] == 1


def test_what_a_null_means(pushing: Pushing) -> None:
    text = pushing.field("Text")
    first, second = pushing.phones(2)
    pushing.edit(first, firstName="Ann", birthday="1990-01-31")
    pushing.warehouse.pull(full=True)
    pushing.customers(
        ["id", "phone", "tier", "first", "born"], [(1, first, None, None, None), (2, second, "gold", None, None)]
    )
    columns = {
        "tier": {"field": text.field_id, "default": "none"},
        "first": {"contact": "first_name", "null": "clear"},
        "born": {"contact": "birthday"},
    }
    plan = pushing.plan(pushing.sync(columns))
    assert plan.fields[text.name] == 2
    told = pushing.rows(f"SELECT after_0, after_1, after_2 FROM push_changes_loyalty WHERE phone_number = '{first}'")
    assert told == [("none", "", None)]


def test_over_the_budget(in_duckdb: Pushing) -> None:
    text = in_duckdb.field("Text")
    phones = in_duckdb.phones(40)
    in_duckdb.customers(["id", "phone", "tier", "stop"], [(at, phone, "gold", True) for at, phone in enumerate(phones)])
    columns = {"tier": text.field_id, "stop": {"contact": "opted_out"}}
    few = {"opt_outs": {"rows": 39, "percent": 100}, "imports": {"rows": 100, "percent": 50}}
    plan = in_duckdb.plan(in_duckdb.sync(columns, budget=few))
    share = 100 * 40 / plan.contacts
    assert plan.over_budget() == [
        "40 opt-outs, and the budget is 39",
        f"40 imports are {share:.1f} % of the contacts, and the budget is 50 %",
    ]
    assert len(in_duckdb.plan(in_duckdb.sync(columns, budget=None)).over_budget()) == 2, "there is one by default"


def test_syncs_that_want_different_values_are_named(pushing: Pushing) -> None:
    """14.C16: of two syncs each undid what the other had sent, at every run, and nothing said so."""
    text, number, phones = pushing.field("Text"), pushing.field("Number"), pushing.phones(4)
    with pushing.store() as store:
        store.run("CREATE TABLE others (phone TEXT, tier TEXT, points TEXT, sale TEXT, mail TEXT)")
        rows = [
            (phones[0][1:], "silver", "10", "0", "A@b.co"), (f"+{phones[1]}", "gold", "7", "1", "x@y.zz"),
            (phones[3], "bronze", None, "0", None), ("nobody", "bronze", "1", "1", None),
        ]  # fmt: skip
        store.insert("others", ["phone", "tier", "points", "sale", "mail"], rows)
    old = pushing.lists()[0]
    columns = {
        "tier": text.field_id, "points": number.field_id, "sale": {"list": old}, "mail": {"contact": "email_address"},
        "stop": {"contact": "opted_out"},
    }  # fmt: skip
    own = [
        (1, phones[0], "gold", "10.00", "1", "a@b.co", False), (2, phones[1], "gold", "8", "1", None, True),
        (3, phones[2], "gold", "8", "0", None, None),
    ]  # fmt: skip
    pushing.customers(["id", "phone", *columns], own)
    sync = pushing.sync(columns, modes=["subscribe", "unsubscribe"])
    named = {column: target for column, target in columns.items() if column != "stop"} | {
        "tier": text.name, "mail": {"contact": "email_address", "null": "clear"},
    }  # fmt: skip
    more: dict[str, Any] = {"table": "others", "key": None, "modes": ["unsubscribe"]}
    other = pushing.sync(named, name="other", **more)
    elsewhere = pushing.sync({"tier": text.name}, name="elsewhere", sender_code=424242)
    broken = pushing.sync({"tier": text.name}, name="broken", table="no_such_table")
    apart = pushing.sync({"first": {"contact": "first_name"}}, name="apart")
    syncs = (sync, other, elsewhere, broken, apart)
    with pushing.session(sync, *syncs) as session:
        targets, problems = session.check()
        assert problems == []
        told = [str(one) for one in session.shared(targets)]
    fields = f"{text.name}, {number.name}, list {pushing.world.sender_codes[pushing.sender_code_id].lists[old].name}"
    assert [one.partition(". Where")[0] for one in told] == [
        f"Sync other writes to the same: {fields}, email_address",
        f"Sync broken writes to the same: {text.name}",
    ]
    plan = pushing.plan(sync, *syncs)
    assert [(one.sync, one.field, one.contacts) for one in plan.conflicts] == [
        ("other", text.name, 1), ("other", number.name, 1), ("other", fields.rpartition(", ")[2], 1),
    ]  # fmt: skip
    assert json.loads(plan.as_json())["conflicts"][0] == {"sync": "other", "field": text.name, "contacts": 1}
    assert str(plan.conflicts[0]).startswith(f"Sync other wants another value for {text.name} of 1 contact: ")
    assert pushing.rows("SELECT 1 FROM information_schema.tables WHERE table_name LIKE '%beside%'") == []
