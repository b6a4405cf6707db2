"""Dates that lookups brought earlier, kept when a list shows the contact again: a list tells no dates.

A merge replaces whole rows, so a contact that is written from a list takes its dates along from the warehouse.
"""

from __future__ import annotations

from datetime import datetime, timezone
from functools import cached_property

import dlt
import pyarrow as pa
import pyarrow.compute as pc
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from listrak_source.pull import progress
from listrak_source.pull.tables import CONTACTS, TIMESTAMP

_KEY = list(CONTACTS.key)
_DATES = ["subscribe_date", "unsubscribe_date"]
_LONG_AGO = datetime(1900, 1, 1, tzinfo=timezone.utc)


class DatesInWarehouse:
    """The dates of contacts as the destination of the running pipeline holds them; read once, when first needed."""

    @cached_property
    def _known(self) -> pa.Table | None:
        if not progress.looked_up():
            return None
        contacts = dlt.current.pipeline().dataset()[CONTACTS.name].select(*_KEY, *_DATES)
        try:
            found: pa.Table = contacts.where("subscribe_date", "gt", _LONG_AGO).arrow()
        except DatabaseUndefinedRelation:
            return None
        columns = {name: found[name].cast(TIMESTAMP) if name in _DATES else found[name] for name in (*_KEY, *_DATES)}
        return pa.table(columns).rename_columns([*_KEY, *(f"known_{name}" for name in _DATES)])

    def fill(self, contacts: pa.Table) -> pa.Table:
        """Rows of ``contacts`` with the dates that are known, where they have none."""
        if self._known is None or contacts.num_rows == 0:
            return contacts
        joined = contacts.join(self._known, keys=_KEY, join_type="left outer")
        since = pc.coalesce(joined["subscribe_date"], joined["known_subscribe_date"])
        # Who is not opted out any more has no date of it.
        until = pc.if_else(joined["opted_out"], joined["known_unsubscribe_date"], pa.scalar(None, TIMESTAMP))
        columns = {name: joined[name] for name in contacts.column_names} | {
            "subscribe_date": since,
            "unsubscribe_date": pc.coalesce(joined["unsubscribe_date"], until),
        }
        return pa.table(columns, schema=contacts.schema)
