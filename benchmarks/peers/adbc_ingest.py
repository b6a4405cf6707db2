"""The least that PostgreSQL costs: the tables of a pull, as Arrow out of DuckDB, by one ADBC ingest each."""

from __future__ import annotations

import sys

import adbc_driver_postgresql.dbapi
import duckdb

if __name__ == "__main__":
    database, address = sys.argv[1:]
    with (
        duckdb.connect(database, read_only=True) as source,
        adbc_driver_postgresql.dbapi.connect(address) as postgres,
        postgres.cursor() as cursor,
    ):
        cursor.execute("CREATE SCHEMA bare")
        tables = source.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'listrak_sms'"
        ).fetchall()
        for (name,) in tables:
            rows = source.execute(f"SELECT * FROM listrak_sms.{name}").to_arrow_reader(100_000)
            cursor.adbc_ingest(name, rows, mode="create", db_schema_name="bare")
        postgres.commit()
