"""How each fault changes an answer, or takes its place."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import cache

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from listrak_source.sandbox.faults import Fault
from listrak_source.sandbox.http.responses import JSON, Page, failure
from listrak_source.sandbox.quirks import Quirks

ABORT = "listrak_source.sandbox.abort"
CLOSE = "listrak_source.sandbox.close"
"""Where the server puts the functions that end a connection, at once or when all is sent, in each request's scope."""


async def instead(fault: Fault, request: Request, quirks: Quirks) -> Response | None:
    """What the client gets instead of the answer, for faults that have no use for one."""
    if fault.kind == "drop":
        return await _drop(request)
    if fault.kind == "not_json":
        text = "<html><body>Service Unavailable</body></html>" if fault.body is None else fault.body
        return Response(text, 200, media_type="text/html")
    if fault.kind == "status":
        response = failure(fault.status, "ERROR_UNHANDLED_EXCEPTION", "An unexpected error occurred.", quirks)
        if fault.body is not None:
            response = Response(fault.body, response.status_code, media_type=JSON)
        if fault.retry_after is not None:
            response.headers["Retry-After"] = fault.retry_after
        return response
    if fault.kind == "bomb":
        return Response(_packed_zeros(300), 200, headers={"Content-Encoding": "gzip"}, media_type=JSON)
    return None


@cache
def _packed_zeros(megabytes: int) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return b"".join(packer.compress(bytes(1_000_000)) for _ in range(megabytes)) + packer.flush()


_MORE = {
    "deep_record": b'"deep":' + b'{"a":[],"b":[' * 1000 + b"]}" * 1000,
    "wide_record": b",".join(b'"new%d":"%d"' % (number, number) for number in range(2000)),
    "large_record": b'"large":"' + b"x" * 3_000_000 + b'"',
    "doubled_field": b'"optedOut":false',
}
"""What a record gets at its end, by kind of fault."""


def spoiled(fault: Fault | None, content: bytes, closing: int = 1) -> bytes:
    """A rendered record with what the fault adds to it; ``closing`` brackets end it, and whatever holds it."""
    more = _MORE.get(fault.kind) if fault else None
    if fault and fault.kind == "doubled_field" and b'"optedOut"' not in content:
        more = None  # there is nothing to say twice
    return content[:-closing] + b"," + more + content[-closing:] if more else content


def turned(fault: Fault, page: Page) -> Page:
    """The page, with what the fault does to its rows or its cursor; as it is where there is no cursor to go on with."""
    if fault.kind in ("no_rows", "some_rows"):
        return page.shrunk(len(page.rows) // 2 if fault.kind == "some_rows" else 0)
    if page.rows and fault.kind in _MORE:
        return replace(page, rows=[spoiled(fault, page.rows[0]), *page.rows[1:]])
    turn = _TURNS.get(fault.kind) if page.has_cursor else None
    return turn(page) if turn else page


_TURNS: dict[str, Callable[[Page], Page]] = {
    "repeated_page": Page.repeated,
    "full_page_no_cursor": Page.cursorless,
    "empty_page": Page.empty,
    "circle": Page.circled,
}
"""What becomes of a page with a cursor, by kind of fault."""


def mangled(fault: Fault, content: bytes, status: int) -> Response | None:
    """The rendered answer, cut in the middle, in another charset than it says, or a byte at a time."""
    half = content[: len(content) // 2]
    if fault.kind == "cut_body":
        return Response(half, status, media_type=JSON)
    if fault.kind == "drop_mid_body":
        return _HalfResponse(half, len(content), status)
    if fault.kind == "wrong_charset":
        return Response(content.decode().encode("utf-16"), status, media_type=JSON)
    if fault.kind == "trickle":
        length = {"Content-Length": str(len(content))}
        return StreamingResponse(_byte_by_byte(content), status, headers=length, media_type=JSON)
    return None


async def _byte_by_byte(content: bytes) -> AsyncIterator[bytes]:
    for at in range(len(content)):
        yield content[at : at + 1]
        await asyncio.sleep(1)


async def _drop(request: Request) -> Response:
    abort: Callable[[], None] = request.scope[ABORT]
    abort()
    await asyncio.sleep(0)
    return _NoResponse()


class _NoResponse(Response):
    """Nothing at all: the connection is gone."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        return


class _HalfResponse(Response):
    """Promises a length, sends half of it, and ends the connection."""

    def __init__(self, half: bytes, length: int, status: int) -> None:
        super().__init__(half, status, media_type=JSON)
        self.headers["Content-Length"] = str(length)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        close: Callable[[], None] = scope[CLOSE]
        close()
        await asyncio.sleep(0)
