"""The command ``listrak dashboard``: serves the page of ``listrak report`` on this machine."""

from __future__ import annotations

import sys
from functools import partial
from typing import Annotated

import typer

from listrak_source.cli.commands.report import Schema, check_installed, read
from listrak_source.cli.errors import explain
from listrak_source.cli.options import Dataset, Destination, example
from listrak_source.cli.output.console import out
from listrak_source.cli.process.signals import Terminated
from listrak_source.cli.warehouse import Warehouse

app: typer.Typer = typer.Typer(add_completion=False)


@app.command(epilog=example("listrak dashboard", "listrak dashboard --destination postgres --port 0"))
def dashboard(
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    schema: Schema = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8089,
) -> None:
    """Serve the page of listrak report on this machine, with a form to choose by. Ctrl-C ends it.

    Whoever has the address that it prints sees it, and nobody else. The warehouse is read when the page is opened, and
    again when what was read is a minute old; between these nothing is held open.
    """
    try:
        serve(Warehouse(destination, dataset), schema, port)
    except Terminated:
        raise
    except KeyboardInterrupt:  # Ctrl-C is the way to end it
        pass


def serve(warehouse: Warehouse, schema: str | None, port: int) -> None:
    """Serve the page on this machine until Ctrl-C."""
    check_installed()
    from listrak_source.dashboard.server import Server

    def announce(address: str) -> None:
        out.print(f"The page is at {address}\n\nCtrl-C ends it.", highlight=False, markup=False)
        sys.stdout.flush()

    # What is wrong with the warehouse, or its settings, is said now and not to a browser.
    first = read(warehouse, schema)
    Server(partial(read, warehouse, schema), lambda error: explain(error, "dashboard")[0], first).run(port, announce)
