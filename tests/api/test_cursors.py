"""``nextPageCursor`` in every form it comes in, and the addresses that it is not followed to."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listrak_source.api import ListrakClient, UnreadableAnswer, UnsafeAddress
from listrak_source.api.paging import cursor_value

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
