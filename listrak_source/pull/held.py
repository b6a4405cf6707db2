"""What the warehouse of the running pipeline holds: queries that run there, answers as Arrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import cast
from weakref import WeakKeyDictionary

import dlt
import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.configuration.container import Container
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.common.pipeline import PipelineContext
from dlt.common.storages.load_package import load_package_state
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from listrak_source.pull.tables import REMOVED_AT, TEXT, TIMESTAMP, Table

ROWS = 100_000
"""Rows of an answer that are held in memory at once."""


_datasets: WeakKeyDictionary[dlt.Pipeline, tuple[str, dlt.Dataset]] = WeakKeyDictionary()
"""By pipeline: the load that runs, and the dataset as it was when the load began."""


def columns_of(table: Table) -> frozenset[str]:
    """The columns that the warehouse's table has; none when it was never written."""
    schema = _dataset().schema
    return frozenset(schema.tables[table.name]["columns"]) if table.name in schema.tables else frozenset()


def alive(table: Table) -> str:
    """The condition for rows that no complete walk has found gone."""
    return f"{REMOVED_AT.name} IS NULL" if REMOVED_AT.name in columns_of(table) else "TRUE"


def held(query: str) -> Iterator[pa.Table]:
    """The rows that ``query`` finds, about :data:`ROWS` at a time; nothing where a table is not there yet.

    ``query`` is in DuckDB's dialect and becomes the destination's.
    """
    try:
        for rows in _found(query):
            yield _as_ours(rows)
    except (KeyError, DatabaseUndefinedRelation, DestinationUndefinedEntity):
        # A dataset, a table, or (on files) only the rows may be missing: dlt tells by different errors.
        return


def _found(query: str) -> Iterator[pa.Table]:
    dataset = _dataset()
    client = dataset.sql_client
    if client.capabilities.sqlglot_dialect != "duckdb":
        yield from dataset.query(query, query_dialect="duckdb").iter_arrow(chunk_size=ROWS)
        return
    # DuckDB's SQL is DuckDB's already: to parse it, name its columns and write it again takes longer than to run it.
    with nullcontext() if client.native_connection else client, client.execute_query(query) as cursor:
        yield from cursor.iter_arrow(chunk_size=ROWS)


def _dataset() -> dlt.Dataset:
    """One for all queries of a load: for each new one, dlt looks its settings up again."""
    # Not dlt.current.pipeline(), which looks settings up as well: each batch of rows asks several times.
    pipeline = cast("dlt.Pipeline", Container()[PipelineContext].pipeline())
    load_id = load_package_state()["load_id"]
    of_load, dataset = _datasets.get(pipeline, (None, None))
    if dataset is None or of_load != load_id:
        dataset = pipeline.dataset()
        _datasets[pipeline] = load_id, dataset
    return dataset


def whole(rows: pa.Table, table: Table, **instead: pa.Scalar) -> pa.Table:
    """Rows as the warehouse holds them, to be written again (a merge replaces whole rows): without dlt's own columns,
    in the types that we declare, and with other values in some columns.
    """
    columns = {name: rows[name] for name in rows.column_names if not name.startswith("_dlt")}
    columns |= {name: pa.repeat(value, rows.num_rows) for name, value in instead.items()}
    declared = {field.name: field for field in table.schema}
    fields = [declared.get(name, pa.field(name, column.type)) for name, column in columns.items()]
    return pa.table(
        [column.cast(field.type) for column, field in zip(columns.values(), fields, strict=True)], pa.schema(fields)
    )


def texts(values: Sequence[str]) -> str:
    """A list of SQL literals."""
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)


def by_group(rows: pa.Table, names: list[str]) -> Iterator[tuple[tuple[str | int, ...], pa.Table]]:
    """The rows for each combination of values in a few columns."""
    for group in rows.group_by(names).aggregate([]).to_pylist():
        chosen = rows
        for name in names:
            chosen = chosen.filter(pc.equal(chosen[name], group[name]))
        yield tuple(group[name] for name in names), chosen


def _as_ours(rows: pa.Table | pa.RecordBatch) -> pa.Table:
    """Timestamps in UTC and plain text, whatever the destination made of them."""
    table = pa.table(rows) if isinstance(rows, pa.RecordBatch) else rows
    for index, field in enumerate(table.schema):
        kind = TIMESTAMP if pa.types.is_timestamp(field.type) else TEXT if _is_text(field.type) else field.type
        if field.type != kind:
            table = table.set_column(index, field.name, table.column(index).cast(kind))
    return table


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_dictionary(kind))
