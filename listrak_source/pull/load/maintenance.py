"""What a pull keeps in order in the warehouse: dates that an earlier version left, and PostgreSQL's statistics."""

from __future__ import annotations

from typing import Any

import dlt
import sqlglot
from dlt.common import logger
from dlt.destinations.exceptions import DatabaseException
from dlt.destinations.sql_client import SqlClientBase

from listrak_source.pull.load.warehouse import columns_of, running
from listrak_source.pull.load.write_disposition import FILESYSTEM, POSTGRES
from listrak_source.pull.records.normalize import NO_DATE
from listrak_source.pull.schema import CONSENT_EVENTS, OPT_OUTS, Table
from listrak_source.pull.state.state import State

_NO_DATE = f"CAST('{NO_DATE.isoformat()}' AS TIMESTAMPTZ)"
_ANCIENT = "CAST('0002-01-01T00:00:00+00:00' AS TIMESTAMPTZ)"
_GROWN = (
    "SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
    "WHERE n.nspname = %s AND c.relkind = 'r' AND pg_get_userbyid(c.relowner) = current_user AND (c.reltuples < 0 "
    "OR pg_relation_size(c.oid) > 2 * c.relpages::bigint * current_setting('block_size')::bigint)"
)
"""The tables of which PostgreSQL has no statistics, or those of a table half as large."""


def analyze(pipeline: dlt.Pipeline) -> None:
    """Have PostgreSQL look at tables that are new to it or have doubled, before anybody asks it about them.

    By itself it does so a minute after a load, and later where it was ended in between. Until then it takes a million
    rows for a few, and needs minutes or hours for a join of a second.
    """
    if pipeline.destination.destination_type != POSTGRES:
        return
    with pipeline.sql_client() as client:
        try:
            for (name,) in client.execute_sql(_GROWN, client.dataset_name) or ():
                client.execute_sql(f"ANALYZE {client.make_qualified_table_name(name)}")
        except DatabaseException as error:  # a table that somebody drops, a server that is PostgreSQL's in name alone
            logger.warning(f"Not all tables were analyzed: {error}")


def heal(state: State) -> None:
    """Move what has no date out of the year one, once for each dataset.

    Most programs cannot read it west of Greenwich, and a stop without a date would stand there twice.

    On files it stays: the next complete walk marks those stops as removed, beside the ones that it writes.
    """
    if not state.note_no_date(NO_DATE):
        return
    kept = [(table, name) for table, name in ((OPT_OUTS, "opt_out_date"), (CONSENT_EVENTS, "event_at"))]
    kept = [(table, name) for table, name in kept if name in columns_of(table)]
    if not kept:
        return
    pipeline = running()
    if pipeline.destination.destination_type == FILESYSTEM:
        return
    with pipeline.sql_client() as client:
        for table, name in kept:
            try:
                _move(client, table, name)
            except DatabaseException as error:  # a database that changes no row: what is there can be read all the same
                logger.warning(f"{table.name}: what has no date stays in the year one ({error}).")


def _move(client: SqlClientBase[Any], table: Table, column: str) -> None:
    where = client.make_qualified_table_name(table.name)
    same = " AND ".join(f"twin.{name} = ancient.{name}" for name in table.key if name != column)
    # A load that was cut short may have written it anew.
    twin = f"EXISTS (SELECT 1 FROM {where} AS twin WHERE {same} AND twin.{column} = {_NO_DATE})"  # noqa: S608
    for statement in (
        f"DELETE FROM {where} AS ancient WHERE ancient.{column} < {_ANCIENT} AND {twin}",  # noqa: S608 - our own names
        f"UPDATE {where} SET {column} = {_NO_DATE} WHERE {column} < {_ANCIENT}",  # noqa: S608
    ):
        client.execute_sql(sqlglot.transpile(statement, "duckdb", client.capabilities.sqlglot_dialect)[0])
