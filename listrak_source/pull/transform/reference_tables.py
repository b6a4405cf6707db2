"""The small tables, which are read whole every time: sender codes, lists, profile fields, messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from listrak_source.pull.extract.catalog import Catalog, Record
from listrak_source.pull.keys.dedupe import Dedupe, rows_of
from listrak_source.pull.load.warehouse import at_once
from listrak_source.pull.plan import Plan
from listrak_source.pull.records.batching import Batch
from listrak_source.pull.records.coerce import from_groups
from listrak_source.pull.records.normalize import shape
from listrak_source.pull.records.row_keys import keys_of
from listrak_source.pull.schema import LISTS, PROFILE_FIELDS, SENDER_CODES, TRANSACTIONAL_MESSAGES, Table
from listrak_source.pull.transform.unchanged_rows import UnchangedRows

SMALL = (SENDER_CODES, LISTS, PROFILE_FIELDS, TRANSACTIONAL_MESSAGES)

_Group = tuple[dict[str, int], list[Record]]


class SmallTables:
    """The wanted small tables of one pull."""

    def __init__(self, plan: Plan, unchanged: UnchangedRows | None) -> None:
        self._plan = plan
        self._unchanged = unchanged

    @at_once()
    def batch(self, once: Dedupe) -> Batch:
        """Rows that the warehouse does not hold as they are. ``once`` learns which there are."""
        return {table.name: self._rows(table, once) for table in SMALL if table.name in self._plan.wanted}

    def _rows(self, table: Table, once: Dedupe) -> pa.Table:
        catalog = self._plan.catalog
        records, given = from_groups(_groups(table, catalog), table, catalog.rejects)
        rows = shape(records, table, catalog.settings.timezone, given, catalog.rejects)
        once.add(rows_of(table.name), keys_of(rows.select(table.key)))
        return rows.filter(pc.invert(self._unchanged.rows(table, rows))) if self._unchanged else rows


def _groups(table: Table, catalog: Catalog) -> Iterable[_Group]:
    """The table's records, with the key that each group shares."""
    if table is SENDER_CODES:
        return [({}, catalog.sender_codes)]
    if table is TRANSACTIONAL_MESSAGES:
        return [
            ({"sender_code_id": sender, "phone_list_id": phone_list_id}, records)
            for (sender, phone_list_id), records in catalog.transactional_messages.items()
        ]
    return _by_sender(catalog.lists if table is LISTS else catalog.profile_fields)


def _by_sender(records: dict[int, list[Record]]) -> Iterator[_Group]:
    return (({"sender_code_id": sender}, items) for sender, items in records.items())
