"""SQL that runs in the warehouse. It is written in DuckDB's dialect and becomes the destination's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import dlt
import pyarrow as pa
from dlt.destinations.sql_client import SqlClientBase
from sqlglot import exp

from listrak_source.lease import Connect
from listrak_source.push.streams import NO_MEMORY, stream_of
from listrak_source.settings import Settings
from listrak_source.sql import Sql, opened, text
from listrak_source.utc import in_utc

__all__ = ["Store", "name", "text"]

_PLAIN = "SET DateStyle TO 'ISO'; SET extra_float_digits TO 1"
"""Dates and numbers become the same text whatever the server, the database or the role is set to."""
_TOGETHER = 500
"""Rows that one statement inserts."""


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
        self.zone = zone
        """The time zone in which a moment has a date."""

    @classmethod
    @contextmanager
    def of(cls, pipeline: dlt.Pipeline, zone: str = Settings.timezone) -> Iterator[Store]:
        """The store of a pipeline whose schema and state are the warehouse's; ``zone`` is the account's."""
        held: Mapping[str, Any] = pipeline.default_schema.tables if pipeline.default_schema_name else {}
        with pipeline.sql_client() as client:
            in_utc(client)
            if client.capabilities.sqlglot_dialect == "postgres":
                client.execute_sql(_PLAIN)
            tables = {name: set(table["columns"]) for name, table in held.items()}
            yield cls(client, tables, partial(opened, pipeline), zone)

    def arrow(self, query: str) -> pa.Table:
        """The rows of a query, as many as fit memory."""
        with self._client.execute_query(self._ours(query)) as cursor:
            return cursor.arrow()

    def types(self, query: str) -> list[tuple[str, str]]:
        """The names and the types of a query's columns, in small letters as the catalogue has them. No row is read."""
        with self._client.execute_query(self._ours(f"SELECT * FROM ({query}) AS found LIMIT 0")) as cursor:
            told = [(str(one[0]), one[1]) for one in cursor.native_cursor.description]
        if self.dialect != "postgres" or not told:
            return [(title, str(kind).lower()) for title, kind in told]
        some = ", ".join(str(int(kind)) for _, kind in told)
        names = dict(self.rows(f"SELECT CAST(oid AS BIGINT), CAST(typname AS TEXT) FROM pg_type WHERE oid IN ({some})"))
        return [(title, str(names.get(kind, kind))) for title, kind in told]

    def stream(self, query: str, key: str, rows: int) -> Iterator[pa.Table]:
        """The rows of a query in the order of its text column ``key``, which has no value twice: about ``rows`` at a
        time, however many there are. Other statements may run meanwhile.
        """
        found, last = f"SELECT * FROM ({query}) AS found", ""
        if stream := stream_of(self._client):
            with suppress(NO_MEMORY):
                for some in stream(self._ours(f"{found} ORDER BY {key}"), rows):
                    yield some
                    last = str(some[key][-1].as_py())
                return
        # Slower, but of this any database is capable, whatever its client does with a large answer.
        while (some := self.arrow(f"{found} WHERE {key} > {text(last)} ORDER BY {key} LIMIT {rows}")).num_rows:
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
        """Add rows of plain values."""
        for start in range(0, len(rows), _TOGETHER):
            some = [tuple(row) for row in rows[start : start + _TOGETHER]]
            statement = exp.insert(exp.values(some), table, columns=list(columns))
            with self._client.execute_query(statement.sql(dialect=self.dialect)):
                pass


def name(identifier: str) -> str:
    """A quoted identifier."""
    return '"' + identifier.replace('"', '""') + '"'
