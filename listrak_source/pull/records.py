"""Records of the API that are Python objects, as Arrow tables: exact about types, tolerant about what can be kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any

import pyarrow as pa

from listrak_source.pull.tables import BOOLEAN, CONTACT_PROFILE_VALUES, CONTACTS, INTEGER, TEXT, Table

VALUES_FIELD = "segmentationFieldValues"

_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}
_LARGEST = 2**63


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


def from_records(records: Iterable[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Records as a table with ``schema`` and, as text, whatever else they carry.

    Raises :class:`ValueError` where a value cannot be kept in its column, and names the field.
    """
    rows = [dict(record) for record in records]
    extra = dict.fromkeys(name for row in rows for name in row if name not in schema.names)
    columns = {item.name: _column(item, [row.get(item.name) for row in rows]) for item in schema}
    columns |= {name: pa.array([as_text(row.get(name)) for row in rows], TEXT) for name in extra}
    return pa.table(columns)


def as_text(value: Any) -> str | None:
    """A value as text: text as it is (half a surrogate pair replaced), anything else as JSON writes it."""
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _column(item: pa.Field, values: list[Any]) -> pa.Array:
    """One field of all records; profile values keep the fields that the contract does not name."""
    if not pa.types.is_list(item.type):
        return pa.array([_fit(value, item.type, item.name) for value in values], item.type)
    lists = [_value_list(value, item.name) for value in values]
    inner = from_records([part for parts in lists for part in parts], pa.schema(list(item.type.value_type)))
    return pa.ListArray.from_arrays(
        pa.array(accumulate(map(len, lists), initial=0), pa.int32()),
        inner.to_struct_array().combine_chunks(),
        mask=pa.array([value is None for value in values], BOOLEAN),
    )


def _value_list(value: Any, name: str) -> list[dict[str, Any]]:
    parts = [] if value is None else value
    if not isinstance(parts, list) or not all(part is None or isinstance(part, dict) for part in parts):
        raise ValueError(f"{name} is no list of values")
    return [part for part in parts if part is not None]


def _fit(value: Any, kind: pa.DataType, name: str) -> Any:
    if value is None:
        return None
    if kind == TEXT:
        return as_text(value)
    return _boolean(value, name) if kind == BOOLEAN else _integer(value, name)


def _boolean(value: Any, name: str) -> bool:
    found = _BOOLEANS.get(str(value).lower()) if isinstance(value, bool | int | str) else None
    if found is None:
        raise ValueError(f"{name} is neither true nor false")
    return found


def _integer(value: Any, name: str) -> int:
    try:
        number = None if isinstance(value, bool) else int(value)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or (isinstance(value, float) and number != value) or not -_LARGEST <= number < _LARGEST:
        raise ValueError(f"{name} is not a whole number")
    return number
