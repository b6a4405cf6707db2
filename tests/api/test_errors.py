"""One class per family of codes, and nothing secret in any of them."""

from __future__ import annotations

import pickle
import re
import traceback
from collections.abc import Callable

import pytest

from listrak_source import api
from listrak_source.api import ListrakClient, ListrakError
from listrak_source.api.errors import FAMILIES, family

from .conftest import PHONE
from .scripted import Reply, Scripted, json_reply

CONTRACT_CODES = [
    "ERROR_INVALID_CREDENTIALS", "ERROR_INVALID_LIST_ID", "ERROR_INVALID_PARAMETER", "ERROR_INVALID_PHONE_NUMBER",
    "ERROR_LIST_INACTIVE", "ERROR_MALFORMED_REQUEST_BODY", "ERROR_RESOURCE_DEPENDENCY", "ERROR_SENDER_CODE_DISABLED",
    "ERROR_UNABLE_TO_LOCATE_RESOURCE", "ERROR_UNAUTHORIZED", "ERROR_UNHANDLED_EXCEPTION", "ERROR_UNKNOWN_ROUTE",
    "ERROR_UNSAFE_ROUTE", "ERROR_UNSUPPORTED_CONTENT_TYPE", "ERROR_UNSUPPORTED_METHOD", "ERROR_UNSUPPORTED_PROTOCOL",
    "ERROR_BANNED_PHONE_NUMBER", "ERROR_BIRTHDAY_FIELD_NULL", "ERROR_INVALID_EMAIL_ADDRESS",
    "ERROR_INVALID_SEGMENTATION_FIELD_ID", "ERROR_PENDING_PHONE_NUMBER", "ERROR_PHONE_NUMBER_FOUND",
    "ERROR_PHONE_NUMBER_NOT_FOUND", "ERROR_PHONE_NUMBER_NOT_SUBSCRIBED", "ERROR_PHONE_NUMBER_SUSPENDED",
    "ERROR_SEGMENTATION_FIELD_DISABLED", "ERROR_SEGMENTATION_MAX_LENGTH", "ERROR_SUBSCRIBED_PHONE_NUMBER",
    "ERROR_TRANSACTIONAL_MESSAGE_CONTENT_COUPON_CODE", "ERROR_TRANSACTIONAL_MESSAGE_EMPTY_MESSAGE",
    "ERROR_TRANSACTIONAL_MESSAGE_NOT_FOUND",
]  # fmt: skip


def test_every_code_of_the_contract_has_one_family() -> None:
    assert sorted(code for codes in FAMILIES.values() for code in codes) == sorted(CONTRACT_CODES)


@pytest.mark.parametrize(("kind", "code"), [(kind, code) for kind, codes in FAMILIES.items() for code in codes])
def test_a_code_becomes_its_class(server: Scripted, client: ListrakClient, kind: type[ListrakError], code: str) -> None:
    server.replies(json_reply({"status": 400, "error": code, "message": "Because."}, 400))
    with pytest.raises(kind) as caught:
        client.get_contact(1, PHONE)
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.code, error.message, error.operation) == (400, code, "Because.", "get_contact")


@pytest.mark.parametrize(
    ("status", "kind", "retriable"),
    [
        (400, api.InvalidRequestError, False),
        (401, api.AuthenticationError, False),
        (403, api.AuthenticationError, False),
        (404, api.NotFoundError, False),
        (405, api.InvalidRequestError, False),
        (408, api.ServerError, True),
        (415, api.InvalidRequestError, False),
        (429, api.RateLimitError, True),
        (500, api.ServerError, True),
        (502, api.ServerError, True),
        (503, api.ServerError, True),
    ],
)
def test_an_unknown_code_is_kept_and_the_status_decides(
    server: Scripted, client: ListrakClient, status: int, kind: type[ListrakError], retriable: bool
) -> None:
    server.replies(json_reply({"status": status, "error": "ERROR_NEW_THING", "message": "New."}, status))
    with pytest.raises(ListrakError) as caught:
        client.get_sender_code(1)
    assert type(caught.value) is kind
    assert caught.value.code == "ERROR_NEW_THING"
    assert caught.value.retriable is retriable


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    ("told", "code", "said"),
    [
        ({"error": "ERROR_BANNED_PHONE_NUMBER", "message": ""}, "ERROR_BANNED_PHONE_NUMBER", "Listrak refused it"),
        ({"error": {"code": "ERROR_NEW", "message": "Because."}}, "ERROR_NEW", "Because."),
        ({"errors": [{"message": "Because."}, "And so."]}, None, "Because. And so."),
        ({"error": "It is so"}, None, "It is so"),
        (
            {"errors": [{"emailAddress": "bad"}, {"birthday": ["late", "odd"]}]},
            None,
            "emailAddress: bad birthday: late odd",
        ),
        ({}, None, "Listrak gave no reason"),
    ],
)
def test_a_reason_is_found_wherever_it_stands(
    server: Scripted, client: ListrakClient, status: int, told: dict[str, object], code: str | None, said: str
) -> None:
    """14.D17: *Listrak gave no reason* was said where it gave one."""
    server.replies(json_reply({"status": 400, "data": None, **told}, status))
    with pytest.raises(ListrakError) as caught:
        client.get_sender_code(1)
    assert (caught.value.code, caught.value.message) == (code, said)


def test_a_server_error_stays_one_whatever_code_it_comes_with() -> None:
    assert family(500, "ERROR_INVALID_PARAMETER") is api.ServerError
    assert family(429, "ERROR_INVALID_PARAMETER") is api.RateLimitError


@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"[1]", b'{"error": 5}', b"\xff\xfe"])
def test_an_error_that_is_not_in_listraks_form_still_becomes_one(
    server: Scripted, client: ListrakClient, body: bytes
) -> None:
    server.replies(Reply(400, body))
    with pytest.raises(api.InvalidRequestError) as caught:
        client.get_sender_code(1)
    assert caught.value.code is None
    assert caught.value.message


@pytest.mark.parametrize("kind", [getattr(api, name) for name in api.__all__ if isinstance(getattr(api, name), type)])
def test_errors_survive_pickling(kind: type) -> None:
    if not issubclass(kind, ListrakError):
        return
    error = kind(
        "It failed.", status=503, code="ERROR_X", operation="list_contacts", may_have_acted=True, retry_after=3.0
    )
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert vars(again) == vars(error)
    assert (
        str(again)
        == str(error)
        == "list_contacts: It failed. (HTTP 503 ERROR_X) It may have acted: " + ("look before sending it again.")
    )


WRITTEN = [
    "15551234567",
    "+1 (555) 123-4567",
    "555.123.4567",
    "1-555-123-4567",
    "%2B1%20555%20123%204567",
    "5551234567",
]


@pytest.mark.parametrize("written", WRITTEN)
def test_phones_in_what_listrak_says_are_masked(server: Scripted, client: ListrakClient, written: str) -> None:
    server.replies(json_reply({"error": "ERROR_BANNED_PHONE_NUMBER", "message": f"'{written}' is banned."}, 400))
    with pytest.raises(ListrakError) as caught:
        client.get_contact(1, PHONE)
    assert_no_phone(caught.value)
    assert "…4567" in str(caught.value)


def failing(status: int = 500, **what: bool) -> Reply:
    return Reply(status, b"no", **what)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "reply",
    [
        failing(400),
        failing(),
        failing(drop=True),
        failing(200, cut=True),
        Reply(200, f'{{"phoneNumber": "{PHONE}", "cut'.encode()),
        Reply(400, f"no such contact: {PHONE}".encode()),
        Reply(302, b"", {"Location": f"https://elsewhere.example/Contact/{PHONE}"}),
        Reply(200, delay=0.2),
    ],
    ids=["400", "500", "dropped", "cut", "unparsable", "text", "redirect", "time-out"],
)
def test_no_phone_secret_or_token_in_any_failure(
    server: Scripted, client_of: Callable[..., ListrakClient], reply: Reply
) -> None:
    client = client_of(server, timeout=0.1, max_attempts=2)
    server.replies(reply)
    with pytest.raises(ListrakError) as caught:
        client.get_contact(1, PHONE)
    assert_no_phone(caught.value)
    with pytest.raises(ListrakError) as caught:
        client.subscribe_contact(1, PHONE, 2)
    assert_no_phone(caught.value)
    with pytest.raises(ListrakError) as caught:
        list(client.list_contact_subscriptions(1, PHONE))
    assert_no_phone(caught.value)


def test_no_phone_where_no_connection_can_be_made(server: Scripted, client_of: Callable[..., ListrakClient]) -> None:
    client = client_of(server, base_url="http://127.0.0.1:9/sms/v1", max_attempts=1)
    with pytest.raises(api.ConnectionFailed) as caught:
        client.get_contact(1, PHONE)
    assert_no_phone(caught.value)


@pytest.mark.parametrize("prefix", ["", "Bearer "], ids=["whole header", "bare token"])
def test_a_token_that_comes_back_in_a_message_is_masked(server: Scripted, client: ListrakClient, prefix: str) -> None:
    server.script = lambda seen: json_reply(
        {"message": f"Not allowed: {seen.headers['Authorization'].removeprefix(prefix)}"}, 400
    )
    with pytest.raises(ListrakError, match="Not allowed") as caught:
        client.get_sender_code(1)
    assert_no_phone(caught.value)


def test_an_error_masks_whatever_it_is_given() -> None:
    assert_no_phone(ListrakError(f"{PHONE} is banned", code=f"ERROR_{PHONE}"))


def assert_no_phone(error: BaseException) -> None:
    """Neither the error nor anything that a traceback or a crash reporter would follow from it holds a secret."""
    chain: list[BaseException | None] = [error]
    while (last := chain[-1]) is not None:
        chain.append(last.__cause__ or last.__context__)
    texts = [str(error), repr(error), repr(error.args), repr(vars(error)), "".join(traceback.format_exception(error))]
    for link in filter(None, chain):
        texts += [str(link), repr(link)]
    for text in texts:
        assert PHONE not in text
        assert "123-4567" not in text
        assert "555.123" not in text
        assert "token-1" not in text
        assert "s3cret" not in text
        assert not re.search(r"\d{10}", text)
