"""The hash of a record: who has the same as in the warehouse is not written.

It is ours, so that no other version of a library or a database gives another: the first eight bytes of an MD5, as a
signed little-endian integer, of this text (UTF-8)::

    VERSION + SALT <US> column <US> column … <RS> name <US> value <RS> name <US> value …

The columns are those of the table that the record itself fills, in their order, as they are written: hashed where they
are hashed, without the dropped ones. Left out is what no list tells (:data:`LOOKED_UP`, :data:`LEFT_OUT`). Of a contact
the half of the list in which it stood comes first. Null is U+0000, a boolean ``true`` or ``false``, a date
``1990-05-12``, a time the microseconds since 1970 in UTC. Columns that the contract does not name follow in the order
of their names, each with its name, where they are not null. Where columns are hashed, ``SALT`` is a secret made of
their key.

A contact's values have a hash of their own: of ``VERSION + SALT``, sender code and phone number, and then ``<RS> field
<US> value`` for each, in the order of the fields.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from listrak_source.pull.records.coerce import VALUES_FIELD
from listrak_source.pull.records.normalize import set_aside
from listrak_source.pull.records.phone_numbers import PHONE_FIELD
from listrak_source.pull.records.row_keys import md5_of, one_array
from listrak_source.pull.schema import (
    CONTACT_PROFILE_VALUES,
    CONTACTS,
    INTEGER,
    PHONE_RAW,
    RECORD_HASH,
    REMOVED_AT,
    TEXT,
    TIMESTAMP,
    VALUES_HASH,
    Table,
)

VERSION = "1"
"""Another version hashes otherwise, so that each record is written once more."""
LOOKED_UP = ("subscribe_date", "unsubscribe_date")
"""Columns of contacts that no list tells."""
LEFT_OUT = frozenset({PHONE_RAW.name, RECORD_HASH.name, VALUES_HASH.name, REMOVED_AT.name})
"""A phone number has one form, whichever one Listrak has written this time."""

_US, _RS, _NULL = "\x1f", "\x1e", "\x00"


class Hasher:
    """Hashes with one salt."""

    def __init__(self, salt: str = "") -> None:
        self._begin = VERSION + salt

    def of_contacts(self, rows: pa.Table, table: Table, opted_out: pa.Array | pa.ChunkedArray | bool) -> pa.Array:
        """Of rows of ``contacts``, found in the half of a list that ``opted_out`` tells."""
        half = opted_out if not isinstance(opted_out, bool) else pa.repeat(pa.scalar(opted_out), rows.num_rows)
        return md5_of(self._texts(rows, table, half, frozenset(LOOKED_UP)))

    def of(self, rows: pa.Table, table: Table) -> pa.Array:
        """Of rows of any table, with all that they tell."""
        return md5_of(self._texts(rows, table, None, frozenset()))

    def of_values(self, sender_code_id: int, records: pa.Table) -> pa.Array:
        """Of contact records, their profile values; null where those could not be read as a whole."""
        values = one_array(records[VALUES_FIELD])
        flat = pc.list_flatten(values)
        parents = pc.list_parent_indices(values)
        fields, texts = pc.struct_field(flat, "segmentationFieldId"), pc.struct_field(flat, "value")
        each = pc.binary_join_element_wise(pc.fill_null(fields.cast(TEXT), _NULL), pc.fill_null(texts, _NULL), _US)
        if not _are_in_order(parents, fields):
            order = pc.sort_indices(
                pa.table({"owner": parents, "field": fields, "text": each}),
                sort_keys=[("owner", "ascending"), ("field", "ascending"), ("text", "ascending")],
            )
            each = each.take(order)
        lengths = pc.fill_null(pc.list_value_length(values), 0)
        ends = pc.cumulative_sum(lengths).cast(pa.int32())
        offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends])
        joined = pc.binary_join(pa.ListArray.from_arrays(offsets, each), _RS)
        begin = pa.scalar(f"{self._begin}{_US}{sender_code_id}")
        phones = one_array(records[PHONE_FIELD])
        hashes = md5_of(pc.binary_join_element_wise(pc.binary_join_element_wise(begin, phones, _US), joined, _RS))
        unread = set_aside(records, CONTACT_PROFILE_VALUES)
        return hashes if unread is None else pc.if_else(one_array(unread), pa.scalar(None, INTEGER), hashes)

    def _texts(self, rows: pa.Table, table: Table, half: Any, without: frozenset[str]) -> pa.Array | pa.ChunkedArray:
        declared = [column.name for column in table.columns if column.name not in without | LEFT_OUT]
        columns = [] if half is None else [_text(half)]
        columns += [_text(rows[name]) for name in declared]
        begin = pa.repeat(pa.scalar(self._begin), rows.num_rows)
        together = pc.binary_join_element_wise(begin, *columns, _US, null_handling="replace", null_replacement=_NULL)
        known = {*table.schema.names, *without, *LEFT_OUT}
        others = sorted(name for name in rows.column_names if name not in known and not name.startswith("_dlt"))
        others = [name for name in others if rows[name].null_count < rows.num_rows]
        if not others:
            return together
        named = [pc.binary_join_element_wise(pa.scalar(name), _text(rows[name]), _US) for name in others]
        return pc.binary_join_element_wise(together, *named, _RS, null_handling="skip")


def unproved(batch: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """The same rows, without the hashes of contacts: whoever is seen next is new then, and all is told of them."""
    if CONTACTS.name not in batch:
        return batch
    rows = batch[CONTACTS.name]
    for name in {RECORD_HASH.name, VALUES_HASH.name} & set(rows.column_names):
        at = rows.column_names.index(name)
        rows = rows.set_column(at, rows.schema.field(at), pa.nulls(rows.num_rows, INTEGER))
    return batch | {CONTACTS.name: rows}


def _text(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    if column.type == TEXT:
        return column
    if column.type == TIMESTAMP:
        return column.cast(INTEGER).cast(TEXT)
    return column.cast(TEXT)


def _are_in_order(owners: pa.Array, fields: pa.Array) -> bool:
    """Whether the fields of each owner come in their order, none of them twice."""
    if len(owners) < 2:
        return True
    apart = pc.not_equal(owners[1:], owners[:-1])
    return bool(pc.all(pc.fill_null(pc.or_kleene(apart, pc.greater(fields[1:], fields[:-1])), False)).as_py())
