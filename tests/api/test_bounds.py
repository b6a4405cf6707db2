"""13.B14: nothing is without end: a request's seconds, an answer's bytes, pages that bring nothing new."""

from __future__ import annotations

import gzip
import itertools
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from listrak_source.api import AnswerTooLarge, ConnectionFailed, EndlessPages, ListrakClient, UnreadableAnswer

from .scripted import Reply, Scripted, page_reply, token_reply

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BOMB = gzip.compress(b'{"data":["' + b" " * 300_000_000 + b'"]}')


@contextmanager
def dripping(before: bytes, after: bytes = b"", every: float = 0.02) -> Iterator[str]:
    """A server that sends ``before`` at once and of ``after`` a byte now and then, without end; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=drip, args=(connection,), daemon=True).start()

        def drip(connection: socket.socket) -> None:
            with connection:
                connection.recv(65536)
                try:
                    connection.sendall(before)
                    for byte in itertools.cycle(after or b" "):
                        time.sleep(every)
                        connection.sendall(bytes([byte]))
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    "before",
    [
        HEAD + b"Content-Length: 1000000\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1000\r\n",
        HEAD + b"X-Slow: ",
        b"",
    ],
    ids=["body", "chunk", "headers", "status line"],
)
def test_a_byte_now_and_then_is_no_answer(
    server: Scripted, client_of: Callable[..., ListrakClient], before: bytes
) -> None:
    with dripping(before) as address:
        client = client_of(server, base_url=address, timeout=5, max_request_seconds=0.3, max_attempts=1)
        start = time.monotonic()
        with pytest.raises((ConnectionFailed, UnreadableAnswer), match="max_request_seconds") as caught:
            client.get_sender_code(1)
        assert caught.value.retriable
        with pytest.raises((ConnectionFailed, UnreadableAnswer), match="may have acted"):
            client.subscribe_contact(1, "15551234567", 2)
        assert time.monotonic() - start < 2


def test_the_tokens_address_has_the_same_time(server: Scripted, client_of: Callable[..., ListrakClient]) -> None:
    with dripping(HEAD + b"Content-Length: 1000000\r\n\r\n") as address:
        client = client_of(server, token_url=address, max_request_seconds=0.2, max_attempts=1)
        with pytest.raises(ConnectionFailed, match="max_request_seconds"):
            client.get_sender_code(1)


def test_a_request_in_time_is_not_disturbed(server: Scripted, client_of: Callable[..., ListrakClient]) -> None:
    """Also not on a connection that has been there for longer than one request may take."""
    client = client_of(server, max_request_seconds=0.3)
    for _ in range(3):
        client.get_sender_code(1)
        time.sleep(0.2)
    assert server.connections == 2


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_an_answer_without_end_is_left(server: Scripted, client_of: Callable[..., ListrakClient], packed: bool) -> None:
    body = BOMB if packed else b'{"data":["' + b" " * 5_000_000 + b'"]}'
    server.replies(Reply(200, body, {"Content-Encoding": "gzip"} if packed else {}))
    client = client_of(server, max_answer_bytes=2_000_000)
    with pytest.raises(AnswerTooLarge, match=r"2,000,000 bytes.*max_answer_bytes") as caught:
        client.get_sender_code(1)
    assert not caught.value.retriable
    assert len(server.seen) == 1, "it would be as large the next time"
    with pytest.raises(AnswerTooLarge) as caught:
        client.subscribe_contact(1, "15551234567", 2)
    assert caught.value.may_have_acted


def test_a_token_without_end_is_left(server: Scripted, client_of: Callable[..., ListrakClient]) -> None:
    server.token = lambda _: Reply(200, BOMB, {"Content-Encoding": "gzip"})
    with pytest.raises(AnswerTooLarge):
        client_of(server).get_sender_code(1)
    assert len(server.token_requests) == 1


def test_a_packed_answer_is_unpacked_as_before(server: Scripted, client: ListrakClient) -> None:
    server.token = lambda n: Reply(200, gzip.compress(token_reply(n).body or b""), {"Content-Encoding": "gzip"})
    rows = [{"phoneNumber": str(number), "firstName": "Zoë" * number} for number in range(1_501)]
    server.replies(Reply(200, gzip.compress(page_reply(rows).body or b""), {"Content-Encoding": "gzip"}))
    assert next(client.list_opt_outs(1)).data == rows


def test_a_bomb_takes_little_memory(server: Scripted) -> None:
    """In a process of its own, whose peak tells: 4 MB came to 3.7 GB."""
    server.replies(Reply(200, BOMB, {"Content-Encoding": "gzip"}))
    code = (
        "import resource, sys\n"
        "from listrak_source.api import AnswerTooLarge, ListrakClient\n"
        f"client = ListrakClient('a', 'b', base_url={server.base_url!r}, token_url={server.token_url!r},\n"
        "    max_answer_bytes=20_000_000)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    client.get_sender_code(1)\n"
        "except AnswerTooLarge:\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert int(run.stdout) < 60_000, "kilobytes"


@pytest.mark.parametrize("rows", [[], [{"phoneNumber": "1"}, {"phoneNumber": "2"}]], ids=["empty", "in a circle"])
def test_ever_new_cursors_that_bring_nothing_new_end(
    server: Scripted, client_of: Callable[..., ListrakClient], rows: list[dict[str, str]]
) -> None:
    client = client_of(server, max_idle_pages=20)
    numbers = itertools.count()

    def circle(_: object) -> Reply:
        number = next(numbers)
        shown = [{"phoneNumber": f"{number % 3}{row['phoneNumber']}"} for row in rows]
        return page_reply(shown, f"/sms/v1/ShortCode/1/OptOut?cursor={'x' * (number % 7)}{number}")

    server.script = circle
    with pytest.raises(EndlessPages, match=r"20 pages in a row .*max_idle_pages.*senderCodeId 1") as caught:
        list(client.list_opt_outs(1))
    assert not caught.value.retriable
    assert len(server.seen) <= 24


def test_many_empty_pages_among_others_are_no_end(server: Scripted, client_of: Callable[..., ListrakClient]) -> None:
    client = client_of(server, max_idle_pages=5)
    numbers = iter(range(41))

    def script(_: object) -> Reply:
        number = next(numbers)
        row = [{"phoneNumber": str(number)}] if number % 5 == 4 else []
        return page_reply(row, str(number) if number < 40 else None)

    server.script = script
    assert sum(page.rows for page in client.list_opt_outs(1)) == 8
    assert len(server.seen) == 41
