"""What the warehouse knows and a list does not tell: dates that lookups brought, windows that placed a subscription.

A merge replaces whole rows. So a row that is written from a list takes along what is known of it.
"""

from __future__ import annotations

from collections import defaultdict

import pyarrow as pa
import pyarrow.compute as pc

from listrak_source.pull.keys.dedupe import Dedupe
from listrak_source.pull.load.warehouse import by_group, columns_of, not_removed, select
from listrak_source.pull.records.row_keys import phone_keys
from listrak_source.pull.schema import CONTACTS, LIST_MEMBERSHIPS, SUBSCRIPTIONS, TIMESTAMP, Table

_PHONE = "phone_number"
DATED = "(subscribe_date IS NOT NULL OR unsubscribe_date IS NOT NULL)"
"""The condition for contacts that were looked up."""


class CarriedColumns:
    """Some timestamps of a table, as the destination of the running pipeline holds them; read once, when needed."""

    def __init__(self, table: Table, columns: tuple[str, ...]) -> None:
        """``columns`` are kept for the rows that have a value in any of them."""
        self._table = table
        self._columns = columns
        self._scope = [name for name in table.key if name != _PHONE]
        self._parts: dict[tuple[str | int, ...], pa.Table] | None = None

    def fill(self, rows: pa.Table, *scope: int) -> pa.Table:
        """``rows`` with what is known where they have nothing; ``scope`` is the key that they share, but the phone."""
        known = self.part(*scope)
        if known is None or rows.num_rows == 0:
            return rows
        joined = rows.join(known, keys=_PHONE, join_type="left outer")
        filled = {name: pc.coalesce(joined[name], joined[f"known_{name}"]) for name in self._columns}
        return pa.table({name: filled.get(name, joined[name]) for name in rows.column_names}, schema=rows.schema)

    def part(self, *scope: int) -> pa.Table | None:
        """The phone numbers of a scope that have something to keep, with what that is; None where there is nobody."""
        if self._parts is None:
            names = ", ".join([*self._table.key, *self._columns])
            # A row that is gone is of no use: who comes back with its number may be somebody else.
            some = f"({' OR '.join(f'{name} IS NOT NULL' for name in self._columns)}) AND {not_removed(self._table)}"
            found: dict[tuple[str | int, ...], list[pa.Table]] = defaultdict(list)
            renamed = [_PHONE, *(f"known_{name}" for name in self._columns)]
            if columns_of(self._table):
                for rows in select(f"SELECT {names} FROM {self._table.name} WHERE {some}"):  # noqa: S608 - our own names
                    for key, part in by_group(rows, self._scope):
                        found[key].append(part.select([_PHONE, *self._columns]).rename_columns(renamed))
            self._parts = {key: pa.concat_tables(parts) for key, parts in found.items()}
        return self._parts.get(scope)


class ContactDates(CarriedColumns):
    """The dates of contacts; who is not opted out any more has no date of it."""

    def __init__(self) -> None:
        super().__init__(CONTACTS, ("subscribe_date", "unsubscribe_date"))

    def fill(self, rows: pa.Table, *scope: int) -> pa.Table:
        """Fill rows as the parent does; a consent holds until its ``unsubscribe_date`` only where it was taken back."""
        filled = super().fill(rows, *scope)
        index = filled.schema.get_field_index("unsubscribe_date")
        until = pc.if_else(filled["opted_out"], filled["unsubscribe_date"], pa.scalar(None, TIMESTAMP))
        return filled.set_column(index, filled.schema.field(index), until)


class Placements(CarriedColumns):
    """The windows that placed subscriptions."""

    def __init__(self) -> None:
        super().__init__(LIST_MEMBERSHIPS, ("subscribed_from", "subscribed_before"))


class LookedUpBefore:
    """Of whom the warehouse holds what only a lookup tells: dates, subscriptions."""

    def __init__(self) -> None:
        self._known: Dedupe | None = None

    def has(self, sender_code_id: int, phones: pa.ChunkedArray) -> pa.Array:
        """Which of the phone numbers, as booleans."""
        if self._known is None:
            self._known = Dedupe()
            for table, condition in ((CONTACTS, DATED), (SUBSCRIPTIONS, "TRUE")):
                self._read(table, condition, self._known)
        return self._known.has(str(sender_code_id), phones)

    def _read(self, table: Table, condition: str, known: Dedupe) -> None:
        if columns_of(table):
            people = f"SELECT DISTINCT sender_code_id, phone_number FROM {table.name}"  # noqa: S608 - our own names
            for rows in select(f"{people} WHERE {condition} AND {not_removed(table)}"):
                for (sender,), part in by_group(rows, ["sender_code_id"]):
                    known.add(str(sender), phone_keys(part[_PHONE]))
