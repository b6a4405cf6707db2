"""Reading one unit, from where it stood to its end, whatever the API's paging does on the way.

A unit ends only where its last page says so. A cursor that is refused (it expired) or comes twice leads back to the
unit's beginning; a full page without a cursor, behind which rows may be missing, to narrower windows. So rows may come
again, and callers drop them by key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import Any, Generic, TypeAlias

import pyarrow as pa
from dlt.common import logger

from listrak_source.api import FullPage, ListrakClient, ListrakError, Page, RepeatedCursor
from listrak_source.api.pagination import MAX_COUNT
from listrak_source.pull.extract.date_windows import Window
from listrak_source.pull.extract.partitions import AnyUnit, Unit
from listrak_source.pull.records.masking import NO_MASKS, Masks
from listrak_source.pull.records.normalize import folded
from listrak_source.pull.records.phone_numbers import in_one_form
from listrak_source.pull.records.quarantine import Rejects

Position: TypeAlias = "dict[str, Any] | str | None"
"""Where a unit stands, as JSON can hold it; None is its beginning. What else is in it is this module's own affair."""

DONE: Position = "done"
"""The position of a unit that was read to its end."""

PAGES = 2
"""Pages that are handed over together: fewer, and each costs more than it carries; more, and memory grows."""


@dataclass(frozen=True)
class PartitionReading(Generic[AnyUnit]):
    """Some records of a unit."""

    unit: AnyUnit
    records: pa.Table
    position: Position
    """What to go on from when everything up to and including these records was kept."""
    proved: bool = False
    """In the last reading: whether the unit was read from its beginning to a page that ends it, without a cursor that
    came twice and without narrower windows. Only then is what was not found not there: contacts without a subscribe
    date, say, are in no window."""


def read(
    unit: AnyUnit,
    client: ListrakClient,
    count: int,
    position: Position = None,
    *,
    skips: Callable[[Unit, ListrakError], bool],
    rejects: Rejects | None = None,
    masks: Masks = NO_MASKS,
    together: int = PAGES,
    pages: int | None = None,
) -> Callable[[], Iterator[PartitionReading[AnyUnit]]]:
    """A reader for ``side_by_side`` of what is left of ``unit`` from ``position`` on, ``together`` pages at a time.

    With ``pages`` it reads so many at the most, as one reading. Else the last reading has the position :data:`DONE`,
    and perhaps no records; a unit that is done already yields none at all. ``skips`` is told of a failure and says
    whether only this unit ends with it, without a last reading. Records come masked; what does not fit goes to
    ``rejects``. The reader raises :class:`ListrakError` for any other failure,
    :class:`FullPage` for a second that no page holds.
    """

    def run() -> Iterator[PartitionReading[AnyUnit]]:
        if position == DONE:
            return
        place = _Place.at(unit, position)
        tables: list[pa.Table] = []
        try:
            for page in islice(_pages(unit, client, count, place, rejects), pages):
                if page.rows:
                    tables.append(page.data)
                if len(tables) in (together, pages) or not place.windows:
                    records = pa.concat_tables(tables, promote_options="default") if tables else unit.no_records
                    records = masks.records(in_one_form(records))
                    if rejects is not None:
                        records = folded(records, unit.table, rejects.bounds)
                    yield PartitionReading(unit, records, place.position(unit), place.proved and not place.windows)
                    tables = []
        except ListrakError as error:
            if not skips(unit, error):
                raise
            logger.warning(f"{unit.stream} is not read: {error}")

    return run


@dataclass
class _Place:
    """Where the reading of a unit is."""

    windows: list[Window]
    """What is still to be read, the present window first; none when all is read."""
    cursor: str | None = None
    """Where the present window goes on; None at its beginning."""
    proved: bool = True
    """Whether nothing has happened so far that leaves a doubt."""
    pages: int = 0
    """Pages that were read since the present window was begun."""
    reached: int = -1
    """How many it had been when the window was begun again."""

    @classmethod
    def at(cls, unit: Unit, position: Position) -> _Place:
        known = position if isinstance(position, dict) else {}
        windows = [Window.from_json(kept) for kept in known.get("windows", ())]
        return cls(windows or [unit.window], known.get("cursor"), known.get("proved", True))

    def position(self, unit: Unit) -> Position:
        if not self.windows:
            return DONE
        known: dict[str, Any] = {}
        if self.cursor:
            known["cursor"] = self.cursor
        if self.windows != [unit.window]:
            known["windows"] = [window.to_json() for window in self.windows]
        if not self.proved:
            known["proved"] = False
        return known

    @property
    def may_begin_again(self) -> bool:
        """Whether to begin anew may lead on: not where that has led to this very place."""
        return self.pages > self.reached

    def go_on(self, cursor: str | None) -> None:
        """To the page behind ``cursor``; None ends the window."""
        self.cursor, self.pages = cursor, self.pages + 1
        if cursor is None:
            self._enter(self.windows[1:])

    def begin_again(self, unit: Unit, why: str) -> None:
        logger.warning(f"{unit.title}: {why}; they are read again from the beginning.")
        self.cursor, self.pages, self.reached = None, 0, self.pages

    def narrow(self, unit: Unit, latest: datetime) -> bool:
        """Cut the present window in two; False where that cannot be."""
        halves = self.windows[0].halves(latest)
        if halves is None:
            return False
        if self.windows == [unit.window]:
            logger.warning(
                f"{unit.title}: a page is full and leads to no other; they are read in narrower windows of dates, "
                "which leave out records without a date."
            )
        self.proved = False
        self._enter([*halves, *self.windows[1:]])
        return True

    def _enter(self, windows: list[Window]) -> None:
        self.windows, self.cursor, self.pages, self.reached = windows, None, 0, -1


def _pages(
    unit: AnyUnit, client: ListrakClient, count: int, place: _Place, rejects: Rejects | None
) -> Iterator[Page[pa.Table]]:
    """All pages from ``place`` on. It moves ahead of each page that is yielded."""
    while place.windows:
        left_at = place.cursor
        try:
            for page in replace(unit, window=place.windows[0]).pages(client, count, place.cursor, rejects):
                if left_at and not page.rows and not page.next_cursor:
                    # An API that has forgotten a cursor may say so by an empty page: no end of data.
                    place.begin_again(unit, "nothing is left where the last pull stopped")
                    break
                left_at = None
                place.go_on(page.next_cursor)
                yield page
        except FullPage as error:
            if not place.narrow(unit, _latest(client)):
                raise _too_full(unit, place.windows[0], count, error) from error
        except RepeatedCursor:
            place.proved = False
            if not place.may_begin_again:
                raise
            place.begin_again(unit, "a cursor came for the second time")
        except ListrakError as error:
            if not (place.may_begin_again and error.cursor_refused):
                raise
            place.begin_again(unit, f"Listrak does not take its own cursor any more ({error.status})")


def _latest(client: ListrakClient) -> datetime:
    """A time after which nothing can have happened yet on the account's clock, whatever its zone."""
    now = client.server_time or datetime.now(timezone.utc)
    return now.replace(tzinfo=None, microsecond=0) + timedelta(days=1)


def _too_full(unit: Unit, window: Window, count: int, error: FullPage) -> FullPage:
    """The error for a window that cannot be cut."""
    start, end, _ = window.to_json()
    when = f"at {start} and within a second of it" if start else f"before {end}"
    rows = count if error.rows is None else error.rows
    helps = count < MAX_COUNT and rows >= count
    advice = f"Set page_size to {MAX_COUNT}." if helps else "Ask Listrak's support for pages of these."
    return FullPage(
        f"{unit.title}: there are {rows} or more {when}. Listrak gives no cursor to the rest, and a date filter "
        f"cannot be narrower. Rows would be missing, so the pull stops here. {advice}",
        operation=error.operation,
    )
