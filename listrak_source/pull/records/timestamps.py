"""Dates of the API in UTC: they come as text without an offset, local to the account, and year one is no date.

Nor is the last day that .NET has: either stands where no zone of a reader may move it, and most programs cannot read
it.

When summer time ends, an hour comes twice, and its dates do not tell which of the two they mean. A date that takes a
consent back is read as the second, any other as the first: so no stop is stored earlier than it may have been said, and
no consent later. It leans to the stop. Who stops and comes back within that hour counts as stopped, until a pull sees
that they are reachable: it tells an ``opted_in`` of its own time, which is later.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from listrak_source.api.dates import LAST_DATE, NO_DATE, offset_of
from listrak_source.pull.schema import DATE, TEXT, TIMESTAMP


def placed(
    column: pa.ChunkedArray, kind: pa.DataType, timezone: str, *, late: bool = False
) -> tuple[pa.ChunkedArray, pa.ChunkedArray | None]:
    """A column of text as ``DATE`` or ``TIMESTAMP``, and which of its rows hold something that is no date.

    In the hour that comes twice it means the second one if it is ``late``.

    Those become null. The second is None where all rows can be read, which is the fast way.
    """
    known = pc.if_else(_is_none(column), pa.scalar(None, TEXT), column)
    try:
        return _read(known, kind, timezone, late=late), None
    except pa.ArrowInvalid:
        texts = known.unique()
        wrong = pc.is_in(known, value_set=pa.array(_unreadable(texts, kind, timezone), TEXT))
        return _read(pc.if_else(wrong, pa.scalar(None, TEXT), known), kind, timezone, late=late), wrong


def _is_none(column: pa.ChunkedArray) -> pa.ChunkedArray:
    no_date = pc.or_(pc.starts_with(column, NO_DATE), pc.starts_with(column, LAST_DATE))
    return pc.or_(no_date, pc.equal(column, ""))


def _unreadable(texts: pa.Array, kind: pa.DataType, timezone: str) -> list[str]:
    """The texts that are no dates, found by halving: they are few."""
    try:
        _read(pa.chunked_array([texts]), kind, timezone)
    except pa.ArrowInvalid:
        if len(texts) == 1:
            return [texts[0].as_py()]
        half = len(texts) // 2
        return _unreadable(texts[:half], kind, timezone) + _unreadable(texts[half:], kind, timezone)
    return []


def _read(column: pa.ChunkedArray, kind: pa.DataType, timezone: str, *, late: bool = False) -> pa.ChunkedArray:
    return _days(column) if kind == DATE else _timestamps(column, timezone, late=late)


def _days(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.utf8_slice_codeunits(column, 0, len(NO_DATE)).cast(DATE)


def _timestamps(column: pa.ChunkedArray, timezone: str, *, late: bool) -> pa.ChunkedArray:
    # A fraction may have seven digits, one more than microseconds have.
    known = pc.replace_substring_regex(column, r"(\.\d{6})\d+", r"\1")
    # No date was ever seen with an offset; one that has it says what it means.
    zoned = pc.match_substring_regex(known, r"(Z|[+-]\d\d:?\d\d)$")
    absolute = pc.if_else(zoned, known, pa.scalar(None, TEXT)).cast(TIMESTAMP)
    local = pc.if_else(zoned, pa.scalar(None, TEXT), known).cast(pa.timestamp("us"))
    return pc.coalesce(absolute, _to_utc(local, timezone, late=late))


def _to_utc(local: pa.ChunkedArray, timezone: str, *, late: bool) -> pa.ChunkedArray:
    """Local times without an offset, in UTC.

    By Python's zones, which come with us: Arrow's come from the system, and a small one has none. Offsets change on a
    quarter of an hour, so each quarter that occurs is asked for once.
    """
    zone = ZoneInfo(timezone)
    quarters = pc.floor_temporal(local, 15, unit="minute").combine_chunks().dictionary_encode()
    if isinstance(quarters, pa.ChunkedArray):
        quarters = quarters.combine_chunks()
    offsets = [quarter and offset_of(quarter, zone, late=late) for quarter in quarters.dictionary.to_pylist()]
    known = pc.take(pa.array(offsets, pa.duration("us")), quarters.indices)
    return pc.subtract(local, known).cast(TIMESTAMP)
