"""Pages: what one holds, where the next one is, and when a walk over them is whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import unquote

from listrak_source.api.envelope import Nothing, inner, read, repaired, rows_of
from listrak_source.api.errors import EndlessPages, FullPage, RepeatedCursor, UnreadableAnswer

T = TypeVar("T")
R = TypeVar("R")

MAX_COUNT = 5000
"""The most rows that one page can hold (contract)."""
DEFAULT_COUNT = 1000
"""How many rows a page holds where nobody asks for another number (contract)."""
_ROUND = 50
"""Servers bound their pages by a multiple of this."""
_ALIKE = 20
"""Shorter pages may be alike by chance."""
_DATED = frozenset({"list_contacts", "list_opt_outs"})
"""What can be read in narrower windows of dates, so that a doubt costs requests and nothing else."""
_START = "Start"
_MARKED = 2000
"""Bytes of a page's beginning and end that it is known again by."""
_CURSOR = re.compile(r"(?:^|[?&])cursor=([^&#]*)", re.IGNORECASE)
_NEXT = re.compile(rb'"nextPageCursor"\s*:\s*"[^"]*"')
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_ENCODED_URI = re.compile(r"^[a-z][a-z0-9+.-]*%3A(?:%2F|/){2}|(?:%3F|%26)cursor%3D", re.IGNORECASE)


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page: how many rows it holds, the API's ``nextPageCursor`` as it came (None on the last), and its data."""

    rows: int
    next_cursor: str | None
    data: T
    mark: int | None = field(default=None, compare=False)
    """What it is known again by; None where nobody needs to know."""


Decoder = Callable[[bytes], Page[T]]
"""Makes a page of an answer's body; raises ``ValueError`` for one that does not parse, as every JSON reader does."""


def json_page(body: bytes) -> Page[list[Any]]:
    """Decode a collection: its records as dicts, with the API's field names."""
    return _of_dicts(_page(read(body)))


def json_elements(body: bytes) -> Page[list[Any]]:
    """Decode a collection for a caller that judges its elements itself.

    They may be no objects, or hold bytes that are no UTF-8.
    """
    return _page(read(repaired(body)))


def told_page(body: bytes) -> Page[list[Any]]:
    """Decode a collection for a caller to whom absence is a word: no list is ``Nothing``, not an empty one."""
    answer = read(body)
    if isinstance(answer, dict) and answer.get("data") is None:
        raise Nothing
    return _of_dicts(_page(answer))


def _page(answer: Any) -> Page[list[Any]]:
    data = rows_of(answer)
    cursor = answer.get("nextPageCursor") if isinstance(answer, dict) else None
    if cursor is not None and not isinstance(cursor, (str, int)):
        raise ValueError("nextPageCursor is no text")
    return Page(len(data), None if cursor in ("", None) or cursor is False else str(cursor), data)


def _of_dicts(page: Page[list[Any]]) -> Page[list[Any]]:
    if not all(isinstance(row, dict) for row in page.data):
        raise ValueError("the answer holds no list of records")
    return page


def unwrap(body: bytes) -> dict[str, Any]:
    """Return the one object of an answer that is bare, ``{"status", "data": {…}}``, or an array of one."""
    answer = inner(read(body))
    if not isinstance(answer, dict):
        raise ValueError("the answer holds no single object")  # noqa: TRY004 - the client asks again
    return answer


def cursor_value(next_page_cursor: str | None) -> str | None:
    """Return the cursor to ask for the next page with, None when there is no next page.

    ``nextPageCursor`` is a bare token, or a relative or absolute URI with a ``cursor`` parameter, percent-encoded or
    not. Nothing but that one value is taken from it, whatever server it names: the client sends its own address,
    filters and count again. Raises ``UnreadableAnswer`` for a URI without a cursor.
    """
    text = (next_page_cursor or "").strip()
    if not text:
        return None
    if _ENCODED_URI.search(text):
        text = unquote(text)
    found = _CURSOR.search(text)
    if not found and _ABSOLUTE.match(text):
        raise UnreadableAnswer("the next page's address holds no cursor")
    # Not unquote_plus: a plus sign is part of a base64 token, and no token holds a space.
    return unquote(found.group(1) if found else text) or None


def pages(
    fetch: Callable[[str | None, int | None], Page[T]],
    count: int | None,
    operation: str,
    unit: str,
    *,
    cursor: str | None = None,
    max_idle: int = 1000,
) -> Iterator[Page[T]]:
    """Walk over all pages. ``fetch(cursor, count)`` gets one, with its ``next_cursor`` reduced to the bare value.

    ``count`` is None for an operation that takes none. ``unit`` names what is walked, for errors; ``cursor`` is where
    an earlier walk was left (its page's ``next_cursor``), None for the beginning. An empty page with a cursor is not
    the end, nor is one that came before; but ``max_idle`` of them in a row are, and raise ``EndlessPages``. Raises
    ``RepeatedCursor`` for a cursor seen before, and ``FullPage`` for pages that stay full without one, be it that an
    API does not follow ``count`` and cuts them off by a bound of its own.
    """
    seen, news, longest = {_START, cursor or _START}, _News(max_idle), 0
    while True:
        page = fetch(cursor, count)
        if count is not None and page.next_cursor is None and _may_be_cut(page.rows, count, longest, operation):
            probed = _probe(fetch, cursor, min(count, page.rows), page)
            if probed is None:
                error = FullPage(
                    f"a full page came without a cursor while reading {unit}: rows may be missing; "
                    "ask for less at a time (a narrower date window)",
                    operation=operation,
                )
                error.rows = page.rows
                raise error
            page = probed
        if page.next_cursor is not None and page.next_cursor in seen:
            raise RepeatedCursor(f"a cursor came for the second time while reading {unit}", operation=operation)
        if page.next_cursor is not None and news.have_ended(page):
            raise EndlessPages(
                f"{max_idle:,} pages in a row (the limit that max_idle_pages sets) brought nothing new while reading "
                f"{unit}, and each led to another: rows may be missing",
                operation=operation,
            )
        yield page
        if page.next_cursor is None:
            return
        longest = max(longest, page.rows)
        cursor = page.next_cursor
        seen.add(cursor)


class _News:
    """Whether pages still bring anything new."""

    def __init__(self, max_idle: int) -> None:
        self._max_idle = max_idle
        self._idle = 0
        self._seen: set[int] = set()

    def have_ended(self, page: Page[Any]) -> bool:
        """Note a page. Tell whether it is one of too many in a row without rows that no page had before."""
        is_new = page.rows > 0 and (page.mark is None or page.mark not in self._seen)
        self._idle = 0 if is_new else self._idle + 1
        if page.mark is not None:
            self._seen.add(page.mark)
        return self._idle >= self._max_idle


def mark_of(body: bytes, page: Page[Any]) -> int:
    """Return a mark that two pages share if they begin and end with the same rows, whatever their cursors are."""
    begin, end = (_NEXT.sub(b"", part) for part in (body[: 2 * _MARKED], body[-2 * _MARKED :]))
    return hash((begin[:_MARKED], end[-_MARKED:], page.rows))


def _may_be_cut(rows: int, count: int, longest: int, operation: str) -> bool:
    """Whether a page without a cursor may hold less than there is.

    It may if it is as long as asked for, or as the ``longest`` before it. An API may also cut pages off at a bound of
    its own, whatever it is asked for: at its default, or at another round number.
    """
    if rows >= count or rows == longest >= _ALIKE:
        return True
    return rows > 0 and rows % (_ROUND if operation in _DATED else DEFAULT_COUNT) == 0


def _probe(
    fetch: Callable[[str | None, int | None], Page[T]], cursor: str | None, count: int, full: Page[T]
) -> Page[T] | None:
    """Find out whether a full page without a cursor is the last, by asking for one row less from the same place.

    Several collections are declared as unpaged although they take a count: there, a full page may have been cut off.
    An answer as long as before does not follow the count; one of exactly that many rows is cut, and names no next one.
    Returns the page to go on with, None if rows may be missing.
    """
    less = count - 1 if count > 1 else 2
    smaller = fetch(cursor, less)
    if smaller.next_cursor is not None:
        return smaller  # Paging works here. The walk goes on from this page, so the row it leaves out comes next.
    return full if smaller.rows < less else None


def each_record(walk: Iterable[Page[list[R]]]) -> Iterator[R]:
    """Yield every record of a walk over pages, one after the other."""
    for page in walk:
        yield from page.data
