"""One token for all threads, and one forced refresh."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from urllib.parse import parse_qs

import pytest

from listrak_source.api import AuthenticationError, ListrakClient, ListrakError, UnsafeAddress
from listrak_source.api.auth import TokenSource
from listrak_source.sandbox import Quirks, Sandbox, World

from .conftest import SECRET, client_of_sandbox
from .scripted import Reply, Scripted, Seen, json_reply, token_reply

THREADS = 8


def together(work: Callable[[], object]) -> list[object]:
    """Run ``work`` in all threads at once; an exception becomes its result."""
    gate = threading.Barrier(THREADS)

    def one() -> object:
        gate.wait()
        try:
            return work()
        except ListrakError as error:
            return error

    with ThreadPoolExecutor(THREADS) as pool:
        return [future.result() for future in [pool.submit(one) for _ in range(THREADS)]]


def test_the_token_request_is_form_encoded(server: Scripted, client: ListrakClient) -> None:
    client.get_sender_code(1)
    (request,) = server.token_requests
    assert (request.method, request.headers["Content-Type"]) == ("POST", "application/x-www-form-urlencoded")
    form = {"grant_type": ["client_credentials"], "client_id": ["the-client-id"], "client_secret": [SECRET]}
    assert parse_qs(request.body.decode()) == form
    assert "Authorization" not in request.headers
    assert server.seen[0].headers["Authorization"] == "Bearer token-1-of-the-test"


def test_all_threads_share_one_token(server: Scripted, client: ListrakClient) -> None:
    server.token = lambda n: Reply(200, token_reply(n).body, delay=0.05)
    together(lambda: client.get_sender_code(1))
    assert len(server.token_requests) == 1
    assert len(server.seen) == THREADS


def tell(monkeypatch: pytest.MonkeyPatch, now: Callable[[], float]) -> None:
    """Have the token source read this clock, and nobody else: a server that reads it in passing waits for an hour."""
    monkeypatch.setattr("listrak_source.api.auth.time", SimpleNamespace(monotonic=now, sleep=time.sleep))


def test_a_token_is_renewed_a_minute_before_its_end(server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    tell(monkeypatch, lambda: now[0])
    source = TokenSource("id", "secret", server.token_url)
    first = source.token()
    now[0] += 3599 - 61
    assert source.token() is first
    now[0] += 2
    assert source.token() is not first
    assert len(server.token_requests) == 2
    source.close()


@pytest.mark.parametrize(
    ("expires_in", "used_for"), [(3599, 3539.0), ("3599", 3539.0), (40, 20.0), (None, 540.0), ("never", 540.0)]
)
def test_how_long_a_token_is_used(
    server: Scripted, monkeypatch: pytest.MonkeyPatch, expires_in: object, used_for: float
) -> None:
    tell(monkeypatch, lambda: 1000.0)
    server.token = lambda _: json_reply({"access_token": "t", "expires_in": expires_in})
    source = TokenSource("id", "secret", server.token_url)
    assert source.token().use_until == 1000.0 + used_for
    source.close()


@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
def test_a_refused_token_is_renewed_once_for_all_threads(server: Scripted, client: ListrakClient, write: bool) -> None:
    client.get_sender_code(1)
    server.seen.clear()
    server.script = lambda seen: (
        Reply(401, b'{"error": "ERROR_UNAUTHORIZED"}') if "token-1-" in seen.headers["Authorization"] else Reply()
    )
    work = (lambda: client.subscribe_contact(1, "15551234567", 2)) if write else (lambda: client.get_sender_code(1))
    results = together(work)
    assert not [result for result in results if isinstance(result, Exception)]
    assert len(server.token_requests) == 2
    # On a busy machine a thread may begin when the new token is there.
    assert THREADS < len(server.seen) <= 2 * THREADS


def test_the_same_token_again_is_still_one_refresh(server: Scripted, client: ListrakClient) -> None:
    """A server may hand out the same text twice: which token was refused is not told by comparing texts."""
    server.token = lambda _: token_reply(1)
    client.get_sender_code(1)
    stale = client._tokens.token()
    assert len({id(token) for token in together(lambda: client._tokens.refresh(stale))}) == 1
    assert len(server.token_requests) == 2


def test_a_second_refusal_is_a_clear_error(server: Scripted, client: ListrakClient) -> None:
    server.replies(json_reply({"status": 401, "error": "ERROR_UNAUTHORIZED", "message": "Not allowed."}, 401))
    with pytest.raises(AuthenticationError, match="new token was refused as well") as caught:
        client.get_sender_code(1)
    assert (caught.value.status, caught.value.code) == (401, "ERROR_UNAUTHORIZED")
    assert not caught.value.retriable
    assert (len(server.seen), len(server.token_requests)) == (2, 2)


class Shared:
    """A server whose tokens end as soon as another is given: it takes the latest only, and gives some away itself."""

    def __init__(self, server: Scripted, stolen: int) -> None:
        self.server, self.stolen, self.latest = server, stolen, 0
        server.token, server.script = self.give, self.answer

    def give(self, number: int) -> Reply:
        self.latest = number
        return token_reply(number)

    def answer(self, seen: Seen) -> Reply:
        if "SegmentationField" in seen.target:
            return json_reply({"status": 401, "error": "ERROR_UNAUTHORIZED"}, 401)
        if "PhoneList/2" not in seen.target:
            return Reply()
        if self.stolen:
            self.stolen -= 1
            self.latest = -1
        good = seen.headers["Authorization"] == f"Bearer token-{self.latest}-of-the-test"
        return Reply() if good else json_reply({"status": 401, "error": "ERROR_UNAUTHORIZED"}, 401)


@pytest.mark.parametrize("stolen", [1, 2, 3, 4])
def test_a_token_that_is_ended_again_and_again_is_renewed_with_patience(
    server: Scripted, client_of: Callable[..., ListrakClient], stolen: int
) -> None:
    """13.B11: another program with the same credentials ends ours whenever it asks for one of its own."""
    client = client_of(server, max_attempts=6)
    Shared(server, stolen)
    client.get_sender_code(1)
    client.get_phone_list(1, 2)
    client.subscribe_contact(1, "15551234567", 2)
    assert len(server.token_requests) == 1 + stolen


def test_access_that_is_wrong_ends_soon_where_other_requests_succeed(
    server: Scripted, client_of: Callable[..., ListrakClient]
) -> None:
    client = client_of(server, max_attempts=6)
    Shared(server, 0)
    client.get_sender_code(1)
    for tokens in (6, 7):
        with pytest.raises(AuthenticationError, match="new token was refused as well"):
            list(client.list_profile_fields(1))
        assert len(server.token_requests) == tokens, "the second time there is no doubt about it"
    client.get_sender_code(1)


def test_who_is_let_through_with_the_same_token_proves_that_it_is_alive(
    server: Scripted, client_of: Callable[..., ListrakClient]
) -> None:
    client = client_of(server, max_attempts=6, first_wait=0.1, max_wait=0.2)
    Shared(server, 0)
    client.get_sender_code(1)
    done = threading.Event()

    def others() -> None:
        while not done.is_set():
            client.get_sender_code(1)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(others)
        try:
            with pytest.raises(AuthenticationError):
                list(client.list_profile_fields(1))
        finally:
            done.set()
    assert len(server.token_requests) == 3


def test_two_programs_with_one_set_of_credentials() -> None:
    with Sandbox(World(contacts=100), quirks=Quirks(tokens="latest")) as sandbox:
        clients = [client_of_sandbox(sandbox, first_wait=0.1, max_wait=1.0) for _ in range(2)]

        for client in clients:
            list(client.list_sender_codes())  # whoever was never let through is not patient

        def work(client: ListrakClient) -> int:
            return sum(len(page.data) for _ in range(25) for page in client.list_sender_codes())

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(work, clients * 2)) == [25 * len(sandbox.world.sender_codes)] * 4
        assert sandbox.service.tokens.issued > 2
        for client in clients:
            client.close()


def test_bad_credentials_say_what_to_check(server: Scripted, client: ListrakClient) -> None:
    server.token = lambda _: json_reply({"error": "Invalid Credentials"}, 400)
    with pytest.raises(AuthenticationError, match="Invalid Credentials") as caught:
        client.get_sender_code(1)
    for hint in ("client_id", "client_secret", "paused", "IP address", "token_url"):
        assert hint in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.operation == "token"
    assert len(server.token_requests) == 1
    assert not server.seen


def test_an_echoed_secret_is_masked(server: Scripted, client: ListrakClient) -> None:
    server.token = lambda _: json_reply({"error": f"'{SECRET}' is wrong"}, 400)
    with pytest.raises(AuthenticationError, match=r"'\*\*\*' is wrong"):
        client.get_sender_code(1)


def test_threads_that_wait_for_bad_credentials_do_not_all_try_them(server: Scripted, client: ListrakClient) -> None:
    server.token = lambda _: Reply(400, b'{"error": "Invalid Credentials"}', delay=0.1)
    results = together(lambda: client.get_sender_code(1))
    assert all(isinstance(result, AuthenticationError) for result in results)
    assert len({id(result) for result in results}) == THREADS
    assert len(server.token_requests) == 1
    server.token = token_reply
    client.get_sender_code(1)


@pytest.mark.parametrize(
    "failure",
    [
        Reply(429, b""),
        Reply(500, b""),
        Reply(drop=True),
        Reply(200, b"{"),
        Reply(200, b"[]"),
        Reply(200, b"{", cut=True),
    ],
    ids=["429", "500", "dropped", "unparsable", "no token", "cut"],
)
def test_a_token_request_is_tried_again(server: Scripted, client: ListrakClient, failure: Reply) -> None:
    server.token = lambda n: failure if n < 3 else token_reply(n)
    client.get_sender_code(1)
    assert len(server.token_requests) == 3


def test_the_secret_does_not_follow_a_redirect(server: Scripted, client: ListrakClient) -> None:
    server.token = lambda _: Reply(307, b"", {"Location": f"{server.base_url}/elsewhere"})
    with pytest.raises(UnsafeAddress, match="token_url"):
        client.get_sender_code(1)
    assert not server.seen
