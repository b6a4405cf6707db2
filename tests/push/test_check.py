"""Check: everything that can be wrong with a sync is said at once, before anything is compared or sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from listrak_source.push.validate import checked
from listrak_source.sandbox import Sandbox
from tests.pull.warehouse import Warehouse
from tests.push.pushing import Pushing


def problems(pushing: Pushing, columns: dict[str, Any], **also: Any) -> list[str]:
    pushing.sandbox.traffic.clear()
    with pushing.session(pushing.sync(columns, **also)) as session:
        found = checked(session.store, session.client, session.sync)[1]
    assert not pushing.sent()
    return found


def test_a_good_sync_has_none(pushing: Pushing) -> None:
    pushing.customers(["id", "phone", "tier", "stop"], [(1, "1", "a", True)])
    assert problems(pushing, {"tier": pushing.field("Text").name, "stop": {"contact": "opted_out"}}) == []


def test_all_of_it_at_once(pushing: Pushing) -> None:
    text, number = pushing.field("Text"), pushing.field("Number")
    disabled = next(one for one in pushing.world.fields.values() if one.status != "Active")
    pushing.customers(["id", "phone", "tier", "born", "stop"], [(1, "1", "a", "2020-01-01", True)])
    columns = {
        "tier": {"field": number.field_id, "default": "ten"}, "born": pushing.field("Number", 1).field_id,
        "missing": text.name, "stop": "No such field", "id": disabled.name,
    }  # fmt: skip
    found = problems(pushing, columns, phone="mobile")
    for part in (
        "column stop: Listrak has no profile field 'No such field'; there are ",
        f"{disabled.name!r} is disabled at Listrak",
        "the table has no column mobile", "the table has no column missing", "column born is of type date ",
        "column tier: its default does not fit",
    ):  # fmt: skip
        assert any(part in one for one in found), (part, found)
    assert len(found) == 6
    (there,) = [one.partition("; there are ")[2].split(", ") for one in found if "there are" in one]
    active = [one.name for one in pushing.world.fields.values() if one.status == "Active"]
    assert there == sorted(active), "14.D18: it names those that can be meant"


def test_a_table_that_is_not_there_and_a_sender_code_that_is_off(pushing: Pushing) -> None:
    pushing.world.disable_sender_code(pushing.sender_code_id)
    found = problems(pushing, {"tier": 1}, table="no_such_table")
    assert any("the table cannot be read" in one for one in found)
    found = problems(pushing, {"tier": 1}, sender_code=999999)
    assert any("Listrak has no sender code 999999" in one for one in found)
    assert any("holds no contacts of sender code 999999" in one for one in found)


def test_what_the_pull_was_told_to_hash_or_to_drop_cannot_be_compared(sandbox: Sandbox, tmp_path: Path) -> None:
    warehouse = Warehouse(sandbox, tmp_path)
    warehouse.pull(hash_columns=["email_address"], drop_columns=["first_name"], hash_key="a key of many characters")
    pushing = Pushing(warehouse)
    pushing.customers(["id", "phone", "first", "email", "zip"], [(1, "1", "a", "b@c.de", "x")])
    columns = {"first": "first_name", "email": "email_address", "zip": "postal_code"}
    found = problems(pushing, {name: {"contact": contact} for name, contact in columns.items()})
    assert found == [
        "column first: the warehouse was told to drop first_name, so nothing can be compared",
        "column email: email_address is hashed in the warehouse, so nothing can be compared",
    ]
