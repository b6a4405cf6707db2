"""A proxy in front of the sandbox that changes its answers: for what Listrak may do and the sandbox does not."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

from listrak_source.sandbox import Sandbox

Change = Callable[[str, dict[str, Any]], None]
"""Changes an answer of the API in place, given the path that was asked for."""


@contextmanager
def proxy(sandbox: Sandbox, change: Change) -> Iterator[str]:
    """Serve the sandbox's API with changed answers on loopback; gives the ``base_url``. Raises what ``change`` raised:
    the pull would only see a connection that breaks, try again, and wait.
    """
    wrong: list[Exception] = []
    origin = sandbox.base_url[: sandbox.base_url.index("/", len("http://"))]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body leave together: else the system holds the body back until the headers are acknowledged.
        wbufsize = -1

        def do_GET(self) -> None:
            headers = {"Authorization": self.headers.get("Authorization", "")}
            answer = session.get(origin + self.path, headers=headers, timeout=10)
            body = answer.json()
            try:
                change(self.path.partition("?")[0], body)
            except Exception as error:
                wrong.append(error)
                raise
            content = json.dumps(body).encode()
            self.send_response_only(answer.status_code)
            self.send_header("Date", answer.headers["Date"])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with requests.Session() as session, ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        session.trust_env = False
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield sandbox.base_url.replace(origin, f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()
    if wrong:
        raise wrong[0]
