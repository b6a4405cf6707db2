"""Each row once: what a pull has written already, in eight bytes each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate

import pyarrow as pa
import pyarrow.compute as pc

from listrak_source.pull.records.row_keys import KEY, keys_of, phone_keys


class Dedupe:
    """What was written, by group (a table of a sender code, a list): to leave out what comes again."""

    def __init__(self) -> None:
        self._written: dict[str, list[pa.Array]] = defaultdict(list)
        self._kept: dict[str, int] = defaultdict(int)
        """By group: how many of its parts :meth:`new` has given."""
        self._settled: dict[str, int] = {}
        """By group: how many of its parts are of rows that were handed over."""

    def settle(self) -> None:
        """All that was added so far is of rows that were handed over."""
        self._settled = {group: len(parts) for group, parts in self._written.items()}

    def new(self) -> dict[str, pa.Array]:
        """By group: the settled keys that were added since this was asked for the last time."""
        found = {}
        for group, settled in self._settled.items():
            if settled > self._kept[group]:
                found[group] = pa.concat_arrays(self._written[group][self._kept[group] : settled])
                self._kept[group] = settled
        return found

    def kept(self) -> int:
        """How many keys :meth:`new` has given, or :meth:`restore` has taken."""
        return sum(len(part) for group, parts in self._written.items() for part in parts[: self._kept[group]])

    def restore(self, group: str, keys: pa.Array) -> None:
        """Take over keys that :meth:`new` has given to another process."""
        self.add(group, keys)
        self._kept[group] = len(self._written[group])

    def __bool__(self) -> bool:
        return any(self._written.values())

    def first(self, group: str, records: pa.Table, columns: tuple[str, ...] = ("phoneNumber",)) -> pa.Table:
        """The records whose ``columns`` the group sees for the first time; from now on they count as written."""
        return self.first_of_each(group, [records], columns)[0]

    def first_of_each(
        self, group: str, parts: Sequence[pa.Table], columns: tuple[str, ...] = ("phoneNumber",)
    ) -> list[pa.Table]:
        """The same of several tables, one after the other: what was written is gone through once for all of them."""
        keys = keys_of(pa.concat_tables([part.select(columns) for part in parts]))
        fresh = pc.and_not(_first_of_each(keys), self.has_keys(group, keys))
        if pc.all(fresh, min_count=0).as_py():
            self.add(group, keys)
            return list(parts)
        self.add(group, keys.filter(fresh))
        starts = accumulate((part.num_rows for part in parts), initial=0)
        return [part.filter(fresh.slice(start, part.num_rows)) for part, start in zip(parts, starts, strict=False)]

    def add(self, group: str, keys: pa.Array) -> None:
        """Count keys of :func:`~listrak_source.pull.records.row_keys.keys_of` as written."""
        if len(keys):
            self._written[group].append(keys)

    def is_empty(self, group: str) -> bool:
        """Whether nothing of the group was written."""
        return not self._written.get(group)

    def has(self, group: str, phones: pa.ChunkedArray) -> pa.Array:
        """Which phone numbers the group has seen, as booleans."""
        if not self._written.get(group):
            return _none_of(phones)
        return self.has_keys(group, phone_keys(phones))

    def seen(self, group: str, rows: pa.Table) -> pa.Table:
        """The rows of a table whose phone number the group has seen."""
        return rows.filter(self.has(group, rows["phone_number"]))

    def unseen(self, group: str, rows: pa.Table) -> pa.Table:
        """The rows of a table whose phone number the group has not seen."""
        if not self._written.get(group):
            return rows
        return rows.filter(pc.invert(self.has(group, rows["phone_number"])))

    def count(self, *groups: str) -> int:
        """How many different keys the groups have written, together."""
        keys = [part for group in groups for part in self._written.get(group, ())]
        # Sorted, for a hash table of a million would take ten times the memory of the keys.
        together = pa.chunked_array(keys, KEY).combine_chunks()
        ordered = together.take(pc.sort_indices(together))
        again = pc.sum(pc.equal(ordered[1:], ordered[:-1]), min_count=0).as_py()
        return len(ordered) - int(again)

    def count_either(self, group: str, other: str) -> int:
        """How many different keys at least one of two groups has written, where a group has none twice.

        The ``other`` one is the small one.
        """
        first, second = self._written.get(group, []), self._written.get(other, [])
        both = self.has_keys(group, pa.chunked_array(second, KEY).combine_chunks()) if first and second else None
        again = pc.sum(both, min_count=0).as_py() if both is not None else 0
        return sum(map(len, first)) + sum(map(len, second)) - int(again)

    def has_keys(self, group: str, keys: pa.Array) -> pa.Array:
        """The same, of keys of :func:`~listrak_source.pull.records.row_keys.keys_of`."""
        before = self._written.get(group)
        if not before:
            return _none_of(keys)
        # The new ones are the small side, so they make the hash table.
        written = pa.chunked_array(before)
        again = written.filter(pc.is_in(written, value_set=keys))
        return pc.is_in(keys, value_set=again.combine_chunks())


def _none_of(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    return pa.repeat(pa.scalar(False), len(values))


def _first_of_each(keys: pa.Array) -> pa.Array:
    """Which keys come for the first time, as booleans."""
    if len(keys) == 0:
        return _none_of(keys)
    rows = pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.int32()), len(keys)))
    # Where a value stands for the first time, counted from zero.
    return pc.equal(pc.index_in(keys, value_set=keys), pc.subtract(rows, 1))


def contacts_of(sender_code_id: int) -> str:
    """The group of a sender code's contacts."""
    return f"contacts of {sender_code_id}"


def asked_of(sender_code_id: int) -> str:
    """The group of contacts that were looked up, or are about to be."""
    return f"asked of {sender_code_id}"


def told_of(sender_code_id: int) -> str:
    """The group of contacts of whom a lookup has told what they are to each list."""
    return f"told of {sender_code_id}"


def opt_outs_of(sender_code_id: int) -> str:
    """The group of a sender code's opt-outs."""
    return f"opt-outs of {sender_code_id}"


def stopped_contacts_of(sender_code_id: int) -> str:
    """The group of contacts that were written as opted out."""
    return f"stopped contacts of {sender_code_id}"


def stops_of(sender_code_id: int) -> str:
    """The group of phone numbers that stand among a sender code's opt-outs."""
    return f"stops of {sender_code_id}"


def written_of(sender_code_id: int) -> str:
    """The group of contacts that were written, of those of which the warehouse may hold some as they are."""
    return f"written of {sender_code_id}"


def subscriptions_of(sender_code_id: int) -> str:
    """The group of a sender code's subscriptions that lookups have told."""
    return f"subscriptions of {sender_code_id}"


def rows_of(table: str) -> str:
    """The group of the rows of a small table."""
    return f"rows of {table}"


def out_of(stream: str) -> str:
    """The group of those on a list who have said stop."""
    return f"out of {stream}"


def shown_in(place: str) -> str:
    """The group of what a window has shown to a complete walk, by hashes of records."""
    return f"shown in {place}"
