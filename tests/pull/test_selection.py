"""Which sender codes, lists and tables are read, and from when: each from its own beginning."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from listrak_source.sandbox import Quirks, Sandbox
from tests.pull.asking import Somebody, ask, queries, somebody
from tests.pull.warehouse import Warehouse, truth


@pytest.fixture
def someone(sandbox: Sandbox) -> Somebody:
    return somebody(sandbox)


def second_sender_code(sandbox: Sandbox, *phones: str) -> tuple[int, int]:
    """Another sender code with one list, and people on it since some days."""
    world = sandbox.world
    sender = world.add_sender_code("Second")
    phone_list = world.add_list(sender, "Its list")
    for phone in phones:
        world.subscribe(sender, phone_list, phone)
    world.clock.advance(days=10)
    return sender, phone_list


def test_list_added_later_starts_from_its_own_beginning(warehouse: Warehouse, someone: Somebody) -> None:
    sandbox = warehouse.sandbox
    warehouse.begin("contacts", "list_memberships", lists=[someone.phone_list_id])
    assert {key[1] for key in warehouse.rows("list_memberships")} == {someone.phone_list_id}
    sandbox.traffic.clear()
    warehouse.pull("contacts", "list_memberships")
    assert warehouse.rows("list_memberships").keys() == truth(sandbox)["list_memberships"].keys()
    assert warehouse.rows("contacts").keys() == truth(sandbox)["contacts"].keys()
    undated = {path for path, query in queries(sandbox, "/Contact") if "startSubscribeDate" not in query}
    assert not [path for path in undated if f"/{someone.phone_list_id}/" in path], "the list that was read goes on"


@pytest.mark.full
def test_sender_code_added_later_starts_from_its_own_beginning(warehouse: Warehouse, someone: Somebody) -> None:
    warehouse.begin("contacts", "opt_outs")
    sender, _ = second_sender_code(warehouse.sandbox, someone.phone_number, "15550109999")
    warehouse.sandbox.world.opt_out(sender, "15550109999")
    warehouse.sandbox.world.clock.advance(days=20)
    warehouse.pull("contacts", "opt_outs")
    contacts = warehouse.rows("contacts")
    assert contacts[sender, "15550109999"]["opted_out"] is True
    assert contacts[sender, someone.phone_number]["opted_out"] is False
    assert (sender, "15550109999") in {key[:2] for key in warehouse.rows("opt_outs")}


def test_table_selected_later_starts_from_its_own_beginning(warehouse: Warehouse) -> None:
    sandbox = warehouse.sandbox
    warehouse.begin("contacts")
    sandbox.world.clock.advance(days=40)
    warehouse.pull("contacts", "list_memberships")
    warehouse.pull("opt_outs")
    warehouse.pull("contact_profile_values", "opt_outs")
    told = truth(sandbox)
    for name in ("list_memberships", "opt_outs", "contact_profile_values", "contacts"):
        assert warehouse.rows(name).keys() == told[name].keys(), name


@pytest.mark.full
def test_a_pull_of_other_tables_hides_nothing_from_lookups(warehouse: Warehouse, someone: Somebody) -> None:
    """Opt-outs alone, every hour, and everything once a day: who opted out is still a changed contact."""
    world = warehouse.sandbox.world
    warehouse.begin("contacts", "opt_outs")
    world.clock.advance(days=4)
    world.opt_out(someone.sender_code_id, someone.phone_number)
    warehouse.pull("opt_outs")
    world.clock.advance(days=4)
    warehouse.pull("contacts", "opt_outs")
    assert warehouse.rows("contacts")[someone.key]["opted_out"] is True


def test_same_tables_again_load_nothing(warehouse: Warehouse) -> None:
    """Right after the first pull, whatever was selected."""
    warehouse.sandbox.world.live(1)
    assert warehouse.pull("contacts")
    assert warehouse.pull("contacts") == {}


@pytest.mark.full
def test_new_profile_field_and_renamed_list(warehouse: Warehouse, someone: Somebody) -> None:
    world = warehouse.sandbox.world
    warehouse.begin("profile_fields", "lists")
    field = world.add_profile_field("Shoe size", "Number")
    world.deactivate_list(someone.sender_code_id, someone.phone_list_id)
    assert warehouse.pull("profile_fields", "lists") == {"profile_fields": 1, "lists": 1}
    assert warehouse.rows("profile_fields")[someone.sender_code_id, field]["segmentation_field_name"] == "Shoe size"
    assert warehouse.rows("lists")[someone.sender_code_id, someone.phone_list_id]["status"] == "Inactive"


def test_inactive_list_is_read_on(warehouse: Warehouse, someone: Somebody) -> None:
    world = warehouse.sandbox.world
    warehouse.begin("contacts")
    world.deactivate_list(someone.sender_code_id, someone.phone_list_id)
    world.opt_out(someone.sender_code_id, someone.phone_number)
    warehouse.pull("contacts")
    assert warehouse.rows("contacts")[someone.key]["opted_out"] is True
    assert any(f"/{someone.phone_list_id}/" in path for path, _ in queries(warehouse.sandbox, "/Contact"))


def test_disabled_sender_code_is_skipped_and_the_others_are_read(
    warehouse: Warehouse, someone: Somebody, dlt_log: pytest.LogCaptureFixture
) -> None:
    sandbox = warehouse.sandbox
    sender, _ = second_sender_code(sandbox, someone.phone_number)
    tables = ("sender_codes", "lists", "contacts", "opt_outs", "profile_fields")
    sandbox.world.disable_sender_code(sender)
    sandbox.service.quirks = Quirks(disabled_reads="refused")
    with dlt_log.at_level(logging.WARNING):
        warehouse.pull(*tables)
    assert [record for record in dlt_log.records if str(sender) in record.getMessage()], "a warning names it"
    assert (sender,) in warehouse.rows("sender_codes")
    told = truth(sandbox)
    for name in ("lists", "contacts", "opt_outs", "profile_fields"):
        expected = {key for key in told[name] if key[0] != sender}
        assert warehouse.rows(name).keys() == expected, name
    sandbox.service.quirks = Quirks()
    sandbox.world.disable_sender_code(sender, enabled=True)
    warehouse.pull(*tables)
    assert warehouse.rows("contacts").keys() == told["contacts"].keys(), "from its own beginning, once it may be read"
    assert warehouse.rows("lists").keys() == told["lists"].keys()


def test_allow_lists(warehouse: Warehouse, someone: Somebody) -> None:
    second_sender_code(warehouse.sandbox, "15550109999")
    allowed = {"sender_codes": [someone.sender_code_id], "lists": [someone.phone_list_id]}
    ask(warehouse, **allowed)
    paths = {path for path, _ in warehouse_log(warehouse) if "/ShortCode/" in path}
    assert {path.split("/ShortCode/")[1].split("/")[0] for path in paths} == {str(someone.sender_code_id)}
    assert {path.split("/")[-2] for path, _ in queries(warehouse.sandbox, "/Contact")} == {str(someone.phone_list_id)}


def warehouse_log(warehouse: Warehouse) -> list[tuple[str, dict[str, str]]]:
    return queries(warehouse.sandbox, "")


@pytest.mark.parametrize("setting", ["sender_codes", "lists"])
def test_unknown_id_in_an_allow_list_is_one_clear_sentence(warehouse: Warehouse, setting: str) -> None:
    with pytest.raises(Exception, match=rf"sources\.listrak\.{setting}: Listrak has no 424242"):
        ask(warehouse, **{setting: [424242]})


@pytest.mark.full
def test_subscriptions_nobody_at_first_and_later_who_changed(warehouse: Warehouse, someone: Somebody) -> None:
    world = warehouse.sandbox.world
    warehouse.pull()
    assert warehouse.sandbox.traffic.counts.keys().isdisjoint({"get_contact", "list_contact_subscriptions"})
    world.opt_out(someone.sender_code_id, someone.phone_number)
    world.subscribe(someone.sender_code_id, someone.phone_list_id, "15550109999")
    counts = ask(warehouse)
    assert (counts["get_contact"], counts["list_contact_subscriptions"]) == (2, 2)
    warehouse.pull()
    world.edit(someone.phone_number, {"firstName": "Edited"})
    assert "get_contact" not in ask(warehouse), "an edit moves no date"


def test_subscriptions_alone(warehouse: Warehouse, someone: Somebody) -> None:
    warehouse.begin("subscriptions")
    warehouse.sandbox.world.opt_out(someone.sender_code_id, someone.phone_number)
    assert ask(warehouse, "subscriptions")["list_contact_subscriptions"] == 1
    assert "get_contact" not in ask(warehouse, "subscriptions")


@pytest.mark.full
@pytest.mark.parametrize("tables", [("subscriptions",), ("contacts", "subscriptions")])
def test_subscriptions_of_everyone_on_request(warehouse: Warehouse, tables: tuple[str, ...]) -> None:
    told = truth(warehouse.sandbox)
    warehouse.pull(*tables, lookups="all")
    expected = {key for key in told["subscriptions"] if key[:2] in told["contacts"]}
    assert warehouse.rows("subscriptions").keys() == expected


@pytest.mark.full
def test_subscriptions_of_nobody(warehouse: Warehouse) -> None:
    ask(warehouse, lookups="none")
    warehouse.sandbox.world.live(1)
    assert ask(warehouse, lookups="none").keys().isdisjoint({"get_contact", "list_contact_subscriptions"})


def test_an_account_without_anybody(tmp_path: Path, sandbox: Sandbox) -> None:
    sandbox.world.clear()
    warehouse = Warehouse(sandbox, tmp_path)
    assert ask(warehouse) == {"list_sender_codes": 1}
    sender = sandbox.world.add_sender_code("First")
    phone_list = sandbox.world.add_list(sender, "Its list")
    sandbox.world.subscribe(sender, phone_list, "15550109999")
    assert warehouse.pull("sender_codes", "contacts") == {"sender_codes": 1, "contacts": 1}
    assert warehouse.rows("contacts").keys() == {(sender, "15550109999")}
