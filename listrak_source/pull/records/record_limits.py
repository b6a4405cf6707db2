"""What is taken of one record, and of one table's new fields: one record must not stop a pull."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.normalizers.naming.snake_case import NamingConvention

from listrak_source.pull.schema import TABLES, TEXT, Table

if TYPE_CHECKING:
    from listrak_source.settings import Settings

OTHERS = "(other fields)"
"""A column of records, there only when a record needs it: fields that get no column of their own, as JSON."""
OTHER_FIELDS = "other_fields"
"""The column of a table that holds them."""

_NAMING = NamingConvention()
_UNNAMED = "unnamed"
"""The column of a field whose name is empty."""
_LONGEST_NAME = 200
"""Characters of a field's name that may become a column's."""
_SHORT = 1000
"""Characters of a value that is kept of a record which is too large."""


class NewFields:
    """The columns of fields that the contract does not name, by table.

    A field keeps its column for good, in whatever order fields come. Safe to use from several threads.
    """

    def __init__(self, most: int = 100, known: Mapping[str, Mapping[str, str]] | None = None) -> None:
        """``most`` fields of a table get a column; ``known`` is what :attr:`known` was after the last pull."""
        self._most = most
        self._columns = {table: dict(columns) for table, columns in (known or {}).items()}
        self._lock = Lock()

    @property
    def known(self) -> dict[str, dict[str, str]]:
        """By table and field: the column."""
        with self._lock:
            return {table: dict(columns) for table, columns in self._columns.items()}

    def columns(self, table: Table, fields: Iterable[str]) -> dict[str, str]:
        """By field, the column; fields beyond the bound are left out."""
        with self._lock:
            known = self._columns.setdefault(table.name, {})
            # Sorted, for the order in which a page has them says nothing.
            for name in sorted(set(fields) - known.keys()):
                if len(known) < self._most and len(name) <= _LONGEST_NAME:
                    known[name] = _free_name(name, {*TABLES[table.name].schema.names, OTHER_FIELDS, *known.values()})
            return {name: known[name] for name in fields if name in known}

    def folded(self, records: pa.Table, table: Table, new: list[str]) -> pa.Table:
        """Records with :data:`OTHERS` in the place of those ``new`` fields that get no column."""
        given = self.columns(table, new)
        beyond = [name for name in new if name not in given]
        if not beyond:
            return records
        others = [{} if text is None else json.loads(text) for text in _texts(records)]
        for name in beyond:
            column = records[name]
            for at in pc.indices_nonzero(column.is_valid()).to_pylist():
                others[at][name] = column[at].as_py()
        text = [json.dumps(one, ensure_ascii=False, sort_keys=True) if one else None for one in others]
        kept = records.drop_columns([name for name in (*beyond, OTHERS) if name in records.column_names])
        return kept.append_column(OTHERS, pa.chunked_array([text], TEXT))


def _texts(records: pa.Table) -> list[str | None]:
    none: list[str | None] = [None] * records.num_rows
    return records[OTHERS].to_pylist() if OTHERS in records.column_names else none


def _free_name(field_name: str, taken: set[str]) -> str:
    """A field's name as a column's; where another has that, with a mark that depends on nothing but the field."""
    plain = _NAMING.normalize_identifier(field_name) if field_name.strip() else _UNNAMED
    if plain.startswith("_dlt"):
        plain = f"field{plain}"  # dlt's own columns begin so
    mark = hashlib.sha256(field_name.encode("utf-8", "replace")).hexdigest()
    return next(name for name in (plain, f"{plain}_{mark[:8]}", f"{plain}_{mark}") if name not in taken)


@dataclass(frozen=True)
class Bounds:
    """How much of one record is taken, and which columns new fields get."""

    levels: int = 50
    """Levels of nesting, the record itself counts as one."""
    size: int = 2_000_000
    """Bytes of a record, about."""
    fields: NewFields = field(default_factory=NewFields)
    dates: defaultdict[str, dict[str, pa.DataType]] = field(default_factory=lambda: defaultdict(dict))
    """By table: fields beyond the contract that were seen to hold dates. Named as text, they are read exactly and at
    once, by whichever unit reads next."""

    @classmethod
    def of(cls, settings: Settings, known: Mapping[str, Mapping[str, str]]) -> Bounds:
        """The bounds of the settings; ``known`` are the columns of the last pull."""
        return cls(settings.max_depth, settings.max_record_bytes, NewFields(settings.max_new_columns, known))

    def broken_by(self, record: Any) -> str | None:
        """What is too much of a record that is made of Python's objects; None where nothing is."""
        levels, size = _measured(record)
        if levels > self.levels:
            return f"nested deeper than {self.levels} levels"
        return f"larger than {self.size:,} bytes" if size > self.size else None

    def may_be_broken_by(self, rows: pa.Table) -> bool:
        """Whether one of the records may be too large: told by the longest value of each column."""
        return sum(_longest(column) for column in rows.columns) > self.size


def small(record: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """What is kept of a record that breaks the bounds: the named fields, as far as they are small."""
    found = {name: record.get(name) for name in names}
    return {name: value if _is_small(value) else None for name, value in found.items()}


def _is_small(value: Any) -> bool:
    levels, size = _measured(value)
    return (levels <= 2 and size <= _SHORT * 100) if isinstance(value, list) else not levels and size <= _SHORT


def _measured(value: Any) -> tuple[int, int]:
    """Levels of nesting, and characters."""
    levels, size, here = 0, 0, [value]
    while here:
        below: list[Any] = []
        for one in here:
            kind = type(one)
            if kind is str:
                size += len(one)
            elif kind is dict:
                size += len("".join(one))
                below += one.values()
                below.append(None)
            elif kind is list:
                below += one
                below.append(None)
        here, levels = below, levels + bool(below)
    return levels, size


def _longest(column: pa.ChunkedArray) -> int:
    """The most bytes that one value of a column has, about."""
    kind = column.type
    if pa.types.is_list(kind):
        items = pa.chunked_array([chunk.flatten() for chunk in column.chunks], kind.value_type)
        longest = sum(_longest(pc.struct_field(items, at)) for at in range(kind.value_type.num_fields))
        return (pc.max(pc.list_value_length(column)).as_py() or 0) * longest
    return (pc.max(pc.binary_length(column)).as_py() or 0) if pa.types.is_string(kind) else 8
