"""What a pull remembers of rows: phones that it wrote, and fingerprints for the next pull. Both must be exact."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from listrak_source.pull import fingerprints
from listrak_source.pull.fingerprints import HASH
from listrak_source.pull.once import KEY, Once
from listrak_source.pull.records import from_records
from listrak_source.pull.rejects import Rejects
from listrak_source.pull.seen_keys import packed, unpacked
from listrak_source.pull.tables import CONTACTS

PHONES = [
    "15550001111", "5550001111", "05550001111", "005550001111", "1", "01", "001", "0", "00", "",
    "999999999999999", "0999999999999999", "1000000000000000", "+15550001111", "1555000111a", " 15550001111",
    "\u0661\u0665\u0665\u0665", "1555 000", "-1", "1e5", "0x10", "²",
]  # fmt: skip


def phones(*numbers: str | None) -> pa.Table:
    return pa.table({"phoneNumber": pa.array(numbers, pa.string()), "at": pa.array(range(len(numbers)), pa.int64())})


def test_each_phone_is_itself() -> None:
    once = Once()
    assert once.first("a list", phones(*PHONES))["phoneNumber"].to_pylist() == PHONES
    assert once.first("a list", phones(*PHONES)).num_rows == 0
    assert once.first("another", phones(*PHONES)).num_rows == len(PHONES)


@pytest.mark.parametrize("phone", PHONES)
def test_no_phone_hides_another(phone: str) -> None:
    once = Once()
    others = [other for other in PHONES if other != phone]
    for other in others:
        once.first("a list", phones(other))
    assert once.first("a list", phones(phone, "14445556666"))["phoneNumber"].to_pylist() == [phone, "14445556666"]
    assert once.first("a list", phones(phone)).num_rows == 0


@given(st.lists(st.lists(st.sampled_from(PHONES[:16]) | st.text("0123456789+", max_size=17), max_size=8), max_size=6))
def test_as_a_set_of_text_would_have_it(batches: list[list[str]]) -> None:
    once, written = Once(), set()
    for batch in batches:
        unique = list(dict.fromkeys(batch))
        fresh = once.first("a list", phones(*unique))["phoneNumber"].to_pylist()
        assert fresh == [phone for phone in unique if phone not in written]
        written.update(unique)


def test_rows_keep_their_order_and_columns() -> None:
    once = Once()
    once.first("a list", phones("2", "4"))
    assert once.first("a list", phones("1", "2", "3", "4", "5")).to_pydict() == {
        "phoneNumber": ["1", "3", "5"],
        "at": [0, 2, 4],
    }


def test_nothing_and_null() -> None:
    once = Once()
    assert once.first("a list", phones()).num_rows == 0
    assert once.first("a list", phones(None, "1")).num_rows == 2
    assert once.first("a list", phones("1")).num_rows == 0
    assert once.first("a list", phones("2")).num_rows == 1


def test_pages_in_several_chunks() -> None:
    once = Once()
    chunked = pa.concat_tables([phones("1", "2"), phones(), phones("3")])
    assert once.first("a list", chunked).num_rows == 3
    assert once.first("a list", pa.concat_tables([phones("3", "4"), phones("2", "5")]))["phoneNumber"].to_pylist() == [
        "4",
        "5",
    ]


def contacts(*rows: tuple[Any, ...]) -> pa.Table:
    names = ("phoneNumber", "firstName", "lastName", "postalCode", "optedOut", "values")
    values = pa.list_(pa.struct([("id", pa.int64()), ("value", pa.string())]))
    kinds = [pa.string()] * 4 + [pa.bool_(), values]
    columns = [pa.array([row[at] for row in rows], kind) for at, kind in enumerate(kinds)]
    return pa.table(columns, names=list(names))


def value(field: int, text: str | None) -> dict[str, Any]:
    return {"id": field, "value": text}


def test_every_difference_shows_in_the_fingerprint() -> None:
    rows = [
        ("1", "Ann", "Lee", "01234", False, [value(1, "a"), value(2, "b")]),
        ("1", "Lee", "Ann", "01234", False, [value(1, "a"), value(2, "b")]),
        ("1", "Ann", "Lee", "1234", False, [value(1, "a"), value(2, "b")]),
        ("1", "Ann", "Lee", "01234", True, [value(1, "a"), value(2, "b")]),
        ("1", "Ann", "Lee", "01234", None, [value(1, "a"), value(2, "b")]),
        ("1", "Ann", None, "01234", False, [value(1, "a"), value(2, "b")]),
        ("1", None, "Ann", "01234", False, [value(1, "a"), value(2, "b")]),
        ("1", "", "Ann", "01234", False, [value(1, "a"), value(2, "b")]),
        ("1", "Ann", "Lee", "01234", False, [value(1, "b"), value(2, "a")]),
        ("1", "Ann", "Lee", "01234", False, [value(1, "a")]),
        ("1", "Ann", "Lee", "01234", False, [value(1, "a"), value(2, None)]),
        ("1", "Ann", "Lee", "01234", False, [value(1, "a"), value(2, "")]),
        ("1", "Ann", "Lee", "01234", False, []),
        ("01", "Ann", "Lee", "01234", False, []),
    ]
    hashes = fingerprints.of(contacts(*rows))
    assert hashes.type == HASH
    assert len(hashes.unique()) == len(rows)
    one_by_one = [fingerprints.of(contacts(row))[0].as_py() for row in rows]
    assert hashes.to_pylist() == one_by_one, "a row's fingerprint does not depend on its neighbours"
    assert fingerprints.of(contacts(*rows)).equals(hashes)


def test_record_that_is_set_aside_leaves_its_neighbours_as_they_were() -> None:
    """Else each of them would count as new, and be looked up."""
    good = [{"phoneNumber": str(n), "optedOut": False, "segmentationFieldValues": []} for n in range(3)]
    bad = [good[0], good[1] | {"optedOut": "perhaps"}, good[2]]
    before, after = (fingerprints.of(from_records(records, CONTACTS, Rejects())).to_pylist() for records in (good, bad))
    assert (before[0], before[2]) == (after[0], after[2])
    assert before[1] != after[1]


def test_hashes_stand_in_the_order_of_the_rows() -> None:
    """Also where DuckDB reads in several pieces."""
    many = pa.table({"phoneNumber": [f"{number:011d}" for number in range(300_000)]})
    hashes = fingerprints.of(many)
    for start in (0, 122_000, 245_000, 299_000):
        assert hashes.slice(start, 1000).equals(fingerprints.of(many.slice(start, 1000)))


def test_no_rows() -> None:
    assert len(fingerprints.of(contacts())) == 0


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1))
def test_packed_hashes_come_back(numbers: list[int]) -> None:
    keys = pa.array(numbers, HASH).view(KEY)
    assert sorted(unpacked(packed(keys)).view(HASH).to_pylist()) == sorted(numbers)
