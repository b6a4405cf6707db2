"""The catalogue of a DuckLake: a PostgreSQL database that several machines share, or a file on this one.

A lease is kept there and not in the lake, where each heartbeat would be a file and a version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dlt
from dlt.common.destination import AnyDestination

from listrak_source.lease import Connect, in_rows
from listrak_source.sql import Sql, text

DUCKLAKE = "dlt.destinations.ducklake"
_SERVED = ("postgres", "postgresql")
_LOCK = 5_478_725
"""The number of the lock under which a catalogue is made. It is the server's, and no other program's by chance."""


def several_may_write(destination: AnyDestination, config: Callable[[], Any]) -> bool:
    """Whether pulls of different sender codes may write to a destination at once, from any machines.

    They may where leases are rows of the warehouse, or of a lake's catalogue.
    """
    if destination.destination_type == DUCKLAKE:
        return catalog_rows(config()) is not None
    return in_rows(destination.capabilities().sqlglot_dialect)


def catalog_rows(config: Any) -> Connect | None:
    """How to reach the tables of a lake's catalogue; None where that is no PostgreSQL, or its driver is not there."""
    catalog = config.credentials.catalog
    if catalog.drivername not in _SERVED or find_spec("psycopg2") is None:
        return None
    return partial(_opened, catalog, _schema(config))


def catalog_file(config: Any) -> Path | None:
    """The file that a lake's catalogue is; None where it is none on this machine."""
    catalog = config.credentials.catalog
    if catalog.drivername not in ("sqlite", "duckdb") or not catalog.database or catalog.database.startswith(":"):
        return None
    return Path(catalog.database).resolve()


def make_catalog(pipeline: dlt.Pipeline) -> None:
    """Have the tables of a lake's catalogue be there: where two open a new lake at once, DuckDB fails for one."""
    if pipeline.destination.destination_type != DUCKLAKE:
        return
    client = pipeline.destination_client()
    if (connect := catalog_rows(client.config)) is None:
        return
    with connect() as sql:
        of_it = f"table_schema = {text(_schema(client.config))} AND table_name = 'ducklake_metadata'"
        if sql.one(f"SELECT COUNT(*) FROM information_schema.tables WHERE {of_it}"):  # noqa: S608 - bound by text()
            return
        # It is let go when the connection is closed.
        sql.run_verbatim(f"SELECT pg_advisory_lock({_LOCK})")
        with client:
            pass


def _schema(config: Any) -> str:
    return str(config.credentials.metadata_schema or config.credentials.ducklake_name)


@contextmanager
def _opened(catalog: Any, schema: str) -> Iterator[Sql]:
    from dlt.destinations.impl.postgres.configuration import PostgresCredentials  # noqa: PLC0415 - an extra
    from dlt.destinations.impl.postgres.sql_client import Psycopg2SqlClient  # noqa: PLC0415 - it brings psycopg2

    address = catalog.to_url().set(drivername="postgresql").render_as_string(hide_password=False)
    credentials, capabilities = PostgresCredentials(address), dlt.destinations.postgres().capabilities()
    credentials.resolve()
    with Psycopg2SqlClient(schema, f"{schema}_staging", credentials, capabilities) as client:
        yield Sql(client)
