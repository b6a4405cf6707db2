"""The source's resources: tables whose items are Arrow tables, and what whoever uses dlt may ask of them.

dlt takes a limit of a transformer for nothing, a filter of rows for one of whole Arrow tables, and hints that a pull
cannot work with without a word. Each of these works here as dlt says, or is refused with what to do instead.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from inspect import signature
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.schema import Schema
from dlt.extract import DltResource
from dlt.extract.hints import HintsMeta
from dlt.extract.items import TableNameMeta
from dlt.extract.items_transform import FilterItem, LimitItem, MapItem, YieldMapItem

from listrak_source.api import ConfigurationError
from listrak_source.pull.records.batching import Batch
from listrak_source.pull.schema import CONSENT_EVENTS, CONTACTS, LIST_MEMBERSHIPS

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
_LOSING = {"tables": ("discard_row", "discard_value"), "columns": ("discard_row",), "data_type": ("discard_row",)}
"""Modes of a schema contract by which rows are left out without a word."""


class _Counted(LimitItem):
    """A limit that says when it is reached, and drops nothing."""

    def __call__(self, item: Any, meta: Any = None) -> Any:
        super().__call__(item, meta)
        return item


class TableResource(DltResource):
    """One table of the source. Its items are Arrow tables: of a page each where a limit is set, else of many."""

    def add_limit(
        self, max_items: int | None = None, max_time: float | None = None, count_rows: bool | None = False
    ) -> TableResource:
        """Take so many Arrow tables, at the most, or rows with ``count_rows``, for so many seconds.

        A pull that is limited moves no watermark: the next one reads the same.
        """
        # An event that is dropped while its row is loaded would be told by no later pull.
        kind = _Counted if self.name == CONSENT_EVENTS.name else LimitItem
        self._pipe.remove_by_type(LimitItem, _Counted)
        return self.add_step(kind(max_items, max_time, bool(count_rows)))

    def add_filter(self, item_filter: Any, insert_at: int | None = None) -> TableResource:
        """Look at each Arrow table: ``item_filter`` must be True. To filter rows there is :func:`where`."""
        step = self._of_tables("add_filter", item_filter, self._kept, lambda _: True)
        return super().add_filter(step, insert_at)  # type: ignore[arg-type]

    def add_map(self, item_map: Any, insert_at: int | None = None) -> TableResource:
        """Hand on what ``item_map`` makes of each Arrow table."""
        step = self._of_tables("add_map", item_map, self._mapped, lambda item: item)
        return super().add_map(step, insert_at)  # type: ignore[arg-type]

    def add_yield_map(self, item_map: Any, insert_at: int | None = None) -> TableResource:
        """Hand on each of what ``item_map`` yields of an Arrow table."""
        step = self._of_tables("add_yield_map", item_map, self._each, lambda item: iter((item,)))
        return super().add_yield_map(step, insert_at)  # type: ignore[arg-type]

    @property
    def limit(self) -> LimitItem | None:
        """How much is to be taken."""
        return next((step for step in self._pipe.steps if isinstance(step, LimitItem)), None)

    @property
    def is_changed(self) -> bool:
        """Whether other rows arrive than those that are handed over."""
        return any(isinstance(step, _CHANGES) for step in self._pipe.steps)

    def _of_tables(self, what: str, given: Callable[..., Any], then: Callable[[Any, pa.Table], Any], own: Any) -> Any:
        """``given``, and a sentence where it was meant for rows.

        What the pull tells of itself comes along with a table, and passes as it is: ``own`` says what that is for this
        step.
        """
        takes_meta = len(signature(given).parameters) > 1

        def checked(item: Any, meta: Any) -> Any:
            if _table_of(meta) not in (None, self.name):
                return own(item)
            rows = getattr(item, "num_rows", 0)
            try:
                return then(given(item, meta) if takes_meta else given(item), item)
            except (TypeError, AttributeError, LookupError, ValueError, pa.ArrowException) as error:
                if not rows:  # it only has the table made: which columns there are, nobody needs to tell of nothing
                    return own(item)
                raise ConfigurationError(
                    f"{what} of {self.name} failed ({type(error).__name__}: {error}). It is given an Arrow table of"
                    f" {rows:,} rows, not one row after the other: see listrak_source.where"
                ) from error

        return checked

    def _kept(self, found: Any, item: pa.Table) -> bool:
        if not isinstance(found, bool):
            raise TypeError(f"it returned {type(found).__name__}, not True or False")
        if not found and item.num_rows:
            # Of a whole table nobody means that; and what is left out once is not read again.
            raise ValueError(f"it left out all {item.num_rows:,} rows at once")
        return True

    def _mapped(self, found: Any, item: pa.Table) -> Any:
        if found is not None and not isinstance(found, pa.Table | pa.RecordBatch):
            raise TypeError(f"it returned {type(found).__name__}, not an Arrow table")
        return found if found is not None or item.num_rows else item

    def _each(self, found: Any, item: pa.Table) -> Any:
        return found if item.num_rows else iter((item,))


def where(column: str, wanted: Any) -> Callable[[pa.Table], pa.Table | None]:
    """Return a function for ``add_map`` that keeps the rows in whose ``column`` stands ``wanted``.

    ``wanted`` is a value, or a function that says of each value whether it is. A row that is left out later stays in
    the warehouse as it was: so filter by nothing that changes, and never by consent.

    >>> source = listrak_sms()  # doctest: +SKIP
    >>> source.contacts.add_map(where("postal_code", "10001"))  # doctest: +SKIP
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
        tables = [one for one in resources if isinstance(one, TableResource)]
        self._limits = {one.name: limit for one in tables if (limit := one.limit)}
        self._rows = rows
        # People come last, and what follows of them with them. A table may have no rows at all.
        last = {one.name for one in tables} & {CONTACTS.name, LIST_MEMBERSHIPS.name}
        self._deciding = last or {one.name for one in tables}
        self._began = time.monotonic()

    def __bool__(self) -> bool:
        return bool(self._limits)

    def until(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The batches, page by page, until enough has come: events before the rows that they are of."""
        for batch in batches:
            for name in sorted(batch, key=lambda name: name != CONSENT_EVENTS.name):
                rows = batch[name]
                size = max(rows.num_rows if name == CONSENT_EVENTS.name else self._rows, 1)
                for start in range(0, rows.num_rows, size):
                    yield {name: rows.slice(start, size)}
                    # dlt counts a page when it has been given the next one.
                    yield {}
                    if self._is_reached:
                        return

    @property
    def _is_reached(self) -> bool:
        return all(name in self._limits and self._is_full(self._limits[name]) for name in self._deciding)

    def _is_full(self, limit: LimitItem) -> bool:
        over = limit.max_time is not None and time.monotonic() - self._began > limit.max_time
        return over or limit.max_items == 0 or bool(limit.exhausted)


class Hints:
    """The hints with which tables were declared and are written: others are refused."""

    def __init__(self) -> None:
        self._known: dict[str, list[dict[str, Any]]] = {}

    def note(self, resource: DltResource) -> None:
        """These are ours."""
        self._known.setdefault(resource.name, []).append(_hints(resource))
        del self._known[resource.name][1:-1]

    def check(self, resource: DltResource, schema: Schema) -> None:
        """Raise :class:`ConfigurationError` where the caller has set what is not the caller's.

        It looks at the ``resource`` and at all of the ``schema``.
        """
        if resource.name not in self._known:
            raise ConfigurationError(
                f"listrak_sms: {resource.name} is no table of a pull: the tables find each other by their names"
            )
        found = _hints(resource)
        for name, why in _OURS.items():
            if any(found[name] == known[name] for known in self._known[resource.name]):
                continue
            if name == "write_disposition" and found[name] in ("merge", {"disposition": "merge"}):
                continue
            raise ConfigurationError(f"listrak_sms: {name} of {resource.name} is not the caller's to set, for {why}")
        contract = schema.resolve_contract_settings_for_table(resource.name, resource.compute_table_schema())
        for entity, modes in _LOSING.items():
            if (mode := dict(contract)[entity]) in modes:
                raise ConfigurationError(
                    f"listrak_sms: {entity}={mode} in the schema_contract of {resource.name} would leave out rows, and"
                    " no later pull reads them again: a stop may be among them. Take freeze, which ends the run"
                    + (", or discard_value, which leaves out the new column alone" if entity == "columns" else "")
                )


def _table_of(meta: Any) -> str | None:
    """The table that an item is for, where it says so."""
    if isinstance(meta, HintsMeta):
        return meta.hints.get("table_name")  # type: ignore[return-value]
    return meta.table_name if isinstance(meta, TableNameMeta) else None


def _hints(resource: DltResource) -> dict[str, Any]:
    hints: Mapping[str, Any] = resource._hints or {}
    return {name: _plain(hints.get(name)) for name in _OURS}


def _plain(hint: Any) -> Any:
    return dict(hint) if isinstance(hint, Mapping) else hint or None
