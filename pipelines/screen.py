"""What the commands share: where they print, and the options that say which warehouse."""

from __future__ import annotations

import codecs
import sys
import unicodedata
from typing import Annotated

import typer
from rich.console import Console

out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)

Destination = Annotated[
    str, typer.Option("--destination", "-d", help="Any dlt destination: duckdb, postgres, filesystem, snowflake …")
]
Dataset = Annotated[str, typer.Option("--dataset", help="The dataset (schema) to write to.")]

_NAME = "listrak-plain"
_PLAIN = {"…": "...", "·": "-", "—": "-", "─": "-", "━": "-", "│": "|", "█": "#", "▌": "|", "•": "*", "ß": "ss"}


def example(*lines: str) -> str:
    """Examples for a command's help."""
    return "Examples:\n\n" + "\n\n".join(f"  $ {line}" for line in lines)


def print_anywhere() -> None:
    """Have output never fail for a letter that the terminal or file does not have: something like it is written."""
    codecs.register_error(_NAME, _plain)
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors=_NAME)


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    return "".join(map(_like, letters)), error.end


def _like(letter: str) -> str:
    known = _PLAIN.get(letter) or unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    return known or "?"
