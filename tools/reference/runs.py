"""The table of runs: every column."""

from __future__ import annotations

from listrak_source.runs import COLUMNS
from tools.reference.markdown import code, prose, table


def columns() -> str:
    """The columns of the table of pulls."""
    rows = [(code(name), kind.lower(), prose(meaning)) for name, (kind, meaning) in COLUMNS.items()]
    return table(["column", "type", "meaning"], rows)
