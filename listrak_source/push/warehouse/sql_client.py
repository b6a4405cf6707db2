"""SQL that runs in the warehouse. It is written in DuckDB's dialect and becomes the destination's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from itertools import chain
from typing import Any

import dlt
import duckdb
import pyarrow as pa
from dlt.destinations.sql_client import SqlClientBase

from listrak_source.lease import Connect
from listrak_source.settings import Settings
from listrak_source.sql import PLACE, Sql, opened, readable, storable, text
from listrak_source.utc import SET_UTC

__all__ = ["Store", "name", "readable", "text"]

_PLAIN = "SET DateStyle TO 'ISO'; SET extra_float_digits TO 1"
"""Dates and numbers become the same text whatever the server, the database or the role is set to."""
_TOGETHER = 500
"""Rows that one statement inserts."""
_ROWS = "rows_to_insert"


class Store(Sql):
    """An open connection to the dataset that the pull fills."""

    def __init__(
        self,
        client: SqlClientBase[Any],
        tables: dict[str, set[str]],
        another: Connect | None = None,
        zone: str = Settings.timezone,
    ) -> None:
        super().__init__(client)
        self.tables = tables
        """The columns of the tables that the pull has written."""
        self.another = another
        """Opens another connection, for what works beside this one; None where there is none."""
        self.forgotten: frozenset[str] = frozenset()
        """The hashes of the numbers that nothing is sent to, made with :attr:`hash_key`."""
        self.hash_key = ""
        self.zone = zone
        """The time zone in which a moment has a date."""

    def _set_up(self) -> None:
        super()._set_up()
        if self.dialect == "postgres":
            self._client.execute_sql(_PLAIN)

    @classmethod
    @contextmanager
    def of(cls, pipeline: dlt.Pipeline, zone: str = Settings.timezone) -> Iterator[Store]:
        """The store of a pipeline whose schema and state are the warehouse's; ``zone`` is the account's."""
        held: Mapping[str, Any] = pipeline.default_schema.tables if pipeline.default_schema_name else {}
        with pipeline.sql_client() as client:
            tables = {name: set(table["columns"]) for name, table in held.items()}
            yield cls(client, tables, partial(opened, pipeline), zone)

    def arrow(self, query: str, *values: Any) -> pa.Table:
        """The rows of a query, as many as fit memory. Values are bound to the :data:`PLACE` of each."""
        with self._executed(self._with_places(query) if values else self._ours(query), *values) as cursor:
            return cursor.arrow()

    def types(self, query: str) -> list[tuple[str, str]]:
        """The names and the types of a query's columns, in small letters as the catalogue has them. No row is read."""
        with self._executed(self._ours(f"SELECT * FROM ({query}) AS found LIMIT 0")) as cursor:
            told = [(str(one[0]), one[1]) for one in cursor.native_cursor.description]
        if self.dialect != "postgres" or not told:
            return [(title, str(kind).lower()) for title, kind in told]
        some = ", ".join(str(int(kind)) for _, kind in told)
        names = dict(self.rows(f"SELECT CAST(oid AS BIGINT), CAST(typname AS TEXT) FROM pg_type WHERE oid IN ({some})"))
        return [(title, str(names.get(kind, kind))) for title, kind in told]

    def stream(self, query: str, key: str, rows: int) -> Iterator[pa.Table]:
        """The rows of a query in the order of its text column ``key``, which has no value twice.

        They come about ``rows`` at a time, however many there are. Other statements may run meanwhile.
        """
        found, last = f"SELECT * FROM ({query}) AS found", ""
        if stream := stream_of(self._client):
            with suppress(NO_MEMORY):
                for some in stream(self._ours(f"{found} ORDER BY {key}"), rows):
                    yield some
                    last = str(some[key][-1].as_py())
                return
        # Slower, but of this any database is capable, whatever its client does with a large answer.
        while (some := self.arrow(f"{found} WHERE {key} > {PLACE} ORDER BY {key} LIMIT {rows}", last)).num_rows:
            yield some
            last = str(some[key][-1].as_py())

    def make(self, table: str, query: str, *, for_now: bool = False) -> None:
        """Make ``table`` of a query, in place of one of that name.

        One that is ``for_now`` is dropped by whoever made it, and may be out of reach of :meth:`stream`.
        """
        # DuckDB compresses what it keeps, which takes longer than to write it. Elsewhere temporary tables are no gain
        # (PostgreSQL reads them with one process) or unknown.
        kind = "TEMPORARY TABLE" if for_now and self.dialect == "duckdb" else "TABLE"
        self.run(f"DROP TABLE IF EXISTS {table}")
        self.run(f"CREATE {kind} {table} AS {query}")

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Add rows of plain values, whatever stands in them: they are never a part of a statement."""
        named = ", ".join(columns)
        for start in range(0, len(rows), _TOGETHER):
            some = [[storable(value) for value in row] for row in rows[start : start + _TOGETHER]]
            if self.dialect == "duckdb":  # to bind them takes it ten times as long
                found = dict(zip(columns, map(list, zip(*some, strict=True)), strict=True))
                connection: Any = self._client.native_connection
                connection.register(_ROWS, pa.table(found))
                self.run(f"INSERT INTO {table} ({named}) SELECT {named} FROM {_ROWS}")
                connection.unregister(_ROWS)
            else:
                places = ", ".join([f"({', '.join(['%s'] * len(columns))})"] * len(some))
                self._bound(f"INSERT INTO {table} ({named}) VALUES {places}", chain.from_iterable(some))


def name(identifier: str) -> str:
    """A quoted identifier."""
    return '"' + identifier.replace('"', '""') + '"'


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
