"""The ledger: what push is about to do, before it does it, and what came of it. Tables in the pull's dataset.

A run that was cut short is finished by the next one from here. Phone numbers stand in ``push_changes`` and
``push_confirmed``, which are data as ``contacts`` is; the runs and files name none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import time
from typing import Any

from listrak_source.api.version import version
from listrak_source.push.warehouse.ledger_tables import LEDGER
from listrak_source.push.warehouse.sql_client import Store, text

TABLES = {name: table.sql for name, table in LEDGER.items()}
"""By name: the columns as SQL."""
STOP, UNSUBSCRIBE, CREATE, SUBSCRIBE, UPDATE, IMPORT = (
    "opt_out", "unsubscribe", "create", "subscribe", "update", "import",
)  # fmt: skip
"""The operations, in the order in which they are carried out."""
CLEAR = "clear"
"""What a stop has taken along: a value of its contact that Listrak takes no more, and that is empty now."""
PLANNED, SENDING, SENT = "planned", "sending", "sent"
CONFIRMED, ASSUMED, MISMATCHED, NOT_FOUND, REFUSED, OPTED_OUT, UNPROVED, PENDING, DROPPED, SKIPPED = (
    "confirmed", "confirmed_by_the_sample", "mismatched", "not_found", "refused", "opted_out",
    "not_proved_to_be_allowed", "still_pending", "to_be_planned_anew", "skipped",
)  # fmt: skip
BAD = (MISMATCHED, NOT_FOUND, REFUSED, OPTED_OUT, UNPROVED)
"""How a change can stand that did not come to be. Skipped is none of these: Listrak does not answer for one person, so
nothing is proved, and the next apply asks again.
"""
FAILED = (*BAD, PENDING)
"""How a change can stand at the end of a run that did not come to be. Pending is what waits for a person to confirm."""
AGAIN = "may_be_asked_again"
"""In ``push_tried``: who waits for a person to confirm, and whose row has changed since, or a person has said so."""
RUNNING, DONE = "running", "done"
SAME = "the same person as row "
"""How the reason begins that names another row."""
REASON = f"column_name || ': ' || CASE WHEN reason LIKE '{SAME}%' THEN 'two rows for one person' ELSE reason END"
"""SQL for why a row was rejected, without the row that it names."""


@dataclass(frozen=True)
class Run:
    """One apply of one plan."""

    run_id: str
    sync_name: str
    plan_hash: str
    sender_code_id: int
    status: str
    began_at: float
    read_back: int | None
    """Contacts of each file that are read back first; None for all."""


@dataclass(frozen=True)
class File:
    """One import file of a run."""

    number: int
    fields: str
    """Its profile fields, as ``targets.described`` tells them."""
    contacts: int
    size: int
    sha256: str
    status: str
    import_file_id: int | None
    attempts: int
    changed_at: float


def is_prepared(store: Store) -> bool:
    """Whether all tables are there, with all their columns."""
    return all(_has(store, table, columns) for table, columns in TABLES.items())


def words(status: str) -> str:
    """How something stands, as a person reads it."""
    return status.replace("_", " ")


def prepare(store: Store) -> None:
    """Make the tables that are not there yet, and the columns that a ledger of an earlier version lacks."""
    if not _has(store, "push_runs", TABLES["push_runs"]):
        # What is missed there is the version, and before there was one, statuses were words.
        for table in ("push_changes", "push_files", "push_tried"):
            if _has(store, table, "status TEXT"):
                store.run(f"UPDATE {table} SET status = REPLACE(status, ' ', '_') WHERE status LIKE '% %'")
    for table, columns in TABLES.items():
        if _has(store, table, columns):
            continue
        store.run(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")
        for column in columns.split(", "):
            store.run(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column}")


def _has(store: Store, table: str, columns: str) -> bool:
    names = ", ".join(column.split()[0] for column in columns.split(", "))
    try:
        store.rows(f"SELECT {names} FROM {table} WHERE 1 = 0")
    except Exception:  # noqa: BLE001 - each database has an error of its own for what is not there
        return False
    return True


def add_run(store: Store, run: Run, counts: Mapping[str, int], *, undoes: str | None = None) -> None:
    """Write down that a run begins; the counts are contacts by what is done, and rows that were ``rejected``."""
    values = {
        "run_id": run.run_id,
        "sync_name": run.sync_name,
        "plan_hash": run.plan_hash,
        "sender_code_id": run.sender_code_id,
        "status": run.status,
        "began_at": run.began_at,
        "read_back": run.read_back or 0,
        "undoes": undoes,
        "version": version(),
        **counts,
    }
    store.insert("push_runs", list(values), [list(values.values())])


def add_file(store: Store, run_id: str, number: int, fields: str, *, contacts: int, size: int, sha256: str) -> None:
    """Write down a file that is to be sent."""
    values = {
        "run_id": run_id,
        "file_number": number,
        "fields": fields,
        "contacts": contacts,
        "file_bytes": size,
        "sha256": sha256,
        "status": PLANNED,
        "attempts": 0,
        "changed_at": time(),
    }
    store.insert("push_files", list(values), [list(values.values())])


def unfinished(store: Store, sync_name: str) -> Run | None:
    """The run of a sync that was cut short."""
    return _run(store, f"sync_name = {text(sync_name)} AND status = '{RUNNING}' ORDER BY began_at")


def run(store: Store, run_id: str) -> Run | None:
    """The run of an id."""
    return _run(store, f"run_id = {text(run_id)}")


def last(store: Store, sync_name: str) -> Run | None:
    """The latest run of a sync."""
    return _run(store, f"sync_name = {text(sync_name)} ORDER BY began_at DESC LIMIT 1")


def _run(store: Store, where: str) -> Run | None:
    found = store.rows(
        f"SELECT run_id, sync_name, plan_hash, sender_code_id, status, began_at, read_back FROM push_runs WHERE {where}"
    )
    return Run(*(*found[0][:6], found[0][6] or None)) if found else None


def runs(store: Store, sync_name: str | None = None, most: int = 20) -> list[tuple[Any, ...]]:
    """The latest runs, newest first: id, sync, status, when it began, contacts."""
    where = f"WHERE sync_name = {text(sync_name)} " if sync_name else ""
    return store.rows(
        "SELECT run_id, sync_name, status, began_at, opt_outs + unsubscribes + creates + subscribes + updates "
        f"+ imports FROM push_runs {where}ORDER BY began_at DESC LIMIT {most}"
    )


def files(store: Store, run_id: str) -> list[File]:
    """The import files of a run, in the order that they are sent."""
    found = store.rows(
        "SELECT file_number, fields, contacts, file_bytes, sha256, status, import_file_id, attempts, "
        f"changed_at FROM push_files WHERE run_id = {text(run_id)} ORDER BY file_number"
    )
    return [File(*row) for row in found]


def file(store: Store, run_id: str, number: int) -> File:
    """One of these."""
    return next(one for one in files(store, run_id) if one.number == number)


def outcomes(store: Store, run_id: str) -> dict[tuple[str, str], int]:
    """By operation and status: how many changes."""
    found = store.rows(
        f"SELECT operation, status, COUNT(*) FROM push_changes WHERE run_id = {text(run_id)} "
        "GROUP BY 1, 2 ORDER BY 1, 2"
    )
    return {(operation, status): int(count) for operation, status, count in found}


def rejected(store: Store, run_id: str) -> list[tuple[str, int]]:
    """By column and reason: how many rows of a run were not sent. Two rows for one person are one reason."""
    found = store.rows(
        f"SELECT {REASON}, COUNT(*) FROM push_rejected WHERE run_id = {text(run_id)} GROUP BY 1 ORDER BY 2 DESC, 1"
    )
    return [(str(reason), int(count)) for reason, count in found]


def refusals(store: Store, run_id: str, most: int = 20) -> list[tuple[str, str, int]]:
    """What Listrak says against changes of a run: operation, its reason, values. Those that it says most often."""
    of_run = f"run_id = {text(run_id)}"
    found = store.rows(
        f"SELECT operation, reason, COUNT(*) AS values_of FROM push_changes WHERE {of_run} "
        f"AND {among('status', (*BAD, SKIPPED))} AND COALESCE(reason, '') <> '' GROUP BY operation, reason UNION ALL "
        f"SELECT '{IMPORT}', note, contacts FROM push_files WHERE {of_run} AND status IN ('{REFUSED}', '{DROPPED}') "
        f"ORDER BY 3 DESC, 1, 2 LIMIT {most}"
    )
    return [(str(operation), str(reason), int(count)) for operation, reason, count in found]


def mark_file(store: Store, run_id: str, file: File, status: str, **also: Any) -> None:
    """Record how a file stands now."""
    values = {"status": status, "changed_at": time(), **also}
    store.update("push_files", values, f"run_id = {text(run_id)} AND file_number = {file.number}")


def written(store: Store, run_id: str, phones: Sequence[str]) -> dict[str, str]:
    """Some people's numbers as Listrak writes them: of those of a run that it writes otherwise."""
    found = store.rows(
        f"SELECT DISTINCT phone_number, phone_number_raw FROM push_changes WHERE run_id = {text(run_id)} "
        f"AND phone_number_raw IS NOT NULL AND {among('phone_number', phones)}"
    )
    return {str(phone): str(raw) for phone, raw in found}


def mark_changes(store: Store, run_id: str, status: str, where: str, *, reason: str | None = None) -> None:
    """Record how changes of a run stand now; ``reason`` is what Listrak says against them."""
    values = {"status": status} | ({"reason": reason} if reason else {})
    store.update("push_changes", values, f"run_id = {text(run_id)} AND {where}")


def end(store: Store, run_id: str) -> None:
    """The run has come to its end."""
    store.run(f"UPDATE push_runs SET status = '{DONE}', ended_at = {time()!r} WHERE run_id = {text(run_id)}")


def among(column: str, values: Sequence[str]) -> str:
    """A condition: the column has one of the values."""
    return f"{column} IN ({', '.join(map(text, values))})" if values else "FALSE"
