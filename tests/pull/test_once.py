"""Each row once, whatever comes again."""

from __future__ import annotations

import pyarrow as pa
import pytest

from listrak_source.pull.keys.dedupe import Dedupe


def page(*phones: str) -> pa.Table:
    return pa.table({"phoneNumber": pa.chunked_array([list(phones[:2]), list(phones[2:])], pa.string())})


@pytest.mark.parametrize(
    ("before", "now", "fresh"),
    [
        ((), ("1", "2", "3"), ("1", "2", "3")),
        ((), ("1", "2", "1", "3", "2"), ("1", "2", "3")),
        (("2",), ("1", "2", "1", "3", "2"), ("1", "3")),
        (("1", "2", "3"), ("3", "1", "1"), ()),
        (("1",), (), ()),
        (("01", "+1"), ("1", "01", "+1", "n/a", "n/a"), ("1", "n/a")),
    ],
)
def test_what_comes_again_is_left_out(before: tuple[str, ...], now: tuple[str, ...], fresh: tuple[str, ...]) -> None:
    """On one page or on two, in the order in which they came."""
    once = Dedupe()
    once.first("group", page(*before))
    assert once.first("group", page(*now))["phoneNumber"].to_pylist() == list(fresh)
    assert once.first("group", page(*now)).num_rows == 0
    assert once.first("another", page(*now)).num_rows == len(set(now))
    assert once.count("group") == len({*before, *now})


def test_several_tables_are_told_apart_as_if_one_came_after_the_other() -> None:
    parts = [("1", "2"), (), ("2", "3", "1"), ("4", "4", "0")]
    together, alone = Dedupe(), Dedupe()
    for once in (together, alone):
        once.first("group", page("0"))
    found = together.first_of_each("group", [page(*part) for part in parts])
    assert [part["phoneNumber"].to_pylist() for part in found] == [["1", "2"], [], ["3"], ["4"]]
    assert found == [alone.first("group", page(*part)) for part in parts]
    assert together.count("group") == alone.count("group") == 5


def test_who_was_seen() -> None:
    once = Dedupe()
    rows = pa.table({"phone_number": ["1", "2", "3"]})
    assert once.unseen("group", rows) == rows
    assert once.seen("group", rows).num_rows == 0
    once.first("group", page("2"))
    assert once.seen("group", rows)["phone_number"].to_pylist() == ["2"]
    assert once.unseen("group", rows)["phone_number"].to_pylist() == ["1", "3"]
