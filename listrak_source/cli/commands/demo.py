"""The command ``listrak demo``: data comes out of a Listrak of our own into a DuckDB file."""

from __future__ import annotations

import shutil
import sys
import time
from os import environ
from pathlib import Path
from typing import Annotated, Any

import dlt
import typer
from dlt.common.runtime.collector import NULL_COLLECTOR
from rich.console import Console
from rich.text import Text

from listrak_source.api import ConfigurationError
from listrak_source.cli import reports
from listrak_source.cli.commands.person import tell_person
from listrak_source.cli.commands.report import write_report
from listrak_source.cli.options import example
from listrak_source.cli.output.console import apart, bars, out, table
from listrak_source.cli.output.progress import StepProgress
from listrak_source.cli.pulled import pulled
from listrak_source.cli.runs import recorded
from listrak_source.cli.warehouse import DATASET, Warehouse
from listrak_source.push import load_syncs, sync_session
from listrak_source.push.warehouse.ledger import words
from listrak_source.push.warehouse.sql_client import Store
from listrak_source.sandbox import Sandbox, World

app: typer.Typer = typer.Typer(add_completion=False)

FOLDER = Path("listrak_demo")
DATABASE = FOLDER / "listrak.duckdb"
_FEW = 5
"""Rows of a table: the story, not the inventory."""
_CUSTOMERS = """
    SELECT phone_number AS phone, CASE row_number() OVER (ORDER BY phone_number) % 3
        WHEN 0 THEN 'gold' WHEN 1 THEN 'silver' ELSE 'bronze' END AS tier
    FROM contacts WHERE sender_code_id = {sender} AND removed_at IS NULL AND NOT opted_out
    ORDER BY phone_number LIMIT 2000
"""
_SYNC = """[loyalty]
table = "customers"
phone = "phone"
sender_code = {sender}
[loyalty.columns]
tier = "Tier"
[loyalty.budget]
imports = {{ rows = 2000, percent = 100 }}
"""


@app.command(epilog=example("listrak demo", "listrak demo --contacts 200000"))
def demo(
    contacts: Annotated[int, typer.Option(min=200, help="People in the sandbox's world.")] = 50_000,
    days: Annotated[int, typer.Option(min=1, max=30, help="Days of life between the two pulls.")] = 3,
) -> None:
    """See it work: a sandbox, a first pull, some days of life, a second pull, and what the warehouse tells."""
    run(out, contacts, days)


def run(console: Console, contacts: int, days: int) -> None:
    """Run the demonstration in :data:`FOLDER` under the current one, from scratch."""
    folder = FOLDER.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    environ["DESTINATION__DUCKDB__CREDENTIALS"] = str(folder / DATABASE.name)
    environ["DLT_DATA_DIR"] = str(folder / "dlt")
    warehouse = Warehouse()

    _step(console, f"A Listrak of our own: {contacts:,} people on three sender codes")
    world = World(contacts=contacts)
    with Sandbox(world) as sandbox:
        _say(console, f"It listens at {sandbox.base_url}, in the shapes of the real one.\n")
        _step(console, "First pull: everything")
        _pull(console, warehouse, sandbox)
        _step(console, f"{days} days of life")
        happened = world.live(days)
        _say(console, ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in happened.items()) + ".\n")
        _step(console, "Second pull: only what is new")
        _pull(console, warehouse, sandbox)
        _step(console, "A complete walk: what is gone")
        _pull(console, warehouse, sandbox, full=True)
        _step(console, "Push: loyalty tiers onto Listrak's profiles")
        with warehouse.reading() as pipeline:
            _push(console, pipeline, folder, _options(sandbox))
    _step(console, "What the warehouse tells")
    with warehouse.reading() as pipeline:
        _report(console, pipeline)
    _step(console, "For those who read no SQL")
    _pages(console, warehouse, folder)
    _step(console, "Try it yourself")
    _invite(console)


def _pull(console: Console, warehouse: Warehouse, sandbox: Sandbox, *, full: bool = False) -> None:
    before, began = sum(sandbox.traffic.counts.values()), time.monotonic()
    progress = StepProgress(console) if console.is_terminal else NULL_COLLECTOR
    with recorded(warehouse, "pull") as run, warehouse.writing(progress) as pipeline, run.working(pipeline):
        found = pulled(pipeline, full=full, **_options(sandbox))
        run.ended(found)
    asked = sum(sandbox.traffic.counts.values()) - before
    rows = ", ".join(f"{count:,} {name}" for name, count in found.rows.items())
    _say(console, f"Loaded with {asked:,} requests in {time.monotonic() - began:.1f} s: {rows}.")
    _say(console, *(found.sentences() if full else ()), "")


def _push(console: Console, pipeline: dlt.Pipeline, folder: Path, options: dict[str, Any]) -> None:
    """Plan, apply, read back, and plan again."""
    file = folder / "listrak_push.toml"
    with Store.of(pipeline) as store:
        sender = int(store.one("SELECT sender_code_id FROM contacts GROUP BY 1 ORDER BY COUNT(*) DESC, 1"))
        store.make("customers", _CUSTOMERS.format(sender=sender))
    file.write_text(_SYNC.format(sender=sender))
    with sync_session(pipeline, load_syncs(file)["loyalty"], **options) as session:
        _say(console, f"{FOLDER / file.name}: the column tier of the table customers goes to the field Tier.")
        plan = session.plan()
        title = f"Plan {plan.hash}: {plan.counts['imports']:,} contacts are updated by import file"
        rows = [(contact, field, *apart(before, after)) for contact, field, before, after in plan.sample]
        table(console, title, ["contact", "field", "before", "after"], rows[:_FEW])
        outcome = session.apply(lambda sentence: _say(console, sentence))
        told = ", ".join(
            f"{count:,} {words(state)}" for (_, state), count in (outcome.counts if outcome else {}).items()
        )
        again = "nothing would change" if session.plan().is_empty else "changes!"
        _say(console, f"Read back: {told}. A second plan: {again}.\n")


def _options(sandbox: Sandbox) -> dict[str, Any]:
    """The settings that reach the sandbox."""
    return {name: getattr(sandbox, name) for name in ("client_id", "client_secret", "base_url", "token_url")}


def _report(console: Console, pipeline: dlt.Pipeline) -> None:
    sizes = reports.model(pipeline, "list_sizes")[:_FEW]
    table(console, "Largest lists", ["sender code", "list", "status", "members", "reachable"], sizes)
    growth = reports.model(pipeline, "list_growth")
    joined = bars([row[1] for row in growth], "green")
    table(
        console,
        "List growth by day: who came onto a list, for the first time or again, and who said stop",
        ["day", "came", "stopped", ""],
        [(*row, Text.assemble(bar, Text("▌" * bool(row[2]), "red"))) for row, bar in zip(growth, joined, strict=True)],
    )
    reasons = reports.model(pipeline, "opt_out_reasons")[:_FEW]
    drawn = bars([row[1] for row in reasons], "red")
    rows = [(reason, people, bar) for (reason, people, _), bar in zip(reasons, drawn, strict=True)]
    table(console, "Why people said stop", ["reason", "people", ""], rows)


def _pages(console: Console, warehouse: Warehouse, folder: Path) -> None:
    """Write the report, and what is known of one person: who has been through most."""
    report, record = folder / "report.html", folder / "person.html"
    told: dict[str, Any] = {}
    try:
        write_report(warehouse, told, report, {}, None, as_json=True)
    except ConfigurationError as error:
        _say(console, f"No report: {error}.")
    else:
        _say(
            console,
            f"{FOLDER / report.name} is the report: growth, why people stop, who stays. listrak report wrote it.",
        )
    with warehouse.reading() as pipeline, Store.of(pipeline) as store:
        phone = str(store.one("SELECT phone_number FROM consent_events GROUP BY 1 ORDER BY COUNT(*) DESC, 1"))
    tell_person(warehouse, phone, told, record, as_json=True)
    _say(console, f"{FOLDER / record.name} is all that is known of one person. listrak person wrote it.\n")


def _invite(console: Console) -> None:
    command = Path(sys.executable).with_name("listrak")
    command = command.relative_to(Path.cwd()) if command.is_relative_to(Path.cwd()) else command
    _say(console, f"The data is in {DATABASE}. Ask DuckDB, or listrak status:")
    # Lines to be copied, however long they are.
    console.print(f"FROM {DATASET}.subscriptions SELECT subscription_state, count(*) GROUP BY ALL", highlight=False)
    console.print(f"DESTINATION__DUCKDB__CREDENTIALS={DATABASE} {command} status", highlight=False, markup=False)


def _step(console: Console, title: str) -> None:
    console.rule(Text(title, "bold"), align="left", style="dim")


def _say(console: Console, *sentences: str) -> None:
    """Print sentences, in lines of the terminal's width."""
    for sentence in sentences:
        console.print(sentence, highlight=False, markup=False, soft_wrap=False)
