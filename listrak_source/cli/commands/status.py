"""The command ``listrak status``: what was loaded, how far each list was read, and what is not finished."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

import typer

from listrak_source.cli import reports
from listrak_source.cli.errors import Exit
from listrak_source.cli.options import AsJson, Dataset, Destination, duration, example
from listrak_source.cli.output import console
from listrak_source.cli.output.console import out
from listrak_source.cli.output.documents import document
from listrak_source.cli.output.logs import fail_with
from listrak_source.cli.warehouse import Warehouse
from listrak_source.sql import one_connection

app: typer.Typer = typer.Typer(add_completion=False)


@app.command(
    epilog=example(
        "listrak status",
        "listrak status --destination postgres --dataset sms",
        "listrak status --json",
        "listrak status --max-age 26h",
    )
)
def status(
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    max_age: Annotated[
        timedelta | None,
        typer.Option(
            parser=duration,
            metavar="TIME",
            help="Fail, with exit code 1, where a table of people or stops was read up to longer ago: 26h, 90m, 2d.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show rows per table, what was loaded when, how far each list was read, and a pull that is not finished."""
    warehouse = Warehouse(destination, dataset)
    with (
        document("status", wanted=as_json) as told,
        warehouse.reading() as pipeline,
        one_connection(pipeline),
    ):
        if max_age is not None:
            told["stale"] = reports.stale(pipeline, max_age)
            told["message"] = " ".join(told["stale"]) or None
        lost = reports.lost(pipeline.default_schema, warehouse.check(pipeline))
        if as_json:
            told["lost"] = lost
            told.update({"destination": warehouse.location, "dataset": dataset} | reports.as_document(pipeline))
            told["dlt_command"] = warehouse.dlt_command
            _fail_for(told.get("stale", ()))
            return
        loads = reports.loads(pipeline)
        out.print(f"{warehouse.location}, dataset {dataset}\n", highlight=False)
        if pending := reports.pending(pipeline):
            began = console.cell(pending.began)
            out.print(f"A pull that began at {began} (UTC) is not finished: run it again.\n", highlight=False)
        if walk := reports.last_walk(pipeline):
            since, doubts = walk
            sentences = [f"The last complete walk began at {console.cell(since)} (UTC).", *reports.in_doubt(doubts)]
            out.print(" ".join(sentences) + "\n", highlight=False)
        for sentence in (*lost, *reports.unread(pipeline), *filter(None, [reports.removals(pipeline)])):
            out.print(sentence + "\n", highlight=False, markup=False)
        counts = [(name, *both) for name, both in reports.row_counts(pipeline).items()]
        console.table(out, "Rows, and those that are gone at Listrak", ["table", "rows", "removed"], counts)
        rows = [
            (load.at, load.load_id, ", ".join(f"{count:,} {name}" for name, count in load.rows.items()) or "-")
            for load in loads
        ]
        console.table(out, "Latest loads (UTC), and the rows that each wrote last", ["at", "load id", "rows"], rows)
        marks = reports.watermarks(pipeline)
        console.table(out, "Read up to (UTC)", ["what", "sender code", "watermark", "tables"], marks)
        if command := warehouse.dlt_command:
            out.print(
                "What dlt keeps of the last pull on this machine (trace, info, sync; from this folder):",
                highlight=False,
            )
            out.print(command, highlight=False, markup=False, soft_wrap=True)
        _fail_for(told.get("stale", ()))


def _fail_for(sentences: Sequence[str]) -> None:
    for sentence in sentences:
        fail_with(sentence)
    if sentences:
        raise SystemExit(int(Exit.FAILED))
