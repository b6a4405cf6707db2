"""The command ``listrak timezone``: moves the dates that are stored to another zone."""

from __future__ import annotations

from typing import Annotated

import typer

from listrak_source.cli.options import Dataset, Destination, example
from listrak_source.cli.output.console import out
from listrak_source.cli.warehouse import Warehouse
from listrak_source.pull.time_zones import move

app: typer.Typer = typer.Typer(add_completion=False)


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
    warehouse = Warehouse(destination, dataset)
    warehouse.check_may_change()
    with warehouse.reading() as pipeline:
        moved = move(pipeline, zone, was)
    told = ", ".join(f"{rows:,} {name}" for name, rows in moved.items())
    out.print(f"What is stored is placed in {zone} now: {told}.", highlight=False, markup=False)
    out.print(f"Set sources.listrak.timezone to {zone} too.", highlight=False, markup=False)
