"""The client at work: every way in which Listrak may answer, and every fault, with the world's own truth at hand."""

from __future__ import annotations

import base64
import io
import itertools
import json
import time
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_type_hints

import pytest

from listrak_source.api import (
    ContactStateError,
    IncompletePage,
    ListrakClient,
    ListrakError,
    NotFoundError,
    each_record,
)
from listrak_source.sandbox import Fault, Quirks, RateLimit, Sandbox, World

from .conftest import client_of_sandbox


def senders(sandbox: Sandbox) -> list[int]:
    return [sender.sender_code_id for sender in sandbox.world.sender_codes.values() if sender.enabled]


def truth(sandbox: Sandbox, sender: int, phone_list: int, opted_out: bool) -> list[str]:
    """The phones of a list, straight from the world."""
    world = sandbox.world
    listed = world.sender_codes[sender].lists[phone_list]
    stopped = world.sender_codes[sender].opt_outs
    return sorted(
        world.phone(person)
        for person in range(len(world.rows))
        if world.rows[person] and listed.since[person] and (person in stopped) is opted_out
    )


def largest_list(sandbox: Sandbox, sender: int) -> int:
    return max(sandbox.world.sender_codes[sender].lists, key=lambda one: len(truth(sandbox, sender, one, False)))


def read(client: ListrakClient, sender: int, phone_list: int, opted_out: bool, count: int = 7) -> list[str]:
    walk = client.list_contacts(sender, phone_list, opted_out=opted_out, count=count)
    return sorted(contact["phoneNumber"] for contact in each_record(walk))


QUIRKS = [
    Quirks(*choice)
    for choice in itertools.product(
        *(get_args(get_type_hints(Quirks)[name]) for name in ("cursor_style", "last_page", "resource_shape"))
    )
]


@pytest.mark.full
def test_every_contact_comes_once_however_listrak_answers(sandbox: Sandbox, listrak: ListrakClient) -> None:
    sender = senders(sandbox)[0]
    phone_list = largest_list(sandbox, sender)
    expected = {state: truth(sandbox, sender, phone_list, state) for state in (False, True)}
    assert len(expected[False]) > 50
    assert expected[True]
    for quirks in QUIRKS:
        sandbox.service.quirks = quirks
        for state in (False, True):
            for count in (7, len(expected[state]), 5000):
                assert read(listrak, sender, phone_list, state, count) == expected[state], quirks
        assert listrak.get_phone_list(sender, phone_list)["phoneListId"] == phone_list
        phones = {one["phoneNumber"] for one in each_record(listrak.list_opt_outs(sender, count=7))}
        assert phones == {sandbox.world.phone(person) for person in sandbox.world.sender_codes[sender].opt_outs}


def test_lists_of_both_states(sandbox: Sandbox, listrak: ListrakClient) -> None:
    for sender, record in sandbox.world.sender_codes.items():
        found = [
            one["phoneListId"]
            for status in get_args(Literal["active", "inactive"])
            for one in each_record(listrak.list_phone_lists(sender, status=status, count=2))
        ]
        assert sorted(found) == sorted(record.lists)


def test_the_servers_time_is_the_worlds(sandbox: Sandbox, listrak: ListrakClient) -> None:
    next(listrak.list_sender_codes())
    assert listrak.server_time == sandbox.world.clock.now()
    sandbox.world.clock.advance(days=3)
    next(listrak.list_sender_codes())
    assert listrak.server_time == sandbox.world.clock.now()


READ_FAULTS = [
    Fault("status", status=500),
    Fault("status", status=503, retry_after="1"),
    Fault("status", status=429, retry_after="1"),
    Fault("status", status=429),
    Fault("drop"),
    Fault("drop_mid_body"),
    Fault("cut_body"),
    Fault("not_json"),
    Fault("revoked_token"),
    Fault("full_page_no_cursor"),
    Fault("delay", seconds=0.01),
]


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    """One sandbox for the tests that change nothing."""
    with Sandbox(World(seed=3, contacts=300)) as running:
        yield running


@pytest.mark.parametrize("after", [0, 1, 3])
@pytest.mark.parametrize("fault", READ_FAULTS, ids=lambda fault: f"{fault.kind} {fault.status} {fault.retry_after}")
def test_a_walk_survives_a_fault_with_every_row(shared: Sandbox, fault: Fault, after: int) -> None:
    sender = senders(shared)[0]
    phone_list = largest_list(shared, sender)
    shared.faults.add(Fault(**{**fault.to_json(), "operation": "list_contacts", "after": after}))
    with client_of_sandbox(shared) as client:
        assert read(client, sender, phone_list, False, 20) == truth(shared, sender, phone_list, False)
    assert not shared.faults.waiting()


def test_a_walk_does_not_end_on_an_empty_page(shared: Sandbox) -> None:
    sender = senders(shared)[0]
    phone_list = largest_list(shared, sender)
    shared.faults.add(Fault("empty_page", "list_contacts"))
    with client_of_sandbox(shared) as client:
        found = read(client, sender, phone_list, False, 20)
    assert found == truth(shared, sender, phone_list, False)
    assert found


@pytest.mark.parametrize(("kind", "reason"), [("repeated_page", "second time"), ("full_page_no_cursor", "rows may be")])
def test_a_walk_that_is_not_whole_is_an_error(shared: Sandbox, kind: Any, reason: str) -> None:
    sender = senders(shared)[0]
    phone_list = largest_list(shared, sender)
    shared.faults.add(Fault(kind, "list_contacts", times=None, after=1))
    try:
        with client_of_sandbox(shared) as client, pytest.raises(IncompletePage, match=reason):
            read(client, sender, phone_list, False, 20)
    finally:
        shared.faults.clear()


@pytest.mark.parametrize("fault", ["drop", "status", "not_json", "drop_mid_body", "cut_body"])
def test_a_write_that_acted_behind_a_fault_acts_once(sandbox: Sandbox, listrak: ListrakClient, fault: Any) -> None:
    sender = senders(sandbox)[0]
    phone_list = next(iter(sandbox.world.sender_codes[sender].lists))
    sandbox.faults.add(Fault(fault, "create_contact", acts=True))
    with pytest.raises(ListrakError) as caught:
        listrak.create_contact(sender, phone_list, {"phoneNumber": "12025550100"})
    assert caught.value.may_have_acted
    assert not caught.value.retriable
    assert sandbox.traffic.counts["create_contact"] == 1
    assert listrak.get_contact(sender, "12025550100")["phoneNumber"] == "12025550100"
    with pytest.raises(ContactStateError) as caught:
        listrak.create_contact(sender, phone_list, {"phoneNumber": "12025550100"})
    assert caught.value.code == "ERROR_PHONE_NUMBER_FOUND"


def test_no_message_goes_out_twice(sandbox: Sandbox, listrak: ListrakClient) -> None:
    sender = senders(sandbox)[0]
    phone_list = next(iter(sandbox.world.sender_codes[sender].lists))
    sandbox.faults.add(Fault("drop", "send_broadcast", times=None, acts=True))
    with pytest.raises(ListrakError):
        listrak.send_broadcast(sender, {"phoneListId": phone_list, "messageContent": "Hello", "messageTitle": "Title"})
    assert len(sandbox.world.sent) == 1


def test_a_rate_limit_is_sat_out() -> None:
    with (
        Sandbox(World(contacts=0), rate_limit=RateLimit(5, 0.1)) as sandbox,
        client_of_sandbox(sandbox, first_wait=0.02, max_wait=0.1) as client,
    ):
        for _ in range(12):
            next(client.list_sender_codes())
        assert sandbox.traffic.refused >= 1


def test_a_paused_integration_is_a_clear_error(sandbox: Sandbox, listrak: ListrakClient) -> None:
    next(listrak.list_sender_codes())
    sandbox.service.tokens.paused = True
    with pytest.raises(ListrakError, match="paused"):
        next(listrak.list_sender_codes())


def test_an_import_from_its_start_to_its_end(sandbox: Sandbox, listrak: ListrakClient) -> None:
    sender = senders(sandbox)[0]
    phone = truth(sandbox, sender, largest_list(sandbox, sender), False)[0]
    field = next(one for one in sandbox.world.fields.values() if one.data_type == "Text" and one.status == "Active")
    body = {
        "fileName": "a.csv", "importType": "UpdateSubscribers", "hasColumnNames": False, "textQualifier": '"',
        "fileStream": base64.b64encode(f"{phone},new\n".encode()).decode(),
        "fileMappings": [
            {"fileColumnType": "Phone", "segmentationFieldId": 0, "fileColumn": 0},
            {"fileColumnType": "SegmentationField", "segmentationFieldId": field.field_id, "fileColumn": 1},
        ],
    }  # fmt: skip
    import_id = listrak.start_contact_import(sender, io.BytesIO(json.dumps(body).encode()))
    deadline = time.monotonic() + 5
    while not listrak.get_contact_import(sender, import_id)["endDate"] and time.monotonic() < deadline:
        time.sleep(0.01)
    values = listrak.get_contact(sender, phone)["segmentationFieldValues"]
    assert {"segmentationFieldId": field.field_id, "value": "new"} in values


def test_what_does_not_exist_is_not_found(listrak: ListrakClient) -> None:
    with pytest.raises(NotFoundError):
        listrak.get_sender_code(999999)
