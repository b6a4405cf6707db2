"""``nextPageCursor`` in every form it comes in, and the addresses that it is not followed to."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listrak_source.api import ListrakClient, NotSent, UnreadableAnswer, UnsafeAddress
from listrak_source.api.pagination import cursor_value

from .conftest import PHONE
from .scripted import Reply, Scripted, page_reply, serve

BASE = "https://api.listrak.com/sms/v1"


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
        ("https://evil.example/sms/v1/OptOut?cursor=abc", "abc"),
        ("http://api.listrak.com/sms/v1/OptOut?cursor=abc", "abc"),
        ("https://api.listrak.com:8443/sms/v1/OptOut?count=1&cursor=abc", "abc"),
        ("https://api.listrak.com@evil.example/?cursor=abc", "abc"),
        ("//evil.example/?cursor=abc", "abc"),
        ("https%3A%2F%2Fevil.example%2F%3Fcursor%3Dabc", "abc"),
        ("ftp://api.listrak.com/?cursor=abc", "abc"),
        ("https://[::1/?cursor=abc", "abc"),
    ],
)
def test_a_cursor_in_every_form(given_cursor: str | None, value: str | None) -> None:
    assert cursor_value(given_cursor) == value


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
        assert cursor_value(form) == token


@pytest.mark.parametrize("base", [BASE, "https://evil.example", "HTTP://10.0.0.1:8080"])
def test_an_address_without_a_cursor_is_not_the_end(base: str) -> None:
    with pytest.raises(UnreadableAnswer):
        cursor_value(f"{base}/ShortCode/1/OptOut?count=5")


def test_of_another_host_the_cursor_is_taken_and_nothing_else(server: Scripted, client: ListrakClient) -> None:
    """13.B11: a server behind a proxy may name itself as it is known there. The token goes to base_url alone."""
    with serve() as other:
        elsewhere = f"{other.base_url}/ShortCode/9/OptOut?count=1&cursor=a%2Bc"
        server.replies(page_reply([{"phoneNumber": "1"}], elsewhere), page_reply([{"phoneNumber": "2"}]))
        assert len(list(client.list_opt_outs(1, count=7))) == 2
        assert not other.seen
        assert server.seen[1].target == "/sms/v1/ShortCode/1/OptOut?cursor=a%2Bc&count=7"


def test_a_redirect_is_not_followed(server: Scripted, client: ListrakClient) -> None:
    with serve() as other:
        for status in (301, 302, 307, 308):
            server.replies(Reply(status, b"", {"Location": f"{other.base_url}/ShortCode/1/OptOut"}))
            with pytest.raises(UnsafeAddress, match="base_url"):
                list(client.list_opt_outs(1))
            with pytest.raises(UnsafeAddress):
                client.subscribe_contact(1, PHONE, 2)
        assert not other.seen


def test_a_cursor_that_holds_half_a_character_cannot_be_sent(server: Scripted, client: ListrakClient) -> None:
    server.replies(Reply(body=b'{"data": [{"phoneNumber": "15551234567"}], "nextPageCursor": "ab\\ud800"}'))
    with pytest.raises(NotSent, match="no text") as refused:
        list(client.list_opt_outs(1))
    assert refused.value.cursor_refused
    assert refused.value.unit == "senderCodeId 1"
