"""What a batch of rows means beside what the destination holds, for destinations whose merge cannot work it out.

See :mod:`listrak_source.pull.load.write_disposition`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from listrak_source.pull.load.warehouse import columns_of, select, sql_list
from listrak_source.pull.schema import TEXT, Table

_NAMED = 5_000
"""Keys that one query names, at the most; of more it asks for all between the first and the last."""


def unknown(rows: pa.Table, table: Table) -> pa.Table:
    """The rows whose key the destination does not hold yet."""
    if rows.num_rows == 0:
        return rows
    key = list(table.key)
    # By a text: what a date looks like in a query differs from destination to destination.
    name = next((name for name in key if table.schema.field(name).type == TEXT), None)
    for known in _keys(table, _among(name, rows) if name else "TRUE"):
        rows = rows.join(known, keys=key, join_type="left anti")
    return rows


def _among(name: str, rows: pa.Table) -> str:
    """The condition for rows whose text in a column is one of those that ``rows`` have, or lies between them."""
    values = pc.unique(rows[name])
    if len(values) <= _NAMED:
        return f"{name} IN ({sql_list(values.to_pylist())})"
    bounds = pc.min_max(values).as_py()
    return f"{name} BETWEEN {sql_list([bounds['min']])} AND {sql_list([bounds['max']])}"


def replacing(rows: pa.Table, table: Table) -> pa.Table:
    """``rows`` for a merge that replaces row by row: those that go with their ``merge_key`` are named one by one.

    Whoever a row mentions has all of its rows among ``rows``; what the destination holds beyond those comes along with
    ``is_removed`` set. The row that says only that somebody has none left is no row of the table and is left out.
    """
    mentioned = rows.select(table.merge_key).group_by(list(table.merge_key)).aggregate([])
    kept = rows.filter(pc.invert(pc.fill_null(rows["is_removed"], False)))
    key = list(table.key)
    parts = [kept]
    for known in _keys(table, "TRUE"):
        theirs = known.join(mentioned, keys=list(table.merge_key), join_type="left semi")
        gone = theirs.join(kept.select(key), keys=key, join_type="left anti")
        if gone.num_rows:
            gone = gone.append_column("is_removed", pa.repeat(pa.scalar(True), gone.num_rows))
            for name in rows.column_names:
                if name not in gone.column_names:
                    gone = gone.append_column(name, pa.nulls(gone.num_rows, rows.schema.field(name).type))
            parts.append(gone.select(rows.column_names).cast(rows.schema))
    return pa.concat_tables(parts)


def _keys(table: Table, condition: str) -> Iterator[pa.Table]:
    """The keys of the rows that the destination holds, in the types of ``table``."""
    if columns_of(table):
        schema = pa.schema([table.schema.field(name) for name in table.key])
        query = f"SELECT {', '.join(table.key)} FROM {table.name} WHERE {condition}"  # noqa: S608 - our own names
        for rows in select(query):
            yield rows.select(table.key).cast(schema)
