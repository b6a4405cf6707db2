"""Records of the API, in Arrow, into rows of the warehouse's tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from datetime import timezone as utc
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from dlt.common import logger

from listrak_source.pull.records.coerce import SET_ASIDE, VALUES_FIELD
from listrak_source.pull.records.phone_numbers import RAW_PHONE, WRITTEN
from listrak_source.pull.records.quarantine import Rejects
from listrak_source.pull.records.record_limits import OTHER_FIELDS, OTHERS, Bounds
from listrak_source.pull.records.row_keys import phone_keys
from listrak_source.pull.records.timestamps import placed
from listrak_source.pull.schema import (
    CONTACT_PROFILE_VALUES,
    CONTACTS,
    DATE,
    INTEGER,
    OPT_OUTS,
    PHONE_RAW,
    SUBSCRIPTIONS,
    TABLES,
    TEXT,
    TIMESTAMP,
    Table,
)

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

NO_DATE = datetime(1900, 1, 1, tzinfo=utc.utc)
"""When an opt-out has no date: before any text message, and far from the ends of what programs can read."""

_SUBSCRIBED = "subscribed"
_FIELD_ID = "segmentation_field_id"
_FEW = 20
"""Values of one contact that are compared with each other; of more, each is looked up."""
_NO_FIELD = 0
"""The contract keeps field id 0 for the phone number, so no profile field has it."""


_SOURCES = {name: {column.source for column in table.columns} for name, table in TABLES.items()}
"""By table: the API's fields that it takes."""


def shape(
    records: pa.Table, table: Table, timezone: str, given: Mapping[str, Any], rejects: Rejects | None = None
) -> pa.Table:
    """Rows of ``table`` from the API's ``records``; ``given`` fills, by name, the columns that no record carries.

    A given value is one for all rows or an array with one per row. Fields that the contract does not name come last, in
    the columns that ``rejects.bounds`` has for them. A record with a date that is none, or without a whole key, goes to
    ``rejects``; who says stop is kept as well, without that date. Without ``rejects`` such a date raises
    :class:`ValueError`, which names the field, and records without a whole key are left out, and the log says so.
    """
    bounds = rejects.bounds if rejects else Bounds()
    records = folded(records, table, bounds)
    columns, unread = _columns(records, table, timezone, given)
    if unread and rejects is None:
        raise ValueError("; ".join(unread))
    if table.name == OPT_OUTS.name:
        columns["opt_out_reason"] = _reason_names(columns["opt_out_reason"])
        # Part of the key, so never empty: an opt-out without a date keeps a word of ours for that.
        columns["opt_out_date"] = pc.fill_null(columns["opt_out_date"], pa.scalar(NO_DATE, TIMESTAMP))
    fields = [column.arrow for column in table.columns]
    new = bounds.fields.columns(table, _new_fields(records, table)) | {OTHERS: OTHER_FIELDS}
    for name in records.column_names:
        if name in new:
            columns[new[name]] = records[name]
            fields.append(pa.field(new[name], TEXT))
    rows = _that_fit(pa.table(columns), records, table, given, unread=unread, rejects=rejects)
    return rows.cast(pa.schema(fields))


def _columns(
    records: pa.Table, table: Table, timezone: str, given: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, pa.ChunkedArray]]:
    """The columns of ``table`` by name; and by what is wrong with a date, in which records it is."""
    columns: dict[str, Any] = {}
    unread: dict[str, pa.ChunkedArray] = {}
    for column in table.columns:
        if column is PHONE_RAW and WRITTEN in records.column_names:
            columns[column.name] = records[WRITTEN]
        elif column.name in given:
            columns[column.name] = _given(given[column.name], column.type, records.num_rows)
        elif column.source is None or column.source not in records.column_names:
            columns[column.name] = pa.nulls(records.num_rows, column.type)
        elif column.type in (TIMESTAMP, DATE):
            columns[column.name], wrong = placed(records[column.source], column.type, timezone, late=column.ends)
            if wrong is not None:
                unread[f"{column.source}: not a date"] = wrong
        else:
            columns[column.name] = records[column.source]
    return columns, unread


def folded(records: pa.Table, table: Table, bounds: Bounds) -> pa.Table:
    """Records with no more fields beyond the contract than ``table`` has columns for; the others stand together."""
    return bounds.fields.folded(records, table, _new_fields(records, table))


def _new_fields(records: pa.Table, table: Table) -> list[str]:
    """The fields of records that the contract does not name."""
    ours = {VALUES_FIELD, SET_ASIDE, RAW_PHONE, WRITTEN, OTHERS}
    return [name for name in records.column_names if name not in _SOURCES[table.name] and name not in ours]


def _that_fit(
    rows: pa.Table,
    records: pa.Table,
    table: Table,
    given: Mapping[str, Any],
    *,
    unread: dict[str, pa.ChunkedArray],
    rejects: Rejects | None,
) -> pa.Table:
    """The rows that belong into the table; the others are set aside, unless their records were when they came."""
    keys = [column for column in table.columns if column.key and rows[column.name].null_count]
    missing = {f"{column.source or column.name}: missing": rows[column.name].is_null() for column in keys}
    before = set_aside(records, table)
    if not missing and not unread and before is None:
        return rows
    if rejects is None:
        for reason, which in missing.items():
            logger.warning(f"{pc.sum(which)} records of {table.name} are left out: {reason}.")
    else:
        wrong = missing | unread
        for at in pc.indices_nonzero(_any(wrong.values(), rows.num_rows)).to_pylist():
            if before is None or not before[at].as_py():
                reasons = [reason for reason, which in wrong.items() if which[at].as_py()]
                rejects.add(table, _record(records, at, given), "; ".join(reasons), is_masked=True)
    misfits = _any([*unread.values(), *([] if before is None else [before])], rows.num_rows)
    left_out = _any([*missing.values(), pc.and_not(misfits, _says_stop(rows, table))], rows.num_rows)
    return rows.filter(pc.invert(left_out))


def _says_stop(rows: pa.Table, table: Table) -> pa.ChunkedArray:
    """Which rows take a consent back.

    They are kept whatever else is wrong with them: an opt-out that is missed is a message to someone who said stop.
    """
    if table.name == OPT_OUTS.name:
        return _any([], rows.num_rows, otherwise=True)
    if table.name == CONTACTS.name:
        return pc.fill_null(rows["opted_out"], False)
    if table.name == SUBSCRIPTIONS.name:
        return pc.fill_null(pc.not_equal(pc.utf8_lower(rows["subscription_state"]), _SUBSCRIBED), False)
    return _any([], rows.num_rows)


def set_aside(records: pa.Table, table: Table) -> pa.ChunkedArray | None:
    """Which records were set aside for the table when they came, None if it is none."""
    if SET_ASIDE not in records.column_names:
        return None
    return pc.fill_null(pc.match_substring(records[SET_ASIDE], table.name), False)


def _any(masks: Iterable[pa.ChunkedArray], length: int, *, otherwise: bool = False) -> pa.ChunkedArray:
    return reduce(pc.or_, masks, pa.chunked_array([pa.repeat(pa.scalar(otherwise), length)]))


def _record(records: pa.Table, at: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """One record as JSON would have it. Empty fields are left out: they may be its neighbours'."""
    record = records.slice(at, 1).to_pylist()[0]
    arrays = (pa.Array, pa.ChunkedArray)
    ours = {name: value[at].as_py() if isinstance(value, arrays) else value for name, value in given.items()}
    ours_alone = (SET_ASIDE, RAW_PHONE, WRITTEN)
    return {name: value for name, value in (record | ours).items() if value is not None and name not in ours_alone}


def profile_values(
    records: pa.Table, sender_code_id: int, *, into_empty: bool = False, rejects: Rejects | None = None
) -> pa.Table:
    """Rows of ``contact_profile_values`` from contact records, and one that deletes for each contact without a value.

    The merge replaces a contact's values as a whole, but only of contacts that the load mentions: a contact that lost
    all of its values is mentioned by the row that deletes. There is nothing to delete in an empty warehouse. A contact
    whose values could not be read as a whole is not mentioned: what is known of it stays.
    """
    unread = set_aside(records, CONTACT_PROFILE_VALUES)
    records = records if unread is None else records.filter(pc.invert(unread))
    lists = records[VALUES_FIELD].combine_chunks()
    if isinstance(lists, pa.ChunkedArray):
        lists = pa.concat_arrays(lists.chunks) if lists.num_chunks else pa.array([], lists.type)
    phones = records["phoneNumber"]
    values = pa.Table.from_struct_array(pc.list_flatten(lists))
    owners = pc.take(phones, pc.list_parent_indices(lists))
    given = {"sender_code_id": sender_code_id, "phone_number": owners, "is_removed": None}
    rows = shape(values, CONTACT_PROFILE_VALUES, "UTC", given, rejects)
    if not _names_each_once(phones, lists):
        rows = last_of_each(rows, ["phone_number", _FIELD_ID])
    empty = phones.filter(pc.fill_null(pc.equal(pc.list_value_length(lists), 0), True))
    if into_empty or len(empty) == 0:
        return rows
    none = pa.table({"phone": empty})
    given |= {"phone_number": empty, "segmentation_field_id": _NO_FIELD, "is_removed": True}
    gone = shape(none.drop_columns("phone"), CONTACT_PROFILE_VALUES, "UTC", given)
    return pa.concat_tables([rows, gone], promote_options="default")


def _names_each_once(phones: pa.ChunkedArray, lists: pa.ListArray) -> bool:
    """Whether no contact has two values of one field, as almost always.

    It is told by numbers alone, in a tenth of the time that it takes to look at each phone number.
    """
    fields = pc.struct_field(pc.list_flatten(lists), "segmentationFieldId")
    keys = phone_keys(phones)
    if fields.null_count or pc.count_distinct(keys).as_py() < len(keys):
        return False
    owners = pc.list_parent_indices(lists)
    longest = pc.max(pc.list_value_length(lists)).as_py() or 0
    if longest > _FEW:
        pairs = pa.table({"owner": owners, "field": fields})
        return bool(pairs.group_by(["owner", "field"]).aggregate([]).num_rows == pairs.num_rows)
    # The values of a contact stand together: two of one field are no further apart than its list is long.
    same = (
        pc.and_(pc.equal(owners[apart:], owners[:-apart]), pc.equal(fields[apart:], fields[:-apart]))
        for apart in range(1, longest)
    )
    return not any(pc.any(some).as_py() for some in same)


def last_of_each(rows: pa.Table, key: list[str]) -> pa.Table:
    """The rows, of those with the same ``key`` the last: an answer may name a field, or a list, twice."""
    numbered = rows.select(key).append_column("row", pa.array(range(rows.num_rows), INTEGER))
    lasts = numbered.group_by(key).aggregate([("row", "max")])
    if lasts.num_rows == rows.num_rows:
        return rows
    return rows.take(lasts["row_max"].take(pc.sort_indices(lasts["row_max"])))


def _given(value: Any, kind: pa.DataType, length: int) -> Any:
    if isinstance(value, pa.Array | pa.ChunkedArray):
        return value
    return pa.nulls(length, kind) if value is None else pa.repeat(pa.scalar(value, kind), length)


def _reason_names(reasons: pa.ChunkedArray) -> pa.ChunkedArray:
    """Integer reasons by their name in the contract's enum; one that the enum lacks stays as it is."""
    position = pc.index_in(reasons, pa.array([str(number) for number in range(len(OPT_OUT_REASONS))]))
    return pc.coalesce(pc.take(pa.array(OPT_OUT_REASONS, TEXT), position.cast(INTEGER)), reasons)
