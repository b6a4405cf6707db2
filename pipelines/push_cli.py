"""The command ``listrak push``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import typer

from listrak_source.push import ledger
from listrak_source.push.apply import Outcome
from listrak_source.push.plan import Plan
from listrak_source.push.store import Store
from pipelines import show
from pipelines.messages import Exit, explain
from pipelines.pushing import FILE, session
from pipelines.screen import Dataset, Destination, err, example, out
from pipelines.warehouse import Warehouse

app = typer.Typer(
    help="Write table differences to Listrak's contacts: planned first, applied once, checked by reading back.",
    no_args_is_help=True,
    epilog=example("listrak push check loyalty", "listrak push plan loyalty", "listrak push apply loyalty"),
)

Name = Annotated[str, typer.Argument(help="The sync, as its file names it.")]
File = Annotated[Path, typer.Option("--file", "-f", help="The TOML file of syncs.")]
_BAD = (ledger.MISMATCHED, ledger.NOT_FOUND, ledger.REFUSED)


@app.command(epilog=example("listrak push check loyalty"))
def check(name: Name, file: File = FILE, destination: Destination = "duckdb", dataset: Dataset = "listrak_sms") -> None:
    """Say everything that is wrong with a sync, at once. Nothing is compared or sent."""
    from listrak_source.push.check import checked

    with session(name, file, Warehouse(destination, dataset)) as opened:
        targets, problems = checked(opened.store, opened.client, opened.sync)
        for problem in problems:
            err.print(f"listrak: sync {name}: {problem}.", highlight=False, markup=False)
        if problems:
            raise SystemExit(int(Exit.WRONG_USE))
        rows = [(target.column.name, target.title, target.kind.value, target.column.null) for target in targets]
        show.table(out, f"Sync {name} is well formed", ["column", "field at Listrak", "type", "a null means"], rows)


@app.command(epilog=example("listrak push plan loyalty", "listrak push plan loyalty --json"))
def plan(
    name: Name,
    file: File = FILE,
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    to: Annotated[Path | None, typer.Option("--out", help="Write the plan, as JSON, to this file.")] = None,
) -> None:
    """Show what an apply would send, and send nothing. Exit code 2 where there are changes, 0 where there are none, 1
    for whatever is wrong.
    """
    try:
        with session(name, file, Warehouse(destination, dataset)) as opened:
            found = opened.plan()
    except Exception as error:
        sentence, code = explain(error)
        if code is not Exit.WRONG_USE:
            raise
        err.print(f"listrak: {sentence}", highlight=False, markup=False)
        raise SystemExit(int(Exit.FAILED)) from error
    if to:
        to.write_text(found.as_json() + "\n", encoding="utf-8")
    if json:
        out.print(found.as_json(), highlight=False, markup=False)
    else:
        show_plan(found)
    raise SystemExit(0 if found.is_empty else 2)


@app.command(epilog=example("listrak push apply loyalty", "listrak push apply loyalty --plan 3f9a0c1d2b4e5f60"))
def apply(
    name: Name,
    file: File = FILE,
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    only: Annotated[str | None, typer.Option("--plan", help="Apply the plan of this hash, and no other.")] = None,
    accept: Annotated[str | None, typer.Option(help="Let the plan of this hash go over the budget.")] = None,
) -> None:
    """Send what has changed, wait for Listrak, read back, and report. A run that was cut short is finished first."""
    with session(name, file, Warehouse(destination, dataset)) as opened:
        outcome = opened.apply(_say, only=only, accept=accept)
        _report(outcome, "Nothing to send: Listrak holds what the table wants.")


@app.command(epilog=example("listrak push retry loyalty"))
def retry(name: Name, file: File = FILE, destination: Destination = "duckdb", dataset: Dataset = "listrak_sms") -> None:
    """Finish a run that was cut short, and nothing else."""
    with session(name, file, Warehouse(destination, dataset)) as opened:
        _report(opened.retry(_say), "No run was cut short.")


@app.command(epilog=example("listrak push verify loyalty", "listrak push verify loyalty --all"))
def verify(
    name: Name,
    file: File = FILE,
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    everyone: Annotated[bool, typer.Option("--all", help="Read back everybody, not a sample.")] = False,
) -> None:
    """Read back again what the last run has confirmed. What is not there any more is planned again next time."""
    with session(name, file, Warehouse(destination, dataset)) as opened:
        counts = opened.verify(None if everyone else opened.sync.read_back)
    if counts is None:
        out.print("Nothing was applied yet.", highlight=False)
    else:
        _counts(counts)


@app.command(epilog=example("listrak push status"))
def status(destination: Destination = "duckdb", dataset: Dataset = "listrak_sms") -> None:
    """Show the latest runs, and what came of them."""
    with Warehouse(destination, dataset).reading() as pipeline, Store.of(pipeline) as store:
        ledger.prepare(store)
        rows = [
            (sync, datetime.fromtimestamp(began, timezone.utc), state, *numbers)
            for _, sync, state, began, *numbers in ledger.runs(store)
        ]
    columns = ["sync", "began (UTC)", "status", "stops", "updates", "imports", "rejected"]
    show.table(out, "Latest runs of push", columns, rows)


def _say(sentence: str) -> None:
    out.print(sentence, highlight=False, markup=False)


def _report(outcome: Outcome | None, nothing: str) -> None:
    if outcome is None:
        _say(nothing)
        return
    _counts(outcome.counts)
    if not outcome.finished:
        err.print("listrak: An import has not ended yet: run the same command later.", highlight=False)
        raise SystemExit(int(Exit.TRY_AGAIN))


def _counts(counts: Mapping[tuple[str, str], int]) -> None:
    rows = [(operation, state, count) for (operation, state), count in counts.items()]
    show.table(out, "Values, as they were read back", ["operation", "outcome", "values"], rows)
    if bad := sum(count for (_, state), count in counts.items() if state in _BAD):
        err.print(
            f"listrak: {bad:,} values are not at Listrak as they were sent; the next plan has them.", highlight=False
        )
        raise SystemExit(int(Exit.FAILED))


def show_plan(found: Plan) -> None:
    """Print a plan as a person reads it."""
    if found.is_empty:
        _say("Nothing would change.\n")
    else:
        counts = [
            ("opt out", found.stops),
            ("update one by one", found.updates),
            ("update by import file", found.imports),
        ]
        show.table(out, f"Plan {found.hash}", ["operation", "contacts"], [row for row in counts if row[1]])
        show.table(out, "By field", ["field", "contacts"], list(found.fields.items()))
        files = [(file.number + 1, ", ".join(file.fields), file.contacts, file.size) for file in found.files]
        if files:
            show.table(out, "Import files", ["file", "fields", "rows", "bytes"], files)
        show.table(out, "Examples", ["contact", "field", "before", "after"], found.sample)
    if found.rejected:
        show.table(out, "Rejected rows", ["column and reason", "rows"], list(found.rejected.items()))
    for sentence in found.over_budget():
        _say(f"Over the budget: {sentence}. Apply needs --accept {found.hash}.")
