"""Fingerprints of rows: 64 bits each, computed by DuckDB over whole columns.

For what one process compares, and for a few keys that a walk leaves to the next. Another version of DuckDB may hash
differently, so no row is left out for such a hash (see ``record_hash``).
"""

from __future__ import annotations

import pyarrow as pa

from listrak_source.pull.compute import computed
from listrak_source.pull.phones import without_raw_phones
from listrak_source.pull.records import SET_ASIDE

HASH = pa.uint64()


def of(rows: pa.Table) -> pa.Array:
    """One unsigned 64-bit hash per row, over all columns that the API sent and that may be written."""
    # A mark on one record must not change the fingerprints of the others; what it stands for is null in that one.
    rows = without_raw_phones(rows)
    rows = rows.drop_columns([name for name in rows.column_names if name == SET_ASIDE])
    return computed("hash(rows)", rows)
