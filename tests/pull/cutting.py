"""Pulls that end early, and what they leave behind."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Generator
from contextlib import closing
from itertools import islice
from typing import Any

from listrak_source import pull
from tests.pull.warehouse import Rows, Warehouse

TABLES = (
    "sender_codes", "lists", "profile_fields", "transactional_messages", "contacts", "contact_profile_values",
    "list_memberships", "opt_outs", "subscriptions",
)  # fmt: skip
SMALL_LOADS = {"chunk_rows": 15, "page_size": 5}


def loads(warehouse: Warehouse, *tables: str, **options: Any) -> Generator[dict[str, Any] | None]:
    """Pull load by load. After each: what the state in the warehouse says is left to do (see ``pull.pending``)."""
    pipeline = warehouse.pipeline()
    with closing(pull(pipeline, *tables, **warehouse.options() | options)) as runs:
        while True:
            with warehouse.open():
                if next(runs, None) is None:
                    return
            yield pipeline.state.get("sources", {}).get("listrak_sms", {}).get("pending")


def cut(warehouse: Warehouse, after: int, *tables: str, **options: Any) -> bool:
    """Pull so many loads, and be gone with the working directory; whether anything was left to do."""
    left = list(islice(loads(warehouse, *tables, **options), after))
    elsewhere(warehouse)
    return bool(left[-1])


def elsewhere(warehouse: Warehouse) -> None:
    """The next pull is in another process, on a bare machine."""
    shutil.rmtree(warehouse.folder / "pipelines", ignore_errors=True)


def until_the_sweep(warehouse: Warehouse, *tables: str, **options: Any) -> Generator[dict[str, Any] | None]:
    """A complete walk whose rows are all loaded. What goes on with the result is the sweep."""
    rest = loads(warehouse, *tables, full=True, **options)
    while not (left := next(rest)) or left["swept"] is None:
        pass
    return rest


def held(warehouse: Warehouse) -> dict[str, Rows]:
    """All rows that are alive; each key stands once."""
    return {name: warehouse.rows(name) for name in TABLES if warehouse.records(name) is not None}


def told(warehouse: Warehouse) -> Counter[Any]:
    """How often each event is told. When it was first seen differs between pulls that ran at different times."""
    return Counter(key[:4] for key in warehouse.rows("consent_events"))


def agree(warehouse: Warehouse, twin: Warehouse) -> None:
    ours, theirs = held(warehouse), held(twin)
    assert ours.keys() == theirs.keys()
    for name, rows in ours.items():
        assert rows == theirs[name], name
    assert told(warehouse) == told(twin)
