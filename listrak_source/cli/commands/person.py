"""The command ``listrak person``: what a warehouse knows of one phone number, and of what that was made."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any

import typer

from listrak_source.api import ConfigurationError
from listrak_source.api.version import version
from listrak_source.cli import reports
from listrak_source.cli.errors import Exit
from listrak_source.cli.looking import WHERE_PEOPLE_ARE, Opened, never_pulled, opened
from listrak_source.cli.options import AsJson, Dataset, Destination, example
from listrak_source.cli.output.console import out
from listrak_source.cli.output.documents import document
from listrak_source.cli.output.logs import fail_with
from listrak_source.cli.process.scratch import check_replaceable, replaced
from listrak_source.cli.warehouse import Warehouse
from listrak_source.person.page import BEGINS, page, parts
from listrak_source.person.record import OF_PEOPLE, digest, loads_of, plain, record_of
from listrak_source.pull.load.warehouse import sql_list

app: typer.Typer = typer.Typer(add_completion=False)

_STDIN = "-"


@app.command(
    epilog=example(
        "listrak person '+1 (555) 123-4567'",
        "listrak person 5551234567 --html record.html",
        "listrak person - --json < number.txt",
    )
)
def person(
    phone: Annotated[list[str], typer.Argument(help="The phone number, in any form; - reads it from standard input.")],
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    html: Annotated[
        Path | None, typer.Option(help="Write the record to this file too: one page, which opens from disk.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell all that the warehouse knows of one phone number: consent, stops, lists, profile, what push has sent.

    Nothing is asked of Listrak, and nothing is changed. The exit code is 0 also where nothing is known of the number; 5
    where that proves nothing, for not everything was read.
    """
    with document("person", wanted=as_json) as told:
        tell_person(Warehouse(destination, dataset), written_number(phone), told, html, as_json=as_json)


def written_number(words: Sequence[str]) -> str:
    """The number on the command line, which may stand in several words, or on standard input."""
    written = " ".join(words).strip()
    if written == _STDIN:
        given = [line for line in map(str.strip, sys.stdin) if line]
        if len(given) > 1:
            raise ConfigurationError("standard input holds more than one line: one number at a time")
        written = "".join(given)
    if not written:
        raise ConfigurationError(
            "there is no phone number: give one, in any form, or - to have it read from standard input"
        )
    return written


def tell_person(warehouse: Warehouse, written: str, told: dict[str, Any], html: Path | None, *, as_json: bool) -> None:
    """Print, and write to a file, what is known of a number."""
    if html:
        check_replaceable(html, BEGINS)
    with opened(warehouse) as looking:
        told.update({"destination": warehouse.location, "dataset": warehouse.dataset})
        number = looking.number(written)
        found = record_of(looking.store, looking.there, number)
        unread = looking.unread()
        is_forgotten = looking.is_forgotten(number)
        record = {"about": _about(looking, found, unread, is_forgotten=is_forgotten), **found}
    if not number.is_whole and not record["found"]:
        raise ConfigurationError(
            "that is no whole phone number, and nothing stands in the warehouse as it is written: give ten digits or "
            "more, with the country's in front where it is not North American"
        )
    sha256 = digest(record)
    told.update({"record": record, "sha256": sha256})
    if html:
        with replaced(html) as scratch:
            scratch.write_text(page(record, sha256), encoding="utf-8")
    if not as_json:
        _print(record, sha256)
        if html:
            out.print(f"Wrote {html}, for its owner's eyes alone.", highlight=False, markup=False)
    if not record["found"] and unread:
        sentence = f"Nothing is known of this number, and that proves nothing: {' '.join(unread)}"
        told["message"] = sentence
        fail_with(sentence)
        raise SystemExit(int(Exit.NOT_ALL))


def _about(looking: Opened, found: Mapping[str, Any], unread: Sequence[str], *, is_forgotten: bool) -> dict[str, Any]:
    """When a record was made, of what, and how far that is to be believed."""
    pipeline = looking.pipeline
    ids = sorted(loads_of(dict(found)))
    where = f"load_id IN ({sql_list(ids)})" if ids else "1 = 0"
    columns = "SELECT load_id, inserted_at FROM _dlt_loads WHERE status = 0"
    loads = looking.store.rows(f"{columns} AND {where} ORDER BY load_id")
    latest = looking.store.rows(f"{columns} ORDER BY load_id DESC LIMIT 1")
    walk = reports.last_walk(pipeline)
    doubts = [*unread]
    if lacking := [name for name in OF_PEOPLE if name not in looking.there and name not in WHERE_PEOPLE_ARE]:
        doubts.append(never_pulled(lacking))
    is_hashed = looking.is_hashed()
    if is_forgotten:
        doubts.append(
            "This person was forgotten: the warehouse knows the number by its hash, and what tells of consent."
        )
    return {
        "generated_at": plain(datetime.now(timezone.utc)),
        "listrak_source_version": version(),
        "destination": looking.warehouse.location,
        "dataset": looking.warehouse.dataset,
        "phone_numbers": "hashed" if is_hashed else "clear",
        "loads": [{"load_id": load_id, "at": plain(at)} for load_id, at in loads],
        "latest_load": next(({"load_id": load_id, "at": plain(at)} for load_id, at in latest), None),
        "read_up_to": [
            {"what": what, "sender_code_id": int(sender), "watermark": plain(moment), "tables": readers.split(", ")}
            for what, sender, moment, readers in reports.watermarks(pipeline)
        ],
        "last_complete_walk_began_at": plain(walk[0]) if walk else None,
        "doubts": doubts,
    }


def _print(record: dict[str, Any], sha256: str) -> None:
    for part in parts(record):
        if part.columns and not part.rows:
            continue
        out.print(part.title, style="bold", highlight=False, markup=False)
        for line in (*part.sentences, *part.lines()):
            out.print(line, highlight=False, markup=False)
        out.print()
    out.print(f"SHA-256 of the record as JSON: {sha256}", highlight=False, markup=False)
