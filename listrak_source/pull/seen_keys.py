"""What a pull over several loads has seen so far, kept in the warehouse: with each load the keys that it added.

So another process that goes on knows what was seen, whether it was written or left out for it has not changed. When the
last load of the pull has come in, its rows go: not with it, for killed in between the next process would miss them.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Collection, Iterator, Sequence
from typing import Any, cast

import dlt
import pyarrow as pa
import pyarrow.compute as pc
from dlt.common import logger
from dlt.destinations.exceptions import DatabaseException

from listrak_source.pull.dispositions import FILESYSTEM
from listrak_source.pull.held import columns_of, held, texts
from listrak_source.pull.once import KEY, Once
from listrak_source.pull.pending import has_seen
from listrak_source.pull.tables import SEEN_KEYS

_PART = 30_000
"""Bytes of one row: base64 makes four thirds of it, and a text has 65,535 bytes at the most in some databases."""


def added(once: Once, task: str, load_id: str) -> pa.Table:
    """Rows with the keys that ``once`` has seen since it was asked last."""
    rows = []
    for group, keys in once.new().items():
        packed = _packed(keys)
        for part, start in enumerate(range(0, len(packed), _PART)):
            text = base64.b64encode(packed[start : start + _PART]).decode()
            rows.append((task, load_id, group, part, text, None))
    return _table(rows)


def recall(once: Once, task: str, loads: Collection[str]) -> int:
    """Have ``once`` know what earlier loads of a pull have seen; returns how many keys that were."""
    parts: dict[tuple[str, str], dict[int, str]] = {}
    if columns_of(SEEN_KEYS) and loads:
        of_it = f"task = {texts([task])} AND load_id IN ({texts(list(loads))})"
        query = f"SELECT load_id, seen_in, part, keys FROM seen_keys WHERE {of_it}"  # noqa: S608 - our own names
        for rows in held(query):
            for row in rows.to_pylist():
                parts.setdefault((row["load_id"], row["seen_in"]), {})[int(row["part"])] = row["keys"]
    count = 0
    for (_, group), texts_of in parts.items():
        packed = b"".join(base64.b64decode(texts_of[part]) for part in sorted(texts_of))
        try:
            keys = _unpacked(packed)
        except (zlib.error, ValueError):  # a part of it is gone
            continue
        once.restore(group, keys)
        count += len(keys)
    return count


def emptied(tasks: Collection[str]) -> Iterator[pa.Table]:
    """Rows that take away what pulls have kept."""
    if not columns_of(SEEN_KEYS) or not tasks:
        return
    query = f"SELECT task, load_id, seen_in, part FROM seen_keys WHERE task IN ({texts(list(tasks))})"  # noqa: S608
    for rows in held(query):
        if rows.num_rows:
            yield _table([(*row.values(), None, True) for row in rows.select(SEEN_KEYS.key).to_pylist()])


def clear(pipeline: dlt.Pipeline) -> None:
    """The last load of a pull has come in: take away what it has kept. Where that fails, the next pull does."""
    tasks = has_seen(pipeline)
    if not tasks or SEEN_KEYS.name not in pipeline.default_schema.tables:
        return
    try:
        if pipeline.destination.destination_type == FILESYSTEM:
            with pipeline.destination_client() as files:
                cast("Any", files).truncate_tables([SEEN_KEYS.name])
            return
        with pipeline.sql_client() as client:
            name = client.make_qualified_table_name(SEEN_KEYS.name)
            client.execute_sql(f"DELETE FROM {name} WHERE task IN ({texts(tasks)})")  # noqa: S608 - our own names
    except DatabaseException as error:
        logger.warning(f"What the pull has seen stays in {SEEN_KEYS.name} until the next one: {error}")


def _packed(keys: pa.Array) -> bytes:
    ordered = keys.take(pc.sort_indices(keys))
    apart = pc.coalesce(pc.pairwise_diff(ordered), ordered)
    return zlib.compress(memoryview(apart.buffers()[1])[: 8 * len(apart)], 1)


def _unpacked(packed: bytes) -> pa.Array:
    raw = zlib.decompress(packed)
    return pc.cumulative_sum(pa.Array.from_buffers(KEY, len(raw) // 8, [None, pa.py_buffer(raw)]))


def _table(rows: Sequence[tuple[object, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(SEEN_KEYS.columns)
    arrays = [pa.array(list(column), field.type) for column, field in zip(columns, SEEN_KEYS.schema, strict=True)]
    return pa.table(arrays, schema=SEEN_KEYS.schema)
