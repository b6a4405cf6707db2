"""Walks over pages: cursors in every form they come in, and the ways in which a walk may not be whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listrak_source.api import (
    IncompletePage,
    ListrakClient,
    ListrakError,
    Page,
    UnreadableAnswer,
    UnsafeAddress,
    each_record,
    json_page,
)
from listrak_source.api.paging import cursor_value, pages, unwrap

from .conftest import PHONE
from .scripted import Reply, Scripted, Seen, page_reply, serve

BASE = "https://api.listrak.com/sms/v1"
PATH = "/sms/v1/ShortCode/1/PhoneList/2/Contact"


def query(seen: Seen) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(seen.target).query).items()}


# --- the cursor's forms


@pytest.mark.parametrize(
    ("given_cursor", "value"),
    [
        (None, None),
        ("", None),
        ("  ", None),
        ("abc", "abc"),
        ("MjAyNA==", "MjAyNA=="),
        ("a+b/c=", "a+b/c="),
        ("//8A+/==", "//8A+/=="),
        ("a%2Bb%2Fc%3D", "a+b/c="),
        ("?cursor=abc&count=5", "abc"),
        ("cursor=abc", "abc"),
        ("/sms/v1/ShortCode/1/OptOut?count=5&cursor=a%2Bb%3D&x=1", "a+b="),
        ("ShortCode/1/OptOut?Cursor=a+b=", "a+b="),
        (f"{BASE}/ShortCode/1/OptOut?cursor=abc", "abc"),
        (f"{BASE}/ShortCode/1/OptOut?cursor=abc#there", "abc"),
        ("https://API.listrak.com:443/sms/v1/ShortCode/1/OptOut?cursor=abc", "abc"),
        ("//api.listrak.com/sms/v1/ShortCode/1/OptOut?cursor=abc", "abc"),
        (quote(f"{BASE}/ShortCode/1/OptOut?count=5&cursor=a%2Bb%3D", safe=""), "a+b="),
        ("%2Fsms%2Fv1%2FOptOut%3Fcursor%3Dabc", "abc"),
        ("/sms/v1/OptOut?cursor=", None),
    ],
)
def test_a_cursor_in_every_form(given_cursor: str | None, value: str | None) -> None:
    assert cursor_value(given_cursor, BASE) == value


@given(st.text(st.characters(codec="ascii", categories=["L", "N"], include_characters="+/=_-.~|"), min_size=1))
def test_a_token_comes_through_every_wrapping(token: str) -> None:
    encoded = quote(token, safe="")
    for form in (
        token,
        encoded,
        f"/x?cursor={encoded}",
        f"{BASE}/x?a=1&cursor={encoded}&count=1",
        quote(f"{BASE}/x?cursor={encoded}"),
    ):
        assert cursor_value(form, BASE) == token


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/sms/v1/OptOut?cursor=abc",
        "https://evil.example/sms/v1/OptOut",
        "http://api.listrak.com/sms/v1/OptOut?cursor=abc",
        "https://api.listrak.com:8443/sms/v1/OptOut?cursor=abc",
        "https://api.listrak.com@evil.example/?cursor=abc",
        "https://api.listrak.com.evil.example/?cursor=abc",
        "//evil.example/?cursor=abc",
        "https%3A%2F%2Fevil.example%2F%3Fcursor%3Dabc",
        "ftp://api.listrak.com/?cursor=abc",
        "https://[::1/?cursor=abc",
    ],
)
def test_a_cursor_at_another_address_is_an_error(elsewhere: str) -> None:
    with pytest.raises(UnsafeAddress):
        cursor_value(elsewhere, BASE)


def test_an_address_without_a_cursor_is_not_the_end() -> None:
    with pytest.raises(UnreadableAnswer):
        cursor_value(f"{BASE}/ShortCode/1/OptOut?count=5", BASE)


def test_the_other_host_gets_no_request(server: Scripted, client: ListrakClient) -> None:
    with serve() as other:
        server.replies(page_reply([{"phoneNumber": "1"}], f"{other.base_url}/ShortCode/1/OptOut?cursor=abc"))
        with pytest.raises(UnsafeAddress) as caught:
            list(client.list_opt_outs(1))
        assert caught.value.operation == "list_opt_outs"
        assert not other.seen
        assert len(server.seen) == 1


def test_a_redirect_is_not_followed(server: Scripted, client: ListrakClient) -> None:
    with serve() as other:
        for status in (301, 302, 307, 308):
            server.replies(Reply(status, b"", {"Location": f"{other.base_url}/ShortCode/1/OptOut"}))
            with pytest.raises(UnsafeAddress, match="base_url"):
                list(client.list_opt_outs(1))
            with pytest.raises(UnsafeAddress):
                client.subscribe_contact(1, PHONE, 2)
        assert not other.seen


# --- the walk


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
    assert [page.data for page in walk] == [len(b'{"status":200,"data":[{}]}')]


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
    with pytest.raises(IncompletePage, match="rows may be missing") as caught:
        found += list(each_record(walk(client)))
    assert found == []
    assert [query(seen)["count"] for seen in server.seen] == ["3", "2"]
    assert "senderCodeId 1" in str(caught.value)
    assert PHONE not in str(caught.value)
    assert not caught.value.retriable


def test_a_single_row_page_without_a_cursor(server: Scripted, client: ListrakClient) -> None:
    server.script = Listing(1, paged=False)
    assert len(list(each_record(client.list_opt_outs(1, count=1)))) == 1
    server.script = Listing(2, paged=False)
    with pytest.raises(IncompletePage):
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
    with pytest.raises(IncompletePage, match="second time") as caught:
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
        with pytest.raises(IncompletePage):
            list(walk())


# --- bodies


RECORD = {"phoneListId": 2, "phoneListName": "a", "status": "Active"}


@pytest.mark.parametrize(
    "answer", [RECORD, {"status": 200, "data": RECORD}, [RECORD], {"status": 200, "data": [RECORD]}]
)
def test_one_object_in_every_envelope(server: Scripted, client: ListrakClient, answer: object) -> None:
    body = json.dumps(answer).encode()
    assert unwrap(body) == RECORD
    server.replies(Reply(200, body))
    assert client.get_phone_list(1, 2) == RECORD


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b"[{},{}]", b'"x"', b'{"error": "ERROR_NEW"}'])
def test_no_single_object_is_unreadable(server: Scripted, client: ListrakClient, body: bytes) -> None:
    server.replies(Reply(200, body))
    with pytest.raises(UnreadableAnswer):
        client.get_phone_list(1, 2)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b'{"status":200}',
        b'{"data":null}',
        b'{"data":{}}',
        b'{"data":[1]}',
        b'{"data":[],"nextPageCursor":{}}',
    ],
)
def test_no_collection_is_unreadable_never_empty(server: Scripted, client: ListrakClient, body: bytes) -> None:
    server.replies(Reply(200, body))
    with pytest.raises(UnreadableAnswer):
        list(client.list_opt_outs(1))


def test_a_page_may_be_a_bare_array_and_lack_the_cursor() -> None:
    assert json_page(b'[{"a": 1}]') == Page(1, None, [{"a": 1}])
    assert json_page(b'{"data": []}') == Page(0, None, [])
    assert json_page(b'{"data": [], "nextPageCursor": ""}') == Page(0, None, [])
    assert json_page(b'{"data": [], "nextPageCursor": 17}') == Page(0, "17", [])


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
