"""Where the command prints, and how: sentences, tables, bars for numbers."""

from __future__ import annotations

import codecs
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

out: Console = Console(soft_wrap=True)
err: Console = Console(stderr=True, soft_wrap=True)

_NAME = "listrak-plain"
_PLAIN = {"…": "...", "·": "-", "—": "-", "─": "-", "━": "-", "│": "|", "█": "#", "▌": "|", "•": "*", "ß": "ss"}


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


BAR = 32
"""The longest bar, in characters."""


def table(console: Console, title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table; numbers stand on the right."""
    found = [list(row) for row in rows]
    drawn = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, padding=(0, 2))
    for index, name in enumerate(columns):
        right = any(isinstance(row[index], int | float) for row in found)
        drawn.add_column(name, justify="right" if right else "left")
    for row in found:
        drawn.add_row(*(value if isinstance(value, Text) else cell(value) for value in row))
    console.print(drawn)
    console.print()


def cell(value: Any) -> str:
    """A value as text: thousands apart, times to the second, nothing as a dash."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return value.isoformat() if isinstance(value, date) else str(value)


def apart(before: str | None, after: str | None) -> tuple[str | None, str | None]:
    """Two values that differ, so that a person sees how.

    They may differ in blanks at an end, in other white space, or in letters that look the same. Such a value stands in
    quotes.
    """
    alike = before is not None and after is not None and _looks(before) == _looks(after)
    return _seen(before, alike), _seen(after, alike)


def _looks(value: str) -> str:
    letters = unicodedata.normalize("NFKC", value)
    return " ".join("".join(letter for letter in letters if unicodedata.category(letter) != "Cf").split())


def _seen(value: str | None, alike: bool) -> str | None:
    if value is None:
        return None
    if alike:
        return ascii(value)
    shown = "".join(letter if letter == " " or letter.isprintable() else ascii(letter)[1:-1] for letter in value)
    return f"'{shown}'" if shown != value or value != value.strip() or not value else value


def bars(values: Sequence[int], style: str) -> list[Text]:
    """A bar for each value, the largest of them :data:`BAR` characters long; a small value has at least one."""
    largest = max(values, default=0) or 1
    return [Text("█" * max(round(BAR * value / largest), 1 if value else 0), style=style) for value in values]
