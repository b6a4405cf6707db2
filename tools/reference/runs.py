"""The table of runs: every column."""

from __future__ import annotations

from listrak_source.runs import COLUMNS
from tools.reference.markdown import code, prose, table


def columns(name: str) -> str:
    """The columns of one of the tables of runs."""
    rows = [(code(column), kind.lower(), prose(meaning)) for column, (kind, meaning) in COLUMNS[name].items()]
    return table(["column", "type", "meaning"], rows)
