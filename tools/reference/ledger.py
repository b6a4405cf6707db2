"""The tables that push and the leases keep in the warehouse: every column."""

from __future__ import annotations

from listrak_source import lease as leases
from listrak_source.forgotten import COLUMNS
from listrak_source.push.warehouse.ledger_tables import LEDGER
from tools.reference.markdown import code, prose, table

_LEASE = {
    "kind": "What is leased: a pull, a sync's run, or the turn at single writes.",
    "scope": "Of what: sender codes, the sync's name, or the place in the line.",
    "owner": "The run, by a name that no other has.",
    "host": "Its machine.",
    "boot": "Which start of that machine, and which space of process numbers.",
    "process": "Its process.",
    "started": "When the process began, by the system's own count.",
    "began": "When the lease was asked for, in seconds since 1970 by the database's clock.",
    "heartbeat": "When its owner was heard of last, by the same clock.",
}


def tables() -> str:
    """A section for each table of the ledger."""
    sections = []
    for name, one in LEDGER.items():
        rows = [(code(column), kind.lower(), prose(meaning)) for column, (kind, meaning) in one.columns.items()]
        sections.append(f"## {name}\n\n{prose(one.description)}\n\n{table(['column', 'type', 'meaning'], rows)}")
    return "\n".join(sections)


def lease() -> str:
    """The table of leases."""
    columns = [column.split() for column in leases.COLUMNS.split(", ")]
    return table(["column", "type", "meaning"], [(code(name), kind.lower(), _LEASE[name]) for name, kind in columns])


def forgotten() -> str:
    """The table of who was forgotten."""
    columns = COLUMNS.items()
    return table(
        ["column", "type", "meaning"], [(code(name), kind.lower(), prose(told)) for name, (kind, told) in columns]
    )
