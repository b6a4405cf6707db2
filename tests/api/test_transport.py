"""What goes over the wire, apart from retries."""

from __future__ import annotations

import ast
import io
import json
import os
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from listrak_source import api
from listrak_source.api import ListrakClient, ListrakError, NotFoundError, NotSent, UnreadableAnswer

from .scripted import Reply, Scripted, json_reply


def test_headers(server: Scripted, client: ListrakClient) -> None:
    client.get_sender_code(1)
    client.update_contact(1, {"phoneNumber": "15551234567", "firstName": "Zoë", "birthday": None})
    client.unsubscribe_contact(1, "15551234567", 2)
    read, write, bare = server.seen
    assert all(seen.headers["User-Agent"].startswith("listrak-source/") for seen in server.seen)
    assert all(seen.headers["Accept"] == "application/json" for seen in server.seen)
    assert write.headers["Content-Type"] == "application/json"
    assert json.loads(write.body) == {"phoneNumber": "15551234567", "firstName": "Zoë", "birthday": None}
    assert "Content-Type" not in read.headers
    assert bare.body == b""


def test_path_values_cannot_leave_their_segment(server: Scripted, client: ListrakClient) -> None:
    odd = "+1/../2?x=1&y#z%"
    server.replies(json_reply({"data": {"phoneNumber": odd}}))
    client.get_contact(1, odd)
    assert server.seen[0].target == "/sms/v1/ShortCode/1/Contact/%2B1%2F..%2F2%3Fx%3D1%26y%23z%25"
    for phone in ("", ".", "..", None, 15551234567.0, True):
        with pytest.raises(NotSent, match="phoneNumber"):
            client.get_contact(1, phone)  # type: ignore[arg-type]
    assert len(server.seen) == 1


class _Contact:
    """No mapping, though it has what a contact has."""


@pytest.mark.parametrize(
    ("body", "told"),
    [("x", "to be a mapping, and is str"), (None, "and is NoneType"), ([{"phoneNumber": "5551234567"}], "and is list"),
     ({"birthday": datetime(2024, 1, 31)}, "as JSON .TypeError"), ({"firstName": float("nan")}, "as JSON .ValueError"),
     ({"more": {1, 2}}, "as JSON"), (_Contact(), "and is _Contact")],
)  # fmt: skip
def test_a_body_that_is_none_is_not_sent(server: Scripted, client: ListrakClient, body: object, told: str) -> None:
    """Python's JSON has words for NaN that no other has."""
    with pytest.raises(NotSent, match=told) as refused:
        client.update_contact(1, body)  # type: ignore[arg-type]
    assert isinstance(refused.value, ListrakError)
    assert "update_contact: " in str(refused.value)
    assert "5551234567" not in str(refused.value)
    assert not server.seen


def test_a_file_that_cannot_be_read_again_is_not_sent(server: Scripted, client: ListrakClient, tmp_path: Path) -> None:
    reads, writes = os.pipe()
    closed = io.BytesIO(b"{}")
    closed.close()
    with os.fdopen(reads, "rb") as pipe, os.fdopen(writes, "wb"), (tmp_path / "x").open("wb") as written:
        for file in (closed, pipe, written, io.StringIO("{}")):
            with pytest.raises(NotSent, match="open for reading"):
                client.start_contact_import(1, file)  # type: ignore[arg-type]
    with pytest.raises(NotSent, match="decode is to be a function"):
        client.list_opt_outs(1, decode=5)  # type: ignore[call-overload]
    assert not server.seen
    server.replies(json_reply({"resourceId": "7"}))
    with tempfile.SpooledTemporaryFile() as spooled:
        spooled.write(b"xx{}")
        spooled.seek(2)
        assert client.start_contact_import(1, spooled) == 7  # type: ignore[arg-type]
    assert server.seen[0].body == b"{}"


@pytest.mark.parametrize("count", [0, 5001, True, "5", 2.0])
def test_a_page_has_a_size(server: Scripted, client: ListrakClient, count: Any) -> None:
    with pytest.raises(NotSent, match="count must be a number between 1 and 5000"):
        client.list_opt_outs(1, count=count)
    assert not server.seen


def test_dates_go_out_without_an_offset(server: Scripted, client: ListrakClient) -> None:
    list(client.list_opt_outs(1, start_date=datetime(2024, 1, 31, 1, 2, 3, 999), end_date="2024-02-01T00:00:00"))
    assert "startDate=2024-01-31T01%3A02%3A03&endDate=2024-02-01T00%3A00%3A00" in server.seen[0].target
    wrong: tuple[Any, ...] = (
        datetime(2024, 1, 31, tzinfo=timezone.utc),
        "2024-01-31T00:00:00Z",
        "2024-01-31",
        "2024-01-31T00:00:00.5",
        20240131,
    )
    for bad in wrong:
        with pytest.raises(NotSent, match="start_date"):
            client.list_opt_outs(1, start_date=bad)
        with pytest.raises(NotSent, match="end_subscribe_date"):
            client.list_contacts(1, 2, end_subscribe_date=bad)
    assert len(server.seen) == 1


def test_the_servers_clock_is_remembered(server: Scripted, client: ListrakClient) -> None:
    assert client.server_time is None
    replies = [
        Reply(headers={"Date": "Sun, 06 Nov 2050 08:49:37 GMT"}),
        Reply(headers={"Date": "Sun, 06 Nov 2050 08:49:30 GMT"}),
        Reply(headers={"Date": "yesterday"}),
        Reply(404, b"", headers={"Date": "Sun, 06 Nov 2050 08:49:59 GMT"}),
    ]
    server.replies(*replies)
    for _ in range(3):
        client.get_sender_code(1)
        assert client.server_time == datetime(2050, 11, 6, 8, 49, 37, tzinfo=timezone.utc)
    with pytest.raises(NotFoundError):
        client.get_sender_code(1)
    assert client.server_time == datetime(2050, 11, 6, 8, 49, 59, tzinfo=timezone.utc)


def test_a_file_is_streamed_and_rewound_when_it_must_be_sent_again(server: Scripted, client: ListrakClient) -> None:
    text = b'{"fileStream": "' + b"A" * 300_000 + b'"}'
    with tempfile.TemporaryFile() as file:
        file.write(b"not this" + text)
        file.seek(8)
        server.replies(Reply(429, b""), Reply(401, b""), Reply())
        assert client.start_contact_import(1, file) == 7
    assert [seen.body for seen in server.seen] == [text] * 3
    assert {seen.headers["Content-Length"] for seen in server.seen} == {str(len(text))}
    assert {seen.headers["Content-Type"] for seen in server.seen} == {"application/json"}


class Watched(io.BytesIO):
    """A file that tells the largest piece it was asked for."""

    largest = 0

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size)
        self.largest = max(self.largest, len(piece))
        return piece


def test_a_file_is_never_read_whole(server: Scripted, client: ListrakClient) -> None:
    file = Watched(b"x" * 3_000_000)
    client.start_contact_import(1, file)
    assert len(server.seen[0].body) == 3_000_000
    assert file.largest < 100_000


@pytest.mark.parametrize("receipt", [{"status": 201}, {"status": 201, "resourceId": None}, {"resourceId": "abc"}, []])
def test_an_import_without_an_id_may_have_acted(server: Scripted, client: ListrakClient, receipt: object) -> None:
    server.replies(json_reply(receipt, 201))
    with pytest.raises(UnreadableAnswer) as caught:
        client.start_contact_import(1, {})
    assert caught.value.may_have_acted
    assert not caught.value.retriable


def test_what_writes_return(server: Scripted, client: ListrakClient) -> None:
    server.replies(json_reply({"status": 201, "resourceId": 12}, 201))
    assert client.create_contact(1, 2, {}) == "12"
    assert client.start_contact_import(1, {}) == 12
    assert client.update_contact(1, {}) == "12"
    server.replies(json_reply({"status": 200}))
    assert client.update_contact(1, {}) == ""
    server.replies(Reply(204, b""))
    assert client.update_contact(1, {}) == ""
    client.unsubscribe_contact(1, "15551234567", 2)


def test_the_environment_cannot_redirect_or_replace_the_token(
    server: Scripted, client_of: Callable[..., ListrakClient], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A proxy would be shown plain loopback requests; requests would take a .netrc entry over our header."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    client_of(server).get_sender_code(1)
    assert server.seen[0].headers["Authorization"].startswith("Bearer ")
    assert "Authorization" not in server.token_requests[0].headers


def test_cookies_are_not_kept(server: Scripted, client: ListrakClient) -> None:
    server.replies(Reply(headers={"Set-Cookie": "a=b; Path=/"}))
    client.get_sender_code(1)
    client.get_sender_code(1)
    assert "Cookie" not in server.seen[1].headers


def test_connections_are_kept_and_shared(server: Scripted, client_of: Callable[..., ListrakClient]) -> None:
    client = client_of(server, workers=4)
    server.replies(Reply(delay=0.01))  # long enough for all four to be at it at once
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            list(pool.map(lambda _: client.get_sender_code(1), range(4)))
    assert len(server.seen) == 20
    assert server.connections <= 1 + 4


def test_a_client_closes(server: Scripted, client_of: Callable[..., ListrakClient]) -> None:
    with client_of(server) as client:
        client.get_sender_code(1)
    assert len(server.seen) == 1


def test_the_api_needs_neither_dlt_nor_arrow_nor_the_other_rooms() -> None:
    found = set()
    for file in Path(api.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module or "")
    ours = {name for name in found if name.startswith("listrak_source")}
    assert all(name.startswith("listrak_source.api") for name in ours)
    others = {name.split(".")[0] for name in found - ours} - sys.stdlib_module_names
    assert others == {"opentelemetry", "requests", "tenacity", "urllib3"}


def test_any_error_is_a_listrak_error(server: Scripted, client: ListrakClient) -> None:
    server.replies(Reply(418, b"teapot"))
    with pytest.raises(ListrakError, match="teapot"):
        client.get_sender_code(1)
