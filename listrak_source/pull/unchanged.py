"""What the warehouse holds as it is: such rows are not written again.

Asked once, when a pull reads whole lists: a hash or a key of each row that is there, eight bytes each. Left out, and so
written again, is who

- is marked as removed,
- has no hash, for a lookup was refused, say, or an older version has written the row,
- is named by push later than the row's load: push waits for a pull that has seen the contact since
  (``push_confirmed``, ``push_tried``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from listrak_source.pull.held import alive, by_group, columns_of, held, is_ours, raw, texts, whole
from listrak_source.pull.once import Once, keys_of, one_array, phone_keys
from listrak_source.pull.record_hash import Hasher
from listrak_source.pull.tables import (
    CONSENT_EVENTS,
    CONTACT_PROFILE_VALUES,
    CONTACTS,
    INTEGER,
    LIST_MEMBERSHIPS,
    PHONE_RAW,
    RECORD_HASH,
    TEXT,
    VALUES_HASH,
    Table,
)
from listrak_source.pull.units import ContactUnit
from listrak_source.pull.windows import EVERYTHING

_PLACED = ("phone_number", "subscribed_from", "subscribed_before")
_AT_ONCE = 1000
"""Phone numbers that one query names."""
_PUSHED = (("push_confirmed", "confirmed_at"), ("push_tried", "tried_at"))
"""Where push notes what it has sent, and when."""


class Unchanged:
    """Of some sender codes, the rows of the running pipeline's warehouse."""

    def __init__(self, senders: Sequence[int], hasher: Hasher, doubted: frozenset[str], values_from: str) -> None:
        """``doubted`` are tables of which rows are known to be gone. What ``values_hash`` says counts in rows of loads
        after ``values_from``.
        """
        self._scope = f"sender_code_id IN ({', '.join(map(str, senders)) or 'NULL'})"
        self._hasher = hasher
        self._doubted = doubted
        self._values_from = values_from
        self._once = Once()
        self._read: set[str] = set()

    def contacts(self, rows: pa.Table) -> pa.Array:
        """Which contacts are there with the same hash and the same form of their number, as booleans."""
        if self._begins(CONTACTS.name):
            self._read_contacts()
        return self._unless_due(rows, self._once.has_keys("records", _record_keys(rows)))

    def values(self, rows: pa.Table, counts: pa.Array) -> pa.Array:
        """Of which contacts the profile values are there with the same hash, and all of them: as many as ``counts``."""
        if self._begins(CONTACTS.name):
            self._read_contacts()
        hashes = rows[VALUES_HASH.name]
        found = self._once.has_keys("values", _values_keys(one_array(hashes), counts))
        return self._unless_due(rows, pc.and_(found, hashes.is_valid()))

    def on_list(self, unit: ContactUnit, rows: pa.Table) -> pa.Array:
        """Which memberships are there, as booleans: placed in this window, if it is one."""
        if self._begins(LIST_MEMBERSHIPS.name):
            self._read_memberships()
        stream = unit.stream
        if unit.window == EVERYTHING:
            return self._unless_due(rows, self._once.has(stream, rows["phone_number"]))
        return self._unless_due(rows, self._once.has_keys(_placed(stream), keys_of(rows.select(_PLACED))))

    def rows(self, table: Table, rows: pa.Table) -> pa.Array:
        """Which rows of a table are there, the same in each column, as booleans."""
        if self._begins(table.name) and is_ours(table):
            scope = self._scope if "sender_code_id" in table.key else "TRUE"
            for found in held(f"SELECT * FROM {table.name} WHERE {scope} AND {alive(table)}"):  # noqa: S608
                self._once.add(table.name, self._hasher.of(_complete(whole(found, table), table), table))
        return self._once.has_keys(table.name, self._hasher.of(rows, table))

    def events(self, rows: pa.Table) -> pa.Array:
        """Which stops are told already among the consent events, as booleans."""
        key = CONSENT_EVENTS.key
        if self._begins(CONSENT_EVENTS.name) and is_ours(CONSENT_EVENTS):
            some = f"{self._scope} AND phone_list_id = 0 AND event = 'opted_out'"
            for found in held(f"SELECT {', '.join(key)} FROM consent_events WHERE {some}"):  # noqa: S608
                self._once.add(CONSENT_EVENTS.name, keys_of(found.select(key)))
        return self._once.has_keys(CONSENT_EVENTS.name, keys_of(rows.select(key)))

    def events_among(self, rows: pa.Table) -> pa.Array:
        """Which of a few consent events are there, as booleans."""
        key, known = CONSENT_EVENTS.key, Once()
        for found in self._among(CONSENT_EVENTS, ", ".join(key), rows):
            known.add("events", keys_of(found.select(key)))
        return known.has_keys("events", keys_of(rows.select(key)))

    def among(self, table: Table, rows: pa.Table) -> pa.Array:
        """Which of a few rows of people are there, the same in each column, as booleans."""
        known = Once()
        for found in self._among(table, "*", rows):
            known.add(table.name, self._hasher.of(_complete(whole(found, table), table), table))
        return self._unless_due(rows, known.has_keys(table.name, self._hasher.of(rows, table)))

    def _among(self, table: Table, columns: str, rows: pa.Table) -> Iterator[pa.Table]:
        """What is there of the people of some rows."""
        phones = pc.unique(rows["phone_number"]).to_pylist() if is_ours(table) else []
        for start in range(0, len(phones), _AT_ONCE):
            some = f"{self._scope} AND phone_number IN ({texts(phones[start : start + _AT_ONCE])})"
            yield from held(f"SELECT {columns} FROM {table.name} WHERE {some} AND {alive(table)}")  # noqa: S608

    # what is there

    def _begins(self, name: str) -> bool:
        """Whether this is the first question about a table."""
        is_new = name not in self._read
        self._read.add(name)
        return is_new

    def _unless_due(self, rows: pa.Table, found: pa.Array) -> pa.Array:
        if self._begins("due"):
            self._read_due()
        if self._once.is_empty("due"):
            return found
        parts = keys_of(rows.select(["sender_code_id", "phone_number"]))
        return pc.and_not(found, self._once.has_keys("due", parts))

    def _read_contacts(self) -> None:
        names = {RECORD_HASH.name, VALUES_HASH.name, PHONE_RAW.name} & columns_of(CONTACTS)
        if RECORD_HASH.name not in names or not is_ours(CONTACTS):
            return
        which = ", ".join(sorted(names - {VALUES_HASH.name}))
        query = f"SELECT {which} FROM contacts WHERE {self._scope} AND {alive(CONTACTS)}"  # noqa: S608 - our own names
        for found in held(f"{query} AND {RECORD_HASH.name} IS NOT NULL"):
            self._once.add("records", _record_keys(found))
        if VALUES_HASH.name in names and is_ours(CONTACT_PROFILE_VALUES):
            self._read_values()

    def _read_values(self) -> None:
        """Hashes of values, with the number of values that are there: some may have been deleted by hand."""
        if CONTACT_PROFILE_VALUES.name in self._doubted:
            return
        counted = (
            "SELECT sender_code_id AS of_sender, phone_number AS of_phone, count(*) AS found FROM "  # noqa: S608
            f"contact_profile_values WHERE {self._scope} AND {alive(CONTACT_PROFILE_VALUES)}"
            " GROUP BY sender_code_id, phone_number"
        )
        query = (
            f"SELECT {VALUES_HASH.name} AS hash, coalesce(found, 0) AS found FROM contacts "  # noqa: S608
            f"LEFT JOIN ({counted}) AS counted ON of_sender = sender_code_id AND of_phone = phone_number "
            f"WHERE {self._scope} AND {alive(CONTACTS)} AND {VALUES_HASH.name} IS NOT NULL"
            f" AND _dlt_load_id > {texts([self._values_from])}"
        )
        for found in held(query):
            self._once.add(
                "values", _values_keys(one_array(found["hash"].cast(INTEGER)), one_array(found["found"].cast(INTEGER)))
            )

    def _read_memberships(self) -> None:
        if not is_ours(LIST_MEMBERSHIPS):
            return
        names = ", ".join(("sender_code_id", "phone_list_id", *_PLACED))
        query = f"SELECT {names} FROM list_memberships WHERE {self._scope} AND {alive(LIST_MEMBERSHIPS)}"  # noqa: S608
        for found in held(query):
            for (sender, phone_list), part in by_group(found, ["sender_code_id", "phone_list_id"]):
                stream = ContactUnit(int(sender), int(phone_list), False, EVERYTHING).stream
                self._once.add(stream, phone_keys(part["phone_number"]))
                placed = part.filter(pc.or_(part["subscribed_from"].is_valid(), part["subscribed_before"].is_valid()))
                self._once.add(_placed(stream), keys_of(placed.select(_PLACED)))

    def _read_due(self) -> None:
        if not is_ours(CONTACTS):
            return
        for table, at in _PUSHED:
            query = (
                "SELECT DISTINCT c.sender_code_id AS sender_code_id, c.phone_number AS phone_number "  # noqa: S608
                f"FROM contacts AS c JOIN {table} AS p "
                "ON p.sender_code_id = c.sender_code_id AND p.phone_number = c.phone_number "
                f"WHERE c.{self._scope} AND p.{at} > CAST(c._dlt_load_id AS DOUBLE)"
            )
            for found in raw(query):
                key = found.select(["sender_code_id", "phone_number"])
                self._once.add(
                    "due", keys_of(key.cast(pa.schema([("sender_code_id", INTEGER), ("phone_number", TEXT)])))
                )


def _placed(stream: str) -> str:
    return f"placed {stream}"


def _record_keys(rows: pa.Table) -> pa.Array:
    """Their hashes, and with them how Listrak has written their numbers: push asks for people in that form."""
    hashes = one_array(rows[RECORD_HASH.name].cast(INTEGER))
    written = rows[PHONE_RAW.name] if PHONE_RAW.name in rows.column_names else None
    if written is None or written.null_count == len(written):
        return hashes
    forms = phone_keys(pc.fill_null(written, "0"))
    return pc.if_else(one_array(written.is_valid()), pc.bit_wise_xor(hashes, forms), hashes)


def _values_keys(hashes: pa.Array, counts: pa.Array) -> pa.Array:
    return pc.bit_wise_xor(hashes, counts.cast(INTEGER))


def _complete(rows: pa.Table, table: Table) -> pa.Table:
    """Rows with each column of the table: an older version may have written fewer."""
    for column in table.columns:
        if column.name not in rows.column_names:
            rows = rows.append_column(column.name, pa.nulls(rows.num_rows, column.type))
    return rows
