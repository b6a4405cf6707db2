"""The command ``listrak runs``: the latest pulls and pushes, and what came of them."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from listrak_source import runs as records
from listrak_source.cli.options import AsJson, Dataset, Destination, example
from listrak_source.cli.output import console
from listrak_source.cli.output.documents import document
from listrak_source.cli.warehouse import NothingThereError, Warehouse
from listrak_source.errors import StoppedError
from listrak_source.lease import is_running

app: typer.Typer = typer.Typer(add_completion=False)


@app.command(
    epilog=example(
        "listrak runs", "listrak runs --destination postgres --dataset sms --last 100", "listrak runs --json"
    )
)
def runs(
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    last: Annotated[int, typer.Option(min=1, max=1_000_000, help="Show so many, the newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the latest runs: when each began and ended, what came of it, what it has sent and loaded.

    A run that was killed has not ended. Those that were refused on one day because another was under way share a row.
    """
    warehouse = Warehouse(destination, dataset)
    with document("runs", wanted=as_json) as told:
        found = latest(warehouse, last)
        told.update({"destination": warehouse.location, "dataset": dataset, "runs": found})
        if not as_json:
            show(found)


def latest(warehouse: Warehouse, most: int) -> list[dict[str, Any]]:
    """The latest runs into a warehouse, newest first, for a program.

    Raises :class:`NothingThereError` where there is no dataset, and :class:`StoppedError` where none are kept.
    """
    if warehouse.file is not None and not warehouse.file.exists():
        raise NothingThereError(warehouse.nothing)
    with warehouse.looking() as pipeline:
        keepers = [keeper for table in records.COLUMNS if (keeper := records.keeper_of(pipeline, table))]
        if not keepers:
            raise StoppedError(
                f"{warehouse.location} keeps no rows of runs: nothing of ours is written there but loads"
            )
        found = [row for keeper in keepers for row in keeper.latest(most)]
        found.sort(key=lambda row: row["began_at"].timestamp(), reverse=True)
        return [records.told(row) for row in found[:most]]


def show(found: list[dict[str, Any]]) -> None:
    """Print runs, a line for each, with what was wrong."""
    console.out.print("Latest runs (UTC)\n", style="bold", highlight=False)
    for run in found:
        console.out.print(f"{console.cell(run['began_at'])}  {_line(run)}", highlight=False, markup=False)


def _line(run: Mapping[str, Any]) -> str:
    of = f"of {', '.join(map(str, run['sender_codes']))}" if run.get("sender_codes") else None
    what = " ".join(filter(None, [run["command"], run.get("sync_name"), of]))
    if run["ended_at"] is None:
        was_killed = run["host"] == socket.gethostname() and not is_running(run["process"])
        return f"{what}: was killed, or could not tell its end." if was_killed else f"{what}: has not ended."
    if run["times"] > 1:
        came = f"{run['outcome']} {run['times']:,} times"
    else:
        came = f"{run['outcome']} after {(run['ended_at'] - run['began_at']).total_seconds():,.1f} s"
    code = f", exit code {run['exit_code']}" if run["exit_code"] else ""
    loaded, sent = run.get("rows_loaded"), run.get("results")
    rows = sum((loaded or {}).values())
    moved = f"{rows:,} rows" if sent is None else f"{sum(int(one['values']) for one in sent):,} values"
    told = f" {run['message']}" if run["message"] else ""
    return f"{what}: {came}{code}, {moved}, {run['requests']:,} requests.{told}"
