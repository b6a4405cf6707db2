"""The tables of the pull: every column."""

from __future__ import annotations

from listrak_source.pull.schema import SEEN_KEYS, TABLES, Table
from tools.reference.markdown import code, table


def overview() -> str:
    """The tables, with their keys."""
    rows = [(f"[{name}](#{name})", ", ".join(one.key), one.description) for name, one in TABLES.items()]
    return table(["table", "key", "what it holds"], rows)


def tables() -> str:
    """A section for each table."""
    return "\n".join(_section(one) for one in (*TABLES.values(), SEEN_KEYS))


def _section(one: Table) -> str:
    hints = one.resource_hints()["columns"]
    rows = [
        (
            code(column.name),
            hints[column.name]["data_type"],
            "key" if column.key else "",
            "yes" if hints[column.name]["nullable"] else "no",
            code(column.source) if column.source else "",
            column.description,
        )
        for column in one.columns
    ]
    columns = ["column", "type", "", "may be null", "Listrak's field", "meaning"]
    return f"## {one.name}\n\n{one.description}\n\n{table(columns, rows)}"
