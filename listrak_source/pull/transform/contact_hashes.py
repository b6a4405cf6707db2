"""Rows of contacts with their hashes: that of the record by which a list shows the contact.

Who is looked up is written as the lookup tells, and keeps the hash of what the list has shown: by it the next walk over
the list knows whether it shows something new. Who was found on no list has that of the lookup.
"""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from listrak_source.pull.plan import Plan
from listrak_source.pull.records.batching import Batch
from listrak_source.pull.records.coerce import VALUES_FIELD
from listrak_source.pull.records.normalize import shape
from listrak_source.pull.records.quarantine import Rejects
from listrak_source.pull.records.row_keys import one_array
from listrak_source.pull.schema import CONTACT_PROFILE_VALUES, CONTACTS, INTEGER, RECORD_HASH, VALUES_HASH

_HASH = RECORD_HASH.name


class ContactHashes:
    """What the lists of one pull show of contacts."""

    def __init__(self, plan: Plan) -> None:
        self._catalog = plan.catalog
        self._hasher = plan.catalog.hasher
        self._table = plan.catalog.masks.table(CONTACTS)
        self._with_values = CONTACT_PROFILE_VALUES.name in plan.wanted
        self._noted: dict[tuple[int, str], int] = {}
        """By contact that is about to be looked up: the hash of the record on a list."""

    def rows(self, sender_code_id: int, records: pa.Table, rejects: Rejects, *, opted_out: bool) -> pa.Table:
        """Rows of ``contacts`` as a half of a list shows them."""
        values = self._hasher.of_values(sender_code_id, records) if self._with_values else None
        given = {"sender_code_id": sender_code_id, VALUES_HASH.name: values}
        rows = shape(records, self._table, self._catalog.settings.timezone, given, rejects)
        return _with(rows, _HASH, self._hasher.of_contacts(rows, self._table, opted_out))

    def note(self, sender_code_id: int, records: pa.Table, *, opted_out: bool) -> None:
        """Remember how a list shows people. What does not fit is set aside where it is written, if it is."""
        if records.num_rows:
            aside = Rejects(bounds=self._catalog.rejects.bounds)
            rows = self.rows(sender_code_id, records, aside, opted_out=opted_out)
            people = ((sender_code_id, phone) for phone in rows["phone_number"].to_pylist())
            self._noted |= zip(people, rows[_HASH].to_pylist(), strict=True)

    def hashed(self, batch: Batch, waiting: Collection[tuple[int, str]]) -> Batch:
        """The rows that lookups have brought, with hashes; without, where the people are to be asked again."""
        rows = batch.get(CONTACTS.name)
        if rows is None or rows.num_rows == 0:
            return batch
        own = self._hasher.of_contacts(rows, self._table, pc.fill_null(rows["opted_out"], False)).to_pylist()
        keys = zip(rows["sender_code_id"].to_pylist(), rows["phone_number"].to_pylist(), strict=True)
        hashes = [
            None if key in waiting else self._noted.pop(key, its_own) for key, its_own in zip(keys, own, strict=True)
        ]
        return batch | {CONTACTS.name: _with(rows, _HASH, pa.array(hashes, INTEGER))}

    def without_hash(self, rows: pa.Table, which: pa.Array | pa.ChunkedArray) -> pa.Table:
        """The rows, some of them without a hash: whoever sees them next writes them."""
        if _HASH not in rows.column_names or not pc.any(which, min_count=0).as_py():
            return rows
        return _with(rows, _HASH, pc.if_else(which, pa.scalar(None, INTEGER), rows[_HASH]))

    def values_of(self, rows: pa.Table, records: pa.Table) -> pa.Array:
        """How many values each contact's record has; ``rows`` are those of ``records`` that fit."""
        counts = pc.fill_null(pc.list_value_length(records[VALUES_FIELD]), 0)
        if rows.num_rows < records.num_rows:
            counts = counts.take(pc.index_in(rows["phone_number"], value_set=records["phoneNumber"].combine_chunks()))
        return one_array(counts)


def _with(rows: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    at = rows.schema.get_field_index(name)
    return rows.set_column(at, rows.schema.field(at), values)
