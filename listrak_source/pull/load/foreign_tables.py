"""Tables that have the name of one of ours and are none: a pull must not write to them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, cast

from dlt.common.schema.utils import has_table_seen_data

from listrak_source.api import ConfigurationError
from listrak_source.pull.load import warehouse
from listrak_source.pull.load.write_disposition import FILESYSTEM
from listrak_source.pull.schema import REJECTED_ROWS, TABLES, Table


def check(wanted: Collection[str], table_format: str | None = None) -> None:
    """Raise :class:`ConfigurationError` where a table that a pull writes to lacks a column of its key, or is a view.

    It says all that is wrong: somebody has renamed the column, or the table is of somebody else. Call it before
    anything is read.
    """
    if not warehouse.is_loading():
        return
    pipeline = warehouse.running()
    if pipeline.destination.destination_type == FILESYSTEM and pipeline.default_schema_name:
        check_format(pipeline.dataset_name, cast("Any", pipeline.default_schema.tables), table_format)
    tables = [table for name, table in TABLES.items() if name in wanted or table is REJECTED_ROWS]
    there, views = warehouse.columns_there([table.name for table in tables])
    if views:
        raise ConfigurationError(
            f"The dataset {pipeline.dataset_name} is not as a pull makes it: {', '.join(sorted(views))} should be"
            " a table, and is a view. Rename the view, or pull into another dataset"
        )
    check_keys(pipeline.dataset_name, tables, there)


def check_format(dataset: str, tables: Mapping[str, Mapping[str, Any]], table_format: str | None) -> None:
    """Raise :class:`ConfigurationError` where files are kept in another format than what dlt knows of ``tables``.

    Each format would see its own rows alone.
    """
    known = {
        one.get("table_format")
        for name, one in tables.items()
        if name in TABLES and has_table_seen_data(cast("Any", one))
    }
    if known and known != {table_format or None}:
        theirs = known.pop() or "plain Parquet"
        raise ConfigurationError(
            f"The tables of {dataset} are kept as {theirs}, and sources.listrak.table_format says"
            f" {table_format or 'plain Parquet'}: set it to what they are, or pull into another dataset"
        )


def check_keys(dataset: str, tables: Iterable[Table], there: Mapping[str, Collection[str]]) -> None:
    """The same, of tables whose columns are known: none of a table that is not there."""
    problems = []
    for table in tables:
        # As the database spells them: in Snowflake in capitals.
        columns = {name.lower() for name in there.get(table.name) or ()}
        if columns and (lost := [name for name in table.key if name not in columns]):
            problems.append(f"its table {table.name} has no column {', '.join(lost)}")
    if problems:
        raise ConfigurationError(
            f"The dataset {dataset} is not as a pull makes it: {'; '.join(problems)}. Where a column was renamed, name"
            " it back; where the table is of somebody else, rename the table, or pull into another dataset"
        )
