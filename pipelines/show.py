"""How results look on a terminal: tables, and bars for numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

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


def bars(values: Sequence[int], style: str) -> list[Text]:
    """A bar for each value, the largest of them :data:`BAR` characters long; a small value has at least one."""
    largest = max(values, default=0) or 1
    return [Text("█" * max(round(BAR * value / largest), 1 if value else 0), style=style) for value in values]
