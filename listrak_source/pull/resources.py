"""The source's resources: tables whose items are Arrow tables, and what whoever uses dlt may ask of them.

dlt takes a limit of a transformer for nothing, a filter of rows for one of whole Arrow tables, and hints that a pull
cannot work with without a word. Each of these works here as dlt says, or is refused with what to do instead.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from dlt.common import logger
from dlt.extract import DltResource
from dlt.extract.items_transform import FilterItem, LimitItem, MapItem, YieldMapItem

from listrak_source.api import ConfigurationError
from listrak_source.pull.gather import Batch

_CHANGES = (FilterItem, MapItem, YieldMapItem)
_OURS = {
    "table_name": "the tables of a pull find each other by their names. Give another name by a view, or keep another"
    " dataset",
    "parent_table_name": "the tables of a pull stand side by side",
    "write_disposition": "a pull writes what has changed since the last one, and merges it. To begin anew, run with"
    ' refresh="drop_data"; for rows that only pile up, copy the tables',
    "primary_key": "a pull finds rows again by the keys that it knows",
    "merge_key": "a pull finds rows again by the keys that it knows",
    "incremental": "a pull keeps watermarks of its own, one for each list. Where the first one begins, start_date says",
}
"""Hints that are not the caller's, and why."""


class TableResource(DltResource):
    """One table of the source. Its items are Arrow tables: of a page each where a limit is set, else of many."""

    def add_limit(
        self, max_items: int | None = None, max_time: float | None = None, count_rows: bool | None = False
    ) -> TableResource:
        """Take so many Arrow tables, at the most, or rows with ``count_rows``, for so many seconds. A pull that is
        limited moves no watermark: the next one reads the same.
        """
        self._pipe.remove_by_type(LimitItem)
        return self.add_step(LimitItem(max_items, max_time, bool(count_rows)))

    def add_filter(self, item_filter: Any, insert_at: int | None = None) -> TableResource:
        """Keep the Arrow tables for which ``item_filter`` is True. For rows there is :func:`where`."""
        return super().add_filter(self._of_tables("add_filter", item_filter, self._kept), insert_at)  # type: ignore[arg-type]

    def add_map(self, item_map: Any, insert_at: int | None = None) -> TableResource:
        """Hand on what ``item_map`` makes of each Arrow table."""
        return super().add_map(self._of_tables("add_map", item_map, lambda found, _: found), insert_at)  # type: ignore[arg-type]

    @property
    def limit(self) -> LimitItem | None:
        """How much is to be taken."""
        return next((step for step in self._pipe.steps if isinstance(step, LimitItem)), None)

    @property
    def is_changed(self) -> bool:
        """Whether other rows arrive than those that are handed over."""
        return any(isinstance(step, _CHANGES) for step in self._pipe.steps)

    def _of_tables(self, what: str, given: Callable[..., Any], then: Callable[[Any, pa.Table], Any]) -> Any:
        """``given``, and a sentence where it was meant for rows."""

        @wraps(given)
        def checked(item: Any, *meta: Any) -> Any:
            if not isinstance(item, pa.Table):
                return given(item, *meta)
            try:
                return then(given(item, *meta), item)
            except (TypeError, AttributeError, KeyError, ValueError, pa.ArrowException) as error:
                raise ConfigurationError(
                    f"{what} of {self.name} failed ({type(error).__name__}: {error}). It is given an Arrow table of"
                    f" {item.num_rows:,} rows, not one row after the other: see listrak_source.where"
                ) from error

        return checked

    def _kept(self, found: Any, item: pa.Table) -> bool:
        if not isinstance(found, bool):
            raise TypeError(f"it returned {type(found).__name__}, not True or False")
        if not found:
            logger.warning(
                f"add_filter of {self.name} has dropped an Arrow table of {item.num_rows:,} rows: to filter rows, see"
                " listrak_source.where"
            )
        return found


def where(column: str, wanted: Any) -> Callable[[pa.Table], pa.Table | None]:
    """Return a function for ``add_map`` that keeps the rows in whose ``column`` stands ``wanted``: a value, or a
    function that says of each value whether it is.

    >>> source = listrak_sms()  # doctest: +SKIP
    >>> source.contacts.add_map(where("opted_out", True))  # doctest: +SKIP
    >>> source.contacts.add_map(where("email_address", lambda value: value is not None))  # doctest: +SKIP
    """

    def keep(rows: pa.Table) -> pa.Table | None:
        if column not in rows.column_names:
            raise KeyError(f"no column {column}; there are {', '.join(rows.column_names)}")
        values = rows[column]
        if callable(wanted):
            chosen = pa.array([bool(wanted(value)) for value in values.to_pylist()], pa.bool_())
        elif wanted is None:
            chosen = values.is_null()
        else:
            chosen = pc.fill_null(pc.equal(values, pa.scalar(wanted, values.type)), False)
        kept = rows.filter(chosen)
        return kept if kept.num_rows else None

    return keep


class Limits:
    """What is to be taken of each table, where a pull is limited."""

    def __init__(self, resources: Iterable[DltResource], rows: int) -> None:
        """So many ``rows`` are a page."""
        self._rows = rows
        tables = [one for one in resources if isinstance(one, TableResource)]
        self._limits = {one.name: limit for one in tables if (limit := one.limit)}
        self._are_all = len(self._limits) == len(tables)
        self._counts: Counter[str] = Counter()
        self._began = time.monotonic()

    def __bool__(self) -> bool:
        return bool(self._limits)

    def until(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """The batches until enough has come of every table."""
        if self._is_reached:
            return
        for batch in batches:
            for name, rows in batch.items():
                for start in range(0, rows.num_rows, self._rows):
                    yield {name: (page := rows.slice(start, self._rows))}
                    if name in self._limits:
                        self._counts[name] += page.num_rows if self._limits[name].count_rows else 1
                    if self._is_reached:
                        return

    @property
    def _is_reached(self) -> bool:
        return self._are_all and all(self._is_full(name, limit) for name, limit in self._limits.items())

    def _is_full(self, name: str, limit: LimitItem) -> bool:
        over = bool(limit.max_time) and time.monotonic() - self._began > float(limit.max_time or 0)
        return over or 0 <= limit.max_items <= self._counts[name]


class Hints:
    """The hints with which tables were declared and are written: others are refused."""

    def __init__(self) -> None:
        self._known: dict[str, list[dict[str, Any]]] = {}

    def note(self, resource: DltResource) -> None:
        """These are ours."""
        self._known.setdefault(resource.name, []).append(_hints(resource))
        del self._known[resource.name][1:-1]

    def check(self, resource: DltResource) -> None:
        """Raise :class:`ConfigurationError` where the caller has set what is not the caller's."""
        found = _hints(resource)
        for name, why in _OURS.items():
            if any(found[name] == known[name] for known in self._known[resource.name]):
                continue
            if name == "write_disposition" and found[name] in ("merge", {"disposition": "merge"}):
                continue
            raise ConfigurationError(f"listrak_sms: {name} of {resource.name} is not the caller's to set, for {why}")


def _hints(resource: DltResource) -> dict[str, Any]:
    hints: Mapping[str, Any] = resource._hints or {}
    return {name: _plain(hints.get(name)) for name in _OURS}


def _plain(hint: Any) -> Any:
    return dict(hint) if isinstance(hint, Mapping) else hint or None
