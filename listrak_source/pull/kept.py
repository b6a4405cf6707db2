"""What the warehouse knows and a list does not tell: dates that lookups brought, windows that placed a subscription.

A merge replaces whole rows. So a row that is written from a list takes along what is known of it.
"""

from __future__ import annotations

from datetime import datetime, timezone

import dlt
import pyarrow as pa
import pyarrow.compute as pc
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from listrak_source.pull.tables import CONTACTS, LIST_MEMBERSHIPS, TIMESTAMP, Table

_LONG_AGO = datetime(1900, 1, 1, tzinfo=timezone.utc)
_PHONE = "phone_number"


class Kept:
    """Some timestamps of a table, as the destination of the running pipeline holds them; read once, when needed."""

    def __init__(self, table: Table, columns: tuple[str, ...]) -> None:
        """``columns`` are kept for the rows that have a value in the first of them."""
        self._table = table
        self._columns = columns
        self._found: pa.Table | None = None
        self._parts: dict[tuple[int, ...], pa.Table] = {}

    def fill(self, rows: pa.Table, *scope: int) -> pa.Table:
        """``rows`` with what is known where they have nothing; ``scope`` is the key that they share, but the phone."""
        known = self._part(scope)
        if known.num_rows == 0 or rows.num_rows == 0:
            return rows
        joined = rows.join(known, keys=_PHONE, join_type="left outer")
        filled = {name: pc.coalesce(joined[name], joined[f"known_{name}"]) for name in self._columns}
        return pa.table({name: filled.get(name, joined[name]) for name in rows.column_names}, schema=rows.schema)

    def _part(self, scope: tuple[int, ...]) -> pa.Table:
        if scope not in self._parts:
            found = self._all()
            for name, value in zip(self._table.key, scope, strict=False):
                found = found.filter(pc.equal(found[name], value))
            names = [_PHONE, *self._columns]
            self._parts[scope] = found.select(names).rename_columns([_PHONE, *(f"known_{name}" for name in names[1:])])
        return self._parts[scope]

    def _all(self) -> pa.Table:
        if self._found is None:
            names = [*self._table.key, *self._columns]
            relation = dlt.current.pipeline().dataset()[self._table.name].select(*names)
            try:
                found: pa.Table = relation.where(self._columns[0], "gt", _LONG_AGO).arrow()
            except DatabaseUndefinedRelation:
                found = pa.table({name: pa.array([], self._table.schema.field(name).type) for name in names})
            columns = {name: found[name].cast(TIMESTAMP) if name in self._columns else found[name] for name in names}
            self._found = pa.table(columns)
        return self._found


class ContactDates(Kept):
    """The dates of contacts; who is not opted out any more has no date of it."""

    def __init__(self) -> None:
        super().__init__(CONTACTS, ("subscribe_date", "unsubscribe_date"))

    def fill(self, rows: pa.Table, *scope: int) -> pa.Table:
        filled = super().fill(rows, *scope)
        index = filled.schema.get_field_index("unsubscribe_date")
        until = pc.if_else(filled["opted_out"], filled["unsubscribe_date"], pa.scalar(None, TIMESTAMP))
        return filled.set_column(index, filled.schema.field(index), until)


class Placements(Kept):
    """The windows that placed subscriptions."""

    def __init__(self) -> None:
        super().__init__(LIST_MEMBERSHIPS, ("subscribed_from", "subscribed_before"))
