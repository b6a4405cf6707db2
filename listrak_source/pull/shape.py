"""Records of the API, in Arrow, into rows of the warehouse's tables.

Dates of the API carry no offset: they are local to the account. Here they become UTC, and the year-one sentinel null.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from datetime import timezone as utc
from itertools import chain, count
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
from dlt.common import logger
from dlt.common.normalizers.naming.snake_case import NamingConvention

from listrak_source.pull.records import VALUES_FIELD
from listrak_source.pull.tables import CONTACT_PROFILE_VALUES, DATE, INTEGER, OPT_OUTS, TEXT, TIMESTAMP, Table

OPT_OUT_REASONS = (
    "Campaign",
    "Admin",
    "DeliveryFailure",
    "Import",
    "API",
    "Deactivated",
    "PermanentError",
    "Workflow",
)
"""The contract's enum; the vendor's example gives the position in it instead of the name."""

NO_DATE = datetime(1, 1, 1, tzinfo=utc.utc)
"""When an opt-out has no date."""

_NAMING = NamingConvention()
_SENTINEL = "0001-01-01"
_NO_FIELD = 0
"""The contract keeps field id 0 for the phone number, so no profile field has it."""


def shape(records: pa.Table, table: Table, timezone: str, given: Mapping[str, Any]) -> pa.Table:
    """Rows of ``table`` from the API's ``records``; ``given`` fills, by name, the columns that no record carries.

    A given value is one for all rows or an array with one per row. Fields that the contract does not name come last,
    in snake_case. Raises :class:`ValueError` for a date that is none, and names the field.
    """
    columns: dict[str, Any] = {}
    taken = {VALUES_FIELD, *(column.source for column in table.columns)}
    for column in table.columns:
        if column.name in given:
            columns[column.name] = _given(given[column.name], column.type, records.num_rows)
        elif column.source is None or column.source not in records.column_names:
            columns[column.name] = pa.nulls(records.num_rows, column.type)
        else:
            columns[column.name] = _convert(records[column.source], column.type, timezone, column.source)
    if table is OPT_OUTS:
        columns["opt_out_reason"] = _reason_names(columns["opt_out_reason"])
        # Part of the key, so never empty: an opt-out without a date keeps the API's own word for that.
        columns["opt_out_date"] = pc.fill_null(columns["opt_out_date"], pa.scalar(NO_DATE, TIMESTAMP))
    fields = [column.arrow for column in table.columns]
    for name in records.column_names:
        if name not in taken:
            free = _free_name(_NAMING.normalize_identifier(name), columns)
            columns[free] = records[name]
            fields.append(pa.field(free, TEXT))
    rows = pa.table(columns)
    return _with_key(rows, table).cast(pa.schema(fields))


def _free_name(name: str, columns: Mapping[str, Any]) -> str:
    """The name, counted up until no column has it."""
    tries = chain([name], (f"{name}_{number}" for number in count(2)))
    return next(attempt for attempt in tries if attempt not in columns)


def _with_key(rows: pa.Table, table: Table) -> pa.Table:
    """The rows that have a whole key. A record without a phone number, say, is nobody's: it is left out, and told."""
    for name in table.key:
        if missing := rows[name].null_count:
            logger.warning(f"{missing} records of {table.name} have no {name}: they are left out.")
            rows = rows.filter(rows[name].is_valid())
    return rows


def profile_values(records: pa.Table, sender_code_id: int, *, into_empty: bool = False) -> pa.Table:
    """Rows of ``contact_profile_values`` from contact records, and one that deletes for each contact without a value.

    The merge replaces a contact's values as a whole, but only of contacts that the load mentions: a contact that lost
    all of its values is mentioned by the row that deletes. There is nothing to delete in an empty warehouse.
    """
    lists = records[VALUES_FIELD].combine_chunks()
    if isinstance(lists, pa.ChunkedArray):
        lists = pa.concat_arrays(lists.chunks) if lists.num_chunks else pa.array([], lists.type)
    phones = records["phoneNumber"]
    values = pa.Table.from_struct_array(pc.list_flatten(lists))
    owners = pc.take(phones, pc.list_parent_indices(lists))
    given = {"sender_code_id": sender_code_id, "phone_number": owners, "is_removed": None}
    rows = shape(values, CONTACT_PROFILE_VALUES, "UTC", given)
    empty = phones.filter(pc.fill_null(pc.equal(pc.list_value_length(lists), 0), True))
    if into_empty or len(empty) == 0:
        return rows
    none = pa.table({"phone": empty})
    given |= {"phone_number": empty, "segmentation_field_id": _NO_FIELD, "is_removed": True}
    gone = shape(none.drop_columns("phone"), CONTACT_PROFILE_VALUES, "UTC", given)
    return pa.concat_tables([rows, gone], promote_options="default")


def _given(value: Any, kind: pa.DataType, length: int) -> Any:
    if isinstance(value, pa.Array | pa.ChunkedArray):
        return value
    return pa.nulls(length, kind) if value is None else pa.repeat(pa.scalar(value, kind), length)


def _convert(column: pa.ChunkedArray, kind: pa.DataType, timezone: str, name: str) -> pa.ChunkedArray:
    if kind not in (TIMESTAMP, DATE):
        return column
    try:
        return _dates(column) if kind == DATE else _timestamps(column, timezone)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{name} holds something that is no date") from error


def _without_sentinel(column: pa.ChunkedArray) -> pa.ChunkedArray:
    absent = pc.or_(pc.starts_with(column, _SENTINEL), pc.equal(column, ""))
    return pc.if_else(absent, pa.scalar(None, TEXT), column)


def _dates(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.utf8_slice_codeunits(_without_sentinel(column), 0, len(_SENTINEL)).cast(DATE)


def _timestamps(column: pa.ChunkedArray, timezone: str) -> pa.ChunkedArray:
    # A fraction may have seven digits, one more than microseconds have.
    known = pc.replace_substring_regex(_without_sentinel(column), r"(\.\d{6})\d+", r"\1")
    # No date was ever seen with an offset; one that has it says what it means.
    zoned = pc.match_substring_regex(known, r"(Z|[+-]\d\d:?\d\d)$")
    absolute = pc.if_else(zoned, known, pa.scalar(None, TEXT)).cast(TIMESTAMP)
    local = pc.if_else(zoned, pa.scalar(None, TEXT), known).cast(pa.timestamp("us"))
    return pc.coalesce(absolute, _to_utc(local, timezone))


def _reason_names(reasons: pa.ChunkedArray) -> pa.ChunkedArray:
    """Integer reasons by their name in the contract's enum; one that the enum lacks stays as it is."""
    position = pc.index_in(reasons, pa.array([str(number) for number in range(len(OPT_OUT_REASONS))]))
    return pc.coalesce(pc.take(pa.array(OPT_OUT_REASONS, TEXT), position.cast(INTEGER)), reasons)


def _to_utc(local: pa.ChunkedArray, timezone: str) -> pa.ChunkedArray:
    """Local times without an offset, in UTC.

    By Python's zones, which come with us: Arrow's come from the system, and a small one has none. Offsets change on a
    quarter of an hour, so each quarter that occurs is asked for once. The hour that a clock change repeats is taken as
    its first pass: windows overlap by far more.
    """
    zone = ZoneInfo(timezone)
    quarters = pc.floor_temporal(local, 15, unit="minute").combine_chunks().dictionary_encode()
    if isinstance(quarters, pa.ChunkedArray):
        quarters = quarters.combine_chunks()
    offsets = [quarter and quarter.replace(tzinfo=zone).utcoffset() for quarter in quarters.dictionary.to_pylist()]
    known = pc.take(pa.array(offsets, pa.duration("us")), quarters.indices)
    return pc.subtract(local, known).cast(TIMESTAMP)
