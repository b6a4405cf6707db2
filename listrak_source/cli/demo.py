"""The demonstration: data comes out of a Listrak of our own into a DuckDB file."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from os import environ
from pathlib import Path
from typing import Any

import dlt
from rich.console import Console
from rich.text import Text

from listrak_source.cli import output, reports
from listrak_source.cli.progress import StepProgress
from listrak_source.cli.pull import pulled
from listrak_source.cli.push_said import show_plan
from listrak_source.cli.warehouse import DATASET, Warehouse
from listrak_source.push import load, sync_session
from listrak_source.push.store import Store
from listrak_source.sandbox import Sandbox, World

FOLDER = Path("listrak_demo")
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


def run(console: Console, contacts: int, days: int) -> None:
    """Run the demonstration in :data:`FOLDER` under the current one, from scratch."""
    folder = FOLDER.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    database = folder / "listrak.duckdb"
    environ["DESTINATION__DUCKDB__CREDENTIALS"] = str(database)
    environ["DLT_DATA_DIR"] = str(folder / "dlt")
    warehouse = Warehouse()

    _step(console, f"A Listrak of our own: {contacts:,} people on three sender codes")
    with _timed(console):
        world = World(contacts=contacts)
    with Sandbox(world) as sandbox:
        console.print(f"It listens at {sandbox.base_url}, in the shapes of the real one.\n", highlight=False)
        _step(console, "First pull: everything")
        _pull(console, warehouse, sandbox)
        _step(console, f"{days} days of life")
        happened = world.live(days)
        console.print(", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in happened.items()) + "\n")
        _step(console, "Second pull: only what is new")
        _pull(console, warehouse, sandbox)
        _step(console, "A complete walk: what is gone")
        _pull(console, warehouse, sandbox, full=True)
        _step(console, "Push: loyalty tiers onto Listrak's profiles")
        with _timed(console), warehouse.reading() as pipeline:
            _push(console, pipeline, folder, _options(sandbox))
    with warehouse.reading() as pipeline:
        _report(console, pipeline)
    _invite(console, database)


def _pull(console: Console, warehouse: Warehouse, sandbox: Sandbox, *, full: bool = False) -> None:
    before = sum(sandbox.traffic.counts.values())
    with _timed(console), warehouse.writing(StepProgress(console)) as pipeline:
        found = pulled(pipeline, full=full, **_options(sandbox))
    asked = sum(sandbox.traffic.counts.values()) - before
    output.table(console, f"Loaded, with {asked:,} requests", ["table", "rows"], found.rows.items())
    if full:
        console.print(*found.sentences(), "\n", highlight=False)


def _push(console: Console, pipeline: dlt.Pipeline, folder: Path, options: dict[str, Any]) -> None:
    """Plan, apply, read back, and plan again."""
    file = folder / "listrak_push.toml"
    with Store.of(pipeline) as store:
        sender = int(store.one("SELECT sender_code_id FROM contacts GROUP BY 1 ORDER BY COUNT(*) DESC, 1"))
        store.make("customers", _CUSTOMERS.format(sender=sender))
    file.write_text(_SYNC.format(sender=sender))
    with sync_session(pipeline, load(file)["loyalty"], **options) as session:
        console.print(f"The sync is in {file.relative_to(folder.parent)}:\n", highlight=False)
        console.print(file.read_text(), highlight=False, markup=False)
        show_plan(session.plan())
        outcome = session.apply(lambda sentence: console.print(sentence, highlight=False, markup=False))
        counts = outcome.counts if outcome else {}
        told = ", ".join(f"{count:,} {state}" for (_, state), count in counts.items())
        console.print(f"Read back: {told}.", highlight=False)
        console.print("A second plan: " + ("nothing would change.\n" if session.plan().is_empty else "changes!\n"))


def _options(sandbox: Sandbox) -> dict[str, Any]:
    """The settings that reach the sandbox."""
    return {name: getattr(sandbox, name) for name in ("client_id", "client_secret", "base_url", "token_url")}


def _report(console: Console, pipeline: dlt.Pipeline) -> None:
    _step(console, "What the warehouse holds")
    counts = [(name, *both) for name, both in reports.row_counts(pipeline).items()]
    output.table(console, "Tables, and the rows that are gone at Listrak", ["table", "rows", "removed"], counts)
    sizes = reports.model(pipeline, "list_sizes")[:8]
    output.table(console, "Largest lists", ["sender code", "list", "status", "members", "reachable"], sizes)
    growth = reports.model(pipeline, "list_growth")
    joined = output.bars([row[1] for row in growth], "green")
    output.table(
        console,
        "List growth by day: who joined a list, and who said stop",
        ["day", "joined", "stopped", ""],
        [(*row, Text.assemble(bar, Text("▌" * bool(row[2]), "red"))) for row, bar in zip(growth, joined, strict=True)],
    )
    reasons = reports.model(pipeline, "opt_out_reasons")
    drawn = output.bars([row[1] for row in reasons], "red")
    rows = [(reason, people, bar) for (reason, people, _), bar in zip(reasons, drawn, strict=True)]
    output.table(console, "Why people said stop", ["reason", "people", ""], rows)


def _invite(console: Console, database: Path) -> None:
    _step(console, "Try it yourself")
    query = f"FROM {DATASET}.subscriptions SELECT subscription_state, count(*) GROUP BY ALL"
    command = f"import duckdb; print(duckdb.connect('{database}').sql('{query}'))"
    console.print(f"The file: {database}", highlight=False)
    console.print(f'A query:  {sys.executable} -c "{command}"', highlight=False, markup=False)


def _step(console: Console, title: str) -> None:
    console.rule(Text(title, "bold"), align="left", style="dim")


@contextmanager
def _timed(console: Console) -> Iterator[None]:
    started = time.monotonic()
    yield
    console.print(f"({time.monotonic() - started:.1f} s)", style="dim", highlight=False)
