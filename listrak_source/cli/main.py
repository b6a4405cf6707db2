"""The command ``listrak``."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from listrak_source.api.version import version
from listrak_source.cli.errors import Exit, command_of, explain, was_interrupted
from listrak_source.cli.logs import fail_with, failures, is_json, log, note_failure, ours_first, progress_on
from listrak_source.cli.output import AsJson, Dataset, Destination, duration, err, example, out, print_anywhere
from listrak_source.cli.process import Terminated

_GROUPS = {"models": "listrak_source.cli.models", "push": "listrak_source.cli.push"}
"""The commands that have commands of their own, and the modules of these."""
_DOCUMENTED = (
    "sender-codes",
    "pull",
    "status",
    "runs",
    "doctor",
    "person",
    "suppressions",
    "forget",
    "report",
    *_GROUPS,
)
"""The commands that print a document with ``--json``."""


class _Commands(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:
        """The commands, in the order of the help."""
        return [*super().list_commands(ctx), *_GROUPS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command by its name. Who pulls need not wait until all of push is imported."""
        if cmd_name in _GROUPS and cmd_name not in self.commands:
            group = import_module(_GROUPS[cmd_name])
            self.add_command(typer.main.get_command(group.app))
        return super().get_command(ctx, cmd_name)

    def make_context(self, *args: Any, **named: Any) -> Any:
        """Read the command line. Typer would make an exit code of its own of an interrupt that comes then, too."""
        try:
            return super().make_context(*args, **named)
        except KeyboardInterrupt as error:
            raise _InterruptedError from error

    def invoke(self, ctx: Any) -> Any:
        """Run a command. Typer would make an exit code of its own of an interrupt, and say no word."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise _InterruptedError from error


class _InterruptedError(Exception):
    """What came of it says what it was."""


app: typer.Typer = typer.Typer(
    cls=_Commands,
    name="listrak",
    help="Listrak SMS in your warehouse.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 failed, 2 wrong use or setting, 3 credentials refused, 4 try again later,"
    " 5 done but not all, 143 told to end.",
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        out.print(f"listrak-source {version()}", highlight=False)
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_tell_version)
    ] = False,
    verbose: Annotated[
        int, typer.Option("--verbose", "-v", count=True, help="Log what happens; -vv: all of it, dlt's part too.")
    ] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print what is wrong, and documents, alone.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="Print without colors, as with NO_COLOR.")] = False,
) -> None:
    log(verbose)
    out.quiet = quiet
    out.no_color, err.no_color = out.no_color or no_color, err.no_color or no_color


@app.command(epilog=example("listrak init", "listrak init --destination postgres"))
def init(
    destination: Annotated[str, typer.Option("--destination", "-d", help="Where the data is to go.")] = "duckdb",
) -> None:
    """Write a project's first files here: .dlt/config.toml, .dlt/secrets.toml, listrak_push.toml. Overwrite none."""
    from listrak_source.cli.init import SECRETS, begin, to_install

    made, kept, lacking = begin(Path(), destination)
    where = "" if destination == "duckdb" else f", and what .dlt/config.toml and it ask for of {destination}"
    for sentence in (
        f"Wrote {', '.join(map(str, made))}." if made else "",
        f"Kept {', '.join(map(str, kept))}: there already." if kept else "",
        *lacking,
        f"Install what it needs: {install}" if (install := to_install(destination)) else "",
        f"Put the integration's id and secret into {SECRETS}{where}; then: listrak pull -d {destination}",
    ):
        if sentence:
            out.print(sentence, highlight=False, markup=False)


@app.command(epilog=example("listrak doctor", "listrak doctor --destination postgres --dataset sms"))
def doctor(destination: Destination = "duckdb", dataset: Dataset = "listrak_sms", as_json: AsJson = False) -> None:
    """Say whether all that a pull needs is right: settings, Listrak, the warehouse. Nothing is loaded or changed.

    The exit code is 0 where nothing has failed, else that of the first failure.
    """
    from listrak_source.cli.doctor import Doctor, Finding
    from listrak_source.cli.documents import document
    from listrak_source.cli.warehouse import Warehouse

    with document("doctor", wanted=as_json) as told:
        checks: list[dict[str, str]] = []
        failed: list[Finding] = []
        for found in Doctor(Warehouse(destination, dataset)).findings():
            checks.append({"part": found.part, "status": found.status, "message": found.message})
            failed += [found] if found.status == "failed" else []
            line = f"{found.status:8} {found.part:12} {found.message}"
            if found.status == "failed" and (as_json or out.quiet or is_json()):
                fail_with(found.message)
            elif found.status == "failed":
                err.print(line, highlight=False, markup=False)
            elif not as_json:
                out.print(line, highlight=False, markup=False)
        told["checks"] = checks
        if failed:
            told.update({"status": "error", "message": failed[0].message})
            raise SystemExit(int(failed[0].code))


@app.command("sender-codes", epilog=example("listrak sender-codes", "listrak sender-codes --json"))
def sender_codes(as_json: AsJson = False) -> None:
    """List the sender codes that a pull reads, by id: what a scheduler maps over. Only Listrak is asked.

    These are all that Listrak shows, or those that sources.listrak.sender_codes names. Exit code 5 where one has no id
    that can be read: it is not listed.
    """
    from listrak_source.cli import output
    from listrak_source.cli.documents import document
    from listrak_source.cli.sender_codes import find
    from listrak_source.settings import resolve

    with document("sender-codes", wanted=as_json) as told:
        found = find(resolve({}))
        told["sender_codes"] = found.sender_codes
        if not as_json:
            rows = [(str(sender), *rest) for sender, *rest in map(dict.values, found.sender_codes)]
            output.table(out, "Sender codes", ["id", "code", "merchant", "country"], rows)
        if found.doubts:
            told["message"] = found.doubts
            fail_with(found.doubts)
        if not found.is_whole:
            raise SystemExit(int(Exit.NOT_ALL))


class Lookups(str, Enum):
    """Who is looked up one by one."""

    changed = "changed"
    all = "all"
    none = "none"


@app.command(
    epilog=example(
        "listrak pull",
        "listrak pull --destination postgres --dataset sms",
        "listrak pull --table contacts --table opt_outs",
        "listrak pull --full",
        "listrak pull --lookups all",
        "listrak pull --then-models",
        "listrak pull --json",
    )
)
def pull(
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    table: Annotated[
        list[str] | None, typer.Option("--table", "--resource", "-t", help="Only this table; repeatable.")
    ] = None,
    forget_state: Annotated[
        bool,
        typer.Option("--forget-state", help="Forget how far earlier pulls came: begin from the beginning; rows stay."),
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="Read everything again, without a date filter.")] = False,
    start_date: Annotated[
        str | None, typer.Option(help="A first pull reads subscriptions from this date on (2026-01-31).")
    ] = None,
    lookups: Annotated[
        Lookups | None,
        typer.Option(
            help="Who is looked up one by one: changed contacts, all of them, or none. Before all of them, an estimate."
        ),
    ] = None,
    sender_code: Annotated[list[int] | None, typer.Option(help="Only this sender code, by id; repeatable.")] = None,
    phone_list: Annotated[list[int] | None, typer.Option("--list", help="Only this list, by id; repeatable.")] = None,
    workers: Annotated[int | None, typer.Option(help="Requests side by side, at the most.")] = None,
    slices: Annotated[
        int | None, typer.Option(help="A first pull reads each list in slices of so many months, side by side.")
    ] = None,
    chunk_rows: Annotated[
        int | None, typer.Option(help="Contacts that one load takes, about; a run cut short goes on after the last.")
    ] = None,
    accept_removals: Annotated[
        str | None,
        typer.Option(
            metavar="HASH", help="With --full: mark this set of rows as removed, though it is over the budget."
        ),
    ] = None,
    then_models: Annotated[
        bool, typer.Option("--then-models", help="After a pull that has read all: listrak models build.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Load what is new at Listrak into the warehouse; the first time, everything.

    Everybody is looked up (--lookups all) only after the lists were read to their end once: where they were not, that
    pull comes first, and its tables can be used while the lookups run.

    Settings come from options, then SOURCES__LISTRAK__… in the environment, then .dlt/secrets.toml and config.toml.
    """
    from listrak_source.cli.documents import document
    from listrak_source.cli.progress import StepProgress
    from listrak_source.cli.pull import pulled
    from listrak_source.cli.runs import recorded
    from listrak_source.cli.warehouse import Warehouse
    from listrak_source.pull.records.masking import Masks
    from listrak_source.pull.source import check_tables
    from listrak_source.pull.state.stored_state import forget
    from listrak_source.pull.state.watermarks import check_marks_of
    from listrak_source.settings import resolve

    options: dict[str, Any] = {
        "full": full or None,
        "start_date": start_date,
        "lookups": lookups.value if lookups else None,
        "sender_codes": sender_code,
        "lists": phone_list,
        "workers": workers,
        "slices": slices,
        "chunk_rows": chunk_rows,
        "accept_removals": accept_removals,
    }
    options = {name: value for name, value in options.items() if value is not None}
    with document("pull", wanted=as_json) as told:
        check_tables(table or ())
        if then_models:
            from listrak_source.cli.dbt_runner import check_installed
            from listrak_source.cli.models import build_after_pull

            check_installed()
        started = time.monotonic()
        warehouse = Warehouse(destination, dataset)
        told.update({"destination": warehouse.location, "dataset": dataset})
        with recorded(warehouse, "pull") as run:
            # What is wrong with the settings is told before dlt's own memory of the last run is put away.
            settings = resolve(options)
            run.of(settings)
            warehouse = warehouse.of(settings.sender_codes)
            with warehouse.writing(StepProgress(progress_on(as_json))) as pipeline, run.working(pipeline):
                if forget_state:
                    check = partial(check_marks_of, zone=settings.timezone, mark=Masks.of(settings).mark)
                    forget(pipeline, check, settings.sender_codes)
                found = pulled(pipeline, *(table or ()), **options)
                run.ended(found)
        told.update(found.as_document())
        if not as_json:
            for sentence in (found.loaded(warehouse.location, dataset, time.monotonic() - started), *found.sentences()):
                out.print(sentence, highlight=False, markup=False)
        if not found.is_whole:
            for sentence in found.lacking:
                (fail_with if out.quiet or as_json else note_failure)(sentence)
            raise SystemExit(int(found.exit_code))
        if then_models:
            build_after_pull(warehouse, told, as_json=as_json)


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
    from listrak_source.cli import output, reports
    from listrak_source.cli.documents import document
    from listrak_source.cli.warehouse import Warehouse
    from listrak_source.sql import one_connection

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
            began = output.cell(pending.began)
            out.print(f"A pull that began at {began} (UTC) is not finished: run it again.\n", highlight=False)
        if walk := reports.last_walk(pipeline):
            since, doubts = walk
            sentences = [f"The last complete walk began at {output.cell(since)} (UTC).", *reports.in_doubt(doubts)]
            out.print(" ".join(sentences) + "\n", highlight=False)
        for sentence in (*lost, *reports.unread(pipeline), *filter(None, [reports.removals(pipeline)])):
            out.print(sentence + "\n", highlight=False, markup=False)
        counts = [(name, *both) for name, both in reports.row_counts(pipeline).items()]
        output.table(out, "Rows, and those that are gone at Listrak", ["table", "rows", "removed"], counts)
        rows = [
            (load.at, load.load_id, ", ".join(f"{count:,} {name}" for name, count in load.rows.items()) or "-")
            for load in loads
        ]
        output.table(out, "Latest loads (UTC), and the rows that each wrote last", ["at", "load id", "rows"], rows)
        marks = reports.watermarks(pipeline)
        output.table(out, "Read up to (UTC)", ["what", "sender code", "watermark", "tables"], marks)
        if command := warehouse.dlt_command:
            out.print(
                "What dlt keeps of the last pull on this machine (trace, info, sync; from this folder):",
                highlight=False,
            )
            out.print(command, highlight=False, markup=False, soft_wrap=True)
        _fail_for(told.get("stale", ()))


@app.command(
    epilog=example(
        "listrak runs", "listrak runs --destination postgres --dataset sms --last 100", "listrak runs --json"
    )
)
def runs(
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    last: Annotated[int, typer.Option(min=1, help="Show so many, the newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the latest runs: when each began and ended, what came of it, what it has sent and loaded.

    A run that was killed has not ended. Those that were refused on one day because another was under way share a row.
    """
    from listrak_source.cli.documents import document
    from listrak_source.cli.runs import latest, show
    from listrak_source.cli.warehouse import Warehouse

    warehouse = Warehouse(destination, dataset)
    with document("runs", wanted=as_json) as told:
        found = latest(warehouse, last)
        told.update({"destination": warehouse.location, "dataset": dataset, "runs": found})
        if not as_json:
            show(found)


def _fail_for(sentences: Sequence[str]) -> None:
    for sentence in sentences:
        fail_with(sentence)
    if sentences:
        raise SystemExit(int(Exit.FAILED))


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
    from listrak_source.cli.documents import document
    from listrak_source.cli.person import tell_person, written_number
    from listrak_source.cli.warehouse import Warehouse

    with document("person", wanted=as_json) as told:
        tell_person(Warehouse(destination, dataset), written_number(phone), told, html, as_json=as_json)


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
    from listrak_source.cli.documents import document
    from listrak_source.cli.suppressions import tell_suppressions
    from listrak_source.cli.warehouse import Warehouse

    with document("suppressions", wanted=as_json) as told:
        tell_suppressions(Warehouse(destination, dataset), told, to, table, as_json=as_json)


@app.command(epilog=example("listrak forget '+1 (555) 123-4567'", "listrak forget 5551234567 --apply 3f9a0c1d2b4e5f60"))
def forget(
    phone: Annotated[list[str], typer.Argument(help="The phone number, in any form; - reads it from standard input.")],
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    only: Annotated[
        str | None,
        typer.Option("--apply", metavar="HASH", help="Do it: what the plan of this hash shows, and no more."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what forgetting one phone number means, by table; --apply does it. Their stop stays, by a keyed hash.

    Every later pull knows them by the hash, and writes nothing else of them than what tells of consent. No push reaches
    them. Needs hash_key, with which all later pulls and pushes must run.
    """
    from listrak_source.cli.documents import document
    from listrak_source.cli.forget import tell_forget
    from listrak_source.cli.person import written_number
    from listrak_source.cli.warehouse import Warehouse

    with document("forget", wanted=as_json) as told:
        tell_forget(Warehouse(destination, dataset), written_number(phone), told, only, as_json=as_json)


_Senders = Annotated[list[int] | None, typer.Option("--sender-code", help="Only this sender code, by id; repeatable.")]
_Lists = Annotated[list[int] | None, typer.Option("--list", help="Only this list, by id; repeatable.")]
_Schema = Annotated[
    str | None, typer.Option("--schema", help="The schema that the models are built in; if not given, DATASET_models.")
]


@app.command(
    epilog=example(
        "listrak report --out report.html", "listrak report --out march.html --since 2026-03-01 --until 2026-03-31"
    )
)
def report(
    to: Annotated[Path, typer.Option("--out", help="The page to write: one file.")],
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    sender_codes: _Senders = None,
    lists: _Lists = None,
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The first day.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last day.")] = None,
    schema: _Schema = None,
    as_json: AsJson = False,
) -> None:
    """Write a page: growth, why people stop, audience, who stays, profile fields, pulls, what was set aside, pushes.

    It is one file that opens from disk and asks nobody for anything. It names no person. It shows what listrak models
    has built, and where nothing is built it works the same out. Nothing is asked of Listrak, and nothing is changed.
    """
    from listrak_source.cli.dashboard import write_report
    from listrak_source.cli.documents import document
    from listrak_source.cli.warehouse import Warehouse

    with document("report", wanted=as_json) as told:
        write_report(
            Warehouse(destination, dataset),
            told,
            to,
            {
                "sender_codes": sender_codes or (),
                "lists": lists or (),
                "since": since.date() if since else None,
                "until": until.date() if until else None,
            },
            schema,
            as_json=as_json,
        )


@app.command(epilog=example("listrak dashboard", "listrak dashboard --destination postgres --port 0"))
def dashboard(
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    schema: _Schema = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8089,
) -> None:
    """Serve the page of listrak report on this machine, with a form to choose by. Ctrl-C ends it.

    Whoever has the address that it prints sees it, and nobody else. The warehouse is read when the page is opened, and
    again when what was read is a minute old; between these nothing is held open.
    """
    from listrak_source.cli.dashboard import serve
    from listrak_source.cli.warehouse import Warehouse

    try:
        serve(Warehouse(destination, dataset), schema, port)
    except Terminated:
        raise
    except KeyboardInterrupt:  # Ctrl-C is the way to end it
        pass


@app.command("timezone", epilog=example("listrak timezone America/Chicago"))
def move_to_zone(
    zone: Annotated[str, typer.Argument(help="The zone of the account's dates, for example America/Chicago.")],
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    was: Annotated[
        str | None, typer.Option(help="The zone that the dataset was placed in, where it does not remember that.")
    ] = None,
) -> None:
    """Move the dates that are stored to another time zone, where the setting was wrong; consent events too."""
    from listrak_source.cli.warehouse import Warehouse
    from listrak_source.pull.time_zones import move

    warehouse = Warehouse(destination, dataset)
    with warehouse.reading() as pipeline:
        moved = move(pipeline, zone, was)
    told = ", ".join(f"{rows:,} {name}" for name, rows in moved.items())
    out.print(f"What is stored is placed in {zone} now: {told}.", highlight=False, markup=False)
    out.print(f"Set sources.listrak.timezone to {zone} too.", highlight=False, markup=False)


@app.command(epilog=example("listrak sandbox", "listrak sandbox --contacts 1000000 --port 9000"))
def sandbox(
    contacts: Annotated[int, typer.Option(min=1, help="People in the world.")] = 50_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same world.")] = 7,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8088,
    sender_codes: Annotated[int, typer.Option(min=1, help="Sender codes in the world.")] = 3,
    lists: Annotated[int | None, typer.Option(min=1, help="Lists per sender code; a mixture when not given.")] = None,
    values: Annotated[int | None, typer.Option(min=0, help="Profile values per contact; a mixture otherwise.")] = None,
    delay: Annotated[float, typer.Option(min=0, help="Seconds that each answer takes.")] = 0.0,
) -> None:
    """Serve a Listrak of our own on this machine, to try and to test against. Ctrl-C ends it."""
    from listrak_source.sandbox import Sandbox, World, serve

    def announce(server: Sandbox) -> None:
        out.print(
            f"A Listrak with {contacts:,} contacts listens. Point a pull at it:\n\n"
            f"export SOURCES__LISTRAK__BASE_URL={server.base_url}\n"
            f"export SOURCES__LISTRAK__TOKEN_URL={server.token_url}\n"
            f"export SOURCES__LISTRAK__CLIENT_ID={server.client_id}\n"
            f"export SOURCES__LISTRAK__CLIENT_SECRET={server.client_secret}\n\n"
            f"Faults, clock and days of life: {server.control_url}/ (see the documentation), with this key:\n\n"
            f"export LISTRAK_SANDBOX_KEY={server.control_key}\n\n"
            "Ctrl-C ends it.",
            highlight=False,
        )
        sys.stdout.flush()

    world = World(seed, contacts, sender_codes, lists, values)
    try:
        serve(world, port=port, on_listen=announce, delay=delay)
    except Terminated:
        raise
    except KeyboardInterrupt:  # Ctrl-C is the way to end it
        pass


@app.command(epilog=example("listrak demo", "listrak demo --contacts 200000"))
def demo(
    contacts: Annotated[int, typer.Option(min=200, help="People in the sandbox's world.")] = 50_000,
    days: Annotated[int, typer.Option(min=1, max=30, help="Days of life between the two pulls.")] = 3,
) -> None:
    """See it work: a sandbox, a first pull, some days of life, a second pull, and what the warehouse tells."""
    from listrak_source.cli.demo import run

    run(out, contacts, days)


def main() -> None:
    """Run the command. Every failure is one sentence on standard error and an exit code; never a traceback."""
    # Numbers about this program's use stay here, unless it is set otherwise.
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    # dlt would let a load come to its end and forget the signal, so that the next load of the pull begins.
    os.environ.setdefault("RUNTIME__INTERCEPT_SIGNALS", "false")
    # A long pull has many load files: each goes when it is loaded.
    os.environ.setdefault("LOAD__DELETE_COMPLETED_JOBS", "true")
    print_anywhere()
    words = ours_first(sys.argv[1:])
    if "--no-color" in words:  # Typer's own pages go by it
        os.environ["NO_COLOR"] = "1"
    command = command_of(words)
    as_json = "--json" in words and command.partition(" ")[0] in _DOCUMENTED
    with failures() as failed:
        try:
            _run(words, command, as_json=as_json)
        except SystemExit as end:
            if end.code:
                from listrak_source.cli.alerts import tell

                tell(command, int(end.code), failed)
            raise


def _run(words: list[str], command: str, *, as_json: bool) -> NoReturn:
    try:
        # Alone, Typer would draw a box around what is wrong.
        ended = app(words, standalone_mode=False)
    except (Exception, KeyboardInterrupt, SystemExit) as error:
        if isinstance(error, SystemExit) and not was_interrupted(error):
            raise
        if as_json:
            from listrak_source.cli.documents import fail

            fail(command, error)
        if os.environ.get("LISTRAK_TRACEBACK"):
            traceback.print_exception(error)
        sentence, code = explain(error, command)
        fail_with(sentence)
        raise SystemExit(int(code)) from None
    raise SystemExit(ended if isinstance(ended, int) else 0)


if __name__ == "__main__":
    main()
