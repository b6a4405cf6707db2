"""Who may talk to a sandbox: programs on this machine, and no web page that happens to be open on it.

A page anywhere may have its reader's browser send requests to loopback, and by DNS rebinding even under a name of its
own. So the name that is asked for must be one of loopback; and the control address, which does as it is told, asks for
JSON and for a key, which no page knows.
"""

from __future__ import annotations

import hmac
import ipaddress
from functools import lru_cache

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

KEY_HEADER = "X-Sandbox-Key"


class Guard:
    """Stands before an app and refuses what does not come from a program on this machine."""

    def __init__(self, app: ASGIApp, control_path: str, key: str) -> None:
        self._app = app
        self._control_path = control_path
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or have the app answer."""
        refused = self._refused(scope) if scope["type"] == "http" else None
        await (refused or self._app)(scope, receive, send)

    def _refused(self, scope: Scope) -> JSONResponse | None:
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        if not is_loopback(host):
            return _no(421, f"a sandbox is asked by a name of loopback (127.0.0.1, localhost), not as {host!r}")
        if not scope["path"].startswith(self._control_path):
            return None
        origin = headers.get(b"origin")
        if origin is not None and origin.decode("latin-1") != f"http://{host}":
            return _no(403, "no page of another origin may tell a sandbox what to do")
        if not hmac.compare_digest(headers.get(KEY_HEADER.lower().encode(), b""), self._key.encode()):
            return _no(
                403, f"the control address asks for the header {KEY_HEADER}, with the key that the sandbox tells"
            )
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if scope["method"] == "POST" and kind != b"application/json":
            return _no(415, "send Content-Type: application/json")
        return None


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Whether a ``Host`` header names this machine's loopback, with a port or without."""
    name = host.partition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    name = name.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _no(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"error": sentence}, status)
