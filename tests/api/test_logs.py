"""What the log may show, at its most talkative."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from listrak_source.api import ListrakClient, ListrakError
from listrak_source.api.redaction import redact

from .conftest import PHONE, SECRET
from .scripted import Reply, Scripted


def test_no_phone_secret_or_token_in_the_log(
    server: Scripted, client_of: Callable[..., ListrakClient], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = client_of(server)
    client.get_contact(1, PHONE)
    client.subscribe_contact(1, PHONE, 2)
    client.get_contact(1, f"+{PHONE}")
    server.replies(Reply(500), Reply(200, drop=True), Reply())
    client.get_contact(1, PHONE)
    server.replies(Reply(503))
    with pytest.raises(ListrakError):
        client.get_contact(1, PHONE)
    assert "GET /sms/v1/ShortCode/1/Contact/…4567" in caplog.text
    assert "listrak_source.api.pacing.retry" in {record.name for record in caplog.records}
    for text in [caplog.text, *(f"{record.msg}{record.args}" for record in caplog.records)]:
        assert PHONE not in text
        assert SECRET not in text
        assert "token-1" not in text


def test_other_programs_log_stays_as_it_is(caplog: pytest.LogCaptureFixture, client: ListrakClient) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("urllib3.connectionpool").debug("%s is not ours", "GET /order/15551234567")
    assert "GET /order/15551234567 is not ours" in caplog.text


def test_no_secret_in_a_repr(server: Scripted, client: ListrakClient) -> None:
    client.get_sender_code(1)
    for thing in (client, client._tokens, client._tokens.token()):
        assert SECRET not in repr(thing)
        assert "token-1" not in repr(thing)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("call 15551234567 now", "call …4567 now"),
        ("+44 20 7946 0958", "+…0958"),
        ("ids 12345 and 678901234", "ids 12345 and 678901234"),
        ("at 2018-12-14T14:31:55", "at 2018-12-14T14:31:55"),
        ("/ShortCode/12345/PhoneList/67890/Contact", "/ShortCode/12345/PhoneList/67890/Contact"),
        ("127.0.0.1:54321", "127.0.0.1:54321"),
        ("Bearer abc.def", "Bearer ***"),
        ('{"access_token":"abc"}', '{"access_token":"***"}'),
        ("client_secret=abc&x=1", "client_secret=***&x=1"),
    ],
)
def test_what_is_masked_and_what_is_not(text: str, masked: str) -> None:
    assert redact(text) == masked
