"""One unit, read from anywhere to its end, whatever the API's paging does."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from listrak_source.api import InactiveError, ListrakClient, ListrakError, RepeatedCursor
from listrak_source.pull.extract.date_windows import EVERYTHING, Window
from listrak_source.pull.extract.pages import DONE, Position, read
from listrak_source.pull.extract.partitions import ContactPartition, OptOutPartition, Unit
from listrak_source.sandbox import Fault, Quirks, Sandbox
from listrak_source.sandbox.http.query import encode_cursor
from tests.pull.asking import on_request, somebody
from tests.pull.reading.ended import listed, nobody, phones, readings, stopped, warnings

REFUSED = '{"status": 404, "error": "ERROR_UNABLE_TO_LOCATE_RESOURCE", "message": "No such page."}'


# -- to the end -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("together", [1, 2, 1000])
@pytest.mark.parametrize("count", [7, 100, 5000])
def test_all_records_and_one_end(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactPartition, count: int, together: int
) -> None:
    found = readings(contacts, client, count, together=together)
    assert phones(found) == listed(sandbox)
    assert found[-1].proved
    pages = -(-len(listed(sandbox)) // count)
    assert len(found) == -(-pages // together)


@pytest.mark.parametrize("faults", [0, 3])
def test_what_has_no_records_ends_too(sandbox: Sandbox, client: ListrakClient, faults: int) -> None:
    sender = somebody(sandbox).sender_code_id
    empty = ContactPartition(sender, sandbox.world.add_list(sender, "New"), False, EVERYTHING)
    long_ago = OptOutPartition(sender, Window(datetime(2001, 1, 1), datetime(2001, 1, 2)))
    units: list[Any] = [empty, long_ago]
    for unit in units:
        sandbox.faults.add(Fault("empty_page", times=faults)) if faults else None
        [only] = readings(unit, client, 10)
        assert only.proved
        assert only.records.num_rows == 0
        assert "phoneNumber" in only.records.column_names
        assert only.records.schema == unit.no_records.schema


def test_last_pages_that_are_empty_end_it_too(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactPartition
) -> None:
    """The rest of the list vanishes while it is read."""
    everybody = listed(sandbox)
    reader = read(contacts, client, 10, skips=nobody, together=1)()
    found = [next(reader), next(reader)]
    for phone in everybody[20:]:
        sandbox.world.vanish(phone)
    sandbox.faults.add(Fault("empty_page", times=2))
    found += reader
    assert phones(found) == everybody[:20]
    assert [one.records.num_rows for one in found] == [10, 10, 0]
    assert (found[-1].position, found[-1].proved) == (DONE, True)


def test_an_end_that_fills_its_page_is_proved(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactPartition
) -> None:
    everybody = listed(sandbox)
    for phone in everybody[30:]:
        sandbox.world.vanish(phone)
    found = readings(contacts, client, 10)
    assert phones(found) == everybody[:30]
    assert found[-1].proved


def test_what_is_refused_is_told_and_has_no_end(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactPartition
) -> None:
    sandbox.service.quirks = Quirks(disabled_reads="refused")
    sandbox.world.disable_sender_code(contacts.sender_code_id)
    refused: list[Unit] = []

    def skips(unit: Unit, error: ListrakError) -> bool:
        refused.append(unit)
        return isinstance(error, InactiveError)

    assert list(read(contacts, client, 10, skips=skips)()) == []
    assert refused == [contacts]


# -- going on where it was left -------------------------------------------------------------------------------------


@pytest.mark.parametrize("together", [1, 3])
def test_goes_on_from_every_page(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactPartition, opt_outs: OptOutPartition, together: int
) -> None:
    units: list[tuple[Any, list[str]]] = [(contacts, listed(sandbox)), (opt_outs, stopped(sandbox))]
    for unit, everybody in units:
        whole = readings(unit, client, 6, together=together)
        assert phones(whole) == everybody
        requests = len(whole) * together
        for turn, left_at in enumerate(whole[:-1]):
            sandbox.traffic.clear()
            rest = readings(unit, client, 6, json.loads(json.dumps(left_at.position)), together=together)
            assert phones(whole[: turn + 1]) + phones(rest) == everybody
            assert rest[-1].proved
            assert sum(sandbox.traffic.counts.values()) <= requests - (turn + 1) * together, "nothing is read twice"
        assert list(read(unit, client, 6, DONE, skips=nobody)()) == []


def refuse(sandbox: Sandbox, how: str) -> Position:
    """A position whose cursor the API does not take (any more), in one of the ways in which it may say so."""
    if how == "400":
        return {"cursor": "long expired"}
    if how == "404":
        sandbox.faults.add(Fault("status", status=404, body=REFUSED))
        return {"cursor": encode_cursor((0, 0))}
    return {"cursor": encode_cursor((2**62, 0))}  # behind everything: a page without rows, and without a cursor


@pytest.mark.parametrize("how", ["400", "404", "empty"])
def test_a_position_that_expired_is_no_end(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactPartition, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    said = warnings(monkeypatch)
    found = readings(contacts, client, 50, refuse(sandbox, how))
    assert phones(found) == listed(sandbox)
    assert found[-1].proved, "it was read from the beginning after all"
    assert [f"list {contacts.phone_list_id}" in line and "again" in line for line in said] == [True]


def test_a_cursor_that_expires_on_the_way_is_no_end(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactPartition
) -> None:
    sandbox.faults.add(Fault("status", status=404, body=REFUSED, after=2))
    found = readings(contacts, client, 20)
    assert phones(found) == listed(sandbox)[:40] + listed(sandbox)
    assert found[-1].proved


def test_a_list_that_is_gone_is_an_error(sandbox: Sandbox, client: ListrakClient, contacts: ContactPartition) -> None:
    sandbox.faults.add(Fault("status", status=404, body=REFUSED, after=2, times=None))
    reader = read(contacts, client, 20, skips=nobody, together=1)()
    with pytest.raises(ListrakError, match=r"list_contacts.*404"):
        list(reader)
    assert sandbox.traffic.counts["list_contacts"] == 4


def test_cursors_that_are_never_taken_are_an_error(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactPartition
) -> None:
    def act(operation: str, query: str) -> None:
        if "cursor=" in query:
            assert sandbox.traffic.counts[operation] < 10, "it does not begin again for ever"
            sandbox.faults.add(Fault("status", status=404, body=REFUSED))

    on_request(sandbox, act)
    with pytest.raises(ListrakError, match="404"):
        list(read(contacts, client, 20, skips=nobody)())
    assert sandbox.traffic.counts["list_contacts"] == 4


@pytest.mark.parametrize("resumed", [False, True])
def test_a_cursor_that_comes_twice_is_no_end_and_no_proof(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactPartition, resumed: bool
) -> None:
    position = readings(contacts, client, 20)[1].position if resumed else None
    sandbox.faults.add(Fault("repeated_page", after=0 if resumed else 3))
    found = readings(contacts, client, 20, position)
    assert phones(found)[-len(listed(sandbox)) :] == listed(sandbox)
    assert not found[-1].proved
    rest = readings(contacts, client, 20, found[-2].position)
    assert not rest[-1].proved, "nor is what goes on from there"


def test_a_cursor_that_comes_twice_again_and_again_is_an_error(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactPartition
) -> None:
    sandbox.faults.add(Fault("repeated_page", after=1, times=None))
    with pytest.raises(RepeatedCursor, match=str(contacts.phone_list_id)):
        list(read(contacts, client, 20, skips=nobody)())
    assert sandbox.traffic.counts["list_contacts"] < 6
