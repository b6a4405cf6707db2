"""Rows that an older version has written with a phone number in another form than its one form."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from listrak_source.pull.records.masking import PHONE
from listrak_source.pull.records.phone_numbers import canonical
from listrak_source.pull.records.row_keys import one_array
from listrak_source.pull.schema import OPT_OUTS, Table
from listrak_source.pull.soft_deletes.removal_budget import REPLACED


def replaced(rows: pa.Table, table: Table, seen: Callable[[Table, pa.Table], pa.Array]) -> pa.Table:
    """Keys of ``table`` with the mark of those instead of which a walk has seen another.

    The other is the same person in the one form of a number, or another stop of the same person. ``seen`` tells that of
    keys.
    """
    if PHONE not in rows.column_names:
        return rows
    phones = rows[PHONE]
    others = pc.not_equal(one := canonical(phones), phones)
    marks = pa.repeat(pa.scalar(False), rows.num_rows)
    if table is OPT_OUTS:
        marks = seen(table, rows)
    if pc.any(others, min_count=0).as_py():
        in_one_form = rows.set_column(rows.column_names.index(PHONE), PHONE, one)
        marks = pc.or_(marks, one_array(pc.and_(others, seen(table, in_one_form))))
    return rows.append_column(REPLACED, marks)
