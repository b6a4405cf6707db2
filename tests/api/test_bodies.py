"""What an answer's body may look like, and what is no answer."""

from __future__ import annotations

import json

import pytest

from listrak_source.api import ListrakClient, Page, UnreadableAnswer, json_page
from listrak_source.api.paging import unwrap

from .scripted import Reply, Scripted

RECORD = {"phoneListId": 2, "phoneListName": "a", "status": "Active"}


@pytest.mark.parametrize(
    "answer", [RECORD, {"status": 200, "data": RECORD}, [RECORD], {"status": 200, "data": [RECORD]}]
)
def test_one_object_in_every_envelope(server: Scripted, client: ListrakClient, answer: object) -> None:
    body = json.dumps(answer).encode()
    assert unwrap(body) == RECORD
    server.replies(Reply(200, body))
    assert client.get_phone_list(1, 2) == RECORD


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b"[{},{}]", b'"x"'])
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
