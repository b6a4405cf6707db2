"""The options that most commands have, what a time is, and how examples stand in a help."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import timedelta
from typing import Annotated

import typer

Destination = Annotated[
    str, typer.Option("--destination", "-d", help="Any dlt destination: duckdb, postgres, filesystem, snowflake …")
]
Dataset = Annotated[str, typer.Option("--dataset", help="The dataset (schema) to write to.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on standard output, and all else on standard error.")
]

_DURATION = re.compile(
    r"(?:(?P<weeks>\d+)w)?(?:(?P<days>\d+)d)?(?:(?P<hours>\d+)h)?(?:(?P<minutes>\d+)m)?(?:(?P<seconds>\d+)s)?", re.ASCII
)


def duration(text: str) -> timedelta:
    """A time as people write it: ``26h``, ``90m``, ``1d12h``."""
    found = _DURATION.fullmatch(text.strip().lower())
    if found and text.strip():
        with suppress(OverflowError):
            return timedelta(**{name: float(value) for name, value in found.groupdict().items() if value})
    raise typer.BadParameter(f"{text!r} is no time: write it as 26h, 90m, 2d or 1d12h")


def example(*lines: str) -> str:
    """Examples for a command's help."""
    return "Examples:\n\n" + "\n\n".join(f"  $ {line}" for line in lines)
