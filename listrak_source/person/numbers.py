"""The phone number that somebody asks about, in every form in which the warehouse may hold it.

A pull writes North American numbers in one form; an older version, and numbers of other countries, may stand in
another. So whoever asks is given each form that means the same number, the hash included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from listrak_source.api.phones import ELEVEN, canonical
from listrak_source.pull.records.masking import Masks
from listrak_source.pull.records.phone_numbers import PHONE_FIELD
from listrak_source.push.sync import phone_numbers
from listrak_source.push.warehouse.ledger import among
from listrak_source.push.warehouse.sql_client import Store, text

HASH = 64
"""Characters of a hashed phone number."""
_USUAL = "^1[0-9]{10}$"
_LAST = 4
_LINK = re.compile(r"^(tel|sms):", re.IGNORECASE)
_DIALLED = re.compile(r"^00(?=[1-9])")
"""What is dialled in place of the plus."""
_ABROAD = ("+", "00", "011")
"""What may stand before the country of a number."""


@dataclass(frozen=True)
class Number:
    """A phone number."""

    phone: str
    """Its one form."""
    is_whole: bool
    """Whether it can be a phone number at all."""
    hashed: str | None = None
    """Its hash, where the warehouse holds hashes."""
    forms: tuple[str, ...] = ()
    """The forms in which it stands in the warehouse, and may stand."""

    @classmethod
    def of(cls, written: str) -> Number:
        """The number that a person has written, in whatever form."""
        phone = one_form(written)
        return cls(phone or written.strip(), phone is not None, forms=(phone or written.strip(),))

    def with_hash(self, hashed: str) -> Number:
        """The same of somebody who was forgotten, and stands in the warehouse by a hash."""
        return replace(self, hashed=hashed, forms=tuple(dict.fromkeys((*self.forms, hashed))))

    def hashed_by(self, masks: Masks) -> Number:
        """The same, where the warehouse holds hashes: of another country's number, one for each form of Listrak's."""
        written = [self.phone, *(f"{prefix}{self.phone}" for prefix in _ABROAD if self.is_whole)]
        hashes = [str(masks.record({PHONE_FIELD: one})[PHONE_FIELD]) for one in written]
        return replace(self, hashed=hashes[0], forms=tuple(dict.fromkeys((*self.forms, *hashes))))

    def among(self, column: str = "phone_number") -> str:
        """SQL: the column holds this number."""
        return among(column, self.forms)

    def looked_up(self, store: Store, tables: Iterable[str]) -> Number:
        """The same, with the other forms in which the tables hold it."""
        digits = [one for one in self.phone if one.isdigit()][-_LAST:]
        if not self.is_whole or len(digits) < _LAST:
            return self
        like = text(f"%{'%'.join(digits)}%")
        odd = f"LENGTH(phone_number) <> {HASH} AND NOT REGEXP_MATCHES(phone_number, '{_USUAL}')"
        parts = [f"SELECT phone_number FROM {table} WHERE phone_number LIKE {like} AND {odd}" for table in tables]
        if not parts:
            return self
        found = {str(phone) for (phone,) in store.rows(" UNION ".join(parts))}
        others = {phone for phone in found if one_form(phone) == self.phone}
        return replace(self, forms=tuple(dict.fromkeys((*self.forms, *sorted(others)))))


def one_form(written: str) -> str | None:
    """The one form of a number; of one of another country its digits. None where it can be nobody's number."""
    written = _DIALLED.sub("+", _LINK.sub("", written.strip()))
    phone = canonical(written)
    return phone if re.fullmatch(ELEVEN, phone) else phone_numbers.numbers([written])[written]
