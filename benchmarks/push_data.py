"""What a large push is timed on: contacts as a pull leaves them, and a table of customers, made in SQL.

A fifth of the customers have other values than Listrak holds: some one field, some two, some all six.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import tomlkit

SYNC = "bench"
_COLUMNS = {"tier": "Text", "city": "Text", "points": "Number", "spend": "Number", "vip": "Checkbox", "seen": "Date"}
"""The customers' columns, and the type of the profile field that each goes to."""
_PHONE = "'1' || CAST(2000000000 + i AS TEXT)"
_GIVEN = "CASE i % 3 WHEN 0 THEN '+1 (' || p[2:4] || ') ' || p[5:7] || '-' || p[8:] WHEN 1 THEN p[2:] ELSE p END"
"""Three ways to write a phone number."""
_TIER, _CITY = "['bronze', 'silver', 'gold'][1 + {n} % 3]", "['Springfield, IL', 'St. \"J\"', 'München'][1 + {n} % 3]"
_SEEN = "DATE '2015-01-01' + CAST({n} % 3650 AS INTEGER)"


def make(database: Path, folder: Path, rows: int) -> None:
    """Fill a database that ``listrak pull`` has made with so many contacts and customers, and write the sync's TOML.

    The rows of the pull itself are taken out: what is left is all of the same shape.
    """
    with duckdb.connect(str(database)) as connection:
        connection.execute("USE listrak_sms")
        sender_code_id, load_id = _first(connection, "SELECT sender_code_id, _dlt_load_id FROM contacts")
        fields = _fields(connection, sender_code_id)
        connection.execute("DELETE FROM contacts; DELETE FROM contact_profile_values")
        shared = f"{sender_code_id} AS sender_code_id, phone_number, '{load_id}' AS _dlt_load_id"
        connection.execute(
            f"INSERT INTO contacts BY NAME SELECT {shared}, 'Ann' AS first_name, i % 20 = 0 AS opted_out, "
            f"'user' || i || '@example.com' AS email_address "
            f"FROM (SELECT i, {_PHONE} AS phone_number FROM range({rows}) AS t(i))"
        )
        held = {
            "tier": _TIER.format(n="i"), "city": _CITY.format(n="i"), "points": "CAST(i % 1000 AS TEXT)",
            "spend": "CAST(CAST(CAST(i % 100000 AS DECIMAL(9, 2)) / 4 AS DECIMAL(9, 2)) AS TEXT)",
            "vip": "CASE WHEN i % 7 = 0 THEN '1' ELSE '0' END", "seen": f"STRFTIME({_SEEN.format(n='i')}, '%m/%d/%Y')",
        }  # fmt: skip
        cases = " ".join(f"WHEN {fields[column]} THEN {value}" for column, value in held.items())
        connection.execute(
            f"INSERT INTO contact_profile_values BY NAME SELECT {shared}, segmentation_field_id, "
            f"CASE segmentation_field_id {cases} END AS value FROM (SELECT i, {_PHONE} AS phone_number, "
            f"UNNEST({list(fields.values())}) AS segmentation_field_id FROM range({rows}) AS t(i))"
        )
        # i % 5 = 0: a changed one; (i // 5) % 4 says in what.
        one, two, other, whole = (f"(i % 5 = 0 AND (i // 5) % 4 IN ({some}))" for some in ("0, 3", "1, 3", "2, 3", "3"))
        connection.execute(
            f"CREATE OR REPLACE TABLE customers AS SELECT i AS id, {_GIVEN} AS phone, "
            f"{_TIER.format(n=f'(i + {one}::INT)')} AS tier, {_CITY.format(n=f'(i + {whole}::INT)')} AS city, "
            f"(i % 1000 + {two}::INT)::INTEGER AS points, "
            f"(CAST(i % 100000 AS DECIMAL(9, 2)) / 4 + {two}::INT)::DECIMAL(9, 2) AS spend, "
            f"(i % 7 = 0) <> {other} AS vip, {_SEEN.format(n=f'(i + {other}::INT)')} AS seen "
            f"FROM (SELECT i, {_PHONE} AS p FROM range({rows}) AS t(i)) ORDER BY HASH(i)"
        )
    sync = {"table": "customers", "phone": "phone", "key": "id", "sender_code": sender_code_id, "columns": fields}
    (folder / "listrak_push.toml").write_text(tomlkit.dumps({SYNC: sync}))


def _fields(connection: duckdb.DuckDBPyConnection, sender_code_id: int) -> dict[str, int]:
    """A profile field for each column."""
    found: dict[str, int] = {}
    for column, kind in _COLUMNS.items():
        taken = ", ".join(map(str, [0, *found.values()]))
        (found[column],) = _first(
            connection,
            f"SELECT segmentation_field_id FROM profile_fields WHERE sender_code_id = {sender_code_id} "
            f"AND data_type = '{kind}' AND status_flag = 'Active' AND COALESCE(max_length, 20) >= 20 "
            f"AND segmentation_field_id NOT IN ({taken}) ORDER BY 1",
        )
    return found


def _first(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[int, ...]:
    row = connection.execute(f"{query} LIMIT 1").fetchone()
    if row is None:
        raise RuntimeError(f"nothing found by {query}")
    return row
