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

from listrak_source.sandbox import Sandbox, World
from pipelines import show, status
from pipelines.demo_push import push
from pipelines.progress import StepProgress
from pipelines.pulling import pulled
from pipelines.warehouse import DATASET, Warehouse

FOLDER = Path("listrak_demo")


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
            push(console, pipeline, folder, _options(sandbox))
    with warehouse.reading() as pipeline:
        _report(console, pipeline)
    _invite(console, database)


def _pull(console: Console, warehouse: Warehouse, sandbox: Sandbox, *, full: bool = False) -> None:
    before = sum(sandbox.traffic.counts.values())
    with _timed(console), warehouse.writing(StepProgress(console)) as pipeline:
        found = pulled(pipeline, full=full, **_options(sandbox))
    asked = sum(sandbox.traffic.counts.values()) - before
    show.table(console, f"Loaded, with {asked:,} requests", ["table", "rows"], found.rows.items())
    if full:
        console.print(*found.sentences(), "\n", highlight=False)


def _options(sandbox: Sandbox) -> dict[str, Any]:
    """The settings that reach the sandbox."""
    return {name: getattr(sandbox, name) for name in ("client_id", "client_secret", "base_url", "token_url")}


def _report(console: Console, pipeline: dlt.Pipeline) -> None:
    _step(console, "What the warehouse holds")
    counts = [(name, *both) for name, both in status.row_counts(pipeline).items()]
    show.table(console, "Tables, and the rows that are gone at Listrak", ["table", "rows", "removed"], counts)
    sizes = status.model(pipeline, "list_sizes")[:8]
    show.table(console, "Largest lists", ["sender code", "list", "status", "members", "reachable"], sizes)
    growth = status.model(pipeline, "list_growth")
    joined = show.bars([row[1] for row in growth], "green")
    show.table(
        console,
        "List growth by day: who joined a list, and who said stop",
        ["day", "joined", "stopped", ""],
        [(*row, Text.assemble(bar, Text("▌" * bool(row[2]), "red"))) for row, bar in zip(growth, joined, strict=True)],
    )
    reasons = status.model(pipeline, "opt_out_reasons")
    drawn = show.bars([row[1] for row in reasons], "red")
    rows = [(reason, people, bar) for (reason, people, _), bar in zip(reasons, drawn, strict=True)]
    show.table(console, "Why people said stop", ["reason", "people", ""], rows)


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
