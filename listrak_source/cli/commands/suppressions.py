"""The command ``listrak suppressions``: who must not be reached, as a file or a table, and how old that is."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer
from dlt.destinations.job_client_impl import SqlJobClientBase

from listrak_source.api import ConfigurationError
from listrak_source.cli import reports
from listrak_source.cli.errors import Exit
from listrak_source.cli.looking import Opened, opened
from listrak_source.cli.options import AsJson, Dataset, Destination, example
from listrak_source.cli.output import console
from listrak_source.cli.output.console import out
from listrak_source.cli.output.documents import document
from listrak_source.cli.output.logs import fail_with
from listrak_source.cli.process.scratch import check_replaceable, replaced
from listrak_source.cli.warehouse import Warehouse
from listrak_source.errors import StoppedError
from listrak_source.forgotten import TABLE as FORGOTTEN
from listrak_source.lease import TABLE as LEASES
from listrak_source.person.record import plain
from listrak_source.person.suppressed import COLUMNS, TELLING, query
from listrak_source.pull.schema import CONSENT_EVENTS, OPT_OUTS, REJECTED_ROWS, SEEN_KEYS, TABLES
from listrak_source.push.warehouse.ledger_tables import LEDGER
from listrak_source.push.warehouse.sql_client import text
from listrak_source.utc import tellable

app: typer.Typer = typer.Typer(add_completion=False)

_KINDS = {
    "sender_code_id": "BIGINT",
    "sender_code": "TEXT",
    "phone_number": "TEXT",
    "stopped_at": "TIMESTAMPTZ",
    "reason": "TEXT",
    "found_in": "TEXT",
    "known_up_to": "TIMESTAMPTZ",
}
"""Of the list: its columns."""
_LISTED_AT = "listed_at"
"""Of the table: when the list was made."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_OURS = re.compile(r"_dlt|push_")
_AT_ONCE = 10_000


@app.command(
    epilog=example(
        "listrak suppressions --out stops.csv",
        "listrak suppressions --table suppressions --destination postgres",
    )
)
def suppressions(
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    to: Annotated[Path | None, typer.Option("--out", help="Write the list, as CSV, to this file.")] = None,
    table: Annotated[
        str | None, typer.Option(help="Put the list into this table of the dataset, in the place of an older list.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List who must not be reached, by sender code: everybody whose stop is in force, with its date and reason.

    It is for other senders: email, voice, another sender code. It is as old as the last pull. Exit code 5 where it may
    lack stops: it is written all the same, and what was not read is said.
    """
    warehouse = Warehouse(destination, dataset)
    with document("suppressions", wanted=as_json) as told:
        if table is not None:
            warehouse.check_may_change()
        tell_suppressions(warehouse, told, to, table, as_json=as_json)


def tell_suppressions(
    warehouse: Warehouse, told: dict[str, Any], file: Path | None, table: str | None, *, as_json: bool
) -> None:
    """Write the list to a file, or to a table of the dataset, and say how far it is to be believed."""
    if file is None and table is None:
        raise ConfigurationError("say where the list is to go: --out FILE, or --table NAME in the dataset")
    if file is not None:
        check_replaceable(file, ",".join(_KINDS))
    if table is not None:
        _check_name(table)
    with opened(warehouse) as looking:
        told.update({"destination": warehouse.location, "dataset": warehouse.dataset, "out": file, "table": table})
        if not set(TELLING) & looking.there.keys():
            raise StoppedError("no stop was ever pulled into this dataset; listrak pull reads them")
        now = datetime.now(timezone.utc)
        known = _known_up_to(looking)
        lacking, remarks = _lacking(looking, known), list(_remarks(looking))
        wanted = _list(looking, known)
        if table is not None:
            _put_table(looking, table, wanted, now)
        query_of_all = f"SELECT * FROM ({wanted}) AS listed ORDER BY sender_code_id, phone_number"  # noqa: S608 - our own names
        listed = tellable(looking.store.arrow(query_of_all))
        if file is not None:
            with replaced(file) as scratch:
                _write(listed, scratch)
        people = Counter(listed["sender_code_id"].to_pylist())
        codes = sorted(people.keys() | looking.sender_codes() | known.keys())
        told["results"] = [
            {"sender_code_id": code, "people": people[code], "known_up_to": known.get(code)} for code in codes
        ]
        oldest = min(known.values(), default=None)
        age = reports.spoken(reports.age_of(looking.pipeline, oldest)) if oldest else None
        told.update(
            {
                "listed_at": now,
                "known_up_to": oldest,
                "phone_numbers": "hashed" if looking.is_hashed() else "clear",
                "lacking": lacking,
                "remarks": remarks,
            }
        )
    if not as_json:
        _say(told, age)
    if lacking:
        sentence = f"The list may lack stops: {' '.join(lacking)}"
        told["message"] = sentence
        fail_with(sentence)
        raise SystemExit(int(Exit.NOT_ALL))


def _check_name(table: str) -> None:
    taken = {*TABLES, *LEDGER, SEEN_KEYS.name, LEASES, FORGOTTEN}
    if not _NAME.fullmatch(table) or table in taken or _OURS.match(table):
        raise ConfigurationError(
            f"--table {table}: that is no name for the list. It takes small letters, digits and _, begins with a"
            " letter, and is no table of pull or push"
        )


def _known_up_to(looking: Opened) -> dict[int, datetime]:
    """By sender code: up to when its opt-outs were read."""
    return {
        int(sender): moment
        for what, sender, moment, readers in reports.watermarks(looking.pipeline)
        if what == "opt-outs" and OPT_OUTS.name in readers.split(", ")
    }


def _lacking(looking: Opened, known: Mapping[int, datetime]) -> list[str]:
    """What was not read, or is gone, in sentences: stops may be missing."""
    told = []
    if pending := reports.pending(looking.pipeline):
        began = console.cell(pending.began)
        told.append(f"A pull that began at {began} (UTC) is not finished: run it again.")
    told += reports.unread(looking.pipeline)
    told += looking.lost()
    if OPT_OUTS.name not in looking.there:
        told.append(f"{OPT_OUTS.name} was never pulled into this dataset: who is on no list may have said stop.")
    elif never := sorted(looking.sender_codes() - known.keys()):
        told.append(f"The opt-outs of sender code {', '.join(map(str, never))} were never read.")
    return told


def _remarks(looking: Opened) -> Iterator[str]:
    if CONSENT_EVENTS.name not in looking.there:
        yield (
            f"{CONSENT_EVENTS.name} was never pulled into this dataset, so nobody is known to have come back: whoever "
            "ever said stop is on the list."
        )
    if looking.is_hashed():
        yield "The phone numbers of this dataset are hashed, and so they are on the list: whoever has the key can join."
    elif count := len(looking.forgotten()):
        are = "1 person was forgotten, and stands" if count == 1 else f"{count:,} people were forgotten, and stand"
        yield f"{are} on the list, if at all, by the hash of the number: who has the key can tell them."
    if REJECTED_ROWS.name in looking.there:
        nobodys = "(reason LIKE 'phoneNumber: missing%' OR reason LIKE 'record: %')"
        count = looking.store.one(
            f"SELECT COUNT(*) FROM {REJECTED_ROWS.name} WHERE table_name = '{OPT_OUTS.name}' AND {nobodys}"  # noqa: S608
        )
        if count:
            yield f"{count:,} opt-outs are set aside in {REJECTED_ROWS.name}, for they name no number."


def _list(looking: Opened, known: Mapping[int, datetime]) -> str:
    """SQL for the list, in no order."""
    codes: list[tuple[int, str]] = []
    if "sender_codes" in looking.there:
        found = looking.store.rows("SELECT sender_code_id, code FROM sender_codes WHERE code IS NOT NULL")
        codes = [(int(sender), str(code)) for sender, code in found]
    columns = {
        "sender_code": _by_sender("TEXT", [(sender, text(code)) for sender, code in codes]),
        "known_up_to": _by_sender("TIMESTAMPTZ", [(sender, text(at.isoformat())) for sender, at in known.items()]),
    }
    named = ", ".join(f"{columns[name]} AS {name}" if name in columns else f"s.{name}" for name in _KINDS)
    assert set(COLUMNS) | set(columns) == set(_KINDS)  # noqa: S101 - of two modules
    return f"SELECT {named} FROM ({query(looking.there)}) AS s"  # noqa: S608 - our own names, and quoted texts


def _by_sender(kind: str, values: list[tuple[int, str]]) -> str:
    if not values:
        return f"CAST(NULL AS {kind})"
    cases = " ".join(f"WHEN {sender} THEN CAST({value} AS {kind})" for sender, value in values)
    return f"CASE s.sender_code_id {cases} END"


def _put_table(looking: Opened, table: str, wanted: str, now: datetime) -> None:
    """Put the list into a table, in one transaction: whoever reads it has all of the old list or all of the new one.

    The table itself stays, for views of it and rights on it.
    """
    kinds = {**_KINDS, _LISTED_AT: "TIMESTAMPTZ"}
    with looking.pipeline.destination_client() as client:
        if not isinstance(client, SqlJobClientBase) or looking.store.dialect not in ("duckdb", "postgres"):
            raise ConfigurationError("--table works in DuckDB and PostgreSQL alone: write a file, with --out")
        is_there, columns = client.get_storage_table(table)
    if is_there and set(columns) != set(kinds):
        raise ConfigurationError(f"--table {table}: there is a table of that name, and it is none of this command's")
    with looking.client.begin_transaction():
        if is_there:
            looking.store.run(f"DELETE FROM {table}")  # noqa: S608 - a name of letters
        else:
            looking.store.run(f"CREATE TABLE {table} ({', '.join(f'{name} {kind}' for name, kind in kinds.items())})")
        listed_at = f"CAST({text(now.isoformat())} AS TIMESTAMPTZ)"
        looking.store.run(
            f"INSERT INTO {table} ({', '.join(kinds)}) "  # noqa: S608 - a name of letters
            f"SELECT {', '.join(_KINDS)}, {listed_at} FROM ({wanted}) AS listed"
        )


def _write(listed: pa.Table, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(_KINDS)
        for some in listed.to_batches(max_chunksize=_AT_ONCE):
            lines.writerows([plain(row[name]) for name in _KINDS] for row in some.to_pylist())


def _say(told: Mapping[str, Any], age: str | None) -> None:
    count = sum(one["people"] for one in told["results"])
    where = " and ".join(str(told[one]) for one in ("out", "table") if told[one] is not None)
    rows = [(one["sender_code_id"], one["people"], one["known_up_to"]) for one in told["results"]]
    console.table(out, "Who must not be reached", ["sender code", "people", "known up to (UTC)"], rows)
    until = f", as of {console.cell(told['known_up_to'])} (UTC), {age} ago" if age else ""
    out.print(f"Wrote {count:,} people{until} into {where}.", highlight=False, markup=False)
    for sentence in told["remarks"]:
        out.print(sentence, highlight=False, markup=False)
