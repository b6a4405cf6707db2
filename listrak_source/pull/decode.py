"""Answers of the API into Arrow tables that still have the API's field names.

The fast way reads a page's bytes with Arrow's own JSON reader and an explicit schema: no Python object per record. What
that reader is too strict for (a number where the contract has a string, lists of mixed type) goes the slow way, record
by record, and arrives all the same. Fields that the contract does not name are kept as text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from listrak_source.api.paging import Page
from listrak_source.pull.tables import BOOLEAN, CONTACT_PROFILE_VALUES, CONTACTS, INTEGER, TEXT, Table

VALUES_FIELD = "segmentationFieldValues"


def record_schema(table: Table) -> pa.Schema:
    """The fields that ``table`` takes from a record of the API; dates stay text until they are placed in time."""
    fields = [
        pa.field(column.source, column.type if column.type in (INTEGER, BOOLEAN) else TEXT)
        for column in table.columns
        if column.source is not None
    ]
    if table is CONTACTS:
        fields.append(pa.field(VALUES_FIELD, pa.list_(pa.struct(list(record_schema(CONTACT_PROFILE_VALUES))))))
    return pa.schema(fields)


def page_decoder(table: Table) -> Callable[[bytes], Page[pa.Table]]:
    """A decoder for the client's paged reads: a page's bytes become a table of records with :func:`record_schema`.

    The decoder raises :class:`ValueError` where the body is no page of the API: the client then asks again.
    """
    records = record_schema(table)
    page = pa.schema(
        [
            ("status", INTEGER),
            ("nextPageCursor", TEXT),
            ("data", pa.list_(pa.struct(list(records)))),
        ]
    )
    parse = pj.ParseOptions(explicit_schema=page, newlines_in_values=True, unexpected_field_behavior="infer")

    def decode(body: bytes) -> Page[pa.Table]:
        # One block: the reader cannot join a record that two blocks share when it spans the whole page.
        read = pj.ReadOptions(use_threads=False, block_size=len(body) + 1)
        try:
            answer = pj.read_json(pa.BufferReader(body), read_options=read, parse_options=parse)
        except pa.ArrowInvalid:
            return _decode_slowly(body, records)
        data = answer["data"].combine_chunks()
        if answer.num_rows != 1 or data.null_count:
            raise ValueError("the answer is no page: it has no data")
        items = data.values if isinstance(data, pa.ListArray) else data.chunk(0).values
        if items.null_count:
            return _decode_slowly(body, records)
        rows = _known_and_text(pa.Table.from_struct_array(items), records)
        return Page(rows=rows.num_rows, next_cursor=answer["nextPageCursor"][0].as_py() or None, data=rows)

    return decode


def from_records(records: Iterable[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Records that are Python objects already, as a table with ``schema`` and, as text, whatever else they carry.

    Raises :class:`ValueError` where a value cannot be kept in its column, and names the field.
    """
    rows = [dict(record) for record in records]
    extra = dict.fromkeys(name for row in rows for name in row if name not in schema.names)
    columns = {item.name: _column(item, [row.get(item.name) for row in rows]) for item in schema}
    columns |= {name: pa.array([_as_text(row.get(name)) for row in rows], TEXT) for name in extra}
    return pa.table(columns)


def _decode_slowly(body: bytes, records: pa.Schema) -> Page[pa.Table]:
    answer = json.loads(body)
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list):
        raise ValueError("the answer is no page: it has no data")  # noqa: TRY004 - what a decoder raises
    rows = from_records([record for record in data if record is not None], records)
    return Page(rows=len(data), next_cursor=answer.get("nextPageCursor") or None, data=rows)


def _known_and_text(rows: pa.Table, records: pa.Schema) -> pa.Table:
    """Every field beyond the contract as text: its inferred type could change from one page to the next."""
    for index, name in enumerate(rows.column_names):
        if name not in records.names:
            rows = rows.set_column(index, name, text_column(rows.column(index)))
    return rows


def text_column(column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """A column of any type as text: scalars as JSON writes them, objects and lists as JSON."""
    if pa.types.is_string(column.type):
        return column
    if pa.types.is_timestamp(column.type):
        return pc.strftime(column, format="%Y-%m-%dT%H:%M:%S")
    if pa.types.is_nested(column.type) or pa.types.is_floating(column.type):
        return pa.array([_as_text(value) for value in column.to_pylist()], TEXT)
    return column.cast(TEXT)


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _column(item: pa.Field, values: list[Any]) -> pa.Array:
    """One field of all records; profile values keep the fields that the contract does not name."""
    if not pa.types.is_list(item.type):
        return pa.array([_fit(value, item.type, item.name) for value in values], item.type)
    if not all(value is None or isinstance(value, list) for value in values):
        raise ValueError(f"{item.name} is not a list")
    inner = from_records([part for value in values for part in value or ()], pa.schema(list(item.type.value_type)))
    ends = accumulate((len(value or ()) for value in values), initial=0)
    return pa.ListArray.from_arrays(
        pa.array(ends, pa.int32()),
        inner.to_struct_array().combine_chunks(),
        mask=pa.array([value is None for value in values], pa.bool_()),
    )


def _fit(value: Any, kind: pa.DataType, name: str) -> Any:
    if value is None:
        return None
    if kind == TEXT:
        return _as_text(value)
    return _fit_boolean(value, name) if kind == BOOLEAN else _fit_integer(value, name)


def _fit_boolean(value: Any, name: str) -> bool:
    known = {True: True, False: False, "true": True, "false": False, "1": True, "0": False}
    lowered = value.lower() if isinstance(value, str) else value
    if isinstance(lowered, bool | int | str) and lowered in known:
        return known[lowered]
    raise ValueError(f"{name} is neither true nor false")


def _fit_integer(value: Any, name: str) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = None
    if number is None or isinstance(value, bool) or (isinstance(value, float) and number != value):
        raise ValueError(f"{name} is not a whole number")
    return number
