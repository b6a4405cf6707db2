"""Personal data: columns that are hashed or dropped where records enter, so that they never reach a disk.

A hash is HMAC-SHA256 with the key of the settings, in lower-case hex, of the text that the column would hold. Whoever
has the key computes the same in any language::

    hmac.new(key.encode(), "15551234567".encode(), "sha256").hexdigest()

A phone number is hashed in its one form, however Listrak writes it (:mod:`listrak_source.api.phones`). Null stays null,
and an empty text stays empty: neither tells anything about a person, and nobody who lacks an email address should look
as if he had one. A birthday is hashed as its day (1990-05-12), in whatever form Listrak writes it; its year-one date
becomes null, as it does unhashed.

Who was forgotten (:mod:`listrak_source.forgotten`) is written by the hash of the number too, whatever is hashed of
others, and nothing else of them is but what tells of their consent.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Iterable
from copy import copy
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from listrak_source.api import ConfigurationError
from listrak_source.pull.records.coerce import SET_ASIDE, as_phone, as_text
from listrak_source.pull.records.phone_numbers import PHONE_FIELD, RAW_PHONE, WRITTEN, canonical, raw_phones
from listrak_source.pull.schema import CONTACTS, PHONE_RAW, TEXT, Column, Table
from listrak_source.settings import SHORTEST_KEY, Settings

PHONE = "phone_number"
DROPPABLE = ("email_address", "first_name", "last_name", "birthday", "postal_code")
"""The personal columns that no key needs."""

_FIELDS = {str(column.source).lower(): column.name for column in CONTACTS.columns if column.name in (PHONE, *DROPPABLE)}
_OF_CONSENT = ("optedOut", "subscribeDate", "unsubscribeDate", "optOutDate", "optOutReason")
"""Fields of a record that stay of who was forgotten."""
_DAY = len("1990-05-12")
_NO_DAY = pa.array(["", "0001-01-01", "9999-12-31"])
_BLOCK = hashlib.sha256().block_size


class Masks:
    """Which columns are hashed and which are dropped. Safe to use from several threads; false when there are none."""

    def __init__(self, hash_columns: Iterable[str] = (), drop_columns: Iterable[str] = (), key: str = "") -> None:
        """Raises :class:`ConfigurationError` for columns that cannot be masked so, and for a key that does not do."""
        self.hashed: frozenset[str] = _columns("hash_columns", hash_columns, (PHONE, *DROPPABLE))
        self.dropped: frozenset[str] = _columns("drop_columns", drop_columns, DROPPABLE)
        if both := self.hashed & self.dropped:
            raise ConfigurationError(
                f"sources.listrak: {', '.join(sorted(both))} cannot be in both hash_columns and drop_columns"
            )
        if self.hashed and len(key.strip()) < SHORTEST_KEY:
            raise ConfigurationError(
                f"sources.listrak.hash_key is {'too short' if key.strip() else 'missing'}: "
                f"hash_columns needs a secret of {SHORTEST_KEY} characters or more"
            )
        self._key = key.encode()
        padded = (self._key if len(self._key) <= _BLOCK else hashlib.sha256(self._key).digest()).ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))
        self._forgotten = pa.array([], TEXT)

    @classmethod
    def of(cls, settings: Settings) -> Masks:
        """The masks that the settings ask for."""
        return cls(settings.hash_columns or (), settings.drop_columns or (), str(settings.hash_key or ""))

    def forgetting(self, hashes: Collection[str]) -> Masks:
        """The same, which know by the hashes of their numbers who was forgotten."""
        masks = copy(self)
        masks._forgotten = pa.array(sorted(hashes), TEXT)
        return masks

    def __bool__(self) -> bool:
        return bool(self.hashed or self.dropped or len(self._forgotten))

    def __repr__(self) -> str:
        return f"Masks(hashed={sorted(self.hashed)}, dropped={sorted(self.dropped)})"

    @property
    def mark(self) -> str:
        """A short text that is another one for other columns or another key, and tells nothing of the key."""
        if not (self.hashed or self.dropped):
            return ""
        return hmac.new(self._key, f"masks of listrak-source: {self!r}".encode(), "sha256").hexdigest()[:16]

    @property
    def salt(self) -> str:
        """A secret for hashes of whole records: nobody without the key can try out what a record may have been."""
        if not (self._key and (self.hashed or self.dropped)):
            return ""
        return hmac.new(self._key, b"record_hash of listrak-source", "sha256").hexdigest()

    def table(self, table: Table) -> Table:
        """The table as it is written: hashed columns are text, dropped ones are gone.

        A hashed phone number takes its other form along.
        """
        if not (self.hashed | self.dropped) & set(table.schema.names):
            return table
        dropped = self.dropped | ({PHONE_RAW.name} if PHONE in self.hashed else set())
        columns = tuple(
            _as_hash(column) if column.name in self.hashed else column
            for column in table.columns
            if column.name not in dropped
        )
        return replace(table, columns=columns)

    def records(self, records: pa.Table) -> pa.Table:
        """Records with the API's field names, masked.

        A hashed phone number has ``RAW_PHONE`` beside it, to ask for it.
        """
        return self._without_forgotten(self._mask(records), records)

    def _mask(self, records: pa.Table) -> pa.Table:
        masked = self._masked(records.column_names)
        if not masked:
            return records
        hashed = (name for name, column in masked.items() if column in self.hashed)
        hashes = {name: self._hashes(_plain(records[name], masked[name])) for name in hashed}
        columns = {
            name: hashes.get(name, records[name])
            for name in records.column_names
            if masked.get(name) not in self.dropped
        }
        if PHONE_FIELD in hashes:
            columns.pop(WRITTEN, None)
            columns[RAW_PHONE] = raw_phones(records)
        return pa.table(columns)

    def record(self, record: dict[str, Any]) -> dict[str, Any]:
        """One record as the API's JSON has it, masked; a value that is no text is hashed as JSON writes it.

        Without ``RAW_PHONE``: such a record is written, and nobody asks by it.
        """
        masked = self._masked(record)
        if len(self._forgotten):
            phones = [name for name in record if _FIELDS.get(name.replace("_", "").lower()) == PHONE]
            hashes = {name: self._hash(record[name], PHONE) for name in phones}
            if pc.any(pc.is_in(pa.array(list(hashes.values()), TEXT), value_set=self._forgotten), min_count=0).as_py():
                return hashes | {name: record[name] for name in _OF_CONSENT if name in record}
        if not masked:
            return record
        return {
            name: self._hash(value, masked[name]) if name in masked else value
            for name, value in record.items()
            if masked.get(name) not in self.dropped
        }

    def _without_forgotten(self, masked: pa.Table, records: pa.Table) -> pa.Table:
        """Records, masked already: of who was forgotten, what is personal is gone."""
        if not len(self._forgotten) or PHONE_FIELD not in masked.column_names:
            return masked
        phones = masked[PHONE_FIELD]
        hashes = phones if PHONE in self.hashed else self._hashes(_plain(records[PHONE_FIELD], PHONE))
        which = pc.fill_null(pc.is_in(hashes, value_set=self._forgotten), False)
        if not pc.any(which, min_count=0).as_py():
            return masked
        places = pc.if_else(which, pa.scalar(None, pa.int64()), pa.array(range(masked.num_rows), pa.int64()))
        stays = (*_OF_CONSENT, SET_ASIDE, RAW_PHONE)
        columns = {name: masked[name] if name in stays else masked[name].take(places) for name in masked.column_names}
        columns[PHONE_FIELD] = pc.if_else(which, hashes, phones)
        columns[RAW_PHONE] = raw_phones(records)
        return pa.table(columns)

    def _masked(self, names: Iterable[str]) -> dict[str, str]:
        """The fields that are masked, with the column of each: also where the API spells one in another way."""
        columns = {name: _FIELDS.get(name.replace("_", "").lower(), "") for name in names}
        return {name: column for name, column in columns.items() if column in self.hashed or column in self.dropped}

    def _hash(self, value: Any, column: str) -> str | None:
        text = as_phone(value) if column == PHONE else as_text(value)
        return self._digest(_plain(pa.array([text], TEXT), column)[0].as_py())

    def _hashes(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """The column hashed, each distinct value once.

        By Python, value for value: OpenSSL takes half the time of DuckDB's SHA-256, and a window of few rows none of
        the millisecond that a query costs.
        """
        distinct = pc.unique(column)
        hashes = pa.array([self._digest(text) for text in distinct.to_pylist()], TEXT)
        return pc.take(hashes, pc.index_in(column, value_set=distinct))

    def _digest(self, text: str | None) -> str | None:
        """HMAC (RFC 2104) with the work on the key done once: ``hmac`` takes twice as long."""
        if not text:
            return text
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text.encode())
        outer.update(inner.digest())
        return outer.hexdigest()


def _as_hash(column: Column) -> Column:
    return replace(column, type=TEXT, description=f"{column.description} Hashed: HMAC-SHA256, in hex.")


def _plain(values: pa.Array | pa.ChunkedArray, column: str) -> pa.Array | pa.ChunkedArray:
    """What the column would hold unhashed, as text."""
    if column == PHONE:
        return canonical(values)
    if column != "birthday":
        return values
    days = pc.utf8_slice_codeunits(values, 0, _DAY)
    return pc.if_else(pc.is_in(days, value_set=_NO_DAY), pa.scalar(None, TEXT), days)


def _columns(option: str, given: Iterable[str], allowed: tuple[str, ...]) -> frozenset[str]:
    if isinstance(given, str):
        raise ConfigurationError(f"sources.listrak.{option}: {given!r} is no list of columns; write ['{given}']")
    columns = frozenset(given)
    if PHONE in columns and PHONE not in allowed:
        raise ConfigurationError(f"sources.listrak.{option}: {PHONE} joins the tables; it can be hashed, not dropped")
    if unknown := columns.difference(allowed):
        raise ConfigurationError(
            f"sources.listrak.{option}: {', '.join(map(repr, sorted(map(str, unknown))))} is none of "
            f"{', '.join(allowed)}"
        )
    return columns


NO_MASKS = Masks()
"""Everything is written as it comes."""
