"""Faults on request: what a network and a server can do to a client."""

from __future__ import annotations

import threading
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from listrak_source.api.operations import OPERATIONS

Kind = Literal[
    "status", "delay", "drop", "drop_mid_body", "cut_body", "not_json",
    "revoked_token", "repeated_page", "full_page_no_cursor", "empty_page", "no_rows", "some_rows", "deep_record",
    "wide_record", "large_record", "doubled_field", "circle", "wrong_charset", "bomb", "trickle",
]  # fmt: skip
"""``status``: an HTTP status instead of the answer. ``delay``: the answer, later. ``drop``: the connection ends before
the first byte. ``drop_mid_body``: it ends in the middle of the body. ``cut_body``: JSON that stops in the middle, with
a length that fits it. ``not_json``: text. ``revoked_token``: every token given so far is refused from now on.
``repeated_page``: the cursor that was sent comes back. ``circle``: one comes that leads to the first page.
``full_page_no_cursor``: more follows, and nothing says so. ``empty_page``: no rows, and a cursor behind which they are.
``no_rows``: an empty collection, for this moment. ``some_rows``: only the first half of the page, as if nothing
followed. ``repeated_page``, ``circle``, ``full_page_no_cursor``, ``empty_page`` concern collections with cursors only.
``deep_record``: the first record, or the only one, has a new field of 2,000 levels. ``wide_record``: it has 2,000 new
fields. ``large_record``: one of 3,000,000 characters. ``doubled_field``: ``optedOut`` twice, false the second time.
``wrong_charset``: the answer in UTF-16, as if it were UTF-8. ``bomb``: 300 MB of zeros, packed into 300 kB.
``trickle``: the answer, a byte a second."""

TOKEN = "token"  # noqa: S105 - a name of an operation
"""The token endpoint, which is not one of the API's operations and must be named: ``*`` leaves it alone."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong, where, when and how often."""

    kind: Kind
    operation: str = "*"
    """A name of ``api.operations.OPERATIONS``, ``token``, or ``*`` for every operation of the API."""
    path: str = ""
    """A part of the path of the requests that it hits: one list's, say, or one contact's."""
    times: int | None = 1
    """How many requests it hits; null for all from then on."""
    after: int = 0
    """How many matching requests pass unharmed before the first."""
    status: int = 500
    """The HTTP status, for ``status``."""
    retry_after: str | None = None
    """A ``Retry-After`` header, for ``status``."""
    body: str | None = None
    """The body, for ``status`` and ``not_json``; by default an error of the contract, and a line of HTML."""
    acts: bool = False
    """Whether the request takes effect before the fault hides its answer (``status``, ``drop``, ``not_json``)."""
    seconds: float = 0.0
    """How long the answer waits, for any kind."""

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"{self.kind!r} is no kind of fault: {', '.join(get_args(Kind))}")
        if self.operation not in ("*", TOKEN) and self.operation not in OPERATIONS:
            raise ValueError(f"{self.operation!r} is no operation")
        if (self.times is not None and self.times < 1) or self.after < 0 or self.seconds < 0:
            raise ValueError("times is at least 1; after and seconds are not negative")

    @classmethod
    def from_json(cls, given: Any) -> Fault:
        """A fault from a control request; ``ValueError`` or ``TypeError`` if it says anything unknown."""
        if not isinstance(given, dict):
            raise TypeError("a fault is an object")
        return cls(**given)

    def to_json(self) -> dict[str, Any]:
        """The fault as JSON takes it."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


@dataclass
class _Waiting:
    fault: Fault
    passed: int = 0
    hits: int = 0


class Faults:
    """The faults that are waiting. The first that matches a request hits it."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Has a fault wait for its requests."""
        with self._lock:
            self._waiting.append(_Waiting(fault))

    def clear(self) -> None:
        """Drops all faults that wait."""
        with self._lock:
            self._waiting.clear()

    def waiting(self) -> list[Fault]:
        """The faults that wait, in the order in which they came."""
        with self._lock:
            return [item.fault for item in self._waiting]

    def take(self, operation: str, path: str = "") -> Fault | None:
        """The fault that hits this request, if one does."""
        with self._lock:
            hit: _Waiting | None = None
            for item in self._waiting:
                if item.fault.operation != operation and (item.fault.operation != "*" or operation == TOKEN):
                    continue
                if item.fault.path not in path:
                    continue
                if item.passed < item.fault.after:
                    item.passed += 1
                elif hit is None:
                    hit = item
            if hit is None:
                return None
            hit.hits += 1
            if hit.hits == hit.fault.times:
                self._waiting.remove(hit)
            return hit.fault
