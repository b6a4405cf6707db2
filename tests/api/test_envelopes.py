"""13.A3: HTTP 200 is not success. What an answer's body says of itself counts, for every operation."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from listrak_source import api
from listrak_source.api import ListrakClient, ListrakError, RateLimitError, ServerError
from listrak_source.api.errors import FAMILIES
from listrak_source.api.operations import OPERATIONS, Repeat
from listrak_source.pull.records.decode import page_decoder
from listrak_source.pull.schema import CONTACTS
from listrak_source.sandbox import Quirks, Sandbox
from listrak_source.sandbox.rate_limits import RateLimit

from .calls_of_all import CALLS
from .conftest import PHONE, client_of_sandbox
from .scripted import Reply, Scripted, json_reply, page_reply

WORLD = SimpleNamespace(
    sender=1, list=2, other_list=3, field=4, import_id=5, message_id=6, phone=PHONE, leaver=PHONE,
    contact={"phoneNumber": PHONE}, new_contact={"phoneNumber": PHONE}, import_file={"fileName": "a.csv"},
    broadcast={"phoneListId": 2}, message={},
)  # fmt: skip


def enveloped(status: Any, code: Any = "ERROR_UNHANDLED_EXCEPTION", http: int = 200, **more: Any) -> Reply:
    return json_reply({"status": status, "error": code, "message": f"No, {PHONE}.", "data": [], **more}, http)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_failure_of_listraks_in_the_body_counts_for_every_operation(
    server: Scripted, client: ListrakClient, name: str
) -> None:
    """A read is tried again, as after HTTP 500; a write is not, for it may have acted."""
    server.replies(enveloped(500), Reply())
    if OPERATIONS[name].repeat is Repeat.ALWAYS:
        CALLS[name](client, WORLD)
        assert len(server.seen) == 2
        server.replies(enveloped(500))
    with pytest.raises(ServerError) as caught:
        CALLS[name](client, WORLD)
    error = caught.value
    assert (error.status, error.code, error.operation) == (500, "ERROR_UNHANDLED_EXCEPTION", name)
    assert error.may_have_acted is (OPERATIONS[name].repeat is Repeat.IF_NOT_ACTED)
    assert PHONE not in str(error)


@pytest.mark.parametrize("http", [200, 201])
@pytest.mark.parametrize("name", OPERATIONS)
def test_a_refusal_in_the_body_has_not_acted(server: Scripted, client: ListrakClient, name: str, http: int) -> None:
    server.replies(enveloped(400, "ERROR_LIST_INACTIVE", http))
    with pytest.raises(api.InactiveError) as caught:
        CALLS[name](client, WORLD)
    assert (caught.value.status, caught.value.may_have_acted, len(server.seen)) == (400, False, 1)


@pytest.mark.parametrize(("kind", "code"), [(kind, code) for kind, codes in FAMILIES.items() for code in codes])
@pytest.mark.parametrize("status", [200, None, "OK"])
def test_a_code_alone_is_an_error_too(kind: type[ListrakError], code: str, status: Any) -> None:
    server_said = {"status": status, "error": code, "data": []}
    with pytest.raises(api.envelope.Refusal) as caught:
        api.json_page(json.dumps(server_said).encode())
    assert api.errors.family(caught.value.status, code) is kind


@pytest.mark.parametrize(
    "said",
    [
        {"status": 500}, {"status": "503"}, {"status": "404 Not Found"}, {"status": 400.0}, {"error": "ERROR_NEW"},
        {"error": "It broke."}, {"error": True}, {"error": {"code": "ERROR_NEW"}}, {"error": {"text": "It broke."}},
        {"errors": ["It broke."]}, {"status": 200, "error": "ERROR_NEW"}, {"status": 599, "error": None},
    ],
    ids=str,
)  # fmt: skip
def test_what_means_failure_in_both_decoders(server: Scripted, client: ListrakClient, said: dict[str, Any]) -> None:
    rows = [{"phoneNumber": PHONE}]
    for data in ([], rows):
        server.replies(json_reply({**said, "nextPageCursor": None, "data": data}))
        with pytest.raises(ListrakError, match=r"ERROR_NEW|HTTP"):
            next(client.list_contacts(1, 2, decode=page_decoder(CONTACTS)))
        with pytest.raises(ListrakError, match=r"ERROR_NEW|HTTP"):
            next(client.list_contacts(1, 2))


@pytest.mark.parametrize(
    "said",
    [
        {}, {"status": 200}, {"status": 201}, {"status": 204}, {"status": 0}, {"status": 1}, {"status": "OK"},
        {"status": "Active"}, {"status": None}, {"status": "Error-free"}, {"error": None}, {"error": ""},
        {"error": False}, {"error": "None"}, {"errors": []}, {"error": {}}, {"status": 200, "message": "Fine."},
        {"status": 4000}, {"status": "4000 rows"}, {"status": True},
    ],
    ids=str,
)  # fmt: skip
def test_what_means_success_in_both_decoders(server: Scripted, client: ListrakClient, said: dict[str, Any]) -> None:
    server.replies(json_reply({**said, "nextPageCursor": None, "data": [{"phoneNumber": PHONE}]}))
    assert next(client.list_contacts(1, 2)).data == [{"phoneNumber": PHONE}]
    page = next(client.list_contacts(1, 2, decode=page_decoder(CONTACTS)))
    assert page.data["phoneNumber"].to_pylist() == [PHONE]


@pytest.mark.parametrize("record", [{"status": "Active"}, {"status": 7}, {"error": "3 rows failed"}, {"status": "500"}])
def test_a_bare_records_fields_are_its_own_affair(server: Scripted, client: ListrakClient, record: Any) -> None:
    bare = {"phoneListId": 2, **record}
    server.replies(json_reply(bare))
    if record == {"status": "500"}:
        with pytest.raises(ServerError):
            client.get_phone_list(1, 2)
        return
    assert client.get_phone_list(1, 2) == bare


def test_a_401_in_the_body_is_a_token_to_renew(server: Scripted, client: ListrakClient) -> None:
    for said in ({"status": 401, "error": "ERROR_UNAUTHORIZED"}, {"status": 200, "error": "ERROR_UNAUTHORIZED"}):
        server.replies(json_reply({**said, "data": []}), Reply())
        tokens = len(server.token_requests) or 1
        client.subscribe_contact(1, PHONE, 2)
        assert len(server.token_requests) == tokens + 1


def test_a_429_in_the_body_is_waited_out(server: Scripted, client_of: Callable[..., ListrakClient]) -> None:
    client = client_of(server, max_rate_limited_seconds=60)
    server.replies(*[enveloped(429, "")] * 6, Reply())
    client.update_contact(1, {"phoneNumber": PHONE})
    assert len(server.seen) == 7
    server.replies(enveloped(429, ""))
    with pytest.raises(RateLimitError, match="too many requests"):
        client_of(server, max_rate_limited_seconds=0.1).get_sender_code(1)


def test_a_limit_that_refuses_in_the_body_alone_is_kept_to_as_well() -> None:
    """As politely, about, as one that refuses by HTTP."""
    refused = {}
    for style in ("http", "body"):
        limit = RateLimit(20, 1.0)
        with Sandbox(quirks=Quirks(error_style=style), rate_limit=limit) as sandbox:
            with client_of_sandbox(sandbox, first_wait=0.1, max_wait=6.0) as client:
                for _ in range(60):
                    list(client.list_sender_codes())
            refused[style] = sandbox.traffic.refused
    assert refused["body"] <= 2 * refused["http"] + 5, refused


def test_a_token_that_is_refused_in_the_body(server: Scripted, client: ListrakClient) -> None:
    server.token = lambda _: json_reply({"error": "Invalid Credentials"})
    with pytest.raises(api.AuthenticationError, match="check client_id"):
        client.get_sender_code(1)
    assert len(server.token_requests) == 1
    server.token = lambda n: enveloped(503) if n < 4 else json_reply({"access_token": "t", "expires_in": 3599})
    client.get_sender_code(1)


def test_a_page_behind_a_cursor_that_is_refused_in_the_body(server: Scripted, client: ListrakClient) -> None:
    server.replies(page_reply([{}], "a"), enveloped(400, "ERROR_INVALID_PARAMETER"))
    with pytest.raises(ListrakError) as caught:
        list(client.list_contacts(1, 2))
    assert caught.value.cursor_refused


@pytest.mark.parametrize("code", ["ERROR_NEW", None])
def test_a_write_of_which_nobody_knows_may_have_acted(server: Scripted, client: ListrakClient, code: Any) -> None:
    server.replies(json_reply({"status": 200, "error": code or "It broke.", "data": None}))
    with pytest.raises(ServerError) as caught:
        client.update_contact(1, {"phoneNumber": PHONE})
    assert caught.value.may_have_acted
    assert len(server.seen) == 1
