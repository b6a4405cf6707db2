"""What is in the warehouse: loads, rows, and how far each stream has been read."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

import dlt
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from listrak_source.pull.tables import TABLES

SOURCE = "listrak_sms"


@dataclass(frozen=True)
class Load:
    """One load package that is complete."""

    load_id: str
    at: datetime
    rows: dict[str, int]
    """By table: rows that this load wrote last."""


def query(pipeline: dlt.Pipeline, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query in the pipeline's dataset."""
    with pipeline.sql_client() as client, client.execute_query(sql) as cursor:
        return list(cursor.fetchall())


def model(pipeline: dlt.Pipeline, name: str) -> list[tuple[Any, ...]]:
    """The rows of one of the queries in ``pipelines/models``."""
    return query(pipeline, (files("pipelines") / "models" / f"{name}.sql").read_text())


def row_counts(pipeline: dlt.Pipeline) -> dict[str, int]:
    """Rows by table, for the tables that exist."""
    counts: dict[str, int] = {}
    for name in TABLES:
        try:
            counts[name] = int(query(pipeline, f"SELECT count(*) FROM {name}")[0][0])  # noqa: S608 - our own names
        except DatabaseUndefinedRelation:
            continue
    return counts


def loads(pipeline: dlt.Pipeline, most: int = 10) -> list[Load]:
    """The latest loads, newest first, with the rows that still carry each one's id."""
    try:
        done = query(pipeline, "SELECT load_id, inserted_at FROM _dlt_loads WHERE status = 0 ORDER BY inserted_at DESC")
    except DatabaseUndefinedRelation:
        return []
    latest = done[:most]
    rows: dict[str, dict[str, int]] = {load_id: {} for load_id, _ in latest}
    for name in row_counts(pipeline):
        found = query(pipeline, f"SELECT _dlt_load_id, count(*) FROM {name} GROUP BY 1")  # noqa: S608 - our own names
        for load_id, count in found:
            if load_id in rows:
                rows[load_id][name] = int(count)
    return [Load(load_id, at, rows[load_id]) for load_id, at in latest]


def watermarks(pipeline: dlt.Pipeline) -> list[tuple[str, str, datetime, str]]:
    """What was read, of which sender code, up to when (UTC), for which tables; lists that stand alike share a line."""
    resources = pipeline.state.get("sources", {}).get(SOURCE, {}).get("resources", {})
    tables: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for table, state in resources.items():
        for stream, moment in state.get("watermarks", {}).items():
            tables[stream][moment].append(table)
    alike: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for stream, moments in tables.items():
        kind, sender, *phone_list = stream.split("/")
        for moment, readers in moments.items():
            alike[kind, sender, moment, ", ".join(sorted(readers))] += phone_list
    return [
        (_named(kind, lists), sender, datetime.fromisoformat(moment), readers)
        for (kind, sender, moment, readers), lists in sorted(alike.items())
    ]


def _named(kind: str, lists: list[str]) -> str:
    if kind == "opt_outs":
        return "opt-outs"
    return f"{len(lists)} lists" if len(lists) > 3 else f"list {', '.join(lists)}"
