"""A tiny HTTP server for what only the transport can see: broken connections, cut bodies, headers, exact counts.

It answers from a script, one row per request. Everything about Listrak itself is tested against the sandbox.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN_PATH = "/OAuth2/Token"
API_PATH = "/sms/v1"
RECORD = b'{"status":200,"data":[{"phoneNumber":"15551234567"}]}'
"""One, in a form that suits a collection and a single object."""


@dataclass
class Reply:
    """What the server does with one request."""

    status: int = 200
    body: bytes | None = None
    """None for one that suits the method: one record, or a receipt."""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0
    drop: bool = False
    """Take the request, answer nothing, close the connection."""
    cut: bool = False
    """Announce more bytes than are sent."""


def json_reply(answer: object, status: int = 200, **headers: str) -> Reply:
    return Reply(status, json.dumps(answer).encode(), {key.replace("_", "-"): value for key, value in headers.items()})


def page_reply(rows: list[dict[str, Any]], cursor: str | None = None) -> Reply:
    return json_reply({"status": 200, "nextPageCursor": cursor, "data": rows})


@dataclass
class Seen:
    """A request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Scripted:
    """The running server: what it saw and what it is told to answer."""

    port: int
    script: Callable[[Seen], Reply]
    token: Callable[[int], Reply]
    """Makes the answer to the n-th token request, counted from 1."""
    seen: list[Seen] = field(default_factory=list)
    token_requests: list[Seen] = field(default_factory=list)
    connections: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}{API_PATH}"

    @property
    def token_url(self) -> str:
        return f"http://127.0.0.1:{self.port}{TOKEN_PATH}"

    def replies(self, *replies: Reply) -> None:
        """Answer with these in turn, and with the last one for ever after."""
        waiting = list(replies)
        self.script = lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0]

    def answer(self, request: Seen) -> Reply:
        with self.lock:
            if request.target == TOKEN_PATH:
                self.token_requests.append(request)
                return self.token(len(self.token_requests))
            self.seen.append(request)
            return self.script(request)


def token_reply(number: int, expires_in: int = 3599) -> Reply:
    return json_reply({"access_token": f"token-{number}-of-the-test", "token_type": "bearer", "expires_in": expires_in})


@contextmanager
def serve() -> Iterator[Scripted]:
    """Run a server on loopback; by default every request is answered with an empty success."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet per answer: two would wait for the client's delayed acknowledgement

        def setup(self) -> None:
            super().setup()
            with state.lock:
                state.connections += 1

        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            reply = state.answer(Seen(self.command, self.path, dict(self.headers), body))
            text = reply.body
            if text is None:
                text = RECORD if self.command == "GET" else b'{"status":201,"resourceId":"7"}'
            time.sleep(reply.delay)
            if reply.drop:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            self.send_response_only(reply.status)
            for key, value in reply.headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(text) + (10 if reply.cut else 0)))
            self.end_headers()
            try:
                self.wfile.write(text)
            except ConnectionError:
                self.close_connection = True
            if reply.cut:
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_DELETE = handle_one  # noqa: N815 - the names http.server looks for

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that gave up is what some tests are about."""

    with Server(("127.0.0.1", 0), Handler) as server:
        state = Scripted(server.server_port, lambda _: Reply(), token_reply)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
