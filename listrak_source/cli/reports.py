"""What is in the warehouse: loads, rows, and how far each stream has been read."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from importlib.resources import files
from typing import Any

import dlt
from dlt.common.schema import Schema
from dlt.common.schema.utils import has_table_seen_data
from dlt.destinations.exceptions import DatabaseException, DatabaseUndefinedRelation

from listrak_source.cli.errors import Exit
from listrak_source.pull.load.warehouse import sql_list
from listrak_source.pull.run_record import remarks, removals, unread
from listrak_source.pull.schema import CONTACTS, REJECTED_ROWS, REMOVED_AT, TABLES
from listrak_source.pull.state.checkpoint import Checkpoint
from listrak_source.pull.state.streams import Stream
from listrak_source.runs import PULL_RUNS, SOURCE

__all__ = [
    "SOURCE",
    "Load",
    "as_document",
    "in_doubt",
    "last_walk",
    "loads",
    "lost",
    "may_pass",
    "model",
    "never_read",
    "pending",
    "query",
    "remarks",
    "removals",
    "removals_hash",
    "removed",
    "row_counts",
    "set_aside",
    "stale",
    "unread",
    "watermarks",
    "written",
]

_REMOVED = REMOVED_AT.name
_MOST = 5
"""Names that one sentence tells, at the most."""


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
    """The rows of one of the queries in ``cli/sql``."""
    return query(pipeline, (files("listrak_source.cli") / "sql" / f"{name}.sql").read_text())


def row_counts(pipeline: dlt.Pipeline) -> dict[str, tuple[int, int]]:
    """Rows by table, for the tables that exist: those that are there, and those that are gone at Listrak."""
    counts: dict[str, tuple[int, int]] = {}
    for name in TABLES:
        gone = f"count({_REMOVED})" if name in _marking(pipeline) else "0"
        try:
            ((every, removed),) = query(pipeline, f"SELECT count(*), {gone} FROM {name}")  # noqa: S608 - our own names
        except DatabaseUndefinedRelation:
            continue
        counts[name] = (int(every) - int(removed), int(removed))
    return counts


def written(pipeline: dlt.Pipeline, table: str, loads: Sequence[str]) -> int:
    """How many rows of a table these loads wrote last."""
    ((count,),) = query(pipeline, f"SELECT count(*) FROM {table} WHERE _dlt_load_id IN ({sql_list(loads)})")  # noqa: S608
    return int(count)


def removed(pipeline: dlt.Pipeline, loads: Sequence[str]) -> dict[str, int]:
    """By table: rows that these loads marked as removed."""
    counts = {}
    for name in _marking(pipeline):
        where = f"_dlt_load_id IN ({sql_list(loads)}) AND {_REMOVED} IS NOT NULL"
        counts[name] = int(query(pipeline, f"SELECT count(*) FROM {name} WHERE {where}")[0][0])  # noqa: S608
    return {name: count for name, count in counts.items() if count}


def set_aside(pipeline: dlt.Pipeline, loads: Sequence[str]) -> dict[tuple[str, str], int]:
    """By table and reason: records that these loads set aside, the most first."""
    where = f"_dlt_load_id IN ({sql_list(loads)}) GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2"
    found = query(pipeline, f"SELECT table_name, reason, count(*) FROM {REJECTED_ROWS.name} WHERE {where}")  # noqa: S608
    return {(table, reason): int(count) for table, reason, count in found}


def _marking(pipeline: dlt.Pipeline) -> list[str]:
    """The tables there that mark what is removed."""
    held: Mapping[str, Any] = pipeline.default_schema.tables if pipeline.default_schema_name else {}
    return [name for name in TABLES if name in held and _REMOVED in held[name]["columns"]]


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


def pending(pipeline: dlt.Pipeline) -> Checkpoint | None:
    """The pull that is not at its end, as far as the loads that it has behind it; None when there is none."""
    state = pipeline.state.get("sources", {}).get(SOURCE, {}).get("pending")
    return Checkpoint.of(state) if state else None


def last_walk(pipeline: dlt.Pipeline) -> tuple[datetime, dict[str, list[str]]] | None:
    """When the last complete walk began that came to its end, and by reason what it could not prove to have read.

    None when there was no such walk.
    """
    state = pipeline.state.get("sources", {}).get(SOURCE, {}).get("walk")
    if not state:
        return None
    reasons: dict[str, list[str]] = defaultdict(list)
    for stream, reason in sorted(state["unproved"].items()):
        reasons[reason].append(_in_doubt(stream))
    return datetime.fromisoformat(state["began"]), reasons


def lost(schema: Schema, there: Mapping[str, Collection[str]]) -> list[str]:
    """What loads have made, by dlt's ``schema``, and is no more among the tables ``there`` with their columns."""
    told = []
    for name, table in schema.tables.items():
        if name in TABLES and has_table_seen_data(table) and (gone := {*table["columns"]} - {*there.get(name, ())}):
            what = f"the column {', '.join(sorted(gone))}" if name in there else "all of it"
            told.append(f"{name} has lost {what}: the next pull reads it from its beginning.")
    return told


def removals_hash(pipeline: dlt.Pipeline) -> str:
    """The hash of those rows, by which they may be let through; empty where there are none."""
    found: str = pipeline.state.get("sources", {}).get(SOURCE, {}).get("removals", {}).get("hash", "")
    return found


def may_pass(pipeline: dlt.Pipeline) -> bool:
    """Whether any of what could not be read may be read by the same command later."""
    state = pipeline.state.get("sources", {}).get(SOURCE, {}).get("unread", {})
    return any(one["passes"] for one in state.values())


def in_doubt(reasons: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """What :func:`last_walk` says is not proved, in sentences."""
    for reason, named in reasons.items():
        told = ", ".join(named[:_MOST]) + (" …" if len(named) > _MOST else "")
        yield f"Nothing is marked as removed of {told}, for {reason}."


def watermarks(pipeline: dlt.Pipeline) -> list[tuple[str, str, datetime, str]]:
    """What was read, of which sender code, up to when (UTC), for which tables; lists that stand alike share a line."""
    resources = pipeline.state.get("sources", {}).get(SOURCE, {}).get("resources", {})
    tables: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for table, state in resources.items():
        for stream, moment in state.get("watermarks", {}).items():
            tables[stream][moment].append(table)
    alike: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for name, moments in tables.items():
        if (stream := Stream.of(name)) is None:
            continue
        for moment, readers in moments.items():
            lists = alike[stream.table, str(stream.sender_code_id), moment, ", ".join(sorted(readers))]
            lists += [] if stream.phone_list_id is None else [str(stream.phone_list_id)]
    return [
        (_named(kind, lists), sender, datetime.fromisoformat(moment), readers)
        for (kind, sender, moment, readers), lists in sorted(alike.items())
    ]


def never_read(pipeline: dlt.Pipeline) -> list[int]:
    """The sender codes that pulls were begun for, each by itself, of which nobody and no stop was ever read.

    A pull that was told wrong settings was for none.
    """
    wanted = f"sender_codes IS NOT NULL AND (exit_code IS NULL OR exit_code <> {int(Exit.WRONG_USE)})"
    try:
        found = query(pipeline, f"SELECT DISTINCT sender_codes FROM {PULL_RUNS} WHERE {wanted}")  # noqa: S608 - our name
    except DatabaseException:  # no table of runs, or one of somebody else
        return []
    begun = {int(sender) for (senders,) in found for sender in json.loads(senders)}
    return sorted(begun - {int(sender) for _, sender, *_ in watermarks(pipeline)})


def stale(pipeline: dlt.Pipeline, most: timedelta) -> list[str]:
    """Sentences about what was read up to a moment that is longer ago than ``most``.

    One for each such table, or a single one where no people and no stops were ever read.
    """
    if not watermarks(pipeline):
        return ["No contacts and no opt-outs were ever read into this dataset; listrak pull reads them."]
    oldest: dict[str, tuple[timedelta, str, str]] = {}
    for what, sender, moment, readers in watermarks(pipeline):
        age = age_of(pipeline, moment)
        for table in readers.split(", "):
            if age > most and age > oldest.get(table, (timedelta(),))[0]:
                oldest[table] = (age, what, sender)
    told = [
        f"{table} is {spoken(age)} old ({what} of sender code {sender}), and may be {spoken(most)}."
        for table, (age, what, sender) in sorted(oldest.items())
    ]
    if never := never_read(pipeline):
        told.append(f"No contacts and no opt-outs were ever read of sender code {', '.join(map(str, never))}.")
    return told


def age_of(pipeline: dlt.Pipeline, moment: datetime) -> timedelta:
    """How long ago a moment of Listrak's clock was, by ours since the last pull read both."""
    now = datetime.now(timezone.utc)
    noted = pipeline.state.get("sources", {}).get(SOURCE, {}).get("clocks")
    theirs, ours = map(datetime.fromisoformat, noted) if noted else (now, now)
    return (theirs - moment) + (now - ours)


def spoken(time: timedelta) -> str:
    """A time as people say it, in hours where it is one."""
    for unit in ("hours", "minutes"):
        if time >= timedelta(**{unit: 1}):
            return f"{time / timedelta(**{unit: 1}):,.1f} {unit}"
    return f"{time.total_seconds():,.1f} seconds"


def as_document(pipeline: dlt.Pipeline) -> dict[str, Any]:
    """All of it, for a program."""
    unfinished, walk = pending(pipeline), last_walk(pipeline)
    return {
        "results": [
            {"table": name, "rows": rows, "removed": gone} for name, (rows, gone) in row_counts(pipeline).items()
        ],
        "loads": [{"load_id": load.load_id, "at": load.at, "rows": load.rows} for load in loads(pipeline)],
        "read_up_to": [
            {"what": what, "sender_code_id": int(sender), "watermark": moment, "tables": readers.split(", ")}
            for what, sender, moment, readers in watermarks(pipeline)
        ],
        "unfinished_pull_began_at": unfinished.began if unfinished else None,
        "last_complete_walk": {"began_at": walk[0], "not_proved": walk[1]} if walk else None,
        "unread": unread(pipeline),
        "over_budget": removals(pipeline),
    }


def _in_doubt(stream: str) -> str:
    """A stream of a pull or a table, as a person knows it."""
    known = Stream.of(stream)
    if known is None:
        return f"the {stream}" if " " in stream else stream
    if known.table != CONTACTS.name:
        return f"the opt-outs of {known.sender_code_id}"
    whole = f"the lists of {known.sender_code_id}"
    return whole if known.phone_list_id is None else f"list {known.phone_list_id}"


def _named(kind: str, lists: list[str]) -> str:
    if kind == "opt_outs":
        return "opt-outs"
    return f"{len(lists)} lists" if len(lists) > 3 else f"list {', '.join(lists)}"
