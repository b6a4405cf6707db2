"""One unit, read from anywhere to its end, whatever the API's paging does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from listrak_source.api import FullPage, IncompletePage, ListrakClient, ListrakError, RepeatedCursor
from listrak_source.pull.reading import DONE, Position, Reading, read
from listrak_source.pull.units import AnyUnit, ContactUnit, OptOutUnit, Unit
from listrak_source.pull.windows import EVERYTHING, Window
from listrak_source.sandbox import Fault, Quirks, Sandbox, World
from listrak_source.sandbox.paging import encode_cursor
from listrak_source.sandbox.state import PhoneList
from tests.api.conftest import client_of_sandbox
from tests.pull.asking import on_request, somebody

SECOND = timedelta(seconds=1)
NOON = datetime(2026, 3, 2, 12)
"""When the world of these tests begins, on its own clock."""
REFUSED = '{"status": 404, "error": "ERROR_UNABLE_TO_LOCATE_RESOURCE", "message": "No such page."}'
BOUNDS = pytest.mark.parametrize("bounds", ["inclusive", "exclusive"])
WINDOWS = pytest.mark.parametrize(
    "window",
    [EVERYTHING, Window(datetime(2015, 1, 1), is_open=True), Window(datetime(2015, 1, 1), NOON, is_open=True),
     Window(None, NOON + SECOND), Window(datetime(2015, 1, 1), NOON + SECOND)],
    ids=["everything", "from", "open", "until", "between"],
)  # fmt: skip


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[ListrakClient]:
    with client_of_sandbox(sandbox, max_attempts=1) as client:
        client.get_sender_code(somebody(sandbox).sender_code_id)
        sandbox.traffic.clear()
        yield client


@pytest.fixture
def contacts(sandbox: Sandbox) -> ContactUnit:
    """The reachable contacts of the largest list."""
    place = somebody(sandbox)
    return ContactUnit(place.sender_code_id, place.phone_list_id, False, EVERYTHING)


@pytest.fixture
def opt_outs(sandbox: Sandbox) -> OptOutUnit:
    """The opt-outs, with forty more of the last minutes: two in a second, here and there."""
    world, place = sandbox.world, somebody(sandbox)
    people = [world.phone(person) for person in list_of(sandbox).reachable.members][:40]
    for turn, phone in enumerate(people):
        world.opt_out(place.sender_code_id, phone, "Import")
        world.clock.advance(SECOND * (turn % 4))
    return OptOutUnit(place.sender_code_id, EVERYTHING)


def list_of(sandbox: Sandbox) -> PhoneList:
    place = somebody(sandbox)
    return sandbox.world.sender_codes[place.sender_code_id].lists[place.phone_list_id]


def listed(sandbox: Sandbox) -> list[str]:
    return [sandbox.world.phone(person) for person in list_of(sandbox).reachable.members]


def stopped(sandbox: Sandbox) -> list[str]:
    sender = next(iter(sandbox.world.sender_codes.values()))
    return [sandbox.world.phone(person) for person in sender.opt_out_order.members]


def nobody(unit: Unit) -> None:
    pytest.fail(f"{unit} is refused")


def readings(
    unit: AnyUnit, client: ListrakClient, count: int, position: Position = None, *, together: int = 1
) -> list[Reading[AnyUnit]]:
    found = list(read(unit, client, count, position, refused=nobody, together=together)())
    assert [one.position == DONE for one in found] == [False] * (len(found) - 1) + [True]
    assert not any(one.proved for one in found[:-1])
    assert all(one.unit is unit for one in found)
    return found


def phones(found: list[Reading[Any]]) -> list[str]:
    return [phone for one in found for phone in one.records["phoneNumber"].to_pylist()]


# -- to the end -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("together", [1, 2, 1000])
@pytest.mark.parametrize("count", [7, 100, 5000])
def test_all_records_and_one_end(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactUnit, count: int, together: int
) -> None:
    found = readings(contacts, client, count, together=together)
    assert phones(found) == listed(sandbox)
    assert found[-1].proved
    pages = -(-len(listed(sandbox)) // count)
    assert len(found) == -(-pages // together)


@pytest.mark.parametrize("faults", [0, 3])
def test_what_has_no_records_ends_too(sandbox: Sandbox, client: ListrakClient, faults: int) -> None:
    sender = somebody(sandbox).sender_code_id
    empty = ContactUnit(sender, sandbox.world.add_list(sender, "New"), False, EVERYTHING)
    long_ago = OptOutUnit(sender, Window(datetime(2001, 1, 1), datetime(2001, 1, 2)))
    units: list[Any] = [empty, long_ago]
    for unit in units:
        sandbox.faults.add(Fault("empty_page", times=faults)) if faults else None
        [only] = readings(unit, client, 10)
        assert only.proved
        assert only.records.num_rows == 0
        assert "phoneNumber" in only.records.column_names
        assert only.records.schema == unit.no_records.schema


def test_last_pages_that_are_empty_end_it_too(sandbox: Sandbox, client: ListrakClient, contacts: ContactUnit) -> None:
    """The rest of the list vanishes while it is read."""
    everybody = listed(sandbox)
    reader = read(contacts, client, 10, refused=nobody, together=1)()
    found = [next(reader), next(reader)]
    for phone in everybody[20:]:
        sandbox.world.vanish(phone)
    sandbox.faults.add(Fault("empty_page", times=2))
    found += reader
    assert phones(found) == everybody[:20]
    assert [one.records.num_rows for one in found] == [10, 10, 0]
    assert (found[-1].position, found[-1].proved) == (DONE, True)


def test_an_end_that_fills_its_page_is_proved(sandbox: Sandbox, client: ListrakClient, contacts: ContactUnit) -> None:
    everybody = listed(sandbox)
    for phone in everybody[30:]:
        sandbox.world.vanish(phone)
    found = readings(contacts, client, 10)
    assert phones(found) == everybody[:30]
    assert found[-1].proved


def test_what_is_refused_is_told_and_has_no_end(sandbox: Sandbox, client: ListrakClient, contacts: ContactUnit) -> None:
    sandbox.service.quirks = Quirks(disabled_reads="refused")
    sandbox.world.disable_sender_code(contacts.sender_code_id)
    refused: list[Unit] = []
    assert list(read(contacts, client, 10, refused=refused.append)()) == []
    assert refused == [contacts]


# -- going on where it was left -------------------------------------------------------------------------------------


@pytest.mark.parametrize("together", [1, 3])
def test_goes_on_from_every_page(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactUnit, opt_outs: OptOutUnit, together: int
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
        assert list(read(unit, client, 6, DONE, refused=nobody)()) == []


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
    sandbox: Sandbox, client: ListrakClient, contacts: ContactUnit, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    said = warnings(monkeypatch)
    found = readings(contacts, client, 50, refuse(sandbox, how))
    assert phones(found) == listed(sandbox)
    assert found[-1].proved, "it was read from the beginning after all"
    assert [f"list {contacts.phone_list_id}" in line and "again" in line for line in said] == [True]


def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is warned of; dlt's log does not reach pytest."""
    said: list[str] = []
    monkeypatch.setattr("listrak_source.pull.reading.logger.warning", said.append)
    return said


def test_a_cursor_that_expires_on_the_way_is_no_end(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactUnit
) -> None:
    sandbox.faults.add(Fault("status", status=404, body=REFUSED, after=2))
    found = readings(contacts, client, 20)
    assert phones(found) == listed(sandbox)[:40] + listed(sandbox)
    assert found[-1].proved


def test_a_list_that_is_gone_is_an_error(sandbox: Sandbox, client: ListrakClient, contacts: ContactUnit) -> None:
    sandbox.faults.add(Fault("status", status=404, body=REFUSED, after=2, times=None))
    reader = read(contacts, client, 20, refused=nobody, together=1)()
    with pytest.raises(ListrakError, match=r"list_contacts.*404"):
        list(reader)
    assert sandbox.traffic.counts["list_contacts"] == 4


def test_cursors_that_are_never_taken_are_an_error(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactUnit
) -> None:
    def act(operation: str, query: str) -> None:
        if "cursor=" in query:
            assert sandbox.traffic.counts[operation] < 10, "it does not begin again for ever"
            sandbox.faults.add(Fault("status", status=404, body=REFUSED))

    on_request(sandbox, act)
    with pytest.raises(ListrakError, match="404"):
        list(read(contacts, client, 20, refused=nobody)())
    assert sandbox.traffic.counts["list_contacts"] == 4


@pytest.mark.parametrize("resumed", [False, True])
def test_a_cursor_that_comes_twice_is_no_end_and_no_proof(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactUnit, resumed: bool
) -> None:
    position = readings(contacts, client, 20)[1].position if resumed else None
    sandbox.faults.add(Fault("repeated_page", after=0 if resumed else 3))
    found = readings(contacts, client, 20, position)
    assert phones(found)[-len(listed(sandbox)) :] == listed(sandbox)
    assert not found[-1].proved
    rest = readings(contacts, client, 20, found[-2].position)
    assert not rest[-1].proved, "nor is what goes on from there"


def test_a_cursor_that_comes_twice_again_and_again_is_an_error(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactUnit
) -> None:
    sandbox.faults.add(Fault("repeated_page", after=1, times=None))
    with pytest.raises(RepeatedCursor, match=str(contacts.phone_list_id)):
        list(read(contacts, client, 20, refused=nobody)())
    assert sandbox.traffic.counts["list_contacts"] < 6


# -- a full page without a cursor -----------------------------------------------------------------------------------


@BOUNDS
@WINDOWS
def test_opt_outs_without_pages_are_read_in_narrower_windows(
    sandbox: Sandbox, client: ListrakClient, opt_outs: OptOutUnit, window: Window, bounds: Any
) -> None:
    unit = OptOutUnit(opt_outs.sender_code_id, window)
    sandbox.service.quirks = Quirks(bounds=bounds)
    expected = set(phones(readings(unit, client, 5000)))
    assert len(expected) > 40 or window.end == NOON + SECOND
    sandbox.service.quirks = Quirks(bounds=bounds, opt_out_paging="unpaged")
    found = readings(unit, client, 10)
    assert set(phones(found)) == expected
    assert not found[-1].proved
    [whole] = readings(unit, client, 5000)
    assert whole.proved, "a page that is not full is all"


@BOUNDS
@WINDOWS
def test_contacts_whose_cursor_is_lost_are_read_in_narrower_windows(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactUnit, window: Window, bounds: Any
) -> None:
    unit = ContactUnit(contacts.sender_code_id, contacts.phone_list_id, False, window)
    sandbox.service.quirks = Quirks(bounds=bounds)
    expected = set(phones(readings(unit, client, 5000)))
    assert len(expected) > 50
    sandbox.faults.add(Fault("full_page_no_cursor", times=None))
    found = readings(unit, client, 10)
    assert set(phones(found)) == expected
    assert not found[-1].proved


def test_a_cursor_that_is_lost_on_the_way_loses_nobody(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactUnit, monkeypatch: pytest.MonkeyPatch
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
    sandbox: Sandbox, client: ListrakClient, contacts: ContactUnit
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


def test_goes_on_from_every_page_of_narrow_windows(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactUnit, opt_outs: OptOutUnit
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
    sandbox: Sandbox, client: ListrakClient, contacts: ContactUnit
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
        found = readings(OptOutUnit(sender.sender_code_id, EVERYTHING), client, 6)
        assert set(phones(found)) == set(stopped(sandbox))
        assert sandbox.traffic.counts["list_opt_outs"] < 150


# -- one second -----------------------------------------------------------------------------------------------------


@pytest.fixture
def one_second(sandbox: Sandbox) -> OptOutUnit:
    """Six who opt out within one second, and one who does a minute before and one a minute after."""
    world, sender = sandbox.world, somebody(sandbox).sender_code_id
    for turn, phone in enumerate(listed(sandbox)[:8]):
        world.opt_out(sender, phone, "Import")
        if turn in (0, 6):
            world.clock.advance(minutes=1)
    return OptOutUnit(sender, EVERYTHING)


@BOUNDS
def test_a_second_that_fits_a_page_is_read(
    sandbox: Sandbox, client: ListrakClient, one_second: OptOutUnit, bounds: Any
) -> None:
    sandbox.service.quirks = Quirks(bounds=bounds, opt_out_paging="unpaged")
    assert set(phones(readings(one_second, client, 7))) == set(stopped(sandbox))


@BOUNDS
@pytest.mark.parametrize("count", [5, 6])
def test_a_second_that_fills_a_page_is_an_error_that_names_it(
    sandbox: Sandbox, client: ListrakClient, one_second: OptOutUnit, bounds: Any, count: int
) -> None:
    """Exactly full may hide more."""
    sandbox.service.quirks = Quirks(bounds=bounds, opt_out_paging="unpaged")
    with pytest.raises(IncompletePage) as caught:
        list(read(one_second, client, count, refused=nobody)())
    said = str(caught.value)
    assert said.startswith("list_opt_outs: ")
    assert f"opt-outs of sender code {one_second.sender_code_id}" in said
    assert any((NOON + SECOND * seconds).isoformat() in said for seconds in (59, 60, 61)), said
    assert "page_size to 5000" in said


@pytest.mark.parametrize("opted_out", [False, True])
def test_a_second_of_contacts_names_their_list(
    sandbox: Sandbox, client: ListrakClient, contacts: ContactUnit, opted_out: bool
) -> None:
    world, sender, phone_list = sandbox.world, contacts.sender_code_id, contacts.phone_list_id
    for number in range(6):
        world.subscribe(sender, phone_list, f"1212555000{number}")
        if opted_out:
            world.opt_out(sender, f"1212555000{number}")
    sandbox.faults.add(Fault("full_page_no_cursor", times=None))
    unit = ContactUnit(sender, phone_list, opted_out, EVERYTHING)
    with pytest.raises(FullPage) as caught:
        list(read(unit, client, 6, refused=nobody)())
    said = str(caught.value)
    for part in ("list_contacts: ", f"list {phone_list}", f"sender code {sender}", "at 2026-03-02T1"):
        assert part in said
    assert ("opted-out contacts" if opted_out else "reachable contacts") in said


@BOUNDS
def test_records_before_the_first_window_can_be_too_many(sandbox: Sandbox, client: ListrakClient, bounds: Any) -> None:
    world = World(contacts=30, sender_codes=1, lists=1, start=datetime(1999, 1, 1))
    [sender] = world.sender_codes.values()
    unit = OptOutUnit(sender.sender_code_id, EVERYTHING)
    for person in list(sender.since.people())[:20]:
        world.opt_out(sender.sender_code_id, world.phone(person))
        world.clock.advance(days=1)
    with Sandbox(world, quirks=Quirks(bounds=bounds, opt_out_paging="unpaged")) as old, client_of_sandbox(old) as asks:
        assert set(phones(readings(unit, asks, 40))) == set(stopped(old))
        with pytest.raises(FullPage, match="before 2000-01-01T00:00:00"):
            list(read(unit, asks, 10, refused=nobody)())
