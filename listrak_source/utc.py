"""Every connection to a warehouse tells times in UTC, whatever the server, the database or the role is set to.

Python's dates end with the years 1 and 9999: told in another zone, a moment near those cannot be read at all. And a day
is another day there.
"""

from __future__ import annotations

from typing import Any

from dlt.destinations.sql_client import SqlClientBase

SET_UTC = "SET TIME ZONE 'UTC'"
_WITH_ZONES = ("postgres", "redshift")
"""The dialects of databases whose sessions have a zone that dlt leaves as it is. Elsewhere dlt sets UTC, or there is
none."""


def in_utc(client: SqlClientBase[Any]) -> None:
    """Have the open connection of ``client`` tell times in UTC."""
    if client.capabilities.sqlglot_dialect in _WITH_ZONES:
        client.execute_sql(SET_UTC)


def made_utc(credentials: Any) -> None:
    """Have all connections that are opened with dlt's resolved ``credentials`` tell times in UTC.

    Connections that say another zone themselves keep it.
    """
    if getattr(credentials, "session_timezone", "") is None:
        credentials.session_timezone = "UTC"
