"""Keys that pulls keep in the warehouse, packed.

A pull over several loads keeps what it has seen: with each load the keys that it added. So another process that goes on
knows what was seen, whether it was written or left out for it has not changed. When the last load of the pull has come
in, these rows go: not with it, for killed in between the next process would miss them.

A complete walk leaves the keys of rows that it did not find and did not mark, until the next one has ended.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence

import dlt
import pyarrow as pa
import pyarrow.compute as pc
from dlt.common import logger
from dlt.destinations.exceptions import DatabaseException

from listrak_source.pull.keys.dedupe import Dedupe
from listrak_source.pull.load.warehouse import columns_of, running, select, sql_list
from listrak_source.pull.load.write_disposition import FILESYSTEM
from listrak_source.pull.records.row_keys import KEY
from listrak_source.pull.schema import SEEN_KEYS
from listrak_source.pull.state.checkpoint import has_seen
from listrak_source.pull.state.state import unmarked_by

_PART = 30_000
"""Bytes of one row: base64 makes four thirds of it, and a text has 65,535 bytes at the most in some databases."""


UNMARKED = "unmarked by "
"""How the task begins of what the complete walks of a pipeline leave; its name follows."""


def added(once: Dedupe, task: str, load_id: str) -> pa.Table:
    """Rows with the keys that ``once`` has seen since it was asked last."""
    return _rows(task, load_id, once.new())


def recall(once: Dedupe, task: str, loads: Collection[str]) -> int:
    """Have ``once`` know what earlier loads of a pull have seen; returns how many keys that were."""
    count = 0
    for group, keys in _kept(task, loads):
        once.restore(group, keys)
        count += len(keys)
    return count


def unmarked(load_id: str) -> dict[str, pa.Array]:
    """By group: the keys that the complete walk whose last load this was has left."""
    return dict(_kept(UNMARKED + running().pipeline_name, [load_id])) if load_id else {}


def left_unmarked(keys: Mapping[str, pa.Array], load_id: str, before: str) -> Iterator[pa.Table]:
    """Rows with the keys that a complete walk leaves, by group, and those that take away what older ones have left.

    What the load ``before`` has brought stays until this one has come in: killed in between, the next walk needs it.
    """
    task = UNMARKED + running().pipeline_name
    yield _rows(task, load_id, keys)
    yield from emptied([task], but=before)


def _rows(task: str, load_id: str, keys_of: Mapping[str, pa.Array]) -> pa.Table:
    rows = []
    for group, keys in keys_of.items():
        data = packed(keys)
        for part, start in enumerate(range(0, len(data), _PART)):
            text = base64.b64encode(data[start : start + _PART]).decode()
            rows.append((task, load_id, group, part, text, None))
    return _table(rows)


def _kept(task: str, loads: Collection[str]) -> Iterator[tuple[str, pa.Array]]:
    """The keys of each load and group."""
    parts: dict[tuple[str, str], dict[int, str]] = {}
    if columns_of(SEEN_KEYS) and loads:
        of_it = f"task = {sql_list([task])} AND load_id IN ({sql_list(list(loads))})"
        query = f"SELECT load_id, seen_in, part, keys FROM seen_keys WHERE {of_it}"  # noqa: S608 - our own names
        for rows in select(query):
            for row in rows.to_pylist():
                parts.setdefault((row["load_id"], row["seen_in"]), {})[int(row["part"])] = row["keys"]
    for (_, group), texts_of in parts.items():
        data = b"".join(base64.b64decode(texts_of[part]) for part in sorted(texts_of))
        try:
            keys = unpacked(data)
        except (zlib.error, ValueError):  # a part of it is gone
            continue
        yield group, keys


def emptied(tasks: Collection[str], but: str = "") -> Iterator[pa.Table]:
    """Rows that take away what pulls have kept, ``but`` for one load."""
    if not columns_of(SEEN_KEYS) or not tasks:
        return
    of_them = f"task IN ({sql_list(list(tasks))}) AND load_id <> {sql_list([but])}"
    query = f"SELECT task, load_id, seen_in, part FROM seen_keys WHERE {of_them}"  # noqa: S608 - our own names
    for rows in select(query):
        if rows.num_rows:
            yield _table([(*row.values(), None, True) for row in rows.select(SEEN_KEYS.key).to_pylist()])


def clear(pipeline: dlt.Pipeline, *, after_walk: bool) -> None:
    """The last load of a pull has come in: take away what it has kept, and after a walk what earlier ones have left.

    Where that fails, the next pull does.
    """
    tasks, left_by = has_seen(pipeline), unmarked_by(pipeline) if after_walk else None
    if SEEN_KEYS.name not in pipeline.default_schema.tables or (not tasks and left_by is None):
        return
    if pipeline.destination.destination_type == FILESYSTEM:
        # Files go as a whole, with what others have left: the next pull takes away its own.
        return
    done = f"task IN ({sql_list([*tasks, ''])})"
    if left_by is not None:
        done += f" OR (task = {sql_list([UNMARKED + pipeline.pipeline_name])} AND load_id <> {sql_list([left_by])})"
    try:
        with pipeline.sql_client() as client:
            name = client.make_qualified_table_name(SEEN_KEYS.name)
            client.execute_sql(f"DELETE FROM {name} WHERE {done}")  # noqa: S608
    except DatabaseException as error:
        logger.warning(f"What the pull has seen stays in {SEEN_KEYS.name} until the next one: {error}")


def packed(keys: pa.Array) -> bytes:
    """Keys as bytes, in an order of their own."""
    ordered = keys.take(pc.sort_indices(keys))
    apart = pc.coalesce(pc.pairwise_diff(ordered), ordered)
    return zlib.compress(memoryview(apart.buffers()[1])[: 8 * len(apart)], 1)


def unpacked(data: bytes) -> pa.Array:
    """The keys that :func:`packed` made bytes of, sorted."""
    raw = zlib.decompress(data)
    return pc.cumulative_sum(pa.Array.from_buffers(KEY, len(raw) // 8, [None, pa.py_buffer(raw)]))


def _table(rows: Sequence[tuple[object, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(SEEN_KEYS.columns)
    arrays = [pa.array(list(column), field.type) for column, field in zip(columns, SEEN_KEYS.schema, strict=True)]
    return pa.table(arrays, schema=SEEN_KEYS.schema)
