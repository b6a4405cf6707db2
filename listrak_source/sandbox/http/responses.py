"""What a success looks like, in the shapes of the contract."""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import cycle
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from listrak_source.sandbox.http.query import encode_cursor
from listrak_source.sandbox.quirks import Quirks
from listrak_source.sandbox.world.profile import dumps
from listrak_source.sandbox.world.timeline import NEVER, Key


@dataclass(frozen=True)
class Call:
    """One request, as a handler sees it."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    quirks: Quirks
    url: str = ""
    """Scheme, host and path, for cursors that are URIs."""
    body: Mapping[str, Any] = field(default_factory=dict)


JSON = "application/json; charset=utf-8"
_wordings = cycle(range(1, 256))
_BEFORE_ALL: Key = (NEVER - 1, 0)
"""A place before the first row of any collection."""


@dataclass(frozen=True)
class Page:
    """A part of a collection: rendered rows, the place that was asked for, and the place behind the last row."""

    rows: list[bytes]
    asked: Key | None = None
    next: Key | None = None
    """Null when nothing follows."""
    has_cursor: bool = True
    """False for the collections that take no ``cursor``."""

    wording: int = 0
    """How the cursor says where it leads."""

    def empty(self) -> Page:
        """The same place with nothing on it and another cursor that leads to it: no row is lost, no cursor repeated."""
        return replace(self, rows=[], next=self.asked or _BEFORE_ALL, wording=next(_wordings))

    def repeated(self) -> Page:
        """The cursor that was sent, once more."""
        return replace(self, next=self.asked or _BEFORE_ALL)

    def circled(self) -> Page:
        """A cursor that leads back to the first row, in other words each time."""
        return replace(self, next=_BEFORE_ALL, wording=next(_wordings))

    def shrunk(self, rows: int) -> Page:
        """Only the first so many rows, as if they were all."""
        return replace(self, rows=self.rows[:rows], next=None)

    def cursorless(self) -> Page:
        """The same page without a cursor to the next one."""
        return replace(self, next=None)


Answer = Page | bytes
"""What a handler gives: a page, or a rendered body."""


def json_bytes(value: object) -> bytes:
    """A value as JSON, in UTF-8."""
    return dumps(value).encode()


def render_page(page: Page, call: Call) -> bytes:
    """``{"status", "nextPageCursor", "data"}``: one join, however many rows."""
    head, tail = b'{"status":200,' + _cursor(page, call) + b'"data":[', b"]}"
    if not page.rows:
        none = {"list": b'"data":[]}', "null": b'"data":null}', "absent": b'"message":null}'}
        return head.removesuffix(b'"data":[') + none[call.quirks.no_rows]
    rows = page.rows
    rows[0] = head + rows[0]
    rows[-1] += tail
    return b",".join(rows)


def _cursor(page: Page, call: Call) -> bytes:
    if not page.has_cursor:
        return b""
    if page.next is None:
        return {"null": b'"nextPageCursor":null,', "empty": b'"nextPageCursor":"",', "absent": b""}[
            call.quirks.last_page
        ]
    token = encode_cursor(page.next, page.wording)
    if call.quirks.cursor_style != "token":
        token = f"{call.url}?{urlencode({**call.query, 'cursor': token})}"
        if call.quirks.cursor_style == "relative":
            token = "/" + token.split("/", 3)[3]
        elif call.quirks.cursor_style == "elsewhere":
            token = "http://internal.example:8080/" + token.split("/", 3)[3]
    return b'"nextPageCursor":' + json_bytes(token) + b","


def resource(data: bytes) -> bytes:
    """``{"status", "data"}`` around a rendered object."""
    return b'{"status":200,"data":' + data + b"}"


def bare(data: bytes, quirks: Quirks) -> bytes:
    """An object that the contract shows without an envelope, and practice not always."""
    if quirks.resource_shape == "envelope":
        return resource(data)
    return b"[" + data + b"]" if quirks.resource_shape == "array" else data


def failure(status: int, code: str, message: str, quirks: Quirks) -> Response:
    """An error, with an HTTP status or without one of its own."""
    said: dict[str, Any] = {"status": status, "error": code, "message": message}
    if quirks.error_style == "body":
        said |= {"nextPageCursor": None, "data": []}
        status = 200
    return Response(json_bytes(said), status, media_type=JSON)


def written(content: bytes, quirks: Quirks) -> tuple[bytes, str]:
    """The content in the charset of the quirks, and its ``Content-Type``."""
    if quirks.charset == "utf-8":
        return content, JSON
    name = "utf-8" if quirks.charset == "utf-8-sig" else quirks.charset
    return content.decode().encode(quirks.charset, "listrak_source.json"), f"application/json; charset={name}"


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """What a charset does not have, as JSON escapes it."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


codecs.register_error("listrak_source.json", _escaped)


def receipt(status: int, resource_id: object = None) -> bytes:
    """What a write answers: created, updated (with an identifier) or deleted (without)."""
    body: dict[str, Any] = {"status": status}
    if resource_id is not None:
        body["resourceId"] = str(resource_id)
    return json_bytes(body)
