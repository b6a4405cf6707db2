"""Each contact once: which phone numbers a pull has written already, in eight bytes each."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict

import pyarrow as pa
import pyarrow.compute as pc

_DIGITS = 15
"""The most digits of a phone number (E.164): with their count in front they fit 64 bits."""
_PLAIN = re.compile(r"^[0-9]{1,15}$")


class Once:
    """What was written, by group (a table of a sender code, a list): to leave out what comes again on another list."""

    def __init__(self) -> None:
        self._written: dict[str, list[pa.Array]] = defaultdict(list)

    def first(self, group: str, records: pa.Table) -> pa.Table:
        """The records whose phone number the group sees for the first time; from now on it counts as written."""
        keys = _keys(records["phoneNumber"])
        fresh = records
        if len(pc.unique(keys)) < len(keys):
            # A page that came twice: of each number the first.
            numbered = pa.table({"key": keys, "row": pa.array(range(len(keys)))})
            rows = numbered.group_by("key").aggregate([("row", "min")])
            firsts = pc.sort_indices(rows["row_min"])
            fresh, keys = records.take(rows["row_min"].take(firsts)), rows["key"].take(firsts).combine_chunks()
        before = self._written[group]
        if before:
            # The new ones are the small side, so they make the hash table.
            written = pa.chunked_array(before)
            again = written.filter(pc.is_in(written, value_set=keys))
            if len(again):
                mask = pc.invert(pc.is_in(keys, value_set=again.combine_chunks()))
                fresh, keys = fresh.filter(mask), keys.filter(mask)
        if len(keys):
            before.append(keys)
        return fresh


def _keys(phones: pa.ChunkedArray) -> pa.Array:
    """Phone numbers as integers: exact for plain digits, leading zeros included; a hash for anything else."""
    plain = pc.and_(pc.ascii_is_decimal(phones), pc.less_equal(pc.binary_length(phones), _DIGITS))
    if not pc.all(plain, min_count=0).as_py():
        return pa.array([_key(phone) for phone in phones.to_pylist()], pa.int64())
    lengths = pc.multiply(pc.binary_length(phones).cast(pa.int64()), 10**_DIGITS)
    keys = pc.add(lengths, phones.cast(pa.int64()))
    return keys.combine_chunks() if isinstance(keys, pa.ChunkedArray) else keys


def _key(phone: str | None) -> int:
    text = phone or ""
    if _PLAIN.fullmatch(text):
        return int(f"{len(text)}{text:0>{_DIGITS}}")
    # Negative, so that it never meets a plain number's.
    digest = hashlib.blake2b(text.encode(), digest_size=7).digest()
    return -1 - int.from_bytes(digest, "big")
