"""The retry policy, as a table: how often the server sees each operation after each failure."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from types import SimpleNamespace

import pytest
import requests

from listrak_source.api import ConnectionFailed, ListrakClient, ListrakError, RateLimitError
from listrak_source.api.connections import Limits
from listrak_source.api.operations import OPERATIONS, Repeat
from listrak_source.api.pacing.retry import RetryPolicy, connection_failure, retry_after

from .calls_of_all import CALLS
from .conftest import PHONE
from .scripted import Reply, Scripted, json_reply

ATTEMPTS = 3
READS = [
    "list_sender_codes", "get_sender_code", "list_phone_lists", "get_phone_list", "list_profile_fields",
    "get_profile_field", "list_contacts", "get_contact", "list_opt_outs", "list_contact_subscriptions",
    "get_contact_import", "list_transactional_messages", "get_transactional_message",
]  # fmt: skip
WRITES = [
    "create_contact", "update_contact", "subscribe_contact", "unsubscribe_contact", "start_contact_import",
    "send_broadcast", "send_transactional_message",
]  # fmt: skip
WORLD = SimpleNamespace(
    sender=1, list=2, other_list=3, field=4, import_id=5, message_id=6, phone=PHONE, leaver=PHONE,
    contact={"phoneNumber": PHONE}, new_contact={"phoneNumber": PHONE}, import_file={"fileName": "a.csv"},
    broadcast={"phoneListId": 2}, message={},
)  # fmt: skip

TOO_HASTY: dict[str, Reply] = {
    "429": Reply(429, b""),
    "429 with Retry-After": Reply(429, b"", {"Retry-After": "1"}),
    "429 cut": Reply(429, b"{", cut=True),
}
# failure, requests seen for a read that keeps failing, requests seen for a write
FAILURES: dict[str, tuple[Reply, int, int]] = {
    "dropped": (Reply(drop=True), ATTEMPTS, 1),
    "500": (json_reply({"error": "ERROR_UNHANDLED_EXCEPTION"}, 500), ATTEMPTS, 1),
    "502": (Reply(502, b"<html>"), ATTEMPTS, 1),
    "503": (Reply(503, b""), ATTEMPTS, 1),
    "503 with Retry-After": (Reply(503, b"", {"Retry-After": "1"}), ATTEMPTS, 1),
    "cut": (Reply(200, b'{"status":200,"resourceId":"7","data":[]}', cut=True), ATTEMPTS, 1),
    "unparsable": (Reply(200, b'{"status":200,"data":[{"a'), ATTEMPTS, 1),
    "time-out": (Reply(delay=0.15), ATTEMPTS, 1),
    "400": (json_reply({"error": "ERROR_INVALID_PARAMETER"}, 400), 1, 1),
    "404": (json_reply({"error": "ERROR_UNABLE_TO_LOCATE_RESOURCE"}, 404), 1, 1),
}
NOT_ACTED = {"400", "404"}


def test_the_policy_of_every_operation() -> None:
    assert sorted(READS + WRITES) == sorted(OPERATIONS)
    assert {name for name, operation in OPERATIONS.items() if operation.repeat is Repeat.ALWAYS} == set(READS)


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("name", OPERATIONS)
def test_how_often_the_server_sees_it(
    server: Scripted, client_of: Callable[..., ListrakClient], name: str, failure: str
) -> None:
    reply, for_read, for_write = FAILURES[failure]
    client = client_of(server, timeout=0.05 if failure == "time-out" else 5.0, max_attempts=ATTEMPTS)
    client._tokens.token()
    server.replies(reply)
    with pytest.raises(ListrakError) as caught:
        CALLS[name](client, WORLD)
    error = caught.value
    expected = for_read if name in READS else for_write
    deadline = time.monotonic() + 5
    while len(server.seen) < expected and time.monotonic() < deadline:
        time.sleep(0.005)  # a client that gave up waiting may be ahead of the server
    assert len(server.seen) == expected
    assert error.operation == name
    assert error.may_have_acted is (name in WRITES and failure not in NOT_ACTED)
    assert error.retriable is (failure not in NOT_ACTED and not error.may_have_acted)


@pytest.mark.parametrize("failure", TOO_HASTY)
@pytest.mark.parametrize("name", OPERATIONS)
def test_haste_is_no_failed_attempt(
    server: Scripted, client_of: Callable[..., ListrakClient], name: str, failure: str
) -> None:
    """Reads and writes alike: a request that was refused for haste has not acted."""
    client = client_of(server, max_attempts=ATTEMPTS, max_rate_limited_seconds=60)
    server.replies(*[TOO_HASTY[failure]] * (ATTEMPTS + 4), Reply())
    CALLS[name](client, WORLD)
    assert len(server.seen) == ATTEMPTS + 5
    assert len({(seen.method, seen.target, seen.body) for seen in server.seen}) == 1


@pytest.mark.parametrize("failure", TOO_HASTY)
@pytest.mark.parametrize("name", ["list_contacts", "update_contact"])
def test_haste_without_end_is_an_error(
    server: Scripted, client_of: Callable[..., ListrakClient], name: str, failure: str
) -> None:
    client = client_of(server, max_attempts=ATTEMPTS, max_rate_limited_seconds=0.1)
    server.replies(TOO_HASTY[failure])
    start = time.monotonic()
    with pytest.raises(RateLimitError, match="because of too many requests") as caught:
        CALLS[name](client, WORLD)
    assert 0.1 <= time.monotonic() - start < 5
    assert len(server.seen) > ATTEMPTS
    assert (caught.value.operation, caught.value.status, caught.value.retriable) == (name, 429, True)
    assert not caught.value.may_have_acted


@pytest.mark.parametrize(("name", "seen"), [("list_contacts", 2 * ATTEMPTS), ("update_contact", 2)])
def test_other_failures_count_as_before_between_refusals(
    server: Scripted, client_of: Callable[..., ListrakClient], name: str, seen: int
) -> None:
    client = client_of(server, max_attempts=ATTEMPTS, max_rate_limited_seconds=60)
    server.replies(*[TOO_HASTY["429"], FAILURES["500"][0]] * 10)
    with pytest.raises(ListrakError) as caught:
        CALLS[name](client, WORLD)
    assert caught.value.status == 500
    assert len(server.seen) == seen


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_refused_connection_is_tried_again_for_all(
    server: Scripted, client_of: Callable[..., ListrakClient], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "listrak_source.api.pacing.retry")
    with unused_port() as port:
        client = client_of(server, base_url=f"http://127.0.0.1:{port}/sms/v1", max_attempts=ATTEMPTS)
        with pytest.raises(ConnectionFailed) as caught:
            CALLS[name](client, WORLD)
    assert len(caplog.records) == ATTEMPTS - 1
    assert caught.value.retriable
    assert not caught.value.may_have_acted


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("failure", ["dropped", "500", "503", "cut", "unparsable"])
def test_a_read_recovers(server: Scripted, client: ListrakClient, name: str, failure: str) -> None:
    server.replies(FAILURES[failure][0], Reply())
    CALLS[name](client, WORLD)
    assert len(server.seen) == 2


@pytest.mark.parametrize("name", WRITES)
def test_a_write_on_a_kept_connection_that_drops_is_not_sent_again(
    server: Scripted, client: ListrakClient, name: str
) -> None:
    """The connection was good for one request before, so the failure comes after the sending."""
    client.get_sender_code(1)
    server.seen.clear()
    server.replies(Reply(drop=True))
    with pytest.raises(ConnectionFailed) as caught:
        CALLS[name](client, WORLD)
    assert len(server.seen) == 1
    assert caught.value.may_have_acted


def test_a_connection_that_takes_too_long_has_not_acted() -> None:
    error = connection_failure(requests.ConnectTimeout(), "create_contact", Limits(), acts=True)
    assert error.retriable is False, "a time-out that does not say which is not trusted"
    with full_listener() as port, requests.Session() as session:
        with pytest.raises(requests.RequestException) as caught:
            session.post(f"http://127.0.0.1:{port}/", timeout=(0.05, 0.05))
        error = connection_failure(caught.value, "create_contact", Limits(), acts=True)
    assert isinstance(caught.value, requests.ConnectTimeout)
    assert (error.retriable, error.may_have_acted) == (True, False)


def test_retry_after_is_waited_for_up_to_the_limit(server: Scripted, client_of: Callable[..., ListrakClient]) -> None:
    client = client_of(server, max_wait=0.2)
    server.replies(Reply(429, b"", {"Retry-After": "3600"}), Reply())
    start = time.monotonic()
    client.get_sender_code(1)
    assert 0.2 <= time.monotonic() - start < 2
    assert len(server.seen) == 2


def test_the_wait_grows_varies_and_is_longer_for_haste() -> None:
    retry_policy = RetryPolicy(max_attempts=9, first_wait=1.0, max_wait=60.0)

    def waits(error: ListrakError, attempt: int) -> list[float]:
        state = SimpleNamespace(outcome=SimpleNamespace(exception=lambda: error), attempt_number=attempt)
        return [retry_policy._wait(state) for _ in range(50)]  # type: ignore[arg-type]

    broken, haste = ConnectionFailed("x"), RateLimitError("x")
    for attempt, most in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (900, 60)]:
        found = waits(broken, attempt)
        assert most / 2 <= min(found) < max(found) <= most
    assert min(waits(haste, 1)) >= 2.5
    asked = waits(RateLimitError("x", retry_after=7.0), 1)
    assert 7 <= min(asked) < max(asked) <= 8
    assert max(waits(RateLimitError("x", retry_after=7000.0), 1)) == 60
    assert min(waits(RateLimitError("x", retry_after=0.0), 1)) >= 2.5, "no hammering where nothing is asked for"


def test_retry_after_is_read_as_seconds_or_as_a_date() -> None:
    assert retry_after({"Retry-After": "7"}) == 7
    assert retry_after({}) is None
    assert retry_after({"Retry-After": "soon"}) is None
    assert retry_after({"Retry-After": "-5"}) is None
    soon = datetime.now(timezone.utc) + timedelta(seconds=30)
    date = format_datetime(soon, usegmt=True)
    assert retry_after({"Retry-After": date}) == pytest.approx(30, abs=2)
    assert retry_after({"Retry-After": format_datetime(soon - timedelta(days=1), usegmt=True)}) == 0
    ten_before = format_datetime(soon - timedelta(seconds=10), usegmt=True)
    assert retry_after({"Retry-After": date, "Date": ten_before}) == 10


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("9" * 400, 86_400), ("9" * 5_000, 86_400), ("1.5", 1.5), ("inf", None), ("nan", None), ("-1", None),
        ("1e400", None), ("", None), ("٣", None), ("Tue, 31 Dec 9997 23:59:59 GMT", 86_400),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None), ("Fri, 31 Dec 9999 23:59:59 -1200", None),
        ("Mon, 01 Jan 99999999999 00:00:00 GMT", None),
        ("Mon, 01 Jan 2024 00:00:00 +99999999999999", None),
    ],
)  # fmt: skip
def test_a_wait_beyond_all_reason_is_not_asked_for(
    server: Scripted, client_of: Callable[..., ListrakClient], asked: str, seconds: float | None
) -> None:
    """13.B11: nothing that a server writes into a header ends a pull."""
    assert retry_after({"Retry-After": asked}) == seconds
    assert retry_after({"Retry-After": "5", "Date": asked}) == 5
    if not asked.isascii():
        return
    server.replies(Reply(429, b"", {"Retry-After": asked}), Reply(503, b"", {"Retry-After": asked}), Reply())
    client = client_of(server, max_wait=0.01, max_rate_limited_seconds=60)
    client.get_sender_code(1)
    assert len(server.seen) == 3
    server.replies(Reply(200, headers={"Date": asked}))
    client.get_sender_code(1)


def test_a_token_that_cannot_be_had_is_not_tried_for_once_more(server: Scripted, client: ListrakClient) -> None:
    """The token request has its own attempts: those of the operation do not multiply them."""
    server.token = lambda _: Reply(503, b"")
    with pytest.raises(ListrakError):
        client.get_sender_code(1)
    assert len(server.token_requests) == ATTEMPTS
    assert not server.seen


@contextmanager
def unused_port() -> Iterator[int]:
    """A port that is bound but does not listen: a connection to it is refused."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@contextmanager
def full_listener() -> Iterator[int]:
    """A port whose queue of connections is full: a further one hangs."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        try:
            yield listener.getsockname()[1]
        finally:
            for one in waiting:
                one.close()
