"""Phone numbers in one form, where records enter: the rule of :mod:`listrak_source.api.phones` over whole columns."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from listrak_source.api.phones import DECIMAL, ELEVEN, MARKS, TEN
from listrak_source.pull.schema import TEXT

PHONE_FIELD = "phoneNumber"
WRITTEN = "(phone as written)"
"""A column of records, there only when a record needs it: the number as Listrak writes it, where ``phoneNumber`` is not
that. In a row it is ``phone_number_raw``."""
RAW_PHONE = "(raw phone)"
"""A column of records whose phone number is hashed: the number as Listrak writes it, to ask for it. Never in a row."""

_USUAL = 11
"""The length of a number in its one form."""


def in_one_form(records: pa.Table) -> pa.Table:
    """Records with their phone numbers in one form, and :data:`WRITTEN` where any was written otherwise."""
    if PHONE_FIELD not in records.column_names:
        return records
    written = records[PHONE_FIELD]
    phones = canonical(written)
    if phones is written:
        return records
    raw = pc.if_else(pc.equal(phones, written), pa.scalar(None, TEXT), written)
    if raw.null_count == len(raw):
        return records
    at = records.schema.get_field_index(PHONE_FIELD)
    return records.set_column(at, PHONE_FIELD, phones).append_column(WRITTEN, raw)


def canonical(phones: pa.ChunkedArray) -> pa.ChunkedArray:
    """The one form of each number: the same column where nothing changes, as nearly always."""
    lengths = pc.min_max(pc.binary_length(phones)).as_py()
    if set(lengths.values()) <= {_USUAL, None} and pc.all(pc.ascii_is_decimal(phones), min_count=0).as_py():
        return phones
    digits = pc.replace_substring_regex(phones, f"[{MARKS}]", "")
    has_one = pc.match_substring_regex(digits, ELEVEN)
    is_decimal = pc.match_substring_regex(phones, DECIMAL)
    is_number = pc.and_not(pc.or_(has_one, pc.match_substring_regex(digits, TEN)), is_decimal)
    ten = pc.utf8_slice_codeunits(digits, -10)
    return pc.if_else(pc.fill_null(is_number, False), pc.binary_join_element_wise("1", ten, ""), phones)


def raw_phones(records: pa.Table) -> pa.ChunkedArray:
    """The phone numbers as Listrak writes them, whatever stands in ``phoneNumber``."""
    known = [records[name] for name in (RAW_PHONE, WRITTEN) if name in records.column_names]
    # Of records that were read together, only some may have such a column.
    return pc.coalesce(*known, records[PHONE_FIELD]) if known else records[PHONE_FIELD]
