"""What an answer's body may look like, and what is no answer."""

from __future__ import annotations

import json

import pytest

from listrak_source.api import ListrakClient, NotFoundError, NothingTold, Page, UnreadableAnswer, json_page
from listrak_source.api.pagination import unwrap
from listrak_source.pull.records.decode import page_decoder
from listrak_source.pull.records.quarantine import Rejects
from listrak_source.pull.schema import CONTACTS

from .scripted import Reply, Scripted, json_reply, page_reply

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
        b"{}",
        b'{"message":"Fine."}',
        b'{"status":200,"items":[]}',
        b'{"status":200,"success":false}',
        b'{"data":{}}',
        b'{"data":""}',
        b'{"data":0}',
        b'{"data":false}',
        b'{"data":[1]}',
        b'{"data":[],"nextPageCursor":{}}',
    ],
)
def test_no_collection_is_unreadable_never_empty(server: Scripted, client: ListrakClient, body: bytes) -> None:
    server.replies(Reply(200, body))
    with pytest.raises(UnreadableAnswer):
        list(client.list_opt_outs(1))


NO_ROWS = [
    b'{"data":null}', b'{"status":200}', b'{"status":200,"data":null}', b'{"nextPageCursor":null}',
    b'{"status":"OK","error":null,"message":"","nextPageCursor":null,"data":null}',
]  # fmt: skip


@pytest.mark.parametrize("body", NO_ROWS)
def test_no_data_is_an_empty_page_in_both_decoders(server: Scripted, client: ListrakClient, body: bytes) -> None:
    """13.B11."""
    server.replies(Reply(200, body))
    assert list(client.list_opt_outs(1)) == [Page(0, None, [])]
    (page,) = client.list_contacts(1, 2, decode=page_decoder(CONTACTS, Rejects()))
    assert (page.rows, page.next_cursor, page.data.num_rows) == (0, None, 0)


@pytest.mark.parametrize("body", [b'{"nextPageCursor":"a","data":null}', b'{"nextPageCursor":"a"}'])
def test_no_data_with_a_cursor_is_not_the_end(server: Scripted, client: ListrakClient, body: bytes) -> None:
    for decode in (json_page, page_decoder(CONTACTS)):
        server.replies(Reply(200, body), page_reply([{"phoneNumber": "1"}]))
        assert sum(page.rows for page in client.list_contacts(1, 2, decode=decode)) == 1


def test_what_a_contact_is_to_lists_is_not_read_out_of_nothing(server: Scripted, client: ListrakClient) -> None:
    """Whoever puts people on lists would take it for a contact that never left one."""
    for body in NO_ROWS:
        server.replies(Reply(200, body))
        with pytest.raises(UnreadableAnswer):
            list(client.list_contact_subscriptions(1, "15551234567"))
        assert list(client.list_contact_subscriptions(1, "15551234567", decode=json_page)) == [Page(0, None, [])]


@pytest.mark.parametrize("character", ["\n", "\t", "\x01", "\x1f", "\x00"])
def test_a_raw_control_character_stops_nothing(server: Scripted, client: ListrakClient, character: str) -> None:
    """13.B11: no JSON, to the letter; but what is meant is plain."""
    name = f"A{character}b"
    server.replies(Reply(200, f'{{"status":200,"data":[{{"phoneNumber":"1","firstName":"{name}"}}]}}'.encode()))
    assert next(client.list_contacts(1, 2)).data[0]["firstName"] == name
    assert client.get_contact(1, "1")["firstName"] == name
    page = next(client.list_contacts(1, 2, decode=page_decoder(CONTACTS, Rejects())))
    assert page.data["firstName"].to_pylist() == [name.replace("\0", "\ufffd")]


@pytest.mark.parametrize("depth", [2_000, 200_000])
def test_an_answer_that_is_nested_too_deeply_is_unreadable(server: Scripted, client: ListrakClient, depth: int) -> None:
    server.replies(Reply(200, b'{"data":' + b"[" * depth + b"]" * depth + b"}"))
    with pytest.raises(UnreadableAnswer):
        next(client.list_sender_codes())


def test_a_page_may_be_a_bare_array_and_lack_the_cursor() -> None:
    assert json_page(b'[{"a": 1}]') == Page(1, None, [{"a": 1}])
    assert json_page(b'{"data": []}') == Page(0, None, [])
    assert json_page(b'{"data": [], "nextPageCursor": ""}') == Page(0, None, [])
    assert json_page(b'{"data": [], "nextPageCursor": 17}') == Page(0, "17", [])


NO_CONTACT = [
    b"null", b"{}", b"[]", b'{"status":200}', b'{"data":null}', b'{"status":200,"data":null}',
    b'{"status":200,"data":{}}',
    b'{"status":200,"data":[]}', b'{"status":200,"data":{"status":200,"data":null}}', b'{"data":[null]}',
    b'{"status":200,"error":null,"message":"Fine."}', b'{"status":200,"data":{"phoneNumber":null,"optedOut":false}}',
    b'{"status":200,"data":{"phoneNumber":"","firstName":null}}', b'{"status":200,"data":{"firstName":"Ann"}}',
    b'{"status":200,"data":{"phoneNumber":"15559999999","firstName":"Bob"}}', b'{"phoneListId":2,"status":"Active"}',
]  # fmt: skip


@pytest.mark.parametrize("body", NO_CONTACT)
def test_a_lookup_that_holds_no_contact_tells_nothing(server: Scripted, client: ListrakClient, body: bytes) -> None:
    """13.A6: neither a contact without values, nor that there is none."""
    server.replies(Reply(200, body))
    with pytest.raises(NothingTold) as caught:
        client.get_contact(1, "15551234567")
    assert not caught.value.retriable
    assert len(server.seen) == 1


@pytest.mark.parametrize("written", ["15551234567", "5551234567", "+15551234567", "+1 (555) 123-4567", 15551234567])
@pytest.mark.parametrize("asked", ["15551234567", "5551234567", "+1 555 123 4567"])
def test_a_contact_is_known_by_its_number_in_any_form(
    server: Scripted, client: ListrakClient, asked: str, written: object
) -> None:
    server.replies(json_reply({"status": 200, "data": {"phoneNumber": written, "firstName": "Ann"}}))
    assert client.get_contact(1, asked) == {"phoneNumber": written, "firstName": "Ann"}


def test_what_is_around_a_contact_is_no_field_of_it(server: Scripted, client: ListrakClient) -> None:
    contact = {"phoneNumber": "15551234567", "optedOut": True, "data": None, "loyalty": {"data": 1}}
    told = {name: value for name, value in contact.items() if name != "data"}
    for answer in (
        {"status": 200, "error": None, "message": "Fine.", **contact},
        {"status": 200, "data": {"status": 200, "data": contact}},
        {"status": 200, "asOf": "now", "data": [{"data": [contact]}]},
    ):
        server.replies(json_reply(answer))
        assert client.get_contact(1, "15551234567") == told


def test_an_error_within_an_envelope_within_an_envelope(server: Scripted, client: ListrakClient) -> None:
    server.replies(json_reply({"status": 200, "data": {"status": 404, "error": "ERROR_PHONE_NUMBER_NOT_FOUND"}}))
    with pytest.raises(NotFoundError):
        client.get_contact(1, "15551234567")
    with pytest.raises(NotFoundError):
        client.update_contact(1, {"phoneNumber": "15551234567"})
