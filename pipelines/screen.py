"""What the commands share: where they print, and the options that say which warehouse."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)

Destination = Annotated[
    str, typer.Option("--destination", "-d", help="Any dlt destination: duckdb, postgres, filesystem, snowflake …")
]
Dataset = Annotated[str, typer.Option("--dataset", help="The dataset (schema) to write to.")]


def example(*lines: str) -> str:
    """Examples for a command's help."""
    return "Examples:\n\n" + "\n\n".join(f"  $ {line}" for line in lines)
