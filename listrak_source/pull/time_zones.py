"""From one time zone to another: what was stored of local times is moved, where the setting was wrong.

The API's dates are local to the account and carry no offset, so every one that is stored was placed by the ``timezone``
setting; parts of keys are among them. A dataset remembers the zone that it was placed in (see ``watermarks``), and
:func:`move` is the way to another one: tables, events and memory in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from datetime import timezone as utc
from typing import Any
from zoneinfo import ZoneInfo

import dlt
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.destinations.sql_client import SqlClientBase

from listrak_source.api import ConfigurationError
from listrak_source.api.dates import offset_of
from listrak_source.pull.one_at_a_time import alone
from listrak_source.pull.schema import CONSENT_EVENTS, LIST_MEMBERSHIPS, TABLES, TIMESTAMP
from listrak_source.pull.state.pipelines import keep_state, states_of
from listrak_source.runs import SOURCE
from listrak_source.settings import resolve
from listrak_source.sql import Sql

_FIRST, _LAST = datetime(1920, 1, 1, tzinfo=utc.utc), datetime(2100, 1, 1, tzinfo=utc.utc)
"""What is older than the one is no date of a contact, and zones are not known beyond the other."""
_QUARTER, _DAY = timedelta(minutes=15), timedelta(days=1)
_LATE_EVENTS = "event IN ('opted_out', 'unsubscribed')"
_PLACED = "event = 'subscribed' AND seen_in = 'contacts' AND effective_at IS NULL AND event_at <> observed_at"
"""The events whose time is a bound of a window, which is local."""

_MOVED: dict[str, Callable[[str, int], str]] = {
    # Not by intervals: DuckDB has them for such columns only with an extension.
    "duckdb": lambda column, seconds: f"to_timestamp((epoch_us({column}) + {seconds * 10**6}) / 1000000)",
    "postgres": lambda column, seconds: f"{column} + INTERVAL '{seconds} seconds'",
}
"""By dialect: a column some seconds later."""

_Span = tuple[datetime, datetime, int]
"""From when to when stored times move, and by how many seconds."""


def move(pipeline: dlt.Pipeline, zone: str, was: str | None = None) -> dict[str, int]:
    """Move all that the pipeline's dataset has stored of local times to ``zone``; returns the rows of each table.

    ``was`` is the zone that it was placed in, where the dataset does not remember it. Nobody may pull meanwhile. Either
    all is moved, or nothing. Raises :class:`ConfigurationError` where there is nothing to do, or no way to do it.
    """
    resolve({"timezone": zone, "client_id": "none", "client_secret": "none"})  # whether there is such a zone
    with alone(pipeline, None), pipeline.destination_client() as opened:
        if not isinstance(opened, SqlJobClientBase) or (sql := Sql(opened.sql_client)).dialect not in _MOVED:
            raise ConfigurationError(
                "only DuckDB and PostgreSQL can move what is stored to another time zone: pull into a new dataset"
            )
        client: SqlClientBase[Any] = opened.sql_client
        states = states_of(client)
        before = {placed for state, _ in states if (placed := _memory(state).get("timezone"))} or {was} - {None}
        if len(before) != 1:
            raise ConfigurationError(
                "this dataset does not remember one time zone that it was placed in: name it, with --was"
            )
        (old,) = before
        if old == zone:
            raise ConfigurationError(f"what is stored is placed in {zone} already")
        with client.begin_transaction():
            counts = _move_rows(sql, opened, ZoneInfo(str(old)), ZoneInfo(zone))
            for state, load_id in states:
                _memory(state)["timezone"] = zone
                keep_state(client, state, load_id)
    return counts


def spans(old: ZoneInfo, new: ZoneInfo, first: datetime, last: datetime, *, late: bool) -> Iterator[_Span]:
    """By how much the UTC of a local time changes that was placed in ``old`` and is to be in ``new``.

    It is told from ``first`` to ``last``. It changes when either zone does, so only such days are looked at by the
    quarter of an hour.
    """

    def shift(at: datetime) -> int:
        local = at.astimezone(old).replace(tzinfo=None, fold=0)
        return round((local - offset_of(local, new, late=late) - at.replace(tzinfo=None)).total_seconds())

    def changes() -> Iterator[tuple[datetime, int]]:
        at = first
        while at < last:
            yield at, shift(at)
            if _changes_near(at, old) or _changes_near(at, new):
                for quarter in range(1, _DAY // _QUARTER):
                    yield at + quarter * _QUARTER, shift(at + quarter * _QUARTER)
            at += _DAY

    began, by = first, None
    for at, seconds in changes():
        if by is not None and seconds != by:
            yield began, at, by
            began = at
        by = seconds
    if by is not None:
        yield began, last, by


def _changes_near(day: datetime, zone: ZoneInfo) -> bool:
    """Whether clocks change on a day or beside it: where it is night in the one zone, it is noon in the other."""
    return len({(day + _DAY * number).astimezone(zone).utcoffset() for number in (-1, 0, 1, 2)}) > 1


def _move_rows(sql: Sql, client: Any, old: ZoneInfo, new: ZoneInfo) -> dict[str, int]:
    columns = dict(client.get_storage_tables(list(TABLES)))
    counts: dict[str, int] = {}
    for name, table in TABLES.items():
        if not columns.get(name):
            continue
        # Of all tables: what pull writes of a date of the API, and the bounds of windows.
        moved = {column.name: column.ends for column in table.columns if column.type == TIMESTAMP and column.source}
        if table is LIST_MEMBERSHIPS:
            moved = {"subscribed_from": False, "subscribed_before": False}
        sets = [(column, late, "TRUE") for column, late in moved.items()]
        if table is CONSENT_EVENTS:
            # The condition of each is still true after those before it.
            sets = [("event_at", True, f"effective_at IS NOT NULL AND {_LATE_EVENTS}")]
            sets += [("event_at", False, f"effective_at IS NOT NULL AND NOT {_LATE_EVENTS}")]
            sets += [("event_at", False, _PLACED)]
            sets += [("effective_at", True, _LATE_EVENTS), ("effective_at", False, f"NOT ({_LATE_EVENTS})")]
        for column, late, condition in sets:
            _move_column(sql, name, column, condition, late=late, old=old, new=new)
        if sets:
            counts[name] = int(sql.one(f"SELECT COUNT(*) FROM {name}"))
    return counts


def _move_column(
    sql: Sql, table: str, column: str, condition: str, *, late: bool, old: ZoneInfo, new: ZoneInfo
) -> None:
    within = f"{column} >= {_literal(_FIRST)} AND {column} < {_literal(_LAST)} AND ({condition})"
    ((first, last),) = sql.rows(f"SELECT MIN({column}), MAX({column}) FROM {table} WHERE {within}")
    if first is None:
        return
    start = datetime.combine(first.astimezone(utc.utc).date(), datetime.min.time(), utc.utc)
    every = list(spans(old, new, start, last.astimezone(utc.utc) + _DAY, late=late))
    by = _MOVED[sql.dialect]
    cases = " ".join(f"WHEN {column} < {_literal(end)} THEN {by(column, seconds)}" for _, end, seconds in every)
    sql.run(sql.verbatim(f"UPDATE {table} SET {column} = CASE {cases} ELSE {column} END WHERE {within}"))


def _literal(moment: datetime) -> str:
    return f"CAST('{moment.isoformat()}' AS TIMESTAMPTZ)"


def _memory(state: dict[str, Any]) -> dict[str, Any]:
    memory: dict[str, Any] = state["sources"][SOURCE]
    return memory
