"""The client and the sandbox, held to the contract's table operation by operation, over HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from types import NoneType, SimpleNamespace, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from listrak_source.api import ListrakClient
from listrak_source.api.operations import OPERATIONS
from listrak_source.sandbox import Sandbox, World

from .calls_of_all import CALLS, things
from .conftest import client_of_sandbox

QUERY_SENT = {
    "list_phone_lists": {"status", "count"},
    "list_contacts": {"optedOut", "count", "startSubscribeDate", "endSubscribeDate"},
    "list_opt_outs": {"count", "startDate", "endDate"},
    "list_contact_subscriptions": {"count"},
}
"""What the calls give on a first page; ``cursor`` comes with the second, and its own test."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One for all operations: no two of them touch the same thing."""
    with Sandbox(World(seed=3, contacts=300), import_seconds=0.01) as running:
        yield running


@pytest.fixture(scope="module")
def listrak(sandbox: Sandbox) -> Iterator[ListrakClient]:
    with client_of_sandbox(sandbox) as client:
        yield client


@pytest.fixture(scope="module")
def world(listrak: ListrakClient) -> SimpleNamespace:
    return things(listrak)


@pytest.fixture
def recorded(listrak: ListrakClient, world: SimpleNamespace) -> list[requests.Response]:
    """Every exchange from here on, as it went over the wire."""
    exchanges: list[requests.Response] = []
    hooks = listrak._transport._session.hooks["response"]
    # The content is read here, for the client streams it and keeps none.
    hooks[:] = [lambda response, **_: exchanges.append(response) if response.content else None]
    return exchanges


@pytest.mark.parametrize("name", OPERATIONS)
def test_request_and_answer_are_the_contracts(
    sandbox: Sandbox,
    listrak: ListrakClient,
    world: SimpleNamespace,
    recorded: list[requests.Response],
    name: str,
) -> None:
    operation = OPERATIONS[name]
    sandbox.traffic.clear()

    CALLS[name](listrak, world)

    assert dict(sandbox.traffic.counts) == {name: 1}
    (response,) = recorded
    request = response.request
    url = urlsplit(request.url or "")
    assert list(sandbox.traffic.log) == [(operation.method, url.path, url.query)]
    pattern = re.sub(r"\{\w+\}", r"[^/]+", operation.path)
    assert re.fullmatch(re.escape("/sms/v1") + pattern, url.path)
    sent = set(parse_qs(url.query))
    assert sent == QUERY_SENT.get(name, set())
    assert sent <= set(operation.query)
    if operation.body:
        assert_record(json.loads(request.body or b""), operation.body, whole=False)
        assert request.headers["Content-Type"] == "application/json"
    else:
        assert request.body is None
    assert response.status_code == operation.status
    assert_answer(response.json(), name)


def test_every_field_of_a_body_goes_out(world: SimpleNamespace) -> None:
    """So that the comparison above is about all of them."""
    for body, name in [
        (world.new_contact, "create_contact"),
        (world.contact, "update_contact"),
        (world.import_file, "start_contact_import"),
        (world.broadcast, "send_broadcast"),
        (world.message, "send_transactional_message"),
    ]:
        record = OPERATIONS[name].body
        assert record
        assert_record(body, record, whole=True)


def assert_answer(answer: Any, name: str) -> None:
    operation = OPERATIONS[name]
    if operation.answer in ("created", "updated", "deleted"):
        assert answer.keys() == ({"status"} if operation.answer == "deleted" else {"status", "resourceId"})
        assert answer["status"] == operation.status
        assert isinstance(answer.get("resourceId", ""), str)
        return
    assert operation.record
    if operation.answer == "bare":
        assert_record(answer, operation.record, whole=True)
        return
    # The contract shows some collections without a cursor although they take one; BEHAVIOUR: the examples have it.
    cursor = {"nextPageCursor"} if operation.answer == "paged" or "cursor" in operation.query else set()
    assert answer.keys() == {"status", "data"} | cursor
    records = [answer["data"]] if operation.answer == "resource" else answer["data"]
    assert records
    for record in records:
        assert_record(record, operation.record, whole=True)


def assert_record(record: Any, kind: type, *, whole: bool) -> None:
    hints = get_type_hints(kind)
    assert record.keys() == hints.keys() if whole else record.keys() <= hints.keys()
    for field, value in record.items():
        assert_type(value, hints[field], field)


def assert_type(value: Any, hint: Any, field: str) -> None:
    if get_origin(hint) in (Union, UnionType):
        if value is None:
            return
        (hint,) = (part for part in get_args(hint) if part is not NoneType)
    if get_origin(hint) is list:
        assert isinstance(value, list)
        for item in value:
            assert_type(item, get_args(hint)[0], field)
    elif is_typeddict(hint):
        assert_record(value, hint, whole=True)
    else:
        assert type(value) is hint, f"{field} is {type(value).__name__}"
