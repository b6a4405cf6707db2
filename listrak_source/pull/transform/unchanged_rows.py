"""What the warehouse holds as it is: such rows are not written again.

A hash or a key of each row that is there, eight bytes each: of everybody where a pull reads whole lists, else of the
people whom it meets. So no other memory tells a pull what is new in the last days, which each pull reads again. Left
out, and so written again, is who

- is marked as removed,
- came with a load that was killed before all of its tables were there,
- has no hash, for a lookup was refused, say, or an older version has written the row,
- is named by push later than the row's load: push waits for a pull that has seen the contact since
  (``push_confirmed``, ``push_tried``),
- has said stop, and the row does not say so, or has another phone number: somebody has changed it by hand.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from listrak_source.pull.extract.date_windows import EVERYTHING
from listrak_source.pull.extract.partitions import ContactPartition
from listrak_source.pull.keys.dedupe import Dedupe
from listrak_source.pull.keys.record_hash import Hasher
from listrak_source.pull.load.warehouse import (
    among,
    by_group,
    columns_of,
    is_ours,
    not_removed,
    raw,
    select,
    sql_list,
    whole,
)
from listrak_source.pull.records.row_keys import keys_of, one_array, phone_keys
from listrak_source.pull.schema import (
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
from listrak_source.pull.transform.known_consents import LATEST

_STOP = "opted_out"
_STOP_KEY = 0x5A17_C0DE_2B3D_4F61
_PLACED = ("phone_number", "subscribed_from", "subscribed_before")
_PERSON = ("sender_code_id", "phone_number")
_PERSONS = pa.schema([("sender_code_id", INTEGER), ("phone_number", TEXT)])
_PUSHED = (("push_confirmed", "confirmed_at"), ("push_tried", "tried_at"))
"""Where push notes what it has sent, and when."""


_UNTOLD = """
SELECT there.sender_code_id AS sender_code_id, there.phone_list_id AS phone_list_id, there.phone_number AS phone_number
FROM (SELECT sender_code_id, phone_list_id, phone_number FROM list_memberships WHERE {where}) AS there LEFT JOIN (
    SELECT sender_code_id AS told_sender, phone_list_id AS told_list, phone_number AS told_phone
    FROM ({latest}) AS latest_events WHERE event = 'subscribed'
) AS told
ON told_sender = there.sender_code_id AND told_list = there.phone_list_id AND told_phone = there.phone_number
WHERE coalesce(told_phone, '') = ''
"""
"""The memberships of which the latest event does not say that they are there."""


class UnchangedRows:
    """Of some sender codes, the rows of the running pipeline's warehouse."""

    def __init__(
        self,
        senders: Sequence[int],
        hasher: Hasher,
        doubted: frozenset[str],
        loads: Sequence[str],
        values_from: str,
        *,
        everybody: bool,
    ) -> None:
        """Read what the warehouse holds of what a pull may write.

        ``doubted`` are tables of which rows are known to be gone, ``loads`` those that the pull has behind it: whose
        membership they have written may still have to be looked up. What ``values_hash`` says counts in rows of loads
        after ``values_from``. With ``everybody`` a table is read at the first question about it; else each question is
        about the people whom it names.
        """
        self._scope = f"sender_code_id IN ({', '.join(map(str, senders)) or 'NULL'})"
        self._hasher = hasher
        self._doubted = doubted
        self._loads = loads
        self._values_from = values_from
        self._everybody = everybody
        self._once = Dedupe()
        self._read: set[str] = set()

    def look_at(self, phones: pa.ChunkedArray, tables: Collection[str]) -> None:
        """Ask now about all of these people: one question for many costs less than many questions."""
        people = pa.table({"phone_number": phones})
        self._know_due(people)
        if {CONTACTS.name, CONTACT_PROFILE_VALUES.name} & set(tables):
            self._know_contacts(people)
        if LIST_MEMBERSHIPS.name in tables:
            self._know_memberships(people)

    def contacts(self, rows: pa.Table, *, in_any_form: bool = False) -> pa.Array:
        """Which contacts are there with the same hash, as booleans.

        Their numbers must have the same form too, unless ``in_any_form``.
        """
        self._know_contacts(rows)
        found = self._once.has_keys("records", _with_stops(_record_keys(rows), rows))
        if in_any_form:
            keys = _with_stops(_hash_keys(rows), rows)
            found = pc.or_(found, pc.or_(self._once.has_keys("records", keys), self._once.has_keys("others", keys)))
        return self._unless_due(rows, found)

    def values(self, rows: pa.Table, counts: pa.Array) -> pa.Array:
        """Of which contacts the profile values are there with the same hash, and all of them: as many as ``counts``."""
        self._know_contacts(rows)
        hashes = rows[VALUES_HASH.name]
        found = self._once.has_keys("values", _values_keys(one_array(hashes), counts))
        return self._unless_due(rows, pc.and_(found, hashes.is_valid()))

    def stopped(self, rows: pa.Table) -> pa.Array:
        """Which rows are of contacts who are there as opted out, with nothing left to ask, as booleans."""
        for where in self._wheres("stopped", rows):
            self._read_stopped(where)
        return self._unless_due(rows, self._once.has_keys("stopped", keys_of(rows.select(_PERSON))))

    def on_list(self, unit: ContactPartition, rows: pa.Table) -> pa.Array:
        """Which memberships are there, as booleans: placed in this window, if it is one."""
        self._know_memberships(rows)
        stream = unit.stream
        if unit.window == EVERYTHING:
            return self._unless_due(rows, self._once.has(stream, rows["phone_number"]))
        return self._unless_due(rows, self._once.has_keys(_placed(stream), keys_of(rows.select(_PLACED))))

    def told(self, unit: ContactPartition, rows: pa.Table) -> pa.Array:
        """Of which memberships, of those that are there, the latest consent event tells the same, as booleans.

        None where only some people are asked about.
        """
        if not self._everybody or not self._is_there(CONSENT_EVENTS):
            return pa.repeat(pa.scalar(False), rows.num_rows)
        for where in self._wheres("untold", rows) if self._is_there(LIST_MEMBERSHIPS) else ():
            latest = LATEST.format(among=f"WHERE {where} AND phone_list_id <> 0")
            query = _UNTOLD.format(where=f"{where} AND {not_removed(LIST_MEMBERSHIPS)}", latest=latest)
            for found in select(query):
                for (sender, phone_list), part in by_group(found, ["sender_code_id", "phone_list_id"]):
                    stream = ContactPartition(int(sender), int(phone_list), False, EVERYTHING).stream
                    self._once.add(_untold(stream), phone_keys(part["phone_number"]))
        return pc.invert(self._once.has(_untold(unit.stream), rows["phone_number"]))

    def rows(self, table: Table, rows: pa.Table) -> pa.Array:
        """Which rows of a table are there, the same in each column, as booleans."""
        for where in self._wheres(table.name, rows) if self._is_there(table) else ():
            for found in select(f"SELECT * FROM {table.name} WHERE {where} AND {_there(table)}"):  # noqa: S608
                self._once.add(table.name, self._hasher.of(_complete(whole(found, table), table), table))
        return self._once.has_keys(table.name, self._hasher.of(rows, table))

    def events(self, rows: pa.Table) -> pa.Array:
        """Which stops are told already among the consent events, as booleans."""
        key = CONSENT_EVENTS.key
        for where in self._wheres(CONSENT_EVENTS.name, rows) if self._is_there(CONSENT_EVENTS) else ():
            some = f"{where} AND phone_list_id = 0 AND event = 'opted_out'"
            for found in select(f"SELECT {', '.join(key)} FROM consent_events WHERE {some}"):  # noqa: S608
                self._once.add(CONSENT_EVENTS.name, keys_of(found.select(key)))
        return self._once.has_keys(CONSENT_EVENTS.name, keys_of(rows.select(key)))

    def events_among(self, rows: pa.Table) -> pa.Array:
        """Which of a few consent events are there, as booleans."""
        key, known = CONSENT_EVENTS.key, Dedupe()
        for found in self._among(CONSENT_EVENTS, ", ".join(key), rows):
            known.add("events", keys_of(found.select(key)))
        return known.has_keys("events", keys_of(rows.select(key)))

    def among(self, table: Table, rows: pa.Table) -> pa.Array:
        """Which of a few rows of people are there, the same in each column, as booleans."""
        known = Dedupe()
        for found in self._among(table, "*", rows):
            known.add(table.name, self._hasher.of(_complete(whole(found, table), table), table))
        return self._unless_due(rows, known.has_keys(table.name, self._hasher.of(rows, table)))

    def _among(self, table: Table, columns: str, rows: pa.Table) -> Iterator[pa.Table]:
        """What is there of the people of some rows."""
        for where in self._of(rows["phone_number"]) if self._is_there(table) else ():
            there = not_removed(table) if table.append_only else _there(table)
            yield from select(f"SELECT {columns} FROM {table.name} WHERE {where} AND {there}")  # noqa: S608

    # what is there

    def _is_there(self, table: Table) -> bool:
        """Whether what the table holds counts: not where some of it is gone."""
        return table.name not in self._doubted and is_ours(table)

    def _wheres(self, name: str, rows: pa.Table) -> Iterator[str]:
        """Conditions for what was not read yet, of all that ``name`` stands for, about these rows."""
        if self._everybody or "phone_number" not in rows.column_names:
            if name not in self._read:
                self._read.add(name)
                # The small tables have rows of sender codes too of which nothing else is read.
                yield self._scope if "phone_number" in rows.column_names else "TRUE"
            return
        phones = pc.unique(rows["phone_number"])
        new = phones.filter(pc.invert(self._once.has(f"read: {name}", phones)))
        self._once.add(f"read: {name}", phone_keys(pa.chunked_array([new])))
        yield from self._of(new)

    def _of(self, phones: pa.Array | pa.ChunkedArray) -> Iterator[str]:
        """Conditions that together are about some people."""
        yield from (f"{self._scope} AND {some}" for some in among(pc.unique(phones).to_pylist()))

    def _unless_due(self, rows: pa.Table, found: pa.Array) -> pa.Array:
        self._know_due(rows)
        if self._once.is_empty("due"):
            return found
        return pc.and_not(found, self._once.has_keys("due", keys_of(rows.select(_PERSON))))

    def _know_contacts(self, rows: pa.Table) -> None:
        names = {RECORD_HASH.name, VALUES_HASH.name, PHONE_RAW.name, _STOP} & columns_of(CONTACTS)
        if RECORD_HASH.name not in names or not self._is_there(CONTACTS):
            return
        which = ", ".join(sorted({"phone_number"} | names - {VALUES_HASH.name}))
        for where in self._wheres(CONTACTS.name, rows):
            query = f"SELECT {which} FROM contacts WHERE {where} AND {_there(CONTACTS)}"  # noqa: S608 - our own names
            for found in select(f"{query} AND {RECORD_HASH.name} IS NOT NULL"):
                keys = _record_keys(found)
                self._add("records", keys, found)
                if PHONE_RAW.name in names and found[PHONE_RAW.name].null_count < found.num_rows:
                    bare = _hash_keys(found)
                    differ = pc.not_equal(keys, bare)
                    self._add("others", bare.filter(differ), found.filter(differ))
            if VALUES_HASH.name in names and self._is_there(CONTACT_PROFILE_VALUES):
                self._read_values(where)

    def _add(self, group: str, keys: pa.Array, found: pa.Table) -> None:
        """Note rows as they are there; one that says stop answers for the same row without it, too."""
        self._once.add(group, keys)
        if _STOP in found.column_names:
            stopped = one_array(pc.fill_null(found[_STOP], False))
            self._once.add(group, _with_stops(keys, found).filter(stopped))

    def _read_values(self, where: str) -> None:
        """Hashes of values, with the number of values that are there: some may have been deleted by hand."""
        counted = (
            "SELECT sender_code_id AS of_sender, phone_number AS of_phone, count(*) AS found FROM "  # noqa: S608
            f"contact_profile_values WHERE {where} AND {_there(CONTACT_PROFILE_VALUES)}"
            " GROUP BY sender_code_id, phone_number"
        )
        query = (
            f"SELECT {VALUES_HASH.name} AS hash, coalesce(found, 0) AS found FROM contacts "  # noqa: S608
            f"LEFT JOIN ({counted}) AS counted ON of_sender = sender_code_id AND of_phone = phone_number "
            f"WHERE {where} AND {_there(CONTACTS)} AND {VALUES_HASH.name} IS NOT NULL"
            f" AND _dlt_load_id > {sql_list([self._values_from])}"
        )
        for rows in select(query):
            hashes, counts = (one_array(rows[name].cast(INTEGER)) for name in ("hash", "found"))
            self._once.add("values", _values_keys(hashes, counts))

    def _read_stopped(self, where: str) -> None:
        if RECORD_HASH.name in columns_of(CONTACTS) and self._is_there(CONTACTS):
            some = f"opted_out AND {RECORD_HASH.name} IS NOT NULL AND {_there(CONTACTS)}"
            for rows in select(f"SELECT {', '.join(_PERSON)} FROM contacts WHERE {where} AND {some}"):  # noqa: S608
                self._once.add("stopped", keys_of(rows.select(_PERSON)))

    def _know_memberships(self, rows: pa.Table) -> None:
        if not self._is_there(LIST_MEMBERSHIPS):
            return
        names = ", ".join(("sender_code_id", "phone_list_id", *_PLACED))
        for where in self._wheres(LIST_MEMBERSHIPS.name, rows):
            before = f" AND _dlt_load_id NOT IN ({sql_list(self._loads)})" if self._loads else ""
            query = f"SELECT {names} FROM list_memberships WHERE {where} AND {_there(LIST_MEMBERSHIPS)}"  # noqa: S608
            for found in select(query + before):
                for (sender, phone_list), part in by_group(found, ["sender_code_id", "phone_list_id"]):
                    stream = ContactPartition(int(sender), int(phone_list), False, EVERYTHING).stream
                    self._once.add(stream, phone_keys(part["phone_number"]))
                    placed = pc.or_(part["subscribed_from"].is_valid(), part["subscribed_before"].is_valid())
                    self._once.add(_placed(stream), keys_of(part.filter(placed).select(_PLACED)))

    def _know_due(self, rows: pa.Table) -> None:
        if not self._is_there(CONTACTS):
            return
        for where in self._wheres("due", rows):
            some = f"SELECT sender_code_id, phone_number, _dlt_load_id FROM contacts WHERE {where}"  # noqa: S608
            for table, at in _PUSHED:
                query = (
                    "SELECT DISTINCT c.sender_code_id AS sender_code_id, c.phone_number AS phone_number "  # noqa: S608
                    f"FROM ({some}) AS c JOIN {table} AS p "
                    "ON p.sender_code_id = c.sender_code_id AND p.phone_number = c.phone_number "
                    f"WHERE p.{at} > CAST(c._dlt_load_id AS DOUBLE)"
                )
                for found in raw(query):
                    self._once.add("due", keys_of(found.select(_PERSON).cast(_PERSONS)))


def _there(table: Table) -> str:
    """The condition for rows that count: alive, and of a load that has come in as a whole.

    Of one that was killed some tables may be there, and others, with the events that go with them, not.
    """
    return f"{not_removed(table)} AND _dlt_load_id IN (SELECT load_id FROM _dlt_loads WHERE status = 0)"  # noqa: S608


def _untold(stream: str) -> str:
    return f"untold of {stream}"


def _placed(stream: str) -> str:
    return f"placed {stream}"


def _hash_keys(rows: pa.Table) -> pa.Array:
    """Hashes of records, each with the phone number of its row: the hash does not say what became of the column."""
    return pc.bit_wise_xor(one_array(rows[RECORD_HASH.name].cast(INTEGER)), phone_keys(rows["phone_number"]))


def _record_keys(rows: pa.Table) -> pa.Array:
    """The same, and with them how Listrak has written their numbers: push asks for people in that form."""
    keys = _hash_keys(rows)
    written = rows[PHONE_RAW.name] if PHONE_RAW.name in rows.column_names else None
    if written is None or written.null_count == len(written):
        return keys
    forms = phone_keys(pc.fill_null(written, "0"))
    return pc.if_else(one_array(written.is_valid()), pc.bit_wise_xor(keys, forms), keys)


def _with_stops(keys: pa.Array, rows: pa.Table) -> pa.Array:
    """Keys of rows, other ones for those that say stop: a hash says so, too, but not what has become of the column."""
    said = one_array(pc.fill_null(rows[_STOP], False))
    return pc.if_else(said, pc.bit_wise_xor(keys, pa.scalar(_STOP_KEY, INTEGER)), keys)


def _values_keys(hashes: pa.Array, counts: pa.Array) -> pa.Array:
    return pc.bit_wise_xor(hashes, counts.cast(INTEGER))


def _complete(rows: pa.Table, table: Table) -> pa.Table:
    """Rows with each column of the table: an older version may have written fewer."""
    for column in table.columns:
        if column.name not in rows.column_names:
            rows = rows.append_column(column.name, pa.nulls(rows.num_rows, column.type))
    return rows
