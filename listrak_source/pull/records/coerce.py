"""Records of the API that are Python objects, as Arrow tables: exact about types, tolerant about what can be kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import accumulate
from typing import Any

import pyarrow as pa

from listrak_source.api.phones import canonical
from listrak_source.pull.records.phone_numbers import PHONE_FIELD
from listrak_source.pull.records.quarantine import Rejects, well_formed
from listrak_source.pull.records.record_limits import OTHERS, Bounds, small
from listrak_source.pull.schema import BOOLEAN, CONTACT_PROFILE_VALUES, CONTACTS, INTEGER, TEXT, Table

VALUES_FIELD = "segmentationFieldValues"
SET_ASIDE = "(set aside)"
"""A column beside the API's fields, there only when a record needs it: the names of the tables that the record does not
fit, and was set aside for. Other tables still take what they need of it."""

_OURS = {str(column.source).lower() for column in CONTACTS.columns}
_KEYS = (TEXT, INTEGER)
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}
_LARGEST = 2**63
_MOST_EXTRA = 500
"""Fields beyond the contract that records have as columns; more of them are kept together."""


def record_schema(table: Table) -> pa.Schema:
    """The fields that ``table`` takes from a record of the API; dates stay text until they are placed in time."""
    fields = [
        pa.field(column.source, column.type if column.type in (INTEGER, BOOLEAN) else TEXT)
        for column in table.columns
        if column.source is not None
    ]
    if table.name == CONTACTS.name:
        fields.append(pa.field(VALUES_FIELD, pa.list_(pa.struct(list(record_schema(CONTACT_PROFILE_VALUES))))))
    return pa.schema(fields)


def from_records(
    records: Iterable[Any], table: Table, rejects: Rejects | None = None, given: Mapping[str, Any] | None = None
) -> pa.Table:
    """Records as a table with :func:`record_schema` and, as text, whatever else they carry.

    Nulls among them are left out: a null carries nothing. What does not fit goes to ``rejects`` as it came, with what
    is ``given`` of it by name (its sender code, say). A record whose key can be read stays here all the same, marked in
    :data:`SET_ASIDE` and empty where it did not fit: other tables may need its key only. Without ``rejects``, what does
    not fit raises :class:`ValueError`, which names the field.
    """
    return from_groups([(given or {}, records)], table, rejects)[0]


def from_groups(
    groups: Iterable[tuple[Mapping[str, Any], Iterable[Any]]], table: Table, rejects: Rejects | None = None
) -> tuple[pa.Table, dict[str, pa.Array]]:
    """Records in groups, each with what is given of it, as :func:`from_records` has them; and the given as columns."""
    fitting = _Fitting(table, rejects)
    rows: list[dict[str, Any]] = []
    owners: list[Mapping[str, Any]] = []
    for given, records in groups:
        for record in records:
            row = None if record is None else fitting.fit(record, given)
            if row is not None:
                rows.append(row)
                owners.append(given)
    kinds = {name: table.schema.field(name).type for owner in owners[:1] for name in owner}
    columns = {name: pa.array([owner[name] for owner in owners], kind) for name, kind in kinds.items()}
    return _as_table(rows, fitting.schema, fitting.known), columns


def with_keys(records: Iterable[Any], table: Table, rejects: Rejects, given: Mapping[str, Any]) -> list[Any]:
    """The records that can be told by their key, as they came but for the key, which has its type.

    The others go to ``rejects``.
    """
    fitting = _Fitting(table, rejects)
    found = []
    for record in records:
        row = None if record is None else fitting.fit(record, given)
        if row is not None:
            found.append({**record, **{name: row[name] for name in fitting.keys}})
    return found


def as_text(value: Any) -> str | None:
    """A value as text: text as it is (half a surrogate pair replaced), anything else as JSON writes it."""
    if value is None:
        return None
    return well_formed(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))


def as_phone(value: Any) -> str | None:
    """A phone number as text; one that came as a decimal number is whole all the same."""
    return as_text(int(value) if isinstance(value, float) and value.is_integer() else value)


class _Fitting:
    """Fits records of one table into its fields, one by one."""

    def __init__(self, table: Table, rejects: Rejects | None) -> None:
        self.schema = record_schema(table)
        self._table, self._rejects = table, rejects
        self._bounds = rejects.bounds if rejects else Bounds()
        self.known = {SET_ASIDE, *self._bounds.fields.known.get(table.name, ())}
        fits = {item.name: _FIT[item.type] for item in self.schema if item.type in _FIT}
        self._plain = list((fits | {PHONE_FIELD: as_phone} if PHONE_FIELD in fits else fits).items())
        # A date is no part of this: an opt-out may have none.
        self.keys = [item.source for item in table.columns if item.key and item.source and item.type in _KEYS]
        self._values = _Fitting(CONTACT_PROFILE_VALUES, rejects) if VALUES_FIELD in self.schema.names else None

    def fit(
        self, record: Any, given: Mapping[str, Any], owner: Mapping[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """The record with the types of the fields; None if it was set aside, with whose it is (``owner``)."""
        if not isinstance(record, Mapping):
            self._refuse(record, given, "record: not an object", owner)
            return None
        row, wrong = dict(record), {}
        # What has an owner is a part of the owner's record, and was measured with it.
        if beyond := None if owner else self._bounds.broken_by(record):
            row, wrong["record"] = small(record, self.schema.names), beyond
        for name, fit in self._plain:
            value = row.setdefault(name)
            if value is not None:
                try:
                    row[name] = fit(value)
                except ValueError as error:
                    row[name], wrong[name] = None, f"{name}: {error}"
        missing = self._missing(row)
        # A key that cannot be read is one reason, and that it is missing then is no other.
        wrong = {name: f"{name}: missing" for name in missing} | wrong
        if wrong:
            self._refuse(record, given, "; ".join(wrong.values()), owner)
            row[SET_ASIDE] = self._table.name
            if beyond and record.get(VALUES_FIELD) and not row.get(VALUES_FIELD):
                # What is known of the values stays: they are there, and were not read.
                row[SET_ASIDE] = f"{self._table.name} {CONTACT_PROFILE_VALUES.name}"
        if missing:
            return None
        if self._values is not None:
            self._fit_values(row, given, self._values)
        return row

    def _missing(self, row: Mapping[str, Any]) -> list[str]:
        """The fields of the key that a row lacks; without rejects it goes on, and ``normalize`` leaves it out."""
        return [] if self._rejects is None else [name for name in self.keys if row[name] in (None, "")]

    def _fit_values(self, contact: dict[str, Any], given: Mapping[str, Any], fitting: _Fitting) -> None:
        """A contact's profile values: each stands for itself, so that one that does not fit takes no other along."""
        values = contact.get(VALUES_FIELD)
        phone = contact["phoneNumber"]
        owner = {"phone_number": phone and canonical(phone)}
        if values is None or isinstance(values, list):
            fitted = [fitting.fit(value, given, owner) for value in values or () if value is not None]
            contact[VALUES_FIELD] = None if values is None else [value for value in fitted if value is not None]
            return
        fitting._refuse({VALUES_FIELD: values}, given, f"{VALUES_FIELD}: not a list", owner)
        contact[VALUES_FIELD] = None
        contact[SET_ASIDE] = " ".join(filter(None, (contact.get(SET_ASIDE), CONTACT_PROFILE_VALUES.name)))

    def _refuse(
        self, record: Any, given: Mapping[str, Any], reason: str, owner: Mapping[str, Any] | None = None
    ) -> None:
        if self._rejects is None:
            raise ValueError(reason)
        known = record if isinstance(record, Mapping) else self._rejects.named(record)
        self._rejects.add(self._table, {**known, **(owner or {})}, reason, given=given)


def _as_table(rows: list[dict[str, Any]], schema: pa.Schema, known: Collection[str] = ()) -> pa.Table:
    """Rows that fit ``schema``, and the rest of their fields as text: the ``known`` ones, and not too many more."""
    extra = dict.fromkeys(name for row in rows for name in row if name not in schema.names)
    if len(extra) > _MOST_EXTRA:
        extra = _folded(rows, list(extra), known)
    columns = {item.name: _column(item, [row[item.name] for row in rows]) for item in schema}
    columns |= {well_formed(name): pa.array([as_text(row.get(name)) for row in rows], TEXT) for name in extra}
    return pa.table(columns)


def _folded(rows: list[dict[str, Any]], names: list[str], known: Collection[str]) -> dict[str, None]:
    """The first of the names; what rows have beyond those goes into :data:`OTHERS`.

    A name that may mean a column of ours is among the first: that column may be masked.
    """

    def is_first(name: str) -> bool:
        return name in known or name.replace("_", "").lower() in _OURS

    kept = dict.fromkeys(sorted(names, key=lambda name: (not is_first(name), name))[:_MOST_EXTRA])
    beyond = set(names) - kept.keys()
    for row in rows:
        if others := {name: as_text(row.pop(name)) for name in beyond & row.keys()}:
            row[OTHERS] = json.dumps(others, ensure_ascii=False, sort_keys=True)
    return kept | {OTHERS: None}


def _column(item: pa.Field, values: list[Any]) -> pa.Array:
    if not pa.types.is_list(item.type):
        return pa.array(values, item.type)
    lists = [value or [] for value in values]
    inner = _as_table([part for parts in lists for part in parts], pa.schema(list(item.type.value_type)))
    return pa.ListArray.from_arrays(
        pa.array(accumulate(map(len, lists), initial=0), pa.int32()),
        inner.to_struct_array().combine_chunks(),
        mask=pa.array([value is None for value in values], BOOLEAN),
    )


def _boolean(value: Any) -> bool:
    found = _BOOLEANS.get(str(value).lower()) if isinstance(value, bool | int | str) else None
    if found is None:
        raise ValueError("neither true nor false")
    return found


def _integer(value: Any) -> int:
    try:
        number = None if isinstance(value, bool) else int(value)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or (isinstance(value, float) and number != value) or not -_LARGEST <= number < _LARGEST:
        raise ValueError("not a whole number")
    return number


_FIT: dict[pa.DataType, Callable[[Any], Any]] = {TEXT: as_text, BOOLEAN: _boolean, INTEGER: _integer}
