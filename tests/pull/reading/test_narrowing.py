"""A full page that names no next one: its unit is read in narrower windows, down to one second."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from listrak_source.api import FullPage, IncompletePage, ListrakClient
from listrak_source.pull.extract.date_windows import EVERYTHING, Window
from listrak_source.pull.extract.pages import read
from listrak_source.pull.extract.partitions import ContactPartition, OptOutPartition
from listrak_source.sandbox import Fault, Quirks, Sandbox, World
from tests.api.conftest import client_of_sandbox
from tests.pull.reading.ended import NOON, SECOND, listed, nobody, phones, readings, stopped, warnings

BOUNDS = pytest.mark.parametrize("bounds", ["inclusive", "exclusive"])
WINDOWS = pytest.mark.parametrize(
    "window",
    [EVERYTHING, Window(datetime(2015, 1, 1), is_open=True), Window(datetime(2015, 1, 1), NOON, is_open=True),
     Window(None, NOON + SECOND), Window(datetime(2015, 1, 1), NOON + SECOND)],
    ids=["everything", "from", "open", "until", "between"],
)  # fmt: skip


# -- a full page without a cursor -----------------------------------------------------------------------------------


@pytest.mark.cases(5)
@BOUNDS
@WINDOWS
def test_opt_outs_without_pages_are_read_in_narrower_windows(
    sandbox: Sandbox, client: ListrakClient, opt_outs: OptOutPartition, window: Window, bounds: Any
) -> None:
    unit = OptOutPartition(opt_outs.sender_code_id, window)
    sandbox.service.quirks = Quirks(bounds=bounds)
    expected = set(phones(readings(unit, client, 5000)))
    assert len(expected) > 40 or window.end == NOON + SECOND
    sandbox.service.quirks = Quirks(bounds=bounds, opt_out_paging="unpaged")
    found = readings(unit, client, 10)
    assert set(phones(found)) == expected
    assert not found[-1].proved
    [whole] = readings(unit, client, 5000)
    assert whole.proved, "a page that is not full is all"


@pytest.mark.cases(5)
@BOUNDS
@WINDOWS
def test_contacts_whose_cursor_is_lost_are_read_in_narrower_windows(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactPartition, window: Window, bounds: Any
) -> None:
    unit = ContactPartition(contacts.sender_code_id, contacts.phone_list_id, False, window)
    sandbox.service.quirks = Quirks(bounds=bounds)
    expected = set(phones(readings(unit, client, 5000)))
    assert len(expected) > 50
    sandbox.faults.add(Fault("full_page_no_cursor", times=None))
    found = readings(unit, client, 10)
    assert set(phones(found)) == expected
    assert not found[-1].proved


def test_a_cursor_that_is_lost_on_the_way_loses_nobody(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactPartition, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those without a date are in no window, but on the pages that came before."""
    said = warnings(monkeypatch)
    sandbox.world.import_undated(contacts.sender_code_id, contacts.phone_list_id, "12125550001")
    # The third page, and the question for one row less.
    sandbox.faults.add(Fault("full_page_no_cursor", after=2, times=2))
    found = readings(contacts, client, 20, together=100)
    assert set(phones(found)) == set(listed(sandbox))
    assert not found[-1].proved
    assert len(said) == 1


def test_contacts_without_a_date_are_no_part_of_narrow_windows(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactPartition
) -> None:
    for number in range(3):
        sandbox.world.import_undated(contacts.sender_code_id, contacts.phone_list_id, f"1212555000{number}")
    whole = readings(contacts, client, 20)
    assert set(phones(whole)) == set(listed(sandbox))
    assert whole[-1].proved
    sandbox.faults.add(Fault("full_page_no_cursor", times=None))
    found = readings(contacts, client, 20)
    assert set(listed(sandbox)) - set(phones(found)) == {f"1212555000{number}" for number in range(3)}
    assert not found[-1].proved, "which is why they are no proof"


@pytest.mark.full
def test_goes_on_from_every_page_of_narrow_windows(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactPartition, opt_outs: OptOutPartition
) -> None:
    sandbox.service.quirks = Quirks(opt_out_paging="unpaged")
    sandbox.faults.add(Fault("full_page_no_cursor", "list_contacts", times=None))
    units: list[tuple[Any, list[str]]] = [(opt_outs, stopped(sandbox)), (contacts, listed(sandbox))]
    for unit, everybody in units:
        whole = readings(unit, client, 12)
        assert set(phones(whole)) == set(everybody)
        for turn, left_at in enumerate(whole[:-1]):
            rest = readings(unit, client, 12, json.loads(json.dumps(left_at.position)))
            assert phones(rest) == phones(whole[turn + 1 :]), "exactly what was left"
            assert not rest[-1].proved


def test_goes_on_by_cursor_within_a_narrow_window(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactPartition
) -> None:
    sandbox.faults.add(Fault("full_page_no_cursor", times=2))
    whole = readings(contacts, client, 12)
    assert set(phones(whole)) == set(listed(sandbox))
    left_at = next(one for one in whole if isinstance(one.position, dict) and one.position.keys() >= {"cursor"})
    rest = readings(contacts, client, 12, left_at.position)
    assert phones(rest) == phones(whole[whole.index(left_at) + 1 :])
    again = readings(contacts, client, 12, left_at.position | {"cursor": "expired"})  # type: ignore[operator]
    assert set(phones(rest)) <= set(phones(again)), "that window is read again, and those behind it"


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Honolulu"])
def test_the_present_of_every_zone_can_be_narrowed(zone: str) -> None:
    """What happened just now may be ahead of UTC."""
    world = World(contacts=60, sender_codes=1, lists=1, timezone=zone)
    [sender] = world.sender_codes.values()
    for person in list(sender.since.people())[:50]:
        world.opt_out(sender.sender_code_id, world.phone(person))
        world.clock.advance(seconds=5)
    with Sandbox(world, quirks=Quirks(opt_out_paging="unpaged")) as sandbox, client_of_sandbox(sandbox) as client:
        found = readings(OptOutPartition(sender.sender_code_id, EVERYTHING), client, 6)
        assert set(phones(found)) == set(stopped(sandbox))
        assert sandbox.traffic.counts["list_opt_outs"] < 150


@pytest.mark.cases(5, 5)
@pytest.mark.parametrize("taken", ["ignored", "capped"])
@BOUNDS
@WINDOWS
def test_opt_outs_that_the_api_cuts_off_are_read_in_narrower_windows(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactPartition, window: Window, bounds: Any, taken: Any
) -> None:
    """13.A4. Whatever is asked for, no more than 50 come, and no cursor."""
    world, sender = sandbox.world, contacts.sender_code_id
    for phone in listed(sandbox)[:120]:
        world.opt_out(sender, phone, "Import")
        world.clock.advance(SECOND)
    unit = OptOutPartition(sender, window)
    sandbox.service.quirks = Quirks(bounds=bounds)
    expected = set(phones(readings(unit, client, 5000)))
    sandbox.service.quirks = Quirks(bounds=bounds, most_rows=50, count=taken)
    found = readings(unit, client, 5000)
    assert set(phones(found)) == expected
    assert found[-1].proved is (len(expected) < 50)


def test_a_second_that_the_api_cuts_off_is_an_error_that_names_it(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactPartition
) -> None:
    """13.A4. A larger page would not help."""
    for phone in listed(sandbox)[:60]:
        sandbox.world.opt_out(contacts.sender_code_id, phone, "Import")
    sandbox.service.quirks = Quirks(most_rows=50)
    with pytest.raises(FullPage, match="there are 50 or more at 2026-03-02T1") as caught:
        list(read(OptOutPartition(contacts.sender_code_id, EVERYTHING), client, 100, skips=nobody)())
    assert "Ask Listrak's support" in str(caught.value)


# -- one second -----------------------------------------------------------------------------------------------------


@BOUNDS
def test_a_second_that_fits_a_page_is_read(
    sandbox: Sandbox, client: ListrakClient, one_second: OptOutPartition, bounds: Any
) -> None:
    sandbox.service.quirks = Quirks(bounds=bounds, opt_out_paging="unpaged")
    assert set(phones(readings(one_second, client, 7))) == set(stopped(sandbox))


@BOUNDS
@pytest.mark.parametrize("count", [5, 6])
def test_a_second_that_fills_a_page_is_an_error_that_names_it(
    sandbox: Sandbox, client: ListrakClient, one_second: OptOutPartition, bounds: Any, count: int
) -> None:
    """Exactly full may hide more."""
    sandbox.service.quirks = Quirks(bounds=bounds, opt_out_paging="unpaged")
    with pytest.raises(IncompletePage) as caught:
        list(read(one_second, client, count, skips=nobody)())
    said = str(caught.value)
    assert said.startswith("list_opt_outs: ")
    assert f"opt-outs of sender code {one_second.sender_code_id}" in said
    assert any((NOON + SECOND * seconds).isoformat() in said for seconds in (59, 60, 61)), said
    assert "page_size to 5000" in said


@pytest.mark.parametrize("opted_out", [False, True])
def test_a_second_of_contacts_names_their_list(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactPartition, opted_out: bool
) -> None:
    world, sender, phone_list = sandbox.world, contacts.sender_code_id, contacts.phone_list_id
    for number in range(6):
        world.subscribe(sender, phone_list, f"1212555000{number}")
        if opted_out:
            world.opt_out(sender, f"1212555000{number}")
    sandbox.faults.add(Fault("full_page_no_cursor", times=None))
    unit = ContactPartition(sender, phone_list, opted_out, EVERYTHING)
    with pytest.raises(FullPage) as caught:
        list(read(unit, client, 6, skips=nobody)())
    said = str(caught.value)
    for part in ("list_contacts: ", f"list {phone_list}", f"sender code {sender}", "at 2026-03-02T1"):
        assert part in said
    assert ("opted-out contacts" if opted_out else "reachable contacts") in said


@BOUNDS
def test_records_before_the_first_window_can_be_too_many(sandbox: Sandbox, client: ListrakClient, bounds: Any) -> None:
    world = World(contacts=30, sender_codes=1, lists=1, start=datetime(1999, 1, 1))
    [sender] = world.sender_codes.values()
    unit = OptOutPartition(sender.sender_code_id, EVERYTHING)
    for person in list(sender.since.people())[:20]:
        world.opt_out(sender.sender_code_id, world.phone(person))
        world.clock.advance(days=1)
    with Sandbox(world, quirks=Quirks(bounds=bounds, opt_out_paging="unpaged")) as old, client_of_sandbox(old) as asks:
        assert set(phones(readings(unit, asks, 40))) == set(stopped(old))
        with pytest.raises(FullPage, match="before 2000-01-01T00:00:00"):
            list(read(unit, asks, 10, skips=nobody)())
