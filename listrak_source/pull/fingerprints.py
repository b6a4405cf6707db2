"""Fingerprints of rows, to tell what an overlapping window brings again from what is new.

64 bits a row, computed by DuckDB over whole columns. Another version of DuckDB may hash differently: then the rows of the
overlap are loaded once more, onto themselves.
"""

from __future__ import annotations

import base64

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

HASH = pa.uint64()
_BYTES = 8


class Fingerprints:
    """Makes fingerprints, on one connection for as long as a pull runs."""

    def __init__(self) -> None:
        self._connection: duckdb.DuckDBPyConnection | None = None

    def of(self, rows: pa.Table) -> pa.Array:
        """One unsigned 64-bit hash per row, over all columns."""
        if self._connection is None:
            self._connection = duckdb.connect()
        self._connection.register("rows", rows)
        hashes = self._connection.execute("SELECT hash(rows) AS h FROM rows").to_arrow_table()["h"]
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


def without(rows: pa.Table, hashes: pa.Array, known: pa.Array) -> pa.Table:
    """The rows whose hash is not among the known ones."""
    return rows.filter(pc.invert(pc.is_in(hashes, value_set=known)))
