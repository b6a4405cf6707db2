"""The command ``listrak pull``."""

from __future__ import annotations

import time
from enum import Enum
from functools import partial
from typing import Annotated, Any

import typer

from listrak_source.cli.options import AsJson, Dataset, Destination, example
from listrak_source.cli.output.console import out
from listrak_source.cli.output.documents import document
from listrak_source.cli.output.logs import fail_with, note_failure, progress_on
from listrak_source.cli.output.progress import StepProgress
from listrak_source.cli.pulled import pulled
from listrak_source.cli.runs import recorded
from listrak_source.cli.warehouse import Warehouse
from listrak_source.pull.records.masking import Masks
from listrak_source.pull.source import check_tables
from listrak_source.pull.state.state import check_marks_of
from listrak_source.pull.state.stored_state import forget
from listrak_source.settings import resolve

app: typer.Typer = typer.Typer(add_completion=False)


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
            from listrak_source.cli.commands.models import build_after_pull
            from listrak_source.cli.dbt.runner import check_installed

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
