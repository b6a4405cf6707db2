"""Pulls that find records spoiled, and what they set aside."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.pull.asking import Somebody
from tests.pull.warehouse import Rows, Warehouse

Spoil = Callable[[dict[str, Any]], Any]
"""Changes a record in place, or returns what takes its place."""


@contextmanager
def log() -> Iterator[list[str]]:
    """What dlt's logger says meanwhile; it does not hand on to the root logger, where caplog listens."""
    lines: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    listener = Listener()
    logging.getLogger("dlt").addHandler(listener)
    try:
        yield lines
    finally:
        logging.getLogger("dlt").removeHandler(listener)


def only(someone: Somebody, ending: str, spoil: Spoil) -> Callable[[str, dict[str, Any]], None]:
    """A change of the records that are about somebody, on pages of the paths that end so."""

    def change(path: str, answer: dict[str, Any]) -> None:
        if path.endswith(ending) and isinstance(answer.get("data"), list):
            mine = [at for at, record in enumerate(answer["data"]) if record.get("phoneNumber") == someone.phone_number]
            for at in mine:
                instead = spoil(answer["data"][at])
                answer["data"][at] = answer["data"][at] if instead is None else instead

    return change


def rejected(warehouse: Warehouse) -> list[tuple[str, str, Any]]:
    """Table, reason and record of what was set aside."""
    rows = warehouse.rows("rejected_rows").values()
    found = [(row["table_name"], row["reason"], json.loads(row["record"])) for row in rows]
    return sorted(found, key=lambda row: row[:2])


def listed(rows: Rows) -> Rows:
    """Contacts as a list tells them."""
    return {key: row | {"subscribe_date": None, "unsubscribe_date": None} for key, row in rows.items()}
