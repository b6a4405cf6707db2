"""What the page shows, read from a warehouse at once: counts by sender code, list and day, and no person.

It is kept in a DuckDB in memory, where filters cost nothing and the warehouse is asked nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa

from listrak_source.api.redaction import redact
from listrak_source.dashboard.model_sql import Definitions
from listrak_source.sql import Sql

OVERLAP_LISTS = 10
"""Lists of a sender code whose overlap is told: the ones with most who can be reached."""
MOST_RUNS = 60
_COUNT = "BIGINT"
_DAY = "DATE"
_MOMENT = "TIMESTAMP"
"""In UTC."""


@dataclass(frozen=True)
class Extract:
    """A table of the snapshot."""

    columns: Mapping[str, str]
    """By name: the type, in DuckDB."""
    query: str
    """In DuckDB's SQL; a model stands in it by its name in braces."""


_SENDER = {"sender_code_id": _COUNT}
_LIST = {**_SENDER, "phone_list_id": _COUNT}
_GROWTH = ("undated", "opening", "joined", "came_back", "left_list", "stopped", "net", "closing")
_MEMBERS = ("members", "opted_out_members", "reachable", "pending")
_OF_A_PULL = ("rows_loaded", "rows_removed", "records_rejected", "requests", "retries", "seconds_taken")
_BITS = " ".join(f"WHEN {place} THEN {1 << place}" for place in range(OVERLAP_LISTS))

EXTRACTS: dict[str, Extract] = {
    "sender_codes": Extract(
        {**_SENDER, "code": "TEXT"}, "SELECT sender_code_id, code FROM {stg_listrak__sender_codes}"
    ),
    "growth": Extract(
        {**_LIST, "day": _DAY, "is_observed": "BOOLEAN", **dict.fromkeys(_GROWTH, _COUNT)},
        f"""SELECT sender_code_id, phone_list_id, day, is_observed, {", ".join(_GROWTH)}
        FROM {{listrak__growth_daily}} WHERE phone_list_id <> 0""",
    ),
    "lists": Extract(
        {**_LIST, "phone_list_name": "TEXT", "is_removed": "BOOLEAN", **dict.fromkeys(_MEMBERS, _COUNT)},
        f"""SELECT sender_code_id, phone_list_id, phone_list_name, is_removed, {", ".join(_MEMBERS)}
        FROM {{listrak__list_health}}""",
    ),
    # Each person once, by the lists that reach them: bit n of `mask` is the list that is n-th of its sender code.
    "audience": Extract(
        {**_SENDER, "mask": _COUNT, "people": _COUNT},
        f"""WITH reached AS (
            SELECT sender_code_id, phone_list_id, phone_number FROM {{listrak__consent_now}}
            WHERE is_reachable AND phone_list_id <> 0
        ), ranked AS (
            SELECT sender_code_id, phone_list_id,
                ROW_NUMBER() OVER (PARTITION BY sender_code_id ORDER BY COUNT(*) DESC, phone_list_id) - 1 AS place
            FROM reached GROUP BY sender_code_id, phone_list_id
        ), people AS (
            SELECT reached.sender_code_id, SUM(CASE ranked.place {_BITS} ELSE 0 END) AS mask
            FROM reached JOIN ranked
                ON ranked.sender_code_id = reached.sender_code_id AND ranked.phone_list_id = reached.phone_list_id
            GROUP BY reached.sender_code_id, reached.phone_number
        )
        SELECT sender_code_id, mask, COUNT(*) AS people FROM people GROUP BY sender_code_id, mask""",
    ),
    "stops": Extract(
        {
            **_SENDER, "month": _DAY, "is_dated": "BOOLEAN", "reason_class": "TEXT", "reason": "TEXT",
            "opt_outs": _COUNT,
        },
        """SELECT sender_code_id, month, is_dated, reason_class, reason, opt_outs
        FROM {listrak__opt_out_reasons}""",
    ),
    "cohorts": Extract(
        {
            **_SENDER, "join_month": _DAY, "months_since": _COUNT, "is_observed": "BOOLEAN", "people": _COUNT,
            "consenting": _COUNT,
        },
        """SELECT sender_code_id, join_month, months_since, is_observed, people, consenting
        FROM {listrak__cohorts}""",
    ),
    "contacts": Extract(
        {**_SENDER, "contacts": _COUNT},
        """SELECT sender_code_id, COUNT(*) AS contacts FROM {stg_listrak__contacts} WHERE removed_at IS NULL
        GROUP BY sender_code_id""",
    ),
    "fields": Extract(
        {**_SENDER, "segmentation_field_id": _COUNT, "field": "TEXT", "data_type": "TEXT", "filled": _COUNT},
        """SELECT fields.sender_code_id, fields.segmentation_field_id, fields.segmentation_field_name AS field,
            fields.data_type, COALESCE(held.filled, 0) AS filled
        FROM {stg_listrak__profile_fields} AS fields
        LEFT JOIN (
            SELECT sender_code_id, segmentation_field_id, COUNT(*) AS filled
            FROM {stg_listrak__contact_profile_values} WHERE removed_at IS NULL AND value <> ''
            GROUP BY sender_code_id, segmentation_field_id
        ) AS held
            ON held.sender_code_id = fields.sender_code_id
            AND held.segmentation_field_id = fields.segmentation_field_id
        WHERE fields.removed_at IS NULL""",
    ),
    # Stops from before the first pull were known when it came: they tell nothing of how soon one is known.
    "stops_known": Extract(
        {**_SENDER, "day": _DAY, "hours": _COUNT, "stops": _COUNT},
        """WITH first_pulls AS (
            SELECT sender_code_id, MIN(observed_at) AS first_at FROM {listrak__consent_events} GROUP BY sender_code_id
        )
        SELECT events.sender_code_id, events.event_on AS day, CEIL(events.hours_until_known) AS hours,
            COUNT(*) AS stops
        FROM {listrak__consent_events} AS events
        JOIN first_pulls ON first_pulls.sender_code_id = events.sender_code_id
        WHERE events.event = 'opted_out' AND events.event_precision = 'exact'
            AND events.effective_at >= first_pulls.first_at
        GROUP BY events.sender_code_id, events.event_on, CEIL(events.hours_until_known)""",
    ),
    "pulls": Extract(
        {
            "began_at": _MOMENT, "ended_at": _MOMENT, "outcome": "TEXT", "times": _COUNT,
            **dict.fromkeys(_OF_A_PULL, _COUNT), "message": "TEXT",
        },
        f"""SELECT began_at, ended_at, outcome, times, {", ".join(_OF_A_PULL)}, message
        FROM {{listrak__pull_health}} ORDER BY began_at DESC LIMIT {MOST_RUNS}""",
    ),
    "rejected": Extract(
        {"table_name": "TEXT", "reason": "TEXT", "first_at": _MOMENT, "last_at": _MOMENT, "records": _COUNT},
        """SELECT table_name, reason, MIN(observed_at) AS first_at, MAX(observed_at) AS last_at, COUNT(*) AS records
        FROM {stg_listrak__rejected_rows} GROUP BY table_name, reason""",
    ),
    "pushes": Extract(
        {"run_id": "TEXT", "sync_name": "TEXT", **_SENDER, "began_at": "DOUBLE", "status": "TEXT"},
        f"""SELECT run_id, sync_name, sender_code_id, began_at, status
        FROM {{stg_listrak__push_runs}} ORDER BY began_at DESC LIMIT {MOST_RUNS}""",
    ),
    # Versions before 0.1 wrote statuses with blanks.
    "pushed": Extract(
        {"run_id": "TEXT", "outcome": "TEXT", "amount": _COUNT},
        f"""SELECT changes.run_id, REPLACE(changes.status, ' ', '_') AS outcome, COUNT(*) AS amount
        FROM {{stg_listrak__push_changes}} AS changes
        JOIN (
            SELECT run_id FROM {{stg_listrak__push_runs}} ORDER BY began_at DESC LIMIT {MOST_RUNS}
        ) AS runs ON runs.run_id = changes.run_id
        GROUP BY changes.run_id, REPLACE(changes.status, ' ', '_')""",
    ),
}  # fmt: skip

_FREE_TEXTS = ("phone_list_name", "field", "reason", "message")
"""Columns in which somebody's number may stand, for people or messages have written them."""
LIVE = ("listrak__pull_health", "stg_listrak__pull_runs")
"""Models that are made anew even where they are built: the last pull may be later than the last build."""


@dataclass(frozen=True)
class Snapshot:
    """Counts of a dataset, as they were at a moment."""

    tables: duckdb.DuckDBPyConnection
    """A table for each of :data:`EXTRACTS`."""
    at: datetime
    location: str
    dataset: str
    timezone: str
    models: str | None
    """The schema of the models that it was read from; None where they were made for it alone."""
    doubts: list[str]
    """What was not read, in sentences."""
    missing: frozenset[str] = frozenset()
    """Tables that no pull has made."""

    def with_doubt(self, sentence: str) -> Snapshot:
        """The same, with one sentence more."""
        return replace(self, doubts=[sentence, *self.doubts])

    def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """The rows of a query, with values for the names in it."""
        cursor = self.tables.execute(query, {name: values[name] for name in values if f"${name}" in query})
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def take(store: Sql, definitions: Definitions) -> duckdb.DuckDBPyConnection:
    """Read every extract. What is made for it in the warehouse is gone with the connection."""
    queries = {name: one.query.format_map(_Named(definitions)) for name, one in EXTRACTS.items()}
    for one in definitions.made:
        for statement in one.statements(store.dialect):
            store.run_verbatim(statement)
    tables = duckdb.connect()
    for name, extract in EXTRACTS.items():
        columns = ", ".join(f'"{column}" {kind}' for column, kind in extract.columns.items())
        tables.execute(f'CREATE TABLE "{name}" ({columns})')
        if rows := store.rows(queries[name]):
            held = {
                column: [_plain(value, kind, is_free=column in _FREE_TEXTS) for value in values]
                for (column, kind), values in zip(extract.columns.items(), zip(*rows, strict=True), strict=True)
            }
            tables.register("read", pa.table(held))
            tables.execute(f'INSERT INTO "{name}" SELECT * FROM read')
            tables.unregister("read")
    return tables


class _Named(dict[str, str]):
    def __init__(self, definitions: Definitions) -> None:
        super().__init__()
        self._definitions = definitions

    def __missing__(self, model: str) -> str:
        return self._definitions.named(model)


def _plain(value: Any, kind: str, *, is_free: bool) -> Any:
    """A value as DuckDB takes it. No person's number is in it, whatever somebody has written into a text."""
    if isinstance(value, Decimal):
        return float(value) if value % 1 else int(value)
    if kind in {_DAY, _MOMENT} and not isinstance(value, date):
        return None  # years that Python does not know come as text
    if isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(timezone.utc).replace(tzinfo=None)
    return redact(value) if is_free and isinstance(value, str) else value
