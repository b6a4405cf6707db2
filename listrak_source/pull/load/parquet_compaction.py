"""Plain Parquet files with one row per key: after each load, what it added is merged into one file per table.

dlt can only add to plain files. :func:`compact` does what the merge does elsewhere: of each key the row of the latest
load stays (for tables that rows are only added to, the first); rows that share a ``merge_key`` go when a later load
mentions it; what is marked as removed goes.

It may be killed at any moment. The new file is there as a whole before an old one goes, and those go oldest first: so
what is left after a kill, merged again, gives the same rows. Files of a load that never ended go too: whatever they
hold is read again. One run at a time may write to a dataset.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import cast
from uuid import uuid4

import dlt
import duckdb
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.impl.filesystem.filesystem import FilesystemClient

from listrak_source.api import ConfigurationError
from listrak_source.pull.load.write_disposition import FILESYSTEM
from listrak_source.pull.schema import SEEN_KEYS, TABLES, Table

MEMORY = "300MB"
"""What the merge may take; beyond it goes to disk."""

_LOAD_ID = re.compile(r"\d{10}\.\d+")
_COMPACTED = "compacted."
_UNDER_WAY = "_compacting"
"""Where a file is written on this machine's disk before it is moved into its table in one step."""


def compact(pipeline: dlt.Pipeline) -> list[str]:
    """Merge what loads have added to plain Parquet files; the names of the tables that were rewritten.

    Call it after each load, and once before the first, for what an earlier run left when it was killed. It does nothing
    for destinations that merge by themselves, nor for Delta tables. Raises :class:`ConfigurationError` for a layout of
    files that does not tell which load a file is of.
    """
    if pipeline.destination.destination_type != FILESYSTEM:
        return []
    with pipeline.destination_client() as opened:
        client = cast("FilesystemClient", opened)
        if not client.is_storage_initialized():
            return []
        if "{load_id}" not in client.config.layout:
            raise ConfigurationError("destination.filesystem.layout must hold {load_id}, which tells old rows from new")
        if not client.config.is_local_filesystem:
            client.fs_client.invalidate_cache()
        resumed = set(pipeline.list_normalized_load_packages()) | set(pipeline.list_extracted_load_packages())
        return _Compaction(client, resumed).run()


class _Compaction:
    """One pass over a dataset."""

    def __init__(self, client: FilesystemClient, resumed: set[str]) -> None:
        """``resumed`` are the load packages that dlt will go on with: what they wrote already stays."""
        self.client = client
        self.files = client.fs_client
        self.resumed = resumed
        # dlt stores the state before it notes the load: who has a state has all of its rows.
        done = (self._listed(name) for name in (client.schema.loads_table_name, client.schema.state_table_name))
        self.done = {load_id for paths in done for load_id in map(_load_id, paths)}

    def run(self) -> list[str]:
        under_way = f"{self.client.dataset_path}{_UNDER_WAY}"
        if self.files.exists(under_way):
            self.files.rm(under_way, recursive=True)
        return [table.name for table in (*TABLES.values(), SEEN_KEYS) if self._compact(table)]

    def _compact(self, table: Table) -> bool:
        """Whether the table was rewritten."""
        found = self._listed(table.name)
        if any("_delta_log" in path for path in found):
            return False
        # What has another name than dlt gives is not ours to touch.
        ours = [path for path in found if path.endswith(".parquet") and _load_id(path)]
        paths = sorted(ours, key=lambda path: (_load_id(path), not _is_compacted(path)))
        whole, unfinished = [], []
        for path in paths:
            ended = _is_compacted(path) or _load_id(path) in self.done
            if ended:
                whole.append(path)
            elif _load_id(path) not in self.resumed:
                unfinished.append(path)
        self._remove(unfinished)
        if not whole or (len(whole) == 1 and _is_compacted(whole[0])):
            return False
        prefix = self.client.get_table_prefix(table.name)
        merged = f"{prefix}{_COMPACTED}{_load_id(whole[-1])}.{uuid4().hex[:10]}.parquet"
        with tempfile.TemporaryDirectory(prefix="listrak-") as scratch:
            file = Path(scratch) / "merged.parquet"
            self._merge(table, whole, file)
            self._put(file, merged)
        self._remove(whole)
        return True

    def _merge(self, table: Table, paths: list[str], file: Path) -> None:
        with duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": str(file.parent)}) as connection:
            connection.execute("SET preserve_insertion_order = false")
            if not self.client.config.is_local_filesystem:
                connection.register_filesystem(self.files)
                paths = [f"{self.client.config.protocol}://{path}" for path in paths]
            first, *others = paths
            # After a kill, files of loads that are merged already may stand beside it: those may not count as new.
            if _is_compacted(first) and all(_load_id(path) > _load_id(first) for path in others):
                rows = _merged(table, _rows(first), _rows(*others))
            else:
                rows = f"SELECT * FROM ({_latest(table, _rows(*paths))}) WHERE {_alive(table)}"  # noqa: S608 - our names
            connection.execute(f"COPY ({rows}) TO '{file}' (FORMAT parquet)")

    def _put(self, file: Path, target: str) -> None:
        if not self.client.config.is_local_filesystem:
            self.files.put_file(str(file), target)  # there in one step, once all of it has arrived
            return
        under_way = f"{self.client.dataset_path}{_UNDER_WAY}/{uuid4().hex}"
        self.files.makedirs(str(Path(under_way).parent), exist_ok=True)
        self.files.put_file(str(file), under_way)
        Path(under_way).replace(target)
        Path(under_way).parent.rmdir()

    def _remove(self, paths: Iterable[str]) -> None:
        for path in paths:
            self.files.rm_file(path)

    def _listed(self, table: str) -> list[str]:
        try:
            return list(self.client.list_table_files(table))
        except DestinationUndefinedEntity:
            return []


def _load_id(path: str) -> str:
    """The load that a file is of; for a compacted one, the latest that is in it."""
    found = _LOAD_ID.findall(path.replace("\\", "/").rpartition("/")[2]) or _LOAD_ID.findall(path)
    return str(found[0]) if found else ""


def _is_compacted(path: str) -> bool:
    return f"{_COMPACTED}{_load_id(path)}" in path


# SQL of our own names, and of paths that dlt gave


def _rows(*paths: str) -> str:
    listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    return f"read_parquet([{listed}], union_by_name = true)"


def _latest(table: Table, rows: str) -> str:
    """Of each key in ``rows`` the one that counts, marked as removed or not."""
    order = ["_dlt_load_id" + ("" if table.append_only else " DESC")]
    order += [
        f'"{name}" {hint["dedup_sort"]} NULLS LAST' for name, hint in table.merge_hints.items() if "dedup_sort" in hint
    ]
    chosen = f"row_number() OVER (PARTITION BY {_names(table.key)} ORDER BY {', '.join(order)}) = 1"
    if table.merge_key:
        chosen += f" AND _dlt_load_id = max(_dlt_load_id) OVER (PARTITION BY {_names(table.merge_key)})"
    return f"SELECT * FROM {rows} QUALIFY {chosen}"  # noqa: S608


def _merged(table: Table, before: str, new: str) -> str:
    """``new`` rows into those that were merged ``before``: only the new ones, which are fewer, are sorted."""
    if table.append_only:
        added = f"SELECT * FROM ({_latest(table, new)}) AS added ANTI JOIN {before} AS old USING ({_names(table.key)})"  # noqa: S608
        return f"{added} UNION ALL BY NAME SELECT * FROM {before}"  # noqa: S608
    kept = f"SELECT * FROM {before} AS old ANTI JOIN {new} AS new USING ({_names(table.merge_key or table.key)})"  # noqa: S608
    return f"SELECT * FROM ({_latest(table, new)}) WHERE {_alive(table)} UNION ALL BY NAME {kept}"  # noqa: S608


def _alive(table: Table) -> str:
    marks = [name for name, hint in table.merge_hints.items() if "hard_delete" in hint]
    return " AND ".join(f'"{name}" IS NOT TRUE' for name in marks) or "true"


def _names(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)
