"""13.A9: an answer's charset is honoured, and one that cannot be is an error that names it."""

from __future__ import annotations

import codecs
import json
import logging
from typing import Any

import pytest

from listrak_source.api import ListrakClient, NothingTold, UnreadableCharset, json_elements
from listrak_source.api.operations import OPERATIONS, Repeat
from listrak_source.pull.records.decode import page_decoder
from listrak_source.pull.records.quarantine import Rejects
from listrak_source.pull.schema import CONTACTS

from .calls_of_all import CALLS
from .scripted import Reply, Scripted
from .test_envelopes import WORLD

PHONE = "15551234567"
CONTACT = {"phoneNumber": PHONE, "firstName": "Zoë"}
TEXT = json.dumps({"status": 200, "nextPageCursor": None, "data": [CONTACT]}, ensure_ascii=False)


def reply(body: bytes, charset: str | None) -> Reply:
    return Reply(200, body, {"Content-Type": f"application/json; charset={charset}"} if charset is not None else {})


@pytest.mark.parametrize(
    ("encoding", "charset"),
    [
        ("utf-8", None), ("utf-8", "utf-8"), ("utf-8", "UTF8"), ("utf-8", '"utf-8"'), ("utf-8", "us-ascii"),
        ("utf-8", ""), ("utf-8-sig", None), ("utf-8-sig", "utf-8"), ("utf-8-sig", "iso-8859-1"),
        ("iso-8859-1", "ISO-8859-1"), ("iso-8859-1", "latin1; boundary=x"), ("cp1252", "windows-1252"),
        ("utf-16", "utf-16"), ("utf-16", None), ("utf-16-le", "utf-16"), ("utf-16-be", "utf-16"),
        ("utf-16-le", "utf-16le"), ("utf-16-le", None), ("utf-32", "utf-32"), ("utf-32", None), ("utf-8", "utf-16"),
    ],
)  # fmt: skip
def test_every_charset_that_is_told_is_honoured(
    server: Scripted, client: ListrakClient, encoding: str, charset: str | None
) -> None:
    server.replies(reply(TEXT.encode(encoding), charset))
    assert client.get_contact(1, PHONE) == CONTACT
    assert next(client.list_contacts(1, 2)).data == [CONTACT]
    page = next(client.list_contacts(1, 2, decode=page_decoder(CONTACTS, Rejects())))
    assert page.data["firstName"].to_pylist() == ["Zoë"]


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE])
def test_a_byte_order_mark_counts(server: Scripted, client: ListrakClient, mark: bytes) -> None:
    encoding = "utf-16-be" if len(mark) == 2 else "utf-32-be"
    server.replies(reply(mark + TEXT.encode(encoding), "iso-8859-1"))
    assert client.get_contact(1, PHONE) == CONTACT


@pytest.mark.parametrize(
    ("body", "charset", "named"),
    [
        (TEXT.encode(), "x-klingon", "x-klingon"), (TEXT.encode(), "base64", "base64"), (TEXT.encode(), "hex", "hex"),
        (TEXT.encode("iso-8859-1"), "shift_jis", "shift_jis"), (TEXT.encode("utf-16")[:-1], "utf-16", "utf-16"),
        (TEXT.encode(), "a" * 3000, "aaaa"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["get_contact", "list_contacts", "update_contact"])
def test_a_charset_that_cannot_be_honoured_is_named(
    server: Scripted, client: ListrakClient, name: str, body: bytes, charset: str, named: str
) -> None:
    server.replies(reply(body, charset))
    with pytest.raises(UnreadableCharset, match=named) as caught:
        CALLS[name](client, WORLD)
    assert not caught.value.retriable
    assert caught.value.may_have_acted is (OPERATIONS[name].repeat is Repeat.IF_NOT_ACTED)
    assert len(server.seen) == 1
    assert len(str(caught.value)) < 300


CUT = TEXT.encode().replace("ë".encode(), "ë".encode()[:1])


def test_what_is_no_utf_8_is_kept_with_a_mark_and_never_in_silence(
    server: Scripted, client: ListrakClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A pull would rather have the row: it goes on for ever otherwise."""
    decoders: list[Any] = [page_decoder(CONTACTS, Rejects()), json_elements]
    for charset in (None, "utf-8"):
        for decode in decoders:
            caplog.clear()
            server.replies(reply(CUT, charset))
            with caplog.at_level(logging.WARNING):
                page = next(client.list_contacts(1, 2, decode=decode))
            rows = page.data if isinstance(page.data, list) else page.data.to_pylist()
            assert (rows[0]["phoneNumber"], rows[0]["firstName"]) == (PHONE, "Zo\ufffd")
            assert "UTF-8" in caplog.text
            assert "Zo" not in caplog.text


def test_a_contact_that_would_be_sent_back_is_not_read_with_a_mark(server: Scripted, client: ListrakClient) -> None:
    server.replies(reply(CUT, "utf-8"))
    with pytest.raises(NothingTold):
        client.get_contact(1, PHONE)
