"""The command ``listrak push``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import typer

from listrak_source.api import ConfigurationError
from listrak_source.cli.commands.push_output import (
    Said,
    counts,
    end_of_plan,
    nothing_to_send,
    refused,
    report,
    results,
    saying,
    stops_decide,
    tell_plan,
    unread_is_1,
)
from listrak_source.cli.errors import Exit
from listrak_source.cli.options import AsJson, Dataset, Destination, example
from listrak_source.cli.process.memory import PLANNING
from listrak_source.cli.process.scratch import write_private
from listrak_source.cli.runs import attempted
from listrak_source.cli.warehouse import Warehouse
from listrak_source.errors import StoppedError
from listrak_source.push import Session, Sync, load_syncs, sync_session
from listrak_source.push.diff.refused_stops import told
from listrak_source.push.warehouse import ledger
from listrak_source.push.warehouse.ledger import Run
from listrak_source.push.warehouse.sql_client import Store
from listrak_source.push.warehouse.turns import prepare

app: typer.Typer = typer.Typer(
    name="push",
    help="Write table differences to Listrak's contacts: planned first, applied once, checked by reading back.",
    no_args_is_help=True,
    add_completion=False,
    epilog=example("listrak push check loyalty", "listrak push plan loyalty", "listrak push apply loyalty"),
)

FILE = Path("listrak_push.toml")
"""Where syncs stand, unless told otherwise."""
Name = Annotated[str, typer.Argument(help="The sync, as its file names it.")]
File = Annotated[Path, typer.Option("--file", "-f", help="The TOML file of syncs.")]
Accept = Annotated[str | None, typer.Option(help="Let the plan of this hash go over the budget.")]


@app.command(epilog=example("listrak push check loyalty"))
def check(
    name: Name,
    file: File = FILE,
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    as_json: AsJson = False,
) -> None:
    """Say everything that is wrong with a sync, at once. Nothing is compared or sent."""
    with (
        saying("check", name, as_json=as_json) as said,
        session(name, file, Warehouse(destination, dataset)) as opened,
    ):
        targets, problems = opened.check()
        for problem in problems:
            said.fail(f"sync {name}: {problem}.")
        said.told["problems"] = list(problems)
        if problems:
            raise SystemExit(int(Exit.WRONG_USE))
        rows = [(target.column.name, target.title, target.kind.value, target.column.null) for target in targets]
        said.told["columns"] = [dict(zip(("column", "field", "type", "null"), row, strict=True)) for row in rows]
        said.table(f"Sync {name} is well formed", ["column", "field at Listrak", "type", "a null means"], rows)
        for one in opened.shared(targets):
            said.say(f"{one}.")
        unread_is_1(opened.sync, opened.unread_stops(), said)


@app.command(epilog=example("listrak push plan loyalty", "listrak push plan loyalty --json"))
def plan(
    name: Name,
    file: File = FILE,
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    as_json: AsJson = False,
    to: Annotated[Path | None, typer.Option("--out", help="Write the plan, as JSON, to this file.")] = None,
) -> None:
    """Show what an apply would send, and send nothing.

    Exit code 2 where there are changes, 0 where there are none, 1 for whatever is wrong.
    """
    with saying("plan", name, as_json=as_json) as said:
        with session(name, file, Warehouse(destination, dataset)) as opened:
            found = opened.plan()
            if sentence := told(opened.refused_stops()):
                said.fail(f"{sentence}.")
        if to:
            write_private(to, found.as_json() + "\n")
        tell_plan(found, said)
        unread_is_1(found.sync, found.unread_stops, said)
        end_of_plan(found, said)


@app.command(epilog=example("listrak push apply loyalty", "listrak push apply loyalty --plan 3f9a0c1d2b4e5f60"))
def apply(
    name: Name,
    file: File = FILE,
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    only: Annotated[str | None, typer.Option("--plan", help="Apply the plan of this hash, and no other.")] = None,
    accept: Accept = None,
    as_json: AsJson = False,
) -> None:
    """Send what has changed, wait for Listrak, read back, and report. A run that was cut short is finished first."""
    with (
        saying("apply", name, as_json=as_json) as said,
        session(name, file, Warehouse(destination, dataset)) as opened,
        attempted(said, opened),
        stops_decide(opened, said),
    ):
        outcome = opened.apply(said.say, only=only, accept=accept)
        report(opened, outcome, nothing_to_send, said)
        unread_is_1(opened.sync, opened.left_unread(), said)


@app.command(epilog=example("listrak push retry loyalty"))
def retry(
    name: Name,
    file: File = FILE,
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    accept: Accept = None,
    as_json: AsJson = False,
) -> None:
    """Like apply, and what was tried in vain before (not found, mismatched, refused) is tried again."""
    with (
        saying("retry", name, as_json=as_json) as said,
        session(name, file, Warehouse(destination, dataset)) as opened,
        attempted(said, opened),
        stops_decide(opened, said),
    ):
        report(opened, opened.retry(said.say, accept=accept), nothing_to_send, said)
        unread_is_1(opened.sync, opened.left_unread(), said)


@app.command(epilog=example("listrak push undo 6925c0aa-3f9a0c", "listrak push undo 6925c0aa-3f9a0c --apply"))
def undo(
    run: Annotated[str, typer.Argument(help="The run, as listrak push status names it.")],
    file: File = FILE,
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    send: Annotated[bool, typer.Option("--apply", help="Send it.")] = False,
    only: Annotated[str | None, typer.Option("--plan", help="Apply the plan of this hash, and no other.")] = None,
    accept: Accept = None,
    as_json: AsJson = False,
) -> None:
    """Show what would bring back what was before a run, where Listrak allows that; --apply sends it.

    Stops stay, and so does what was changed since. Exit codes without --apply are those of plan.
    """
    with (
        saying("undo --apply" if send else "undo", as_json=as_json) as said,
        session_of_run(run, file, Warehouse(destination, dataset)) as (opened, found),
    ):
        said.told |= {"sync": found.sync_name, "undoes": run}
        if send:
            with attempted(said, opened), stops_decide(opened, said):
                outcome = opened.undo(found, said.say, only=only, accept=accept)
                report(opened, outcome, lambda _: "Nothing of this run can be undone.", said)
                said.say(
                    f"The next plan of {found.sync_name} wants the same again, unless its table or query has changed."
                )
            return
        planned = opened.plan_undo(found)
        tell_plan(planned, said)
        end_of_plan(planned, said)


@app.command(epilog=example("listrak push waive loyalty 4711"))
def waive(
    name: Name,
    row: Annotated[str, typer.Argument(help="The row, by its key, as the message about its stop names it.")],
    file: File = FILE,
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    as_json: AsJson = False,
) -> None:
    """Give up a stop that Listrak refuses: it is sent and told no more, as long as its row says stop."""
    with saying("waive", name, as_json=as_json) as said:
        with session(name, file, Warehouse(destination, dataset)) as opened:
            if not opened.waive(row):
                raise ConfigurationError(f"sync {name} has no stop of that row that Listrak has refused")
        said.say("Waived: the person may go on getting messages, unless somebody opts them out at Listrak.")


@app.command(epilog=example("listrak push verify loyalty", "listrak push verify loyalty --all"))
def verify(
    name: Name,
    file: File = FILE,
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    everyone: Annotated[bool, typer.Option("--all", help="Read back everybody, not a sample.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read back again what the last run has confirmed. What is not there any more is planned again next time."""
    with (
        saying("verify", name, as_json=as_json) as said,
        session(name, file, Warehouse(destination, dataset)) as opened,
        attempted(said, opened),
    ):
        found = opened.verify(None if everyone else opened.sync.read_back, said.say)
        said.told["results"] = []
        if found is None:
            said.say("Nothing was applied yet.")
        else:
            counts(said, found, opened.waiting(), skipped=opened.skipped())


@app.command(epilog=example("listrak push status", "listrak push status 6925c0aa-3f9a0c"))
def status(
    run: Annotated[str | None, typer.Argument(help="A run, to see what came of it.")] = None,
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    as_json: AsJson = False,
) -> None:
    """Show the latest runs; or of one what came of it, value by value, and why rows were rejected."""
    warehouse = Warehouse(destination, dataset)
    with saying("status", as_json=as_json) as said, warehouse.reading() as pipeline, Store.of(pipeline) as store:
        if warehouse.may_only_be_read and not ledger.is_prepared(store):
            raise StoppedError(f"{warehouse.file} may only be read, and no push has made its ledger there yet")
        prepare(store)
        if run is None:
            _runs(said, store)
        elif ledger.run(store, run) is None:
            raise ConfigurationError(f"the warehouse knows no run {run}; listrak push status names those it knows")
        else:
            _run(said, store, run)


def _runs(said: Said, store: Store) -> None:
    found = ledger.runs(store)
    said.told["runs"] = [
        {
            "run": one,
            "sync": sync,
            "began_at": datetime.fromtimestamp(began, timezone.utc),
            "status": state,
            "contacts": contacts,
        }
        for one, sync, state, began, contacts in found
    ]
    rows = [
        (one, sync, f"{datetime.fromtimestamp(began, timezone.utc):%Y-%m-%d %H:%M}", state, contacts)
        for one, sync, state, began, contacts in found
    ]
    said.table("Latest runs of push", ["run", "sync", "began (UTC)", "status", "contacts"], rows)


def _run(said: Said, store: Store, run: str) -> None:
    said.told["run"] = run
    results(said, f"What came of run {run}", ledger.outcomes(store, run))
    files = [(one.number + 1, one.status, one.import_file_id, one.contacts) for one in ledger.files(store, run)]
    said.told["files"] = [dict(zip(("file", "status", "import", "contacts"), one, strict=True)) for one in files]
    shown = [(one, ledger.words(state), job, contacts) for one, state, job, contacts in files]
    said.table("Import files", ["file", "status", "import", "contacts"], shown)
    refused(said, ledger.refusals(store, run))
    rejected = list(ledger.rejected(store, run))
    said.told["rejected"] = dict(rejected)
    said.table("Rejected rows", ["column and reason", "rows"], rejected)


# the sync that a command is about


@contextmanager
def session(name: str, file: Path, warehouse: Warehouse) -> Iterator[Session]:
    """Open a sync of a file. Raises :class:`ConfigurationError` for one that is not there or not well formed."""
    syncs = load_syncs(file)
    if name not in syncs:
        raise ConfigurationError(f"{file} has no sync {name}; there are {', '.join(syncs) or 'none'}")
    warehouse.check_may_change()
    with warehouse.reading(**PLANNING) as pipeline, sync_session(pipeline, syncs[name], among=syncs.values()) as opened:
        yield opened


@contextmanager
def session_of_run(run_id: str, file: Path, warehouse: Warehouse) -> Iterator[tuple[Session, Run]]:
    """Open the sync of a run, by the run's id; where the file has it no more, by what the ledger knows of it.

    Raises :class:`ConfigurationError` for a run that is not there.
    """
    syncs: dict[str, Sync] = {}
    if file.exists():
        syncs = load_syncs(file)
    warehouse.check_may_change()
    with warehouse.reading(**PLANNING) as pipeline:
        with Store.of(pipeline) as store:
            prepare(store)
            run = ledger.run(store, run_id)
        if run is None:
            raise ConfigurationError(f"the warehouse knows no run {run_id}; listrak push status names those it knows")
        bare = Sync(run.sync_name, "", "", run.sender_code_id, (), "")
        with sync_session(pipeline, syncs.get(run.sync_name, bare)) as opened:
            yield opened, run
