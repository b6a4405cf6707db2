"""What Listrak and the network may do to one request, by the name that the page has for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from listrak_source.sandbox import Fault

LATE = 1.3
"""Seconds that an answer is late; a request of these tests has one."""

KINDS: dict[str, dict[str, Any]] = {
    "500": {"kind": "status", "status": 500},
    "502 with HTML": {"kind": "status", "status": 502, "body": "<html>Bad Gateway</html>"},
    "503": {"kind": "status", "status": 503},
    "504 without a body": {"kind": "status", "status": 504, "body": ""},
    "400": {"kind": "status", "status": 400},
    "401": {"kind": "status", "status": 401},
    "403": {"kind": "status", "status": 403},
    "404": {"kind": "status", "status": 404},
    "429": {"kind": "status", "status": 429},
    "429, Retry-After 0": {"kind": "status", "status": 429, "retry_after": "0"},
    "429, Retry-After a date that has passed": {
        "kind": "status", "status": 429, "retry_after": "Wed, 21 Oct 2015 07:28:00 GMT",
    },
    "429, Retry-After that is no number": {"kind": "status", "status": 429, "retry_after": "soon"},
    "an error within HTTP 200": {
        "kind": "status", "status": 200, "body": '{"status":500,"error":"ERROR_UNHANDLED_EXCEPTION","message":"Oh"}',
    },
    "a refusal within HTTP 200": {
        "kind": "status", "status": 200, "body": '{"status":404,"error":"ERROR_INVALID_RESOURCE","data":[]}',
    },
    "200 without a body": {"kind": "status", "status": 200, "body": ""},
    "null": {"kind": "status", "status": 200, "body": "null"},
    "an empty object": {"kind": "status", "status": 200, "body": "{}"},
    "a text": {"kind": "status", "status": 200, "body": '"done"'},
    "HTML within HTTP 200": {"kind": "not_json"},
    "late beyond the deadline": {"kind": "delay", "seconds": LATE},
    "dropped": {"kind": "drop"},
    "dropped in the answer": {"kind": "drop_mid_body"},
    "cut JSON": {"kind": "cut_body"},
    "another charset than it says": {"kind": "wrong_charset"},
    "a byte a second": {"kind": "trickle"},
    "a bomb": {"kind": "bomb"},
    "a revoked token": {"kind": "revoked_token"},
    "the same page again": {"kind": "repeated_page"},
    "a circle of pages": {"kind": "circle"},
    "a full page without a cursor": {"kind": "full_page_no_cursor"},
    "an empty page with a cursor": {"kind": "empty_page"},
    "no rows for a moment": {"kind": "no_rows"},
    "half a page": {"kind": "some_rows"},
    "a record 2,000 levels deep": {"kind": "deep_record"},
    "a record with 2,000 new fields": {"kind": "wide_record"},
    "a record of 3 MB": {"kind": "large_record"},
    "a field twice": {"kind": "doubled_field"},
}  # fmt: skip
OF_PAGES = frozenset({"repeated_page", "circle", "full_page_no_cursor", "empty_page", "no_rows", "some_rows"})
"""Faults of collections alone."""
OF_RECORDS = frozenset({"deep_record", "wide_record", "large_record", "doubled_field"})
HIDING = frozenset({"no_rows", "some_rows", "full_page_no_cursor"})
"""Faults by which Listrak shows less than there is, and nothing says so: who is hidden is seen by the next pull."""
SLOW = frozenset({"delay", "trickle"})


def fault(name: str, operation: str, **how: Any) -> Fault:
    """The fault of that name, at an operation."""
    return Fault(operation=operation, **KINDS[name] | how)


def kinds(*, reads: bool = True) -> Iterator[str]:
    """The names of faults that can happen to a read, or to a write."""
    for name, how in KINDS.items():
        if reads or how["kind"] not in OF_PAGES | OF_RECORDS:
            yield name
