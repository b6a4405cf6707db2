"""Every connection to a warehouse tells times in UTC, whatever the server, the database or the role is set to.

Python's dates end with the years 1 and 9999: told in another zone, a moment near those cannot be read at all. And a day
is another day there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timezone
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from dlt.destinations.sql_client import SqlClientBase

SET_UTC = "SET TIME ZONE 'UTC'"
_WITH_ZONES = ("postgres", "redshift")
"""The dialects of databases whose sessions have a zone that dlt leaves as it is. Elsewhere dlt sets UTC, or there is
none."""


_DAYS = pa.scalar(date(1, 1, 2)), pa.scalar(date(9999, 12, 30))
_MOMENTS = datetime(1, 1, 2, tzinfo=timezone.utc), datetime(9999, 12, 30, tzinfo=timezone.utc)


def tellable(rows: pa.Table) -> pa.Table:
    """Rows whose dates Python can tell: one that is beyond them, infinity too, is null.

    Listrak sends none such. A database holds those that somebody has written by hand.
    """
    for at, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type) and field.type.unit != "ns":  # nanoseconds end with the year 2262
            first, last = (
                pa.scalar(one if field.type.tz else one.replace(tzinfo=None), field.type) for one in _MOMENTS
            )
        elif pa.types.is_date(field.type):
            first, last = (one.cast(field.type) for one in _DAYS)
        else:
            continue
        column = rows.column(at)
        is_told = pc.and_(pc.greater_equal(column, first), pc.less_equal(column, last))
        rows = rows.set_column(at, field, pc.if_else(is_told, column, pa.scalar(None, field.type)))
    return rows


def in_utc(client: SqlClientBase[Any]) -> None:
    """Have the open connection of ``client`` tell times in UTC, and those that Python cannot tell as infinity."""
    if client.capabilities.sqlglot_dialect in _WITH_ZONES:
        client.execute_sql(SET_UTC)
        _read_any_date(client.native_connection)


def _read_any_date(connection: Any) -> None:
    """psycopg2 fails on a row with a date beyond Python's: from now on it reads that as it does infinity."""
    if not type(connection).__module__.startswith("psycopg2"):
        return
    from psycopg2 import DataError, extensions  # noqa: PLC0415 - the extra postgres brings it

    def lenient(reader: Any) -> Callable[[str | None, Any], Any]:
        def read(value: str | None, cursor: Any) -> Any:
            try:
                return reader(value, cursor)
            except (ValueError, OverflowError, DataError):
                return reader("-infinity" if value and value.endswith("BC") else "infinity", cursor)

        return read

    for reader in (extensions.PYDATE, extensions.PYDATETIME, extensions.PYDATETIMETZ):
        extensions.register_type(extensions.new_type(reader.values, reader.name, lenient(reader)), connection)


def made_utc(credentials: Any) -> None:
    """Have all connections that are opened with dlt's resolved ``credentials`` tell times in UTC.

    Connections that say another zone themselves keep it.
    """
    if getattr(credentials, "session_timezone", "") is None:
        credentials.session_timezone = "UTC"
