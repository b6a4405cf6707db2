"""Where the secret and the token may go."""

from __future__ import annotations

from typing import Any

import pytest

from listrak_source.api import ConfigurationError, ListrakClient, UnsafeAddress
from listrak_source.api.connections import check_address, is_loopback

SAFE = [
    "https://api.listrak.com/sms/v1",
    "https://10.0.0.7:8443/sms/v1",
    "http://127.0.0.1:8080/sms/v1",
    "http://127.8.9.10/sms/v1",
    "http://localhost:1/sms/v1",
    "http://[::1]:8080/sms/v1",
    "HTTPS://API.LISTRAK.COM/sms/v1",
]
UNSAFE = [
    "http://api.listrak.com/sms/v1",
    "http://10.0.0.7/sms/v1",
    "http://0.0.0.0/sms/v1",
    "http://[::]/sms/v1",
    "http://[::ffff:10.0.0.7]/",
    "http://localhost.example.com/sms/v1",
    "http://127.0.0.1.example.com/",
    "http://127.0.0.1@example.com/",
    "http://127.0.0.1\\@example.com/",
    "http://example.com#@127.0.0.1/",
    "https://someone:secret@api.listrak.com/",
    "https://api.listrak.com/sms/v1?x=1",
    "https://api.listrak.com/sms/v1#x",
    "https://api.listrak.com:port/sms/v1",
    "https://",
    "ftp://127.0.0.1/",
    "//127.0.0.1/",
    "api.listrak.com/sms/v1",
    "https://api.listrak.com /sms/v1",
    "https://[::1",
    "",
]


@pytest.mark.parametrize("url", SAFE)
def test_https_and_plain_loopback_are_taken(url: str) -> None:
    assert check_address("base_url", url + "/") == url


@pytest.mark.parametrize("url", UNSAFE)
@pytest.mark.parametrize("setting", ["base_url", "token_url"])
def test_any_other_address_is_refused_and_the_setting_named(setting: str, url: str) -> None:
    with pytest.raises(UnsafeAddress, match=setting) as caught:
        ListrakClient("id", "the-secret", **{setting: url})  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("setting", ["client_id", "client_secret"])
@pytest.mark.parametrize("value", ["", "  ", None])
def test_a_missing_credential_is_named(setting: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=setting):
        ListrakClient(**{"client_id": "id", "client_secret": "x", setting: value})  # type: ignore[arg-type]


def test_loopback_is_by_address_not_by_name() -> None:
    assert is_loopback("http://127.255.0.1/")
    assert not is_loopback("http://128.0.0.1/")
    assert not is_loopback("http://my-localhost/")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("workers", 0), ("workers", -1), ("workers", 10**30), ("workers", True), ("workers", "8"),
        ("max_attempts", None), ("timeout", 0), ("timeout", float("nan")), ("timeout", "abc"), ("first_wait", -1),
        ("max_request_seconds", 0),
        ("max_answer_bytes", 1.5), ("max_wait", float("inf")),
    ],
)  # fmt: skip
def test_a_number_that_cannot_be_is_refused(name: str, value: Any) -> None:
    """Seen: with no worker, the first request waited for ever."""
    with pytest.raises(ConfigurationError, match=f"^{name} is "):
        ListrakClient("id", "secret", **{name: value})
