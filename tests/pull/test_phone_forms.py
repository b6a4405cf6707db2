"""13.A5: one person in two forms of a phone number is one person, whoever writes which form where."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import duckdb
import pytest

from listrak_source.pull.records.masking import Masks
from listrak_source.pull.schema import TABLES as TABLE
from listrak_source.sandbox import Fault, Quirks, Sandbox
from tests.pull.asking import somebody
from tests.pull.proxy import proxy
from tests.pull.setting_aside import listed
from tests.pull.warehouse import Rows, Warehouse, truth

TABLES = ("contacts", "contact_profile_values", "list_memberships", "opt_outs", "subscriptions", "consent_events")
FORMS: dict[str, Callable[[str], str]] = {"ten": lambda phone: phone[1:], "plus": lambda phone: f"+{phone}"}


def open_lists(sandbox: Sandbox, sender: int) -> list[int]:
    lists = sandbox.world.sender_codes[sender].lists.values()
    return [one.list_id for one in lists if one.active and not one.double_opt_in]


def without_form(rows: Rows) -> Rows:
    return {
        key: {name: value for name, value in row.items() if name != "phone_number_raw"} for key, row in rows.items()
    }


@pytest.mark.cases(1, 1)
@pytest.mark.parametrize("phones_taken", ["any", "listed"])
@pytest.mark.parametrize("form", FORMS)
def test_a_stop_in_another_form_is_the_contacts_stop(warehouse: Warehouse, form: Any, phones_taken: Any) -> None:
    sandbox, someone = warehouse.sandbox, somebody(warehouse.sandbox)
    sandbox.service.quirks = replace(Quirks(), opt_out_phones=form, phones_taken=phones_taken)
    warehouse.begin(*TABLES)
    sandbox.world.opt_out(someone.sender_code_id, someone.phone_number)
    warehouse.pull(*TABLES)
    contacts = warehouse.rows("contacts")
    assert [(key, row["opted_out"]) for key, row in contacts.items() if someone.phone_number[1:] in key[1]] == [
        (someone.key, True)
    ]
    told = truth(sandbox)
    assert contacts[someone.key] == told["contacts"][someone.key], "looked up, in one form or the other"
    opt_outs = warehouse.rows("opt_outs")
    assert without_form(opt_outs) == without_form(told["opt_outs"])
    assert {row["phone_number_raw"] for row in opt_outs.values()} == {FORMS[form](key[1]) for key in opt_outs}
    events = [key for key in warehouse.rows("consent_events") if key[2] == someone.phone_number and not key[1]]
    assert [key[3] for key in events] == ["opted_out"]


@pytest.mark.full
def test_lists_that_write_two_forms_hold_one_person(warehouse: Warehouse) -> None:
    """One list writes the person in one form, another list in another, and the opt-outs in a third."""
    sandbox, someone = warehouse.sandbox, somebody(warehouse.sandbox)
    sender, phone = someone.key
    sandbox.world.subscribe(
        sender, next(one for one in open_lists(sandbox, sender) if one != someone.phone_list_id), phone
    )
    others = [key[1] for key in truth(sandbox)["list_memberships"] if key[0] == sender and key[2] == phone]
    assert len(others) > 1
    sandbox.world.opt_out(sender, phone)
    sandbox.service.quirks = replace(Quirks(), opt_out_phones="ten")

    def change(path: str, answer: dict[str, Any]) -> None:
        if path.endswith(f"/PhoneList/{others[0]}/Contact"):
            for record in answer["data"]:
                number = record["phoneNumber"]
                record["phoneNumber"] = f"+1 ({number[1:4]}) {number[4:7]}-{number[7:]}"

    with proxy(sandbox, change) as base_url:
        warehouse.pull(*TABLES, base_url=base_url)
        told = truth(sandbox)
        assert without_form(warehouse.rows("contacts")) == without_form(listed(told["contacts"]))
        assert warehouse.rows("list_memberships").keys() == told["list_memberships"].keys()
        assert warehouse.rows("contact_profile_values") == told["contact_profile_values"]
        assert warehouse.pull(*TABLES, base_url=base_url) == {}, "nothing is new"
        warehouse.pull(*TABLES, base_url=base_url, full=True, lookups="none")
    assert warehouse.rows("contacts", removed=True) == {}


@pytest.mark.full
@pytest.mark.parametrize("phones_taken", ["any", "listed"])
def test_each_is_looked_up_once_whatever_the_forms(warehouse: Warehouse, phones_taken: Any) -> None:
    """A person who is new on a list and among the opt-outs, in two forms, is one person to ask for."""
    sandbox, someone = warehouse.sandbox, somebody(warehouse.sandbox)
    sandbox.service.quirks = replace(Quirks(), opt_out_phones="plus", contact_phones="ten", phones_taken=phones_taken)
    warehouse.begin(*TABLES)
    sender, phone_list, phone = someone.sender_code_id, someone.phone_list_id, someone.phone_number
    new = "12025550123"
    sandbox.world.subscribe(sender, phone_list, new)
    for one in (phone, new):
        sandbox.world.opt_out(sender, one)
    sandbox.traffic.clear()
    warehouse.pull(*TABLES)
    told = truth(sandbox)
    rows = warehouse.rows("contacts")
    assert {key: rows[key] for key in ((sender, phone), (sender, new))} == {
        key: told["contacts"][key] for key in ((sender, phone), (sender, new))
    }
    asked = [path for method, path, _ in sandbox.traffic.log if path.endswith(new[1:]) and "/Contact/" in path]
    assert len(asked) == (1 if phones_taken == "any" else 3), asked


@pytest.mark.full
def test_what_an_older_version_has_written_in_another_form(warehouse: Warehouse) -> None:
    """A complete walk writes everybody in one form, tells of each stop, and marks the other form as gone."""
    sandbox, someone = warehouse.sandbox, somebody(warehouse.sandbox)
    sandbox.world.opt_out(someone.sender_code_id, someone.phone_number)
    sandbox.service.quirks = replace(Quirks(), opt_out_phones="ten")
    warehouse.pull(*TABLES)
    mine = f"WHERE phone_number = '{someone.phone_number}'"
    with duckdb.connect(str(warehouse.database)) as connection:
        for table in ("opt_outs", "consent_events"):
            connection.execute(f"UPDATE listrak_sms.{table} SET phone_number = substr(phone_number, 2)")
        connection.execute(f"UPDATE listrak_sms.contacts SET opted_out = FALSE, unsubscribe_date = NULL {mine}")
    before = warehouse.rows("opt_outs")
    warehouse.pull(*TABLES)
    assert warehouse.rows("opt_outs").items() >= before.items(), "an incremental pull leaves them as they are"
    warehouse.pull(*TABLES, full=True, removal_percent=100.0)
    told = truth(sandbox)
    assert warehouse.rows("contacts")[someone.key]["opted_out"] is True
    assert warehouse.rows("opt_outs").keys() == told["opt_outs"].keys()
    assert warehouse.rows("opt_outs", removed=True).keys() == before.keys()
    events = {key[0:1] + key[2:] for key in warehouse.rows("consent_events") if key[3] == "opted_out"}
    assert events >= {(*key[:2], "opted_out", key[2]) for key in told["opt_outs"]}


def test_a_hash_is_of_the_one_form_and_no_other_form_is_written(warehouse: Warehouse) -> None:
    sandbox, someone = warehouse.sandbox, somebody(warehouse.sandbox)
    key = "a key of more than sixteen characters"
    options: dict[str, Any] = {"hash_columns": ["phone_number"], "hash_key": key}
    hashed = {phone: hmac.new(key.encode(), phone.encode(), "sha256").hexdigest() for phone in sandbox.world.people}
    sandbox.service.quirks = replace(Quirks(), opt_out_phones="ten", contact_phones="plus", phones_taken="any")
    warehouse.pull(*TABLES, **options)
    sandbox.world.opt_out(someone.sender_code_id, someone.phone_number)
    warehouse.pull(*TABLES, **options)
    told = truth(sandbox)
    for name in ("contacts", "list_memberships", "opt_outs", "contact_profile_values"):
        at = TABLE[name].key.index("phone_number")
        expected = {(*one[:at], hashed[one[at]], *one[at + 1 :]) for one in told[name]}
        assert warehouse.rows(name).keys() == expected, name
        assert all("phone_number_raw" not in row for row in warehouse.rows(name).values())
    assert warehouse.rows("contacts")[someone.sender_code_id, hashed[someone.phone_number]]["opted_out"] is True
    digits = {phone[1:] for phone in sandbox.world.people}
    with duckdb.connect(str(warehouse.database)) as connection:
        tables = connection.execute("SELECT schema_name || '.' || table_name FROM duckdb_tables()").fetchall()
        text = " ".join(str(connection.execute(f"SELECT * FROM {table}").fetchall()) for (table,) in tables)
    assert not digits & set(re.findall(r"\d{10}", text))


def test_a_record_that_is_set_aside_is_hashed_in_the_one_form() -> None:
    masks = Masks(["phone_number"], (), "a key of more than sixteen characters")
    records = [{"phoneNumber": form, "birthday": "soon"} for form in ("5551234567", "+1 555 123-4567", "15551234567")]
    assert len({masks.record(record)["phoneNumber"] for record in records}) == 1


@pytest.mark.full
def test_absence_is_asked_for_in_the_form_that_listrak_takes(warehouse: Warehouse) -> None:
    """Who is in no answer for a moment is not gone, though Listrak knows nobody by eleven digits."""
    sandbox = warehouse.sandbox
    sandbox.service.quirks = replace(Quirks(), contact_phones="ten", opt_out_phones="plus", phones_taken="listed")
    warehouse.pull(*TABLES)
    before = {name: warehouse.rows(name) for name in ("contacts", "list_memberships", "opt_outs")}
    sandbox.faults.add(Fault("some_rows", "list_contacts", times=None))
    sandbox.faults.add(Fault("some_rows", "list_opt_outs", times=None))
    warehouse.pull(*TABLES, full=True, removal_percent=100.0)
    for name, rows in before.items():
        assert warehouse.rows(name).keys() == rows.keys(), name
        assert warehouse.rows(name, removed=True) == {}, name
