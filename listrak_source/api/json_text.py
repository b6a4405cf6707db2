"""JSON as an API may write it: nested without end, or with one field twice in an object."""

from __future__ import annotations

import json
import re
from typing import Any

DEEPEST = 200
"""Levels of nesting that are read. Readers of JSON recurse: what is nested deeper could end the process."""

_BUT_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[][{}]', re.DOTALL)
_OPTED_OUT = "optedOut"
_STOP = (True, 1, "1")


def loads(body: bytes) -> Any:
    """What the JSON of a body holds.

    What is nested deeper than :data:`DEEPEST` is null. Of a field that stands twice in an object the last counts, but
    lists are joined, and a stop wins. Raises ``ValueError`` for what is no JSON. Control characters that are not
    escaped stay as they are.
    """
    if is_deeper(body, DEEPEST):
        body = _cut(body)
    try:
        return json.loads(body, object_pairs_hook=_each_once, strict=False)
    except RecursionError:
        return json.loads(_cut(body), object_pairs_hook=_each_once, strict=False)


def is_deeper(body: bytes, levels: int) -> bool:
    """Whether JSON is nested deeper than so many levels, as far as its brackets tell.

    Those in texts count too, so the answer may be yes where it is not.
    """
    brackets = body.translate(None, _BUT_BRACKETS)
    for level in range(levels):
        left = brackets.replace(b"{}", b"").replace(b"[]", b"")
        if len(left) == len(brackets):
            return level + len(left) > levels
        brackets = left
    return bool(brackets)


def _cut(body: bytes) -> bytes:
    """The same JSON with null in the place of what is nested too deeply."""
    parts, depth, kept_to = [], 0, 0
    for token in _TOKEN.finditer(body):
        mark = token.group()
        if mark in (b"{", b"["):
            if depth == DEEPEST:
                parts.append(body[kept_to : token.start()] + b"null")
                kept_to = len(body)
            depth += 1
        elif mark in (b"}", b"]"):
            depth -= 1
            if depth == DEEPEST:
                kept_to = token.end()
    return b"".join([*parts, body[kept_to:]])


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    for name in found:
        values = [value for other, value in pairs if other == name]
        if name == _OPTED_OUT and any(value in _STOP or str(value).lower() == "true" for value in values):
            found[name] = True
        elif len(values) > 1 and all(isinstance(value, list) for value in values):
            found[name] = [item for value in values for item in value]
    return found
