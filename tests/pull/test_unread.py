"""One thing that Listrak does not let be read stops itself, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from listrak_source.cli import reports
from listrak_source.sandbox import Fault
from tests.pull.asking import Somebody, somebody
from tests.pull.sweep.gone import removed
from tests.pull.warehouse import Warehouse, truth

QUICK = {"max_attempts": 1}
GONE = json.dumps({"status": 404, "error": "ERROR_INVALID_LIST_ID", "message": "No such list."})
INACTIVE = json.dumps({"status": 400, "error": "ERROR_LIST_INACTIVE", "message": "The list is inactive."})


def _always(operation: str, path: str, http: int, body: str | None = None) -> Fault:
    return Fault("status", operation, path=path, times=None, status=http, body=body)


def _of_list(someone: Somebody) -> dict[str, Fault]:
    path = f"/PhoneList/{someone.phone_list_id}/"
    sender = f"/ShortCode/{someone.sender_code_id}/"
    return {
        "a list that fails": _always("list_contacts", path, 500),
        "opt-outs that fail": _always("list_opt_outs", sender, 500),
        "messages that are refused": _always("list_transactional_messages", path, 401),
        "lists that fail": _always("list_phone_lists", sender, 500),
        "fields that are refused": _always("list_profile_fields", sender, 403),
        "a list that is refused": _always("list_contacts", path, 403),
        "a list that is not found": _always("list_contacts", path, 404, GONE),
        "messages of an inactive list": _always("list_transactional_messages", path, 400, INACTIVE),
    }


NAMED = {
    "a list that fails": "contacts of list",
    "opt-outs that fail": "opt-outs of sender code",
    "messages that are refused": "transactional messages of list",
    "lists that fail": "lists of sender code",
    "fields that are refused": "profile fields of sender code",
    "a list that is refused": "contacts of list",
    "a list that is not found": "contacts of list",
    "messages of an inactive list": "transactional messages of list",
}


@pytest.mark.parametrize("tables", [(), ("contacts", "opt_outs")])
def test_a_stop_before_the_first_reading_of_opt_outs_that_is_answered(
    warehouse: Warehouse, tables: tuple[str, ...]
) -> None:
    """The contact came before, and no list shows it again."""
    world, someone = warehouse.sandbox.world, somebody(warehouse.sandbox)
    warehouse.sandbox.faults.add(_always("list_opt_outs", f"/ShortCode/{someone.sender_code_id}/", 403))
    warehouse.pull(*tables, **QUICK)
    assert not warehouse.rows("contacts")[someone.sender_code_id, someone.phone_number]["opted_out"]
    world.clock.advance(days=1)
    world.opt_out(someone.sender_code_id, someone.phone_number)
    world.clock.advance(days=5)
    warehouse.sandbox.faults.clear()
    warehouse.sandbox.traffic.clear()
    warehouse.pull(*tables, **QUICK)
    told = truth(warehouse.sandbox)["contacts"]
    rows = warehouse.rows("contacts")
    assert {key: rows[key]["opted_out"] for key in told} == {key: row["opted_out"] for key, row in told.items()}
    assert warehouse.sandbox.traffic.counts["get_contact"] == 1, "and nobody else is looked up"


@pytest.mark.cases(1, 1)
@pytest.mark.parametrize("failure", NAMED)
def test_one_unit_that_fails_for_ever_stops_itself_and_nothing_else(warehouse: Warehouse, failure: str) -> None:
    """13.B10: all else is pulled, the failure is named until it is over, and then what was missed comes."""
    world, someone = warehouse.sandbox.world, somebody(warehouse.sandbox)
    other = world.add_sender_code("Other")
    place = world.add_list(other, "Its list")
    world.subscribe(other, place, "15550109001")
    warehouse.begin()
    world.clock.advance(days=1)
    world.opt_out(other, "15550109001")
    world.subscribe(other, place, "15550109002")
    stopped = next(one for one in world.people if one != someone.phone_number and one not in world.suspended)
    world.subscribe(someone.sender_code_id, someone.phone_list_id, "15550109003")
    world.opt_out(someone.sender_code_id, "15550109003")
    world.clock.advance(hours=1)
    warehouse.sandbox.faults.add(_of_list(someone)[failure])
    warehouse.pull(**QUICK)
    unread = reports.unread(warehouse.pipeline())
    assert [NAMED[failure] in one for one in unread] == [True]
    assert (other, "15550109001") in {key[:2] for key in warehouse.rows("opt_outs")}
    assert (other, "15550109002") in warehouse.rows("contacts")
    if failure != "opt-outs that fail":
        assert (someone.sender_code_id, "15550109003") in {key[:2] for key in warehouse.rows("opt_outs")}
    # A pull of something else neither reads it nor forgets it.
    warehouse.pull("sender_codes", **QUICK)
    assert reports.unread(warehouse.pipeline()) == unread
    world.clock.advance(days=40)
    warehouse.pull(full=True, **QUICK)
    assert removed(warehouse) == {}
    assert reports.unread(warehouse.pipeline()) == unread
    warehouse.sandbox.faults.clear()
    warehouse.pull()
    assert reports.unread(warehouse.pipeline()) == []
    told = truth(warehouse.sandbox)
    for name in ("opt_outs", "contacts", "list_memberships", "lists", "transactional_messages", "profile_fields"):
        assert warehouse.rows(name).keys() == told[name].keys(), name
    assert stopped


def test_an_outage_is_not_of_one_unit(warehouse: Warehouse) -> None:
    """13.B10: where nothing else is answered either, the pull stops, and the next reads all of it."""
    warehouse.begin()
    warehouse.sandbox.faults.add(Fault("status", times=None, after=6))
    with pytest.raises(Exception, match="500"):
        warehouse.pull(**QUICK)
    assert reports.unread(warehouse.pipeline()) == []


@pytest.mark.cases(1)
@pytest.mark.parametrize(("operation", "http"), [("get_contact", 500), ("list_contact_subscriptions", 403)])
def test_a_contact_that_cannot_be_looked_up_stops_no_other(warehouse: Warehouse, operation: str, http: int) -> None:
    """13.B10: it comes as its list shows it, and is asked about again by the next pull."""
    world, someone = warehouse.sandbox.world, somebody(warehouse.sandbox)
    warehouse.begin()
    for phone in ("15550109001", "15550109002"):
        world.subscribe(someone.sender_code_id, someone.phone_list_id, phone)
    world.clock.advance(minutes=1)
    warehouse.sandbox.faults.add(_always(operation, "/15550109001", http))
    warehouse.pull(**QUICK)
    unread = reports.unread(warehouse.pipeline())
    assert ["some contacts of sender code" in one for one in unread] == [True]
    held: Any = warehouse.rows("contacts")
    assert held[someone.sender_code_id, "15550109002"]["subscribe_date"]
    assert (someone.sender_code_id, "15550109001") in held
    warehouse.sandbox.faults.clear()
    world.clock.advance(minutes=1)
    warehouse.pull()
    assert reports.unread(warehouse.pipeline()) == []
    told = truth(warehouse.sandbox)["contacts"]
    assert (
        warehouse.rows("contacts")[someone.sender_code_id, "15550109001"] == told[someone.sender_code_id, "15550109001"]
    )
