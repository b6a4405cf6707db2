"""Small batches into large ones: each table that is handed to dlt costs a row group and a schema check."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import pyarrow as pa

Batch = dict[str, pa.Table]
"""Rows by table."""

ROWS = 100_000
"""Rows that are handed over at once: larger ones load no faster, and only take memory."""


def batched(batches: Iterable[Batch]) -> Iterator[Batch]:
    """The same rows in batches of about :data:`ROWS` of one table each; columns that only some have become null."""
    waiting: dict[str, list[pa.Table]] = defaultdict(list)
    counts: dict[str, int] = defaultdict(int)
    for batch in batches:
        for name, rows in batch.items():
            if rows.num_rows == 0:
                continue
            waiting[name].append(rows)
            counts[name] += rows.num_rows
            if counts[name] >= ROWS:
                yield {name: _joined(waiting.pop(name))}
                del counts[name]
    for name, tables in waiting.items():
        yield {name: _joined(tables)}


def _joined(tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables, promote_options="default").combine_chunks()
