"""Markdown: tables, and docstrings as paragraphs."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

_ROLE = re.compile(r":\w+:`~?(?:[\w.]*\.)?(\w+)`")
_DOCTEST = re.compile(r"^>>> .*?(?:\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; a bar in a cell is data."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell(value) for value in line) + " |" for line in lines) + "\n"


def cell(value: object) -> str:
    """What stands in a cell: one line."""
    return " ".join(str(value).split()).replace("|", "\\|")


def code(value: object) -> str:
    """A name, as code."""
    return f"`{value}`"


def prose(docstring: str | None) -> str:
    """A docstring as Markdown: names as code, and without examples, which the pages have and run."""
    text = _DOCTEST.sub("", inspect.cleandoc(docstring or ""))
    return _ROLE.sub(r"`\1`", text).replace("``", "`").strip()
