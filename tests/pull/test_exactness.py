"""What a pull remembers of rows: phones that it wrote, and keys for the next load. Both must be exact."""

from __future__ import annotations

import hashlib
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from listrak_source.pull.keys.dedupe import Dedupe
from listrak_source.pull.keys.seen_keys import packed, unpacked
from listrak_source.pull.records.row_keys import KEY, keys_of

PHONES = [
    "15550001111", "5550001111", "05550001111", "005550001111", "1", "01", "001", "0", "00", "",
    "999999999999999", "0999999999999999", "1000000000000000", "+15550001111", "1555000111a", " 15550001111",
    "\u0661\u0665\u0665\u0665", "1555 000", "-1", "1e5", "0x10", "²",
]  # fmt: skip


def phones(*numbers: str | None) -> pa.Table:
    return pa.table({"phoneNumber": pa.array(numbers, pa.string()), "at": pa.array(range(len(numbers)), pa.int64())})


def test_each_phone_is_itself() -> None:
    once = Dedupe()
    assert once.first("a list", phones(*PHONES))["phoneNumber"].to_pylist() == PHONES
    assert once.first("a list", phones(*PHONES)).num_rows == 0
    assert once.first("another", phones(*PHONES)).num_rows == len(PHONES)


@pytest.mark.parametrize("phone", PHONES)
def test_no_phone_hides_another(phone: str) -> None:
    once = Dedupe()
    others = [other for other in PHONES if other != phone]
    for other in others:
        once.first("a list", phones(other))
    assert once.first("a list", phones(phone, "14445556666"))["phoneNumber"].to_pylist() == [phone, "14445556666"]
    assert once.first("a list", phones(phone)).num_rows == 0


@given(st.lists(st.lists(st.sampled_from(PHONES[:16]) | st.text("0123456789+", max_size=17), max_size=8), max_size=6))
def test_as_a_set_of_text_would_have_it(batches: list[list[str]]) -> None:
    once, written = Dedupe(), set()
    for batch in batches:
        unique = list(dict.fromkeys(batch))
        fresh = once.first("a list", phones(*unique))["phoneNumber"].to_pylist()
        assert fresh == [phone for phone in unique if phone not in written]
        written.update(unique)


def test_rows_keep_their_order_and_columns() -> None:
    once = Dedupe()
    once.first("a list", phones("2", "4"))
    assert once.first("a list", phones("1", "2", "3", "4", "5")).to_pydict() == {
        "phoneNumber": ["1", "3", "5"],
        "at": [0, 2, 4],
    }


def test_nothing_and_null() -> None:
    once = Dedupe()
    assert once.first("a list", phones()).num_rows == 0
    assert once.first("a list", phones(None, "1")).num_rows == 2
    assert once.first("a list", phones("1")).num_rows == 0
    assert once.first("a list", phones("2")).num_rows == 1


def test_pages_in_several_chunks() -> None:
    once = Dedupe()
    chunked = pa.concat_tables([phones("1", "2"), phones(), phones("3")])
    assert once.first("a list", chunked).num_rows == 3
    assert once.first("a list", pa.concat_tables([phones("3", "4"), phones("2", "5")]))["phoneNumber"].to_pylist() == [
        "4",
        "5",
    ]


KINDS = [pa.int64(), pa.string(), pa.timestamp("us", "UTC"), pa.bool_()]


def keys(*rows: tuple[Any, ...]) -> pa.Table:
    columns = [pa.array([row[at] for row in rows], kind) for at, kind in enumerate(KINDS)]
    return pa.table(columns, names=["sender_code_id", "phone_number", "event_at", "opted_out"])


def test_every_difference_shows_in_the_key() -> None:
    rows = [
        (1, "15550001111", 0, False),
        (2, "15550001111", 0, False),
        (1, "5550001111", 0, False),
        (1, "05550001111", 0, False),
        (1, "+15550001111", 0, False),
        (1, "15550001111", 1, False),
        (1, "15550001111", 0, True),
        (1, "15550001111", 0, None),
        (1, "15550001111", None, False),
        (None, "15550001111", 0, False),
        (1, None, 0, False),
        (1, "", 0, False),
        (0, "0", 0, False),
        (None, None, None, None),
    ]
    hashes = keys_of(keys(*rows))
    assert hashes.type == KEY
    assert len(hashes.unique()) == len(rows)
    one_by_one = [keys_of(keys(row))[0].as_py() for row in rows]
    assert hashes.to_pylist() == one_by_one, "a row's key does not depend on its neighbors"
    assert keys_of(keys(*rows)).equals(hashes)


def test_keys_are_the_same_in_every_process() -> None:
    """Another one goes on with what this one has seen. As reckoned by the reference of MurmurHash3's end, and MD5."""
    rows = [(1015, "15550001111", 1_700_000_000_000_000, True), (1015, "n/a", None, None)]
    expected = []
    for row in rows:
        mixed = 0
        for value in row:
            mixed = finished(mixed ^ as_number(value) % 2**64)
        expected.append(mixed)
    assert keys_of(keys(*rows)).view(pa.uint64()).to_pylist() == expected


def as_number(value: int | str | None) -> int:
    if isinstance(value, str) and not value.isdigit():
        return int.from_bytes(hashlib.md5(value.encode()).digest()[:8], "little") | 2**63
    if isinstance(value, str):
        return len(value) * 10**15 + int(value)
    return 0x5851F42D4C957F2D if value is None else int(value)


def finished(bits: int) -> int:
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        bits = ((bits ^ bits >> 33) * factor) % 2**64
    return bits ^ bits >> 33


def test_keys_of_a_million_rows_are_a_million() -> None:
    """Also of rows that are near each other, which a weak hash would throw together."""
    sender, day = pa.array(range(1000), pa.int64()), pa.array(range(1000), pa.int64())
    rows = pa.table({"a": sender, "one": pa.repeat(1, 1000)}).join(
        pa.table({"b": day, "one": pa.repeat(1, 1000)}), "one"
    )
    assert len(keys_of(rows.select(["a", "b"])).unique()) == 1_000_000


def test_keys_stand_in_the_order_of_the_rows() -> None:
    """Also where they are in several pieces."""
    numbers = [f"{number:011d}" for number in range(3000)]
    one = pa.table({"phone": numbers, "list": range(3000)})
    pieces = pa.concat_tables([one.slice(0, 10), one.slice(10, 0), one.slice(10)])
    assert keys_of(pieces).equals(keys_of(one))
    for start in (0, 1220, 2990):
        assert keys_of(one).slice(start, 10).equals(keys_of(one.slice(start, 10)))


def test_no_rows() -> None:
    assert len(keys_of(keys())) == 0


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1))
def test_packed_hashes_come_back(numbers: list[int]) -> None:
    bits = pa.array(numbers, pa.uint64())
    assert sorted(unpacked(packed(bits.view(KEY))).view(pa.uint64()).to_pylist()) == sorted(numbers)
