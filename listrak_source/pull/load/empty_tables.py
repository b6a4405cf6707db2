"""Tables for which a load has no rows and that are not there yet: they are made all the same, and stay empty.

dlt makes a table for which it loads a file. So the first load takes along a file without rows for each of them; later
ones have none. dlt then knows of the table as of any other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import dlt
import pyarrow as pa
from dlt.common.configuration.container import Container
from dlt.common.destination import DestinationCapabilitiesContext
from dlt.extract.hints import make_hints

from listrak_source.pull.load.warehouse import is_loading, is_ours
from listrak_source.pull.records.batching import Batch
from listrak_source.pull.schema import Table

_WITHOUT_ROWS = ("parquet", "insert_values")
"""Formats of files that may be without rows: DuckDB finds no columns in JSON without any."""
_BY_ADBC, _BESIDE_ADBC = ("postgres", "tsql"), ("csv", "insert_values")
"""Dialects of databases that take Parquet by ADBC, where dlt's job fails without rows; and what they take instead."""


def unmade(tables: Iterable[Table], lacking: Collection[str]) -> Batch:
    """Those of the tables that are not there, without a row; ``lacking`` names some that are not as dlt knows them."""
    if not is_loading():
        return {}
    return {one.name: one.schema.empty_table() for one in tables if not is_ours(one) or one.name in lacking}


def made(rows: pa.Table, table: Table) -> Any:
    """The item that has dlt make a table, of which there are no ``rows``."""
    # Nothing is to be merged. dlt warns of hints for a merge where there is none.
    how: Any = None if table.merge_hints else "append"
    hints = make_hints(table_name=table.name, write_disposition=how, file_format=_file_format())
    return dlt.mark.with_hints(rows, hints, create_table_variant=True)


def _file_format() -> Any:
    capabilities = Container()[DestinationCapabilitiesContext]
    taken = capabilities.supported_loader_file_formats or ()
    wanted = _BESIDE_ADBC if capabilities.sqlglot_dialect in _BY_ADBC else _WITHOUT_ROWS
    return next((kind for kind in wanted if kind in taken), None)
