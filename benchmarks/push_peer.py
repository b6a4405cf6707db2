"""The same job in bare DuckDB, as one would write it by hand: join, compare in canonical form, ``COPY`` to CSV.

Nothing is checked, rejected or written down, and no two customers with one number are told from each other.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import tomlkit

_NUMBER = "RTRIM(RTRIM(CAST(TRY_CAST({} AS DECIMAL(17, 2)) AS TEXT), '0'), '.')"
CANONICAL = {
    "tier": "NULLIF(TRIM({}), '')",
    "city": "NULLIF(TRIM({}), '')",
    "points": _NUMBER,
    "spend": _NUMBER,
    "vip": "CASE WHEN LOWER({}) IN ('1', 'on', 'true') THEN '1' WHEN LOWER({}) IN ('0', 'off', 'false') THEN '0' END",
    "seen": "STRFTIME(COALESCE(TRY_STRPTIME({}, '%Y-%m-%d'), TRY_STRPTIME({}, '%m/%d/%Y')), '%m/%d/%Y')",
}
"""By column of the customers: its canonical form, as it is sent."""


def main(database: str, syncs: str, folder: Path) -> None:
    """Write the import files of the benchmark's sync into ``folder``."""
    sync = tomlkit.parse(Path(syncs).read_text()).unwrap()["bench"]
    fields, sender = sync["columns"], f"sender_code_id = {sync['sender_code']}"
    wanted = ", ".join(f"{form.replace('{}', f'CAST({name} AS TEXT)')} AS {name}" for name, form in CANONICAL.items())
    held = ", ".join(
        f"MAX(CASE WHEN segmentation_field_id = {fields[name]} THEN {form.replace('{}', 'value')} END) AS {name}"
        for name, form in CANONICAL.items()
    )
    after = ", ".join(f"CASE WHEN w.{name} IS DISTINCT FROM h.{name} THEN w.{name} END AS {name}" for name in fields)
    digits = "REGEXP_REPLACE(phone, '[^0-9]', '', 'g')"
    pattern = " || ".join(f"CASE WHEN {name} IS NULL THEN '0' ELSE '1' END" for name in fields)
    with duckdb.connect(database) as connection:
        titles = dict(
            connection.execute(
                f"SELECT segmentation_field_id, segmentation_field_name FROM listrak_sms.profile_fields WHERE {sender}"
            ).fetchall()
        )
        connection.execute(
            f"CREATE TEMP TABLE changed AS SELECT *, {pattern} AS pattern FROM (SELECT c.phone_number, {after} "
            f"FROM (SELECT CASE WHEN LENGTH({digits}) = 10 THEN '1' || {digits} ELSE {digits} END AS phone, {wanted} "
            "FROM listrak_sms.customers) AS w "
            f"JOIN listrak_sms.contacts AS c ON c.phone_number = w.phone AND c.{sender} AND c.removed_at IS NULL "
            f"LEFT JOIN (SELECT phone_number, {held} FROM listrak_sms.contact_profile_values "
            f"WHERE {sender} AND removed_at IS NULL GROUP BY phone_number) AS h ON h.phone_number = c.phone_number "
            f") AS compared WHERE {pattern} LIKE '%1%'"
        )
        found = connection.execute("SELECT pattern, COUNT(*) FROM changed GROUP BY 1 ORDER BY 2 DESC, 1").fetchall()
        for number, (marks, _) in enumerate(found):
            cells = ", ".join(
                f'{name} AS "{titles[field_id]}"'
                for (name, field_id), mark in zip(fields.items(), marks, strict=True)
                if mark == "1"
            )
            connection.execute(
                f"COPY (SELECT phone_number AS \"Phone\", {cells} FROM changed WHERE pattern = '{marks}' "
                f"ORDER BY phone_number) TO '{folder / f'{number}.csv'}' (FORCE_QUOTE *)"
            )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
