"""The command ``listrak push``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

import typer

from listrak_source.api import ConfigurationError
from listrak_source.cli import output
from listrak_source.cli.at_rest import write_private
from listrak_source.cli.errors import Exit, explain
from listrak_source.cli.logs import fail_with
from listrak_source.cli.output import Dataset, Destination, example, out
from listrak_source.cli.process import PLANNING
from listrak_source.cli.warehouse import Warehouse
from listrak_source.push import Session, Sync, ledger, load, sync_session
from listrak_source.push.apply import Outcome
from listrak_source.push.ledger import Run
from listrak_source.push.lock import prepare
from listrak_source.push.plan import Plan
from listrak_source.push.refused_stops import told
from listrak_source.push.session import not_understood
from listrak_source.push.store import Store

app = typer.Typer(
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
_DONE = {
    "opt_outs": "opt out",
    "unsubscribes": "take off a list",
    "creates": "create",
    "subscribes": "put on a list",
    "updates": "update one by one",
    "imports": "update by import file",
}


@app.command(epilog=example("listrak push check loyalty"))
def check(name: Name, file: File = FILE, destination: Destination = "duckdb", dataset: Dataset = "listrak_sms") -> None:
    """Say everything that is wrong with a sync, at once. Nothing is compared or sent."""
    with session(name, file, Warehouse(destination, dataset)) as opened:
        targets, problems = opened.check()
        for problem in problems:
            fail_with(f"sync {name}: {problem}.")
        if problems:
            raise SystemExit(int(Exit.WRONG_USE))
        rows = [(target.column.name, target.title, target.kind.value, target.column.null) for target in targets]
        output.table(out, f"Sync {name} is well formed", ["column", "field at Listrak", "type", "a null means"], rows)
        for one in opened.shared(targets):
            _say(f"{one}.")
        _unread_is_1(opened.sync, opened.unread_stops())


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
    with session(name, file, Warehouse(destination, dataset)) as opened:
        found = opened.plan()
        if sentence := told(opened.refused_stops()):
            fail_with(f"{sentence}.")
    if to:
        write_private(to, found.as_json() + "\n")
    if json:
        sys.stdout.write(found.as_json() + "\n")
    else:
        show_plan(found)
    _unread_is_1(found.sync, found.unread_stops)
    raise SystemExit(0 if found.is_empty else 2)


@app.command(epilog=example("listrak push apply loyalty", "listrak push apply loyalty --plan 3f9a0c1d2b4e5f60"))
def apply(
    name: Name,
    file: File = FILE,
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    only: Annotated[str | None, typer.Option("--plan", help="Apply the plan of this hash, and no other.")] = None,
    accept: Accept = None,
) -> None:
    """Send what has changed, wait for Listrak, read back, and report. A run that was cut short is finished first."""
    with session(name, file, Warehouse(destination, dataset)) as opened, _stops_decide(opened):
        outcome = opened.apply(_say, only=only, accept=accept)
        _report(opened, outcome, _nothing)
        _unread_is_1(opened.sync, opened.left_unread())


@app.command(epilog=example("listrak push retry loyalty"))
def retry(
    name: Name,
    file: File = FILE,
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    accept: Accept = None,
) -> None:
    """Like apply, and what was tried in vain before (not found, mismatched, refused) is tried again."""
    with session(name, file, Warehouse(destination, dataset)) as opened, _stops_decide(opened):
        _report(opened, opened.retry(_say, accept=accept), _nothing)
        _unread_is_1(opened.sync, opened.left_unread())


@app.command(epilog=example("listrak push undo 6925c0aa-3f9a0c", "listrak push undo 6925c0aa-3f9a0c --apply"))
def undo(
    run: Annotated[str, typer.Argument(help="The run, as listrak push status names it.")],
    file: File = FILE,
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    send: Annotated[bool, typer.Option("--apply", help="Send it.")] = False,
    only: Annotated[str | None, typer.Option("--plan", help="Apply the plan of this hash, and no other.")] = None,
    accept: Accept = None,
) -> None:
    """Show what would bring back what was before a run, where Listrak allows that; --apply sends it.

    Stops stay, and so does what was changed since. Exit codes without --apply are those of plan.
    """
    if send:
        with session_of_run(run, file, Warehouse(destination, dataset)) as (opened, found), _stops_decide(opened):
            outcome = opened.undo(found, _say, only=only, accept=accept)
            _report(opened, outcome, lambda _: "Nothing of this run can be undone.")
            _say(f"The next plan of {found.sync_name} wants the same again, unless its table or query has changed.")
        return
    with session_of_run(run, file, Warehouse(destination, dataset)) as (opened, found):
        planned = opened.plan_undo(found)
    show_plan(planned)
    raise SystemExit(0 if planned.is_empty else 2)


@app.command(epilog=example("listrak push waive loyalty 4711"))
def waive(
    name: Name,
    row: Annotated[str, typer.Argument(help="The row, by its key, as the message about its stop names it.")],
    file: File = FILE,
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
) -> None:
    """Give up a stop that Listrak refuses: it is sent and told no more, as long as its row says stop."""
    with session(name, file, Warehouse(destination, dataset)) as opened:
        if not opened.waive(row):
            raise ConfigurationError(f"sync {name} has no stop of that row that Listrak has refused")
    _say("Waived: the person may go on getting messages, unless somebody opts them out at Listrak.")


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
        counts = opened.verify(None if everyone else opened.sync.read_back, _say)
        if counts is None:
            out.print("Nothing was applied yet.", highlight=False)
        else:
            _counts(counts, opened.waiting(), skipped=opened.skipped())


@app.command(epilog=example("listrak push status", "listrak push status 6925c0aa-3f9a0c"))
def status(
    run: Annotated[str | None, typer.Argument(help="A run, to see what came of it.")] = None,
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
) -> None:
    """Show the latest runs; or of one what came of it, value by value, and why rows were rejected."""
    with Warehouse(destination, dataset).reading() as pipeline, Store.of(pipeline) as store:
        prepare(store)
        if run:
            if ledger.run(store, run) is None:
                raise ConfigurationError(f"the warehouse knows no run {run}; listrak push status names those it knows")
            values = [(operation, state, count) for (operation, state), count in ledger.outcomes(store, run).items()]
            output.table(out, f"What came of run {run}", ["operation", "outcome", "values"], values)
            files = [(one.number + 1, one.status, one.import_file_id, one.contacts) for one in ledger.files(store, run)]
            output.table(out, "Import files", ["file", "status", "import", "contacts"], files)
            _refusals(ledger.refusals(store, run))
            output.table(out, "Rejected rows", ["column and reason", "rows"], ledger.rejected(store, run))
            return
        rows = [
            (one, sync, f"{datetime.fromtimestamp(began, timezone.utc):%Y-%m-%d %H:%M}", state, contacts)
            for one, sync, state, began, contacts in ledger.runs(store)
        ]
    columns = ["run", "sync", "began (UTC)", "status", "contacts"]
    output.table(out, "Latest runs of push", columns, rows)


@contextmanager
def _stops_decide(opened: Session) -> Iterator[None]:
    """Whatever else comes of a run: where a stop is not carried out it has failed, and says so."""
    try:
        yield
    except (Exception, SystemExit) as error:
        if not (sentence := told(opened.refused_stops())):
            raise
        if not isinstance(error, SystemExit):
            fail_with(explain(error)[0])
        fail_with(f"{sentence}.")
        raise SystemExit(int(Exit.FAILED)) from error
    if sentence := told(opened.refused_stops()):
        fail_with(f"{sentence}.")
        raise SystemExit(int(Exit.FAILED))


def _unread_is_1(sync: Sync, stops: int) -> None:
    """A stop that nobody understands is carried out by nobody, so a person must look."""
    if stops:
        fail_with(f"{not_understood(sync, stops)}.")
        raise SystemExit(int(Exit.FAILED))


def _say(sentence: str) -> None:
    out.print(sentence, highlight=False, markup=False)


def _nothing(opened: Session) -> str:
    """Why nothing was sent."""
    rejected = opened.rejected_rows()
    but = f"but for {rejected:,} {_plural(rejected, 'row')}, " if rejected else ""
    return f"Nothing to send: {but}Listrak holds what the table wants."


def _plural(count: int, one: str) -> str:
    return one if count == 1 else f"{one}s"


def _report(opened: Session, outcome: Outcome | None, nothing: Callable[[Session], str]) -> None:
    if outcome is None:
        _say(nothing(opened))
        return
    run = outcome.run_id
    _counts(outcome.counts, opened.waiting(run), opened.refusals(run), skipped=opened.skipped(run))
    if not outcome.finished:
        fail_with("An import has not ended yet: run the same command later.")
        raise SystemExit(int(Exit.TRY_AGAIN))


def _refusals(refusals: Sequence[tuple[str, str, int]]) -> None:
    """What was refused, and why: sentences of Listrak's, which a table would break."""
    for operation, reason, count in refusals:
        _say(f"Refused, {operation}, {count:,} {_plural(count, 'value')}: {reason.rstrip('.')}.")


def _counts(
    counts: Mapping[tuple[str, str], int],
    waiting: int,
    refusals: Sequence[tuple[str, str, int]] = (),
    *,
    skipped: str = "",
) -> None:
    rows = [(operation, state, count) for (operation, state), count in counts.items()]
    output.table(out, "Values, as they were read back", ["operation", "outcome", "values"], rows)
    _refusals(refusals)
    if skipped:
        fail_with(f"{skipped}.")
    if bad := sum(count for (_, state), count in counts.items() if state in ledger.BAD):
        fail_with(_left(bad, waiting))
        raise SystemExit(int(Exit.FAILED))
    if skipped:
        raise SystemExit(int(Exit.NOT_ALL))


def _left(bad: int, waiting: int) -> str:
    """What becomes of values that are not at Listrak, of which some are not sent again until something changes."""
    is_, it, its = ("is", "it", "its") if bad == 1 else ("are", "they", "their")
    told = f"{bad:,} {_plural(bad, 'value')} {is_} not at Listrak as {it} {'was' if bad == 1 else 'were'} wanted."
    if waiting:
        who = it.capitalize() if waiting == bad else f"{waiting:,} of them"
        is_, its = ("is", "its") if waiting == 1 else ("are", "their")
        told += f" {who} {is_} tried again when {its} row changes, when a pull brings {its} contact anew, or by listrak"
        told += " push retry."
    if again := bad - waiting:
        told += f" The next apply tries {f'{again:,} of them' if waiting else 'it' if bad == 1 else 'them'} again."
    return told


def show_plan(found: Plan) -> None:
    """Print a plan as a person reads it."""
    if found.is_empty:
        _say("Nothing would change.\n")
    else:
        counts = [(_DONE[what], count) for what, count in found.counts.items() if count]
        output.table(out, f"Plan {found.hash}", ["operation", "contacts"], counts)
        if found.unknown_stops:
            _say(
                f"{found.unknown_stops:,} of the opt-outs are of people whom Listrak does not have, as far as the last "
                "pull knows."
            )
        for title in found.asks():
            _say(f"The {title} asks everybody who joins it by text message: Listrak sends it.")
        if found.fields:
            output.table(out, "By field", ["field", "contacts"], list(found.fields.items()))
        files = [(file.number + 1, ", ".join(file.fields), file.contacts, file.size) for file in found.files]
        if files:
            output.table(out, "Import files", ["file", "fields", "rows", "bytes"], files)
        examples = [(contact, field, *output.apart(before, after)) for contact, field, before, after in found.sample]
        output.table(out, "Examples", ["contact", "field", "before", "after"], examples)
    if found.rejected:
        output.table(out, "Rejected rows", ["column and reason", "rows"], list(found.rejected.items()))
    for conflict in found.conflicts:
        _say(f"{conflict}.")
    for sentence in found.over_budget():
        _say(f"Over the budget: {sentence}. Apply needs --accept {found.hash}.")


# the sync that a command is about


@contextmanager
def session(name: str, file: Path, warehouse: Warehouse) -> Iterator[Session]:
    """Open a sync of a file. Raises :class:`ConfigurationError` for one that is not there or not well formed."""
    syncs = load(file)
    if name not in syncs:
        raise ConfigurationError(f"{file} has no sync {name}; there are {', '.join(syncs) or 'none'}")
    with warehouse.reading(**PLANNING) as pipeline, sync_session(pipeline, syncs[name], among=syncs.values()) as opened:
        yield opened


@contextmanager
def session_of_run(run_id: str, file: Path, warehouse: Warehouse) -> Iterator[tuple[Session, Run]]:
    """Open the sync of a run, by the run's id; where the file has it no more, by what the ledger knows of it.

    Raises :class:`ConfigurationError` for a run that is not there.
    """
    syncs: dict[str, Sync] = {}
    if file.exists():
        syncs = load(file)
    with warehouse.reading(**PLANNING) as pipeline:
        with Store.of(pipeline) as store:
            prepare(store)
            run = ledger.run(store, run_id)
        if run is None:
            raise ConfigurationError(f"the warehouse knows no run {run_id}; listrak push status names those it knows")
        bare = Sync(run.sync_name, "", "", run.sender_code_id, (), "")
        with sync_session(pipeline, syncs.get(run.sync_name, bare)) as opened:
            yield opened, run
