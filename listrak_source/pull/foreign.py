"""Tables that have the name of one of ours and are none: a pull must not write to them."""

from __future__ import annotations

from collections.abc import Collection

from listrak_source.api import ConfigurationError
from listrak_source.pull import held
from listrak_source.pull.tables import REJECTED_ROWS, TABLES


def check(wanted: Collection[str]) -> None:
    """Raise :class:`ConfigurationError`, with all that is wrong, where a table that a pull writes to lacks a column of
    its key: somebody has renamed the column, or the table is of somebody else. Call it before anything is read.
    """
    tables = [table for name, table in TABLES.items() if name in wanted or table is REJECTED_ROWS]
    there = held.columns_there([table.name for table in tables])
    problems = []
    for table in tables:
        columns = there.get(table.name)
        if columns and (lost := [name for name in table.key if name not in columns]):
            problems.append(f"its table {table.name} has no column {', '.join(lost)}")
    if problems:
        dataset = held.running().dataset_name
        raise ConfigurationError(
            f"The dataset {dataset} is not as a pull makes it: {'; '.join(problems)}. Where a column was renamed, name"
            " it back; where the table is of somebody else, rename the table, or pull into another dataset"
        )
