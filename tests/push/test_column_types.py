"""14.B10: the types of columns are asked of the catalogue, and of the columns that a sync names alone."""

from __future__ import annotations

from typing import Any

import pytest

from listrak_source.push.sync.source_columns import Form, Stored
from tests.push.pushing import Pushing

ODD = {
    "duckdb": "MAP {'a': 1} AS a, CAST('{}' AS JSON) AS b, union_value(x := 1) AS c, CAST('x' AS BLOB) AS d",
    "postgres": "CAST('{\"a\": 1}' AS JSONB) AS a, int4range(1, 5) AS b, CAST('x' AS BYTEA) AS d, "
    "CAST(ARRAY[int4range(1, 2)] AS int4range[]) AS e, CAST('1 day' AS INTERVAL) AS f",
}
"""Columns of which hardly anybody can read a value."""
KINDS = {"born": "DOUBLE PRECISION", "mail": "BOOLEAN", "points": "DATE", "stop": "DATE", "tier": "INT[]"}
"""Columns that can never fit their fields."""


def _made(pushing: Pushing, query: str) -> None:
    """The table ``made``, by a query in the database's own words."""
    with pushing.store() as store:
        store.run("DROP TABLE IF EXISTS made")
        store.run(f"CREATE TABLE made AS {store.verbatim(query)}")


def test_a_column_that_is_not_named_is_of_no_concern(pushing: Pushing) -> None:
    """14.B10: an unused column of any type leaves the sync readable, its stops first of all."""
    first, second = pushing.phones(2)
    odd = ODD[pushing.warehouse.place.name]
    _made(pushing, f"(SELECT 1 AS id, '{first}' AS phone, TRUE AS stop, 'gold' AS tier, {odd} "
          f"UNION ALL SELECT 2, '{second}', FALSE, 'gold', {odd})")  # fmt: skip
    sync = pushing.sync({"stop": {"contact": "opted_out"}, "tier": pushing.field("Text").field_id}, table="made")
    with pushing.session(sync) as session:
        assert session.check()[1] == []
    counts = pushing.plan(sync).counts
    assert (counts["opt_outs"], counts["imports"]) == (1, 2)


@pytest.mark.parametrize("rows", ["nulls first", "none"])
def test_what_stands_in_the_first_row_tells_no_type(pushing: Pushing, rows: str) -> None:
    """14.B10: neither a null there nor an empty table lets a column pass that can never fit."""
    nulls = ", ".join(f"CAST(NULL AS {kind}) AS {column}" for column, kind in KINDS.items())
    where = "TRUE" if rows == "nulls first" else "FALSE"
    _made(pushing, f"(SELECT 1 AS id, CAST(NULL AS DATE) AS phone, {nulls} WHERE {where})")
    columns: dict[str, Any] = {
        "born": {"contact": "birthday"}, "mail": {"contact": "email_address"}, "stop": {"contact": "opted_out"},
        "points": pushing.field("Number").field_id, "tier": pushing.field("Text").field_id,
    }  # fmt: skip
    with pushing.session(pushing.sync(columns, table="made")) as session:
        problems = session.check()[1]
    for column in ("phone", *KINDS):
        assert any(one.startswith(f"column {column} is of type ") for one in problems), (column, problems)
    assert len(problems) == 1 + len(KINDS)


def test_names_of_types_in_both_databases() -> None:
    """14.B10: each is told as what its values are like."""
    told = {
        "hugeint": Form.WHOLE, "uhugeint": Form.WHOLE, "int8": Form.WHOLE, "utinyint": Form.WHOLE, "bigint": Form.WHOLE,
        "decimal(10,3)": Form.DECIMAL, "numeric": Form.DECIMAL, "double": Form.FLOAT, "float": Form.FLOAT,
        "float4": Form.FLOAT, "bool": Form.BOOLEAN, "boolean": Form.BOOLEAN, "date": Form.DATE,
        "timestamp with time zone": Form.MOMENT, "timestamptz": Form.MOMENT, "timestamp": Form.TIMESTAMP,
        "timestamp_ns": Form.TIMESTAMP, "time": Form.TIME, "time with time zone": Form.TIME, "timetz": Form.TIME,
        "interval": Form.TIME, "varchar": Form.TEXT, "text": Form.TEXT, "bpchar": Form.TEXT, "uuid": Form.TEXT,
        "enum('a', 'b')": Form.TEXT, "jsonb": Form.TEXT, "integer[]": Form.OTHER, "integer[3]": Form.OTHER,
        "struct(a integer)": Form.OTHER, "map(varchar, integer)": Form.OTHER, "_text": Form.OTHER, "blob": Form.OTHER,
        "bytea": Form.OTHER, "int4range": Form.OTHER, "int4multirange": Form.OTHER, "union(x integer)": Form.OTHER,
    }  # fmt: skip
    assert {title: Stored(title).form for title in told} == told
