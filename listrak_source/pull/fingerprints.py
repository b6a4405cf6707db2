"""Fingerprints of rows, to tell what an overlapping window brings again from what is new.

64 bits a row, computed by DuckDB over whole columns. Another version of DuckDB may hash differently: then the rows of
the overlap are loaded once more, onto themselves.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from listrak_source.pull.phones import without_raw_phones
from listrak_source.pull.records import SET_ASIDE

T = TypeVar("T")

HASH = pa.uint64()
_BYTES = 8
_TOGETHER = 25_000
"""Rows that are fingerprinted in one query, about."""


_local = threading.local()


def of(rows: pa.Table) -> pa.Array:
    """One unsigned 64-bit hash per row, over all columns that the API sent and that may be written."""
    # A mark on one record must not change the fingerprints of the others; what it stands for is null in that one.
    rows = without_raw_phones(rows)
    rows = rows.drop_columns([name for name in rows.column_names if name == SET_ASIDE])
    if not hasattr(_local, "connection"):
        _local.connection = duckdb.connect()
    _local.connection.register("rows", rows)
    hashes = _local.connection.execute("SELECT hash(rows) AS h FROM rows").to_arrow_table()["h"]
    _local.connection.unregister("rows")
    return pa.concat_arrays(hashes.chunks) if hashes.num_chunks else pa.array([], HASH)


def of_each(readings: Iterable[tuple[T, pa.Table]]) -> Iterator[tuple[T, pa.Table, pa.Array]]:
    """The same readings in the same order, each with its rows' fingerprints.

    Windows are many and small, and a query costs more than a small window does: some wait for each other.
    """
    waiting: list[tuple[T, pa.Table]] = []
    for reading in readings:
        waiting.append(reading)
        if sum(rows.num_rows for _, rows in waiting) >= _TOGETHER:
            yield from _of_all(waiting)
            waiting = []
    if waiting:
        yield from _of_all(waiting)


def _of_all(readings: list[tuple[T, pa.Table]]) -> Iterator[tuple[T, pa.Table, pa.Array]]:
    by_schema: dict[str, list[int]] = {}
    for index, (_, rows) in enumerate(readings):
        by_schema.setdefault(str(rows.schema), []).append(index)
    hashes: dict[int, pa.Array] = {}
    # A row must have the same fingerprint in whatever company it is read: no column may come from another table.
    for indexes in by_schema.values():
        together = of(pa.concat_tables([readings[index][1] for index in indexes]))
        start = 0
        for index in indexes:
            hashes[index] = together.slice(start, readings[index][1].num_rows)
            start += len(hashes[index])
    for index, (unit, rows) in enumerate(readings):
        yield unit, rows, hashes[index]


def pack(hashes: pa.Array) -> str:
    """Hashes as text, for dlt's state."""
    distinct = pc.unique(hashes)
    buffer = distinct.buffers()[1]
    return base64.b64encode(memoryview(buffer)[: len(distinct) * _BYTES] if buffer else b"").decode()


def unpack(text: str) -> pa.Array:
    """The hashes that :func:`pack` wrote."""
    raw = base64.b64decode(text)
    return pa.Array.from_buffers(HASH, len(raw) // _BYTES, [None, pa.py_buffer(raw)])


def without(rows: pa.Table, hashes: pa.Array, known: pa.Array) -> pa.Table:
    """The rows whose hash is not among the known ones."""
    return rows.filter(pc.invert(pc.is_in(hashes, value_set=known)))
