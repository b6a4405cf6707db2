"""Fingerprints of rows, to tell what an overlapping window brings again from what is new.

64 bits a row, computed by DuckDB over whole columns. Another version of DuckDB may hash differently: then the rows of
the overlap are loaded once more, onto themselves.
"""

from __future__ import annotations

import base64
import threading
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


def pack(hashes: pa.Array) -> str:
    """Hashes as text, for dlt's state."""
    distinct = pc.unique(hashes)
    buffer = distinct.buffers()[1]
    return base64.b64encode(memoryview(buffer)[: len(distinct) * _BYTES] if buffer else b"").decode()


def unpack(text: str) -> pa.Array:
    """The hashes that :func:`pack` wrote."""
    raw = base64.b64decode(text)
    return pa.Array.from_buffers(HASH, len(raw) // _BYTES, [None, pa.py_buffer(raw)])
