"""A warehouse for tests: pulls into DuckDB and tells what it holds, table by table, against the sandbox's own truth."""

from __future__ import annotations

from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import dlt
import duckdb
from dlt.pipeline.pipeline import Pipeline

from listrak_source import listrak_sms
from listrak_source.pull.tables import TABLES
from listrak_source.sandbox import Sandbox
from pipelines.warehouse import loaded_rows

Rows = dict[Any, dict[str, Any]]


class Warehouse:
    """A DuckDB file that is fed from one sandbox."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self.database = folder / "warehouse.duckdb"

    def options(self) -> dict[str, Any]:
        """The settings that reach the sandbox."""
        sandbox = self.sandbox
        return {
            "client_id": sandbox.client_id,
            "client_secret": sandbox.client_secret,
            "base_url": sandbox.base_url,
            "token_url": sandbox.token_url,
        }

    def pipeline(self) -> Pipeline:
        return dlt.pipeline(
            "listrak",
            destination=dlt.destinations.duckdb(str(self.database)),
            dataset_name="listrak_sms",
            pipelines_dir=str(self.folder / "pipelines"),
        )

    def pull(self, *resources: str, **options: Any) -> dict[str, int]:
        """Pull, and return how many rows were loaded by table (before the merge)."""
        source = listrak_sms(**self.options() | options)
        pipeline = self.pipeline()
        info = pipeline.run(source.with_resources(*resources) if resources else source)
        if not info.loads_ids:
            return {}
        return loaded_rows(pipeline)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.database)) as connection:
            return connection.execute(sql).fetchall()

    def rows(self, name: str) -> Rows:
        """A table as a dict from its key to the row, dlt's own columns left out; a duplicate key is an error."""
        table = TABLES[name]
        with duckdb.connect(str(self.database)) as connection:
            records = connection.execute(f"SELECT * FROM listrak_sms.{name}").to_arrow_table().to_pylist()
        rows: Rows = {}
        for record in records:
            del record["_dlt_load_id"]
            key = tuple(record[column] for column in table.key)
            assert key not in rows, f"{name} holds {key} twice"
            rows[key] = {column: _utc(value) for column, value in record.items()}
        return rows

    def loads(self) -> dict[str, set[str]]:
        """The load ids that the rows of each table carry."""
        return {
            name: {row[0] for row in self.query(f"SELECT DISTINCT _dlt_load_id FROM listrak_sms.{name}")}
            for name in TABLES
            if self.query(f"SELECT 1 FROM information_schema.tables WHERE table_name = '{name}'")
        }


def truth(sandbox: Sandbox) -> dict[str, Rows]:
    """What the sandbox's world holds, in the shape of :meth:`Warehouse.rows`."""
    told = sandbox.world.truth()
    expected: dict[str, Rows] = {
        "sender_codes": {(key,): row for key, row in told["sender_codes"].items()},
        "lists": told["lists"],
        "profile_fields": told["profile_fields"],
        "transactional_messages": told["transactional_messages"],
        "contacts": told["contacts"],
        "contact_profile_values": {
            key: dict(zip(TABLES["contact_profile_values"].key, key, strict=True))
            | {"value": value, "is_removed": None}
            for key, value in told["contact_profile_values"].items()
        },
        "list_memberships": told["list_memberships"],
        "opt_outs": {
            (*key, row["opt_out_date"]): {
                "sender_code_id": key[0],
                "phone_number": key[1],
                "opt_out_date": row["opt_out_date"],
                "opt_out_reason": row["reason"],
            }
            for key, row in told["opt_outs"].items()
        },
        "subscriptions": {
            key: dict(zip(TABLES["subscriptions"].key, key, strict=True)) | row
            for key, row in told["subscriptions"].items()
        },
    }
    for row in expected["contacts"].values():
        row["birthday"] = _date(row["birthday"])
    return expected


def _utc(value: Any) -> Any:
    return value.astimezone(timezone.utc) if isinstance(value, datetime) else value


def _date(value: Any) -> Any:
    return date.fromisoformat(value[:10]) if isinstance(value, str) else value
