"""Rows that an older version has written with a phone number in another form than its one form."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from listrak_source.pull import fingerprints
from listrak_source.pull.held import held, texts
from listrak_source.pull.phones import canonical
from listrak_source.pull.privacy import PHONE
from listrak_source.pull.removals import REPLACED
from listrak_source.pull.tables import OPT_OUTS, Table


def replaced(rows: pa.Table, table: Table, loads: Sequence[str]) -> pa.Table:
    """Keys of ``table`` with the mark of those for which a walk's ``loads`` have written the same in the one form."""
    if PHONE not in rows.column_names:
        return rows
    phones = rows[PHONE]
    others = pc.not_equal(one := canonical(phones), phones)
    if not pc.any(others, min_count=0).as_py():
        return rows
    # Who said stop stands among the opt-outs once, whatever the date.
    key = [name for name in table.key if table is not OPT_OUTS or name != "opt_out_date"]
    wanted = fingerprints.of(rows.set_column(rows.column_names.index(PHONE), PHONE, one).select(key))
    query = f"SELECT {', '.join(key)} FROM {table.name} WHERE _dlt_load_id IN ({texts(loads)})"  # noqa: S608
    parts = [fingerprints.of(part.select(key)) for part in held(query)]
    written = pa.concat_arrays(parts) if parts else pa.array([], fingerprints.HASH)
    marks = pc.and_(others, pc.is_in(wanted, value_set=written))
    if REPLACED in rows.column_names:
        marks = pc.or_(marks, rows[REPLACED])
        rows = rows.drop_columns([REPLACED])
    return rows.append_column(REPLACED, marks)
