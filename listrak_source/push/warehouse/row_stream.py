"""The rows of a large answer, some at a time, over a connection of their own: other statements may run meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import duckdb
import pyarrow as pa
from dlt.destinations.sql_client import SqlClientBase

from listrak_source.utc import SET_UTC

Stream = Callable[[str, int], Iterator[pa.Table]]
"""Gives the rows of a query, so many at a time, about."""

_ROW = 400
"""Bytes of a row, about: ADBC counts in bytes."""
_SPARING = {"threads": 1, "memory_limit": "64MB"}
"""Enough to sort millions of rows of short values, about as fast as with more."""
NO_MEMORY = duckdb.OutOfMemoryException
"""Raised by a stream where a database has too little memory for it."""


def stream_of(client: SqlClientBase[Any]) -> Stream | None:
    """How to stream from this database; None where that is not known."""
    dialect = client.capabilities.sqlglot_dialect
    if dialect == "duckdb":
        return lambda query, rows: _duckdb(client, query, rows)
    if dialect == "postgres":
        try:
            import adbc_driver_postgresql.dbapi  # noqa: F401, PLC0415 - the extra postgres brings it
        except ImportError:
            return None
        return lambda query, rows: _postgres(client, query, rows)
    return None


def _duckdb(client: Any, query: str, rows: int) -> Iterator[pa.Table]:
    with closing(client.native_connection.cursor()) as connection, _sparing(connection):
        # dlt looks into its dataset by this, and a new connection does not inherit it.
        connection.execute("SET search_path = ?", [client.fully_qualified_dataset_name()])
        yield from client.cursor_impl(connection.execute(query)).iter_arrow(rows)


@contextmanager
def _sparing(connection: Any) -> Iterator[None]:
    """Have DuckDB sort on disk what does not fit little memory: it would take all it may have otherwise, until the end.

    These settings are the whole database's, so they are put back.
    """
    names = ", ".join(f"current_setting('{name}')" for name in _SPARING)
    before = dict(zip(_SPARING, connection.execute(f"SELECT {names}").fetchone(), strict=True))

    def put(settings: dict[str, Any]) -> None:
        for name, value in settings.items():
            connection.execute(f"SET GLOBAL {name} = '{value}'")

    with suppress(duckdb.OutOfMemoryException):  # a database in memory, which is larger
        put(_SPARING)
    try:
        yield
    finally:
        put(before)


def _postgres(client: Any, query: str, rows: int) -> Iterator[pa.Table]:
    """By ADBC: dlt's own client takes a whole answer into memory, row by row."""
    from adbc_driver_postgresql import StatementOptions, dbapi  # noqa: PLC0415 - the extra postgres brings it

    address = client.credentials.to_native_representation()
    with dbapi.connect(address, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"SET search_path TO {client.fully_qualified_dataset_name()}, public")
        cursor.execute(SET_UTC)
        cursor.adbc_statement.set_options(**{StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(rows * _ROW)})
        cursor.execute(query)
        for batch in cursor.fetch_record_batch():
            yield pa.Table.from_batches([batch])
