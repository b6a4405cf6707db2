"""Walks over pages, and the ways in which one may not be whole."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listrak_source.api import FullPage, ListrakClient, ListrakError, Page, RepeatedCursor, each_record
from listrak_source.api.pagination import pages

from .conftest import PHONE
from .scripted import RECORD, Reply, Scripted, Seen, json_reply, page_reply

PATH = "/sms/v1/ShortCode/1/PhoneList/2/Contact"


def query(seen: Seen) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(seen.target).query).items()}


def test_filters_and_count_go_with_every_page(server: Scripted, client: ListrakClient) -> None:
    cursors = iter(["n+1/=", "n%2B2", f"{PATH}?cursor=n3&optedOut=false&count=1", None])
    server.script = lambda _: page_reply([{"phoneNumber": "1"}], next(cursors))
    walk = client.list_contacts(1, 2, opted_out=True, start_subscribe_date="2024-01-31T00:00:00", count=2)
    assert len(list(each_record(walk))) == 4
    same = {"optedOut": "true", "startSubscribeDate": "2024-01-31T00:00:00", "count": "2"}
    assert [query(seen) for seen in server.seen] == [
        same,
        {**same, "cursor": "n+1/="},
        {**same, "cursor": "n+2"},
        {**same, "cursor": "n3"},
    ]
    assert "cursor=n%2B1%2F%3D" in server.seen[1].target
    assert {urlsplit(seen.target).path for seen in server.seen} == {PATH}


def test_nothing_is_asked_for_before_the_first_page_is(server: Scripted, client: ListrakClient) -> None:
    walk = client.list_sender_codes()
    assert not server.seen
    next(walk)
    assert len(server.seen) == 1


def test_a_decoder_of_ones_own(server: Scripted, client: ListrakClient) -> None:
    walk = client.list_contacts(1, 2, decode=lambda body: Page(1, None, len(body)))
    assert [page.data for page in walk] == [len(RECORD)]


class Listing:
    """A collection of ``total`` rows behind a cursor; it can misbehave."""

    def __init__(self, total: int, *, paged: bool = True, cap: int = 5000, last_cursor: bool = False) -> None:
        self.rows = [{"phoneNumber": str(n)} for n in range(total)]
        self.paged, self.cap, self.last_cursor = paged, cap, last_cursor

    def __call__(self, seen: Seen) -> Reply:
        asked = query(seen)
        start = int(asked.get("cursor", "at0")[2:])
        end = start + min(int(asked.get("count", 1000)), self.cap)
        more = self.paged and (end < len(self.rows) or (self.last_cursor and start < len(self.rows)))
        return page_reply(self.rows[start:end], f"at{end}" if more else None)


@pytest.mark.parametrize("last_cursor", [False, True], ids=["null at the end", "cursor to an empty page"])
@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("total", [0, 1, 2, 3, 4, 6, 7, 8, 14])
def test_every_row_comes_once(
    server: Scripted, client: ListrakClient, total: int, count: int, last_cursor: bool
) -> None:
    server.script = listing = Listing(total, last_cursor=last_cursor)
    assert list(each_record(client.list_opt_outs(1, count=count))) == listing.rows


WALKS = [
    lambda c: c.list_contacts(1, 2, count=3),
    lambda c: c.list_opt_outs(1, count=3),
    lambda c: c.list_phone_lists(1, count=3),
    lambda c: c.list_contact_subscriptions(1, PHONE, count=3),
]


@pytest.mark.parametrize("walk", WALKS)
def test_a_full_page_without_a_cursor_may_hide_rows(server: Scripted, client: ListrakClient, walk: Any) -> None:
    server.script = Listing(5, paged=False)
    found = []
    with pytest.raises(FullPage, match="rows may be missing") as caught:
        found += list(each_record(walk(client)))
    assert found == []
    assert [query(seen)["count"] for seen in server.seen] == ["3", "2"]
    assert "senderCodeId 1" in str(caught.value)
    assert PHONE not in str(caught.value)
    assert not caught.value.retriable


def test_a_phone_of_any_length_is_masked_in_what_a_walk_is_called(server: Scripted, client: ListrakClient) -> None:
    server.script = Listing(5, paged=False)
    with pytest.raises(FullPage, match="phoneNumber …4567") as caught:
        list(client.list_contact_subscriptions(1, "5554567", count=3))
    assert "5554567" not in str(caught.value)


def test_a_single_row_page_without_a_cursor(server: Scripted, client: ListrakClient) -> None:
    server.script = Listing(1, paged=False)
    assert len(list(each_record(client.list_opt_outs(1, count=1)))) == 1
    server.script = Listing(2, paged=False)
    with pytest.raises(FullPage):
        list(client.list_opt_outs(1, count=1))


@pytest.mark.parametrize("walk", WALKS)
def test_a_full_last_page_is_told_from_a_cut_one(server: Scripted, client: ListrakClient, walk: Any) -> None:
    server.script = listing = Listing(6)
    assert list(each_record(walk(client))) == listing.rows
    assert [query(seen)["count"] for seen in server.seen] == ["3", "3", "2", "3"]


def test_a_cursor_lost_once_loses_no_row(server: Scripted, client: ListrakClient) -> None:
    listing = Listing(8)
    lost: list[Seen] = []

    def script(seen: Seen) -> Reply:
        if query(seen).get("cursor") == "at3" and not lost:
            lost.append(seen)
            return page_reply(listing.rows[3:6])
        return listing(seen)

    server.script = script
    assert list(each_record(client.list_opt_outs(1, count=3))) == listing.rows
    assert lost


def test_a_full_page_that_shrank_meanwhile_is_the_end(server: Scripted, client: ListrakClient) -> None:
    server.replies(page_reply([{}, {}, {}]), page_reply([{}]))
    assert len(list(each_record(client.list_opt_outs(1, count=3)))) == 3


@pytest.mark.parametrize("cursors", [["a", "a"], ["a", "b", "a"], ["Start"], ["a", "/x?cursor=a"]])
def test_a_cursor_that_comes_again_is_an_error(server: Scripted, client: ListrakClient, cursors: list[str]) -> None:
    waiting = iter(cursors)
    server.script = lambda _: page_reply([{}], next(waiting))
    with pytest.raises(RepeatedCursor, match="second time") as caught:
        list(client.list_contacts(1, 2, opted_out=True, end_subscribe_date="2024-01-31T00:00:00"))
    for part in ("list_contacts", "senderCodeId 1", "phoneListId 2", "optedOut true", "2024-01-31T00:00:00"):
        assert part in str(caught.value)
    assert len(server.seen) == len(cursors)


def test_an_empty_page_with_a_cursor_is_not_the_end(server: Scripted, client: ListrakClient) -> None:
    server.replies(page_reply([], "a"), page_reply([], "b"), page_reply([{}, {}]))
    assert len(list(each_record(client.list_opt_outs(1)))) == 2


@pytest.mark.parametrize(
    "walk",
    [
        lambda c: c.list_sender_codes(),
        lambda c: c.list_profile_fields(1),
        lambda c: c.list_transactional_messages(1, 2),
    ],
)
def test_an_operation_without_count_follows_a_cursor_all_the_same(
    server: Scripted, client: ListrakClient, walk: Any
) -> None:
    server.replies(page_reply([{}] * 5000, "a"), page_reply([{}] * 1000))
    assert len(list(each_record(walk(client)))) == 6000
    assert [query(seen) for seen in server.seen] == [{}, {"cursor": "a"}]


@pytest.mark.parametrize("count", [2, 3, 7])
def test_a_walk_goes_on_where_another_was_left(server: Scripted, client: ListrakClient, count: int) -> None:
    server.script = listing = Listing(9)
    walks: list[Any] = [client.list_opt_outs, partial(client.list_contacts, 1, opted_out=True)]
    for walk in walks:
        read: list[dict[str, Any]] = []
        for page in walk(1, count=count):
            read += page.data
            if page.next_cursor:
                rest = walk(1, count=count, cursor=page.next_cursor)
                assert [*read, *each_record(rest)] == listing.rows
    assert query(server.seen[-1]).keys() >= {"optedOut", "count", "cursor"}


def test_a_cursor_that_was_left_is_one_that_was_seen(server: Scripted, client: ListrakClient) -> None:
    cursors = iter(["b", "a"])
    server.script = lambda _: page_reply([{}], next(cursors))
    with pytest.raises(RepeatedCursor):
        list(client.list_opt_outs(1, cursor="a"))
    assert [query(seen)["cursor"] for seen in server.seen] == ["a", "b"]


@pytest.mark.parametrize(
    ("status", "code", "refused"),
    [(400, "ERROR_INVALID_PARAMETER", True), (404, "", True), (410, "", True), (400, "ERROR_LIST_INACTIVE", False),
     (401, "ERROR_UNAUTHORIZED", False), (403, "", False), (500, "ERROR_UNHANDLED_EXCEPTION", False)],
)  # fmt: skip
def test_a_refused_cursor_is_told_from_other_errors(
    server: Scripted, client: ListrakClient, status: int, code: str, refused: bool
) -> None:
    server.script = lambda _: json_reply({"status": status, "error": code, "message": "No."}, status)
    for cursor in ("a", None):
        with pytest.raises(ListrakError) as caught:
            list(client.list_contacts(1, 2, cursor=cursor))
        assert caught.value.cursor_refused is (refused and cursor is not None)


@given(st.lists(st.integers(0, 3), max_size=6), st.integers(2, 4))
def test_any_sequence_of_page_sizes_is_read_whole(sizes: list[int], count: int) -> None:
    held = [min(size, count) for size in sizes] or [0]

    def fetch(cursor: str | None, _: int | None) -> Page[int]:
        at = int(cursor or 0)
        return Page(held[at], str(at + 1) if at + 1 < len(held) else None, at)

    def walk() -> Iterator[Page[int]]:
        return pages(fetch, count, "list_contacts", "unit")

    if held[-1] < count:
        assert [page.data for page in walk()] == list(range(len(held)))
    else:
        with pytest.raises(FullPage):
            list(walk())


@pytest.mark.parametrize("count", [0, -1, 5001])
def test_a_count_out_of_range_is_refused_before_anything_is_sent(
    server: Scripted, client: ListrakClient, count: int
) -> None:
    with pytest.raises(ValueError, match="count"):
        client.list_opt_outs(1, count=count)
    assert not server.seen


def test_a_walk_ends_with_the_error_of_its_page(server: Scripted, client: ListrakClient) -> None:
    server.replies(page_reply([{}], "a"), Reply(500, b""))
    walk = client.list_opt_outs(1)
    next(walk)
    with pytest.raises(ListrakError):
        next(walk)


class Cut(Listing):
    """One that does not page, and answers at most ``cap`` rows; or always so many, whatever it is asked for."""

    def __init__(self, total: int, cap: int, *, follows: bool) -> None:
        super().__init__(total, paged=False, cap=cap)
        self.follows = follows

    def __call__(self, seen: Seen) -> Reply:
        return super().__call__(seen) if self.follows else page_reply(self.rows[: self.cap])


@pytest.mark.parametrize("follows", [False, True], ids=["count ignored", "count capped"])
@pytest.mark.parametrize("cap", [50, 100, 500, 1000])
def test_a_page_that_an_api_cuts_off_by_itself_may_hide_rows(
    server: Scripted, client: ListrakClient, cap: int, follows: bool
) -> None:
    """13.A4. It asked for 5,000 and got a round number of rows without a cursor."""
    server.script = Cut(1428, cap, follows=follows)
    with pytest.raises(FullPage, match="rows may be missing") as caught:
        list(client.list_opt_outs(1))
    assert caught.value.rows == cap
    assert [query(seen)["count"] for seen in server.seen] == ["5000", str(cap - 1)]


@pytest.mark.parametrize("follows", [False, True], ids=["count ignored", "count capped"])
@pytest.mark.parametrize("walk", [lambda c: c.list_phone_lists(1), lambda c: c.list_contact_subscriptions(1, PHONE)])
def test_what_no_window_narrows_is_doubted_at_the_default(
    server: Scripted, client: ListrakClient, walk: Any, follows: bool
) -> None:
    """13.A4. An account that has a hundred lists is no reason to stop; one of a thousand is."""
    server.script = Cut(1428, 1000, follows=follows)
    with pytest.raises(FullPage):
        list(walk(client))
    server.script = listing = Cut(100, 5000, follows=follows)
    assert list(each_record(walk(client))) == listing.rows


@pytest.mark.parametrize("total", [1, 19, 49, 51, 999, 1001])
def test_a_page_of_another_length_costs_no_second_request(server: Scripted, client: ListrakClient, total: int) -> None:
    """13.A4."""
    server.script = listing = Listing(total, paged=False)
    assert list(each_record(client.list_opt_outs(1))) == listing.rows
    assert len(server.seen) == 1


def test_a_round_number_of_rows_is_whole_where_cursors_are_given(server: Scripted, client: ListrakClient) -> None:
    """13.A4."""
    server.script = listing = Listing(1000)
    assert list(each_record(client.list_opt_outs(1))) == listing.rows
    assert [query(seen)["count"] for seen in server.seen] == ["5000", "999", "5000"]


def test_a_last_page_as_long_as_all_before_it_is_asked_for_again(server: Scripted, client: ListrakClient) -> None:
    """13.A4. The API gives 37 rows a page, whatever it is asked for, and loses a cursor."""
    listing = Listing(200, cap=37)
    server.script = lambda seen: (
        listing(seen) if query(seen).get("cursor") != "at74" else page_reply(listing.rows[74:111])
    )
    with pytest.raises(FullPage):
        list(client.list_opt_outs(1))
