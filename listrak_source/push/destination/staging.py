"""The rows that a dlt load brings as Parquet, in a DuckDB of their own: what is sent of them, and what is set aside.

There need be no warehouse, so nothing is compared: every row that says something is sent. The database takes about as
much disk as the rows, while it lasts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dlt.destinations import duckdb
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials
from dlt.destinations.impl.duckdb.sql_client import DuckDbSqlClient

from listrak_source.push.diff import desired_state
from listrak_source.push.diff.comparison import changes_of, rejected_of
from listrak_source.push.diff.rejects import NO_PHONE, TWIN, collect, is_unfit, unfit
from listrak_source.push.sync.canonical import of_table
from listrak_source.push.sync.config import Sync
from listrak_source.push.sync.field_mapping import Target
from listrak_source.push.warehouse.ledger import REASON
from listrak_source.push.warehouse.sql_client import Store, name, text
from listrak_source.settings import Settings

ROW = "row_of_file"
"""The key of rows that have no name of their own: where a row stands in its file, from 1."""
_ELSEWHERE = " of another file"
_LIMITS = {"memory_limit": "128MB", "threads": 2, "preserve_insertion_order": False}
"""Of DuckDB: what is more goes to its file."""


@contextmanager
def opened(folder: Path, zone: str = Settings.timezone) -> Iterator[Store]:
    """A new database in a folder; ``zone`` is the account's."""
    credentials = DuckDbCredentials(str(folder / "rows.duckdb"))
    credentials.global_config = dict(_LIMITS)
    credentials.resolve()
    with DuckDbSqlClient("main", "main_staging", credentials, duckdb().capabilities()) as client:
        yield Store(client, {}, zone=zone)


def relation(file: Path, others: Sequence[Path], phone: str) -> str:
    """SQL for the rows of a file, and for whom the rows of ``others`` are about: the same person may stand there."""
    rows = f"SELECT * EXCLUDE (file_row_number), CAST(file_row_number + 1 AS TEXT) AS {ROW} FROM {_read([file])}"
    if not others:
        return f"({rows})"
    row = f"CAST(file_row_number + 1 AS TEXT) || '{_ELSEWHERE}' AS {ROW}"
    return f"({rows} UNION ALL BY NAME SELECT {name(phone)}, {row} FROM {_read(others)})"


def land(store: Store, sync: Sync, targets: list[Target]) -> None:
    """Make two tables of the sync's rows, by the names that ``comparison`` gives them: changes and rejected rows."""
    rows, twins = desired_state.make(store, sync, targets)
    indexes = range(len(targets))
    values = "".join(
        f", said_{index}, {of_table(f'said_{index}', targets[index].kind)} AS value_{index}" for index in indexes
    )
    bad = {index: is_unfit(targets[index], f"said_{index}", f"value_{index}") for index in indexes}
    judged = "".join(f", value_{index}, said_{index} IS NOT NULL AND {bad[index]} AS bad_{index}" for index in indexes)
    store.make(
        "judged",
        f"SELECT j.*, t.first_key, t.last_key FROM (SELECT row_key, phone{judged} FROM (SELECT row_key, phone{values} "
        f"FROM (SELECT row_key, phone{desired_state.said(store, rows, targets)} FROM {rows}) AS said "
        f"WHERE row_key NOT LIKE '%{_ELSEWHERE}') AS canon) AS j "
        f"LEFT JOIN {twins} AS t ON t.phone = j.phone",
    )
    reasons = [(sync.phone, text(NO_PHONE), "phone IS NULL"), (sync.phone, TWIN, "first_key IS NOT NULL")]
    reasons += [(one.column.name, text(unfit(one)), f"bad_{index}") for index, one in enumerate(targets)]
    collect(store, rejected_of(sync), "judged", reasons)
    fits = " AND ".join(f"NOT bad_{index}" for index in indexes)
    says = " OR ".join(f"value_{index} IS NOT NULL" for index in indexes)
    after = "".join(f", value_{index} AS after_{index}" for index in indexes)
    store.make(
        changes_of(sync),
        f"SELECT row_key, phone AS phone_number, CAST(NULL AS TEXT) AS phone_number_raw{after} FROM judged "
        f"WHERE phone IS NOT NULL AND first_key IS NULL AND {fits} AND ({says})",
    )
    for table in (rows, twins, "judged"):
        store.run(f"DROP TABLE {table}")


def set_aside(store: Store, file: Path, reasons: str, path: Path) -> dict[str, int]:
    """Write the rows of a file that the table ``reasons`` names to ``path``, as Parquet.

    ``reasons`` has ``row_key``, ``column_name`` and ``reason``. The rows are written as they came, with
    ``reject_column`` and ``reject_reason``. No file where there are none.

    Returns how many there are, by column and reason.
    """
    counts = store.rows(f"SELECT {REASON}, COUNT(*) FROM {reasons} GROUP BY 1 ORDER BY 2 DESC, 1")
    if not counts:
        return {}
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)  # people's data: nobody else reads it
    store.run(
        f"COPY (SELECT r.column_name AS reject_column, r.reason AS reject_reason, f.* EXCLUDE (file_row_number) "
        f"FROM {reasons} AS r JOIN {_read([file])} AS f ON CAST(f.file_row_number + 1 AS TEXT) = r.row_key) "
        f"TO {text(str(unfinished))} (FORMAT PARQUET, USE_TMP_FILE FALSE)"
    )
    unfinished.replace(path)
    return {str(reason): int(count) for reason, count in counts}


def _read(files: Sequence[Path]) -> str:
    paths = ", ".join(text(str(file)) for file in files)
    return f"READ_PARQUET([{paths}], union_by_name = TRUE, file_row_number = TRUE)"
