"""SQL that runs in the warehouse. It is written in DuckDB's dialect and becomes the destination's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from functools import wraps
from typing import Any

import dlt
import sqlglot
from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.impl.duckdb.configuration import DuckDbConnectionPool
from dlt.destinations.sql_client import SqlClientBase
from duckdb import DuckDBPyConnection
from duckdb import Error as DuckDBError

from listrak_source.utc import in_utc

PLACE = "place_of_a_value"
"""Stands in a statement for a value that is bound."""
_UNREADABLE = re.compile("[\\0\\ud800-\\udfff]")


def give_up(connection: Any) -> None:
    """Have DuckDB leave a statement that was interrupted: else it goes on with it, and the next one waits for that."""
    if isinstance(connection, DuckDBPyConnection):
        with suppress(DuckDBError):  # it is closed
            connection.interrupt()


def _give_up_before_closing() -> None:
    """DuckDB spins for ever where a file is opened whose connection was closed on a statement that still runs.

    Whoever is interrupted in a statement closes the connection, and opens the file again to tell of it. dlt closes it
    in one place; it does no harm to a connection that has nothing to do.
    """
    close = DuckDbConnectionPool.return_conn

    @wraps(close)
    def give_up_and_close(pool: DuckDbConnectionPool, borrowed_conn: DuckDBPyConnection) -> int:
        give_up(borrowed_conn)
        return close(pool, borrowed_conn)

    setattr(DuckDbConnectionPool, close.__name__, give_up_and_close)


_give_up_before_closing()


class Sql:
    """An open connection to a dataset."""

    def __init__(self, client: SqlClientBase[Any]) -> None:
        self._client = client
        self.dialect: str = client.capabilities.sqlglot_dialect or "duckdb"
        self._verbatim: dict[str, str] = {}
        self._set_up()

    def _set_up(self) -> None:
        """Have answers be the same whatever the server, the database or the role is set to."""
        in_utc(self._client)

    @contextmanager
    def _executed(self, statement: str, *values: Any) -> Iterator[Any]:
        """The cursor of a statement in the database's own SQL."""
        try:
            with self._client.execute_query(statement, *values) as cursor:
                yield cursor
        except BaseException as error:
            give_up(self._client.native_connection)
            if not isinstance(error, DatabaseException):
                raise
            # dlt resets a connection on which a statement has failed, and with it all that was set there.
            with suppress(DatabaseException):
                self._set_up()
            raise

    def run(self, statement: str) -> None:
        """Execute one statement."""
        with self._executed(self._ours(statement)):
            pass

    def run_verbatim(self, statement: str) -> None:
        """Execute one statement that is in the database's own SQL already."""
        with self._executed(statement):
            pass

    def add(self, table: str, row: Mapping[str, Any]) -> None:
        """Add a row of plain values, which are never a part of the statement."""
        places = ", ".join([PLACE] * len(row))
        statement = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})"
        self._bound(self._with_places(statement), map(storable, row.values()))

    def update(self, table: str, values: Mapping[str, Any], where: str) -> None:
        """Set columns of the rows that fulfil a condition. The values are never a part of the statement."""
        places = ", ".join(f"{column} = {PLACE}" for column in values)
        self._bound(self._with_places(f"UPDATE {table} SET {places} WHERE {where}"), map(storable, values.values()))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """All rows of a query: for few."""
        with self._executed(self._ours(query)) as cursor:
            return list(cursor.fetchall())

    def one(self, query: str) -> Any:
        """The only value of a query; None where it has no row."""
        found = self.rows(query)
        return found[0][0] if found else None

    def columns(self, table: str) -> list[str]:
        """The names of a table's columns, in small letters. It raises the database's own error where there is none."""
        with self._executed(self._ours(f"SELECT * FROM {table} LIMIT 0")) as cursor:
            return [str(one[0]).lower() for one in cursor.native_cursor.description]

    def verbatim(self, query: str) -> str:
        """A name that stands for a query in parentheses, which is in the database's own SQL already."""
        name = f"push_verbatim_{len(self._verbatim)}_"
        return self._verbatim.setdefault(query, name)

    def _with_places(self, statement: str) -> str:
        """A statement of ours with the places that the client binds values to."""
        ours = self._ours(statement)
        # A sign of per cent is doubled where the client looks for places by it.
        return (ours if self.dialect == "duckdb" else ours.replace("%", "%%")).replace(PLACE, "%s")

    def _bound(self, statement: str, values: Iterable[Any]) -> None:
        with self._executed(statement, *values):
            pass

    def _ours(self, statement: str) -> str:
        # DuckDB's SQL is DuckDB's already: to parse it and write it again took a tenth of a short sync's time.
        ours = statement if self.dialect == "duckdb" else sqlglot.transpile(statement, "duckdb", self.dialect)[0]
        for query, name in self._verbatim.items():
            ours = ours.replace(name, query)
        return ours


@contextmanager
def opened(pipeline: dlt.Pipeline) -> Iterator[Sql]:
    """A connection to the pipeline's dataset."""
    with pipeline.sql_client() as client:
        yield Sql(client)


@contextmanager
def one_connection(pipeline: dlt.Pipeline) -> Iterator[None]:
    """Have each ``pipeline.sql_client()`` of this thread be the same open one.

    To connect takes a second in some warehouses, and a file of DuckDB's is opened for 14 ms.
    """
    with pipeline.sql_client() as client:
        vars(pipeline)["sql_client"] = lambda *_: nullcontext(client)
        try:
            yield
        finally:
            del vars(pipeline)["sql_client"]


def readable(value: str) -> str:
    """A text as any database can hold it: with a mark in place of a NUL, and of half a surrogate pair."""
    return value if value.isascii() and "\0" not in value else _UNREADABLE.sub("\ufffd", value)


def storable(value: Any) -> Any:
    """A value as any database can hold it."""
    return readable(value) if isinstance(value, str) else value


def text(value: str) -> str:
    """An SQL literal, of what this project or its user has named. What Listrak tells or a table holds is bound."""
    return "'" + readable(value).replace("'", "''") + "'"
