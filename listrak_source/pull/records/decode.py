"""Pages of the API into Arrow tables that still have the API's field names.

The fast way reads a page's bytes with Arrow's own JSON reader and an explicit schema: no Python object per record. What
that reader is too strict for (a number where the contract has a string), or cannot keep exactly (a field beyond the
contract that holds lists or objects), goes the slow way of :mod:`~listrak_source.pull.records.coerce`, and still
arrives. There, single records that do not fit are set aside.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from threading import BoundedSemaphore
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from listrak_source.api.envelope import Refusal, check, repaired
from listrak_source.api.json_text import DEEPEST, is_deeper
from listrak_source.api.pagination import Page, json_elements
from listrak_source.pull.records.coerce import VALUES_FIELD, from_records, record_schema
from listrak_source.pull.records.quarantine import Rejects
from listrak_source.pull.records.record_limits import Bounds
from listrak_source.pull.schema import CONTACT_PROFILE_VALUES, INTEGER, TEXT, Table

VALUE_FIELDS = tuple(record_schema(CONTACT_PROFILE_VALUES).names)
"""The fields of a profile value that the contract names."""
_PHONE = "phoneNumber"
_SAID = ("status", "error", "errors")
"""What an envelope says of itself."""
_FIELD_NAME = re.compile(rb'"([^"\\]*)"\s*:')
_MOST_NAMES = 500
"""Different names of fields in a page: Arrow's reader would make a column of each, as long as the page."""
_EXPECTED = 100
"""Fields beyond the contract that the next page is expected to have too."""
_NUL = re.compile(rb"\\u0000")
"""A character that PostgreSQL keeps in no text. As an expression it is found in half the time that ``in`` takes."""
_DECODERS = BoundedSemaphore(max((os.cpu_count() or 1) - 1, 1))
"""Who decodes at once: one core stays with the thread that makes rows, which waits for Python's lock otherwise until
some decoder has got its turn on a core. A pull of 1,000,000 contacts on two cores: 12.7 s instead of 13.2."""
_EXACT = 2.0**53
"""From here on a double may not be the number that the JSON has."""


class _NotExact(Exception):  # noqa: N818 - no error: it sends a page the slow way
    """The fast way would not keep a field beyond the contract as it came."""


class _LooksLikeDate(Exception):  # noqa: N818 - no error: the page is read once more
    """A field beyond the contract is text that Arrow takes for a date."""


def page_decoder(
    table: Table, rejects: Rejects | None = None, given: Mapping[str, Any] | None = None
) -> Callable[[bytes], Page[pa.Table]]:
    """A decoder for the client's paged reads, which makes a table of a page's bytes.

    The table has :func:`~listrak_source.pull.records.coerce.record_schema` and, as text, whatever else there is.

    Records that do not fit go to ``rejects``, with what is ``given`` of them by name, as ``from_records`` has it; they
    count as rows of the page all the same. The decoder raises :class:`ValueError` where the body is no page of the API,
    and without ``rejects`` where a record does not fit: the client then asks again.
    """
    records = record_schema(table)
    bounds = rejects.bounds if rejects else Bounds()
    dates = bounds.dates[table.name]
    expected = [_schema(records, {})]

    def decode(body: bytes) -> Page[pa.Table]:
        # Arrow's reader crashes on a bare null, so nothing but an object goes there.
        if not body.lstrip().startswith(b"{"):
            raise ValueError("the answer is no page: it is no object")
        if not _is_utf8(body):
            body = repaired(body)
        try:
            # A copy of what is known by now: other threads learn too.
            with _DECODERS:
                page = None if _has_nul(body) else _decode_fast(body, records, dict(dates), expected)
        except _LooksLikeDate as found:
            dates[str(found)] = TEXT
            return decode(body)
        except (pa.ArrowInvalid, _NotExact):
            page = None
        if page is not None and len(body) > bounds.size and bounds.may_be_broken_by(page.data):
            page = None
        # Nobody's record is set aside, too.
        if page is None or (rejects is not None and _lacks_phones(page.data)):
            page = _decode_slowly(body, table, rejects, given)
        return page

    return decode


def _is_utf8(body: bytes) -> bool:
    """Whether all of it is.

    Arrow's JSON reader does not check, its cast does: without a copy, and while other threads run.
    """
    ends = pa.array([0, len(body)], pa.int32()).buffers()[1]
    try:
        pa.Array.from_buffers(pa.binary(), 1, [None, ends, pa.py_buffer(body)]).cast(TEXT)
    except pa.ArrowInvalid:
        return False
    return True


def _has_nul(body: bytes) -> bool:
    # Many pages have no backslash, and one character is found at once.
    return b"\\" in body and _NUL.search(body) is not None


def _lacks_phones(rows: pa.Table) -> bool:
    """Whether a record is nobody's."""
    if _PHONE not in rows.column_names:
        return False
    phones = rows[_PHONE]
    return bool(phones.null_count or pc.any(pc.equal(pc.binary_length(phones), 0)).as_py())


def _decode_fast(
    body: bytes, records: pa.Schema, dates: dict[str, pa.DataType], expected: list[pa.Schema]
) -> Page[pa.Table]:
    """``expected`` holds the schema of the last page, fields beyond the contract included; this one's takes its place.

    Only something new can be nested without end, or have names without end. So a page like the last one is looked at no
    further: to look for either takes as long as to read a page.
    """
    try:
        answer = _read(body, expected[0], "error")
    except pa.ArrowInvalid:
        if is_deeper(body, DEEPEST) or len(set(_FIELD_NAME.findall(body))) > _MOST_NAMES:
            raise _NotExact from None
        answer = _read(body, _schema(records, dates), "infer")
    data = answer["data"].combine_chunks()
    if answer.num_rows != 1:
        raise ValueError("the answer is no page: it is not one object")
    _check(answer)
    if data.null_count:
        raise _NotExact
    items = data.values if isinstance(data, pa.ListArray) else data.chunk(0).values
    if items.null_count:
        raise _NotExact
    rows = pa.Table.from_struct_array(items)
    contract = set(records.names)
    columns = dict(zip(rows.column_names, rows.columns, strict=True))
    for name, column in columns.items():
        if name == VALUES_FIELD:
            columns[name] = _values(column)
        elif name not in contract and name not in dates:
            columns[name] = _text(column, name)
    rows = pa.table(columns)
    if rows.num_columns - len(records) < _EXPECTED:
        expected[0] = answer.schema
    # A field that is named here for what other pages hold may be absent from this one.
    rows = rows.drop_columns(
        [name for name, column in columns.items() if name not in contract and column.null_count == rows.num_rows]
    )
    return Page(rows=rows.num_rows, next_cursor=answer["nextPageCursor"][0].as_py() or None, data=rows)


def _check(answer: pa.Table) -> None:
    """Read a page the slow way, which tells what is wrong, if its envelope says that it is an error."""
    said = {name: answer[name][0].as_py() for name in _SAID if name in answer.column_names}
    try:
        check(said | {"data": None})
    except Refusal as error:
        raise _NotExact from error


def _schema(records: pa.Schema, dates: dict[str, pa.DataType]) -> pa.Schema:
    """The schema of a page."""
    fields = [*records, *(pa.field(name, kind) for name, kind in dates.items())]
    envelope = [("status", INTEGER), ("error", TEXT), ("nextPageCursor", TEXT)]
    return pa.schema([*envelope, ("data", pa.list_(pa.struct(fields)))])


def _read(body: bytes, schema: pa.Schema, unexpected: str) -> pa.Table:
    """A page as Arrow reads it. ``unexpected`` says what it does with a field that the schema has not."""
    return pj.read_json(
        pa.BufferReader(body),
        # One block: the reader cannot join a record that two blocks share when it spans the whole page.
        read_options=pj.ReadOptions(use_threads=False, block_size=len(body) + 1),
        parse_options=pj.ParseOptions(
            explicit_schema=schema, newlines_in_values=True, unexpected_field_behavior=unexpected
        ),
    )


def _text(column: pa.ChunkedArray | pa.Array, name: str) -> pa.ChunkedArray | pa.Array:
    """A column beyond the contract as text: its inferred type could change from one page to the next."""
    if pa.types.is_temporal(column.type):
        raise _LooksLikeDate(name)
    if pa.types.is_nested(column.type):
        raise _NotExact
    if pa.types.is_floating(column.type) and pc.any(pc.greater_equal(pc.abs(column), _EXACT)).as_py():
        raise _NotExact
    return column.cast(TEXT)


def _values(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Profile values, with the fields beyond the contract as text."""
    kind = column.type.value_type
    if kind.num_fields == len(VALUE_FIELDS) and not any(chunk.values.null_count for chunk in column.chunks):
        return column
    chunks = []
    for chunk in column.chunks:
        values = chunk.values
        if values.null_count:
            raise _NotExact
        parts = [values.field(index) for index in range(kind.num_fields)]
        names = [kind.field(index).name for index in range(kind.num_fields)]
        # A date that only a profile value carries is rare enough for the slow way.
        kept = [part if name in VALUE_FIELDS else _value_text(part) for part, name in zip(parts, names, strict=True)]
        inner = pa.StructArray.from_arrays(kept, names)
        mask = chunk.is_null() if chunk.null_count else None
        chunks.append(pa.ListArray.from_arrays(chunk.offsets, inner, mask=mask))
    return pa.chunked_array(chunks)


def _value_text(part: pa.Array) -> pa.Array:
    try:
        return _text(part, "")
    except _LooksLikeDate as found:
        raise _NotExact from found


def _decode_slowly(
    body: bytes, table: Table, rejects: Rejects | None, given: Mapping[str, Any] | None
) -> Page[pa.Table]:
    page = json_elements(body)
    return Page(rows=page.rows, next_cursor=page.next_cursor, data=from_records(page.data, table, rejects, given))
