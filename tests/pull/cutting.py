"""Pulls that end early, and what they leave behind."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from itertools import islice
from typing import Any

from listrak_source import load
from tests.pull.warehouse import Warehouse


def loads(warehouse: Warehouse, *tables: str, **options: Any) -> Generator[dict[str, Any] | None]:
    """Pull load by load. After each: what the state in the warehouse says is left to do (see ``pull.pending``)."""
    pipeline = warehouse.pipeline()
    for _ in load(pipeline, *tables, **warehouse.options() | options):
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
