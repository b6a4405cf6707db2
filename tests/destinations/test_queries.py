"""What a pull asks of the warehouse: SQL that every destination that we name takes, those not run by tests too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope

from listrak_source.pull.load import warehouse as in_warehouse
from listrak_source.pull.schema import SEEN_KEYS, TABLES
from tests.pull.asking import somebody
from tests.pull.warehouse import Warehouse

DIALECTS = ("snowflake", "bigquery", "redshift", "databricks", "clickhouse")
SCHEMA: dict[str, object] = {
    table.name: dict.fromkeys((*(column.name for column in table.columns), "_dlt_load_id"), "TEXT")
    for table in (*TABLES.values(), SEEN_KEYS)
}
SCHEMA["_dlt_loads"] = dict.fromkeys(("load_id", "status"), "TEXT")


@pytest.mark.full
@pytest.mark.parametrize("place", ["delete-insert"], indirect=True)
def test_what_is_asked_is_plain_sql(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """No subquery that looks at the rows around it, which ClickHouse and Snowflake refuse in places; and no moment,
    which ClickHouse reads in a form of its own.
    """
    asked, found = set(), in_warehouse._found

    def noted(text: str) -> Iterator[Any]:
        asked.add(text)
        return found(text)

    monkeypatch.setattr(in_warehouse, "_found", noted)
    warehouse.pull(chunk_rows=200, page_size=50)
    for options in ({}, {"lookups": "all"}, {"full": True}, {"full": True}):
        warehouse.sandbox.world.live(1)
        warehouse.sandbox.world.vanish(somebody(warehouse.sandbox).phone_number)
        warehouse.pull(chunk_rows=200, page_size=50, **options)
    texts = " ".join(asked)
    for part in ("LEFT JOIN", "row_number()", "UNION", "GROUP BY"):
        assert part in texts, "all kinds of queries"
    for text in asked:
        tree = qualify(sqlglot.parse_one(text, read="duckdb"), schema=SCHEMA, dialect="duckdb")
        assert not [scope for scope in traverse_scope(tree) if scope.is_correlated_subquery], text
        assert not [cast for cast in tree.find_all(exp.Cast) if cast.is_type(*exp.DataType.TEMPORAL_TYPES)], text
        assert not list(tree.find_all(exp.Qualify)), text
        for dialect in DIALECTS:
            sqlglot.transpile(text, read="duckdb", write=dialect, unsupported_level=sqlglot.ErrorLevel.RAISE)
