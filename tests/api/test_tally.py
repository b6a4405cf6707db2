"""What a client counts of what it has sent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from listrak_source.api import ListrakClient, ServerError
from listrak_source.api.pacing.tally import Counts

from .scripted import Reply, Scripted, json_reply


def test_what_is_sent_sent_again_and_refused(server: Scripted, client: ListrakClient) -> None:
    assert client.tally.counts == Counts()
    server.replies(Reply(429, b""), Reply(500, b""), Reply(drop=True), Reply(429, b"{", cut=True), Reply())
    client.get_sender_code(1)
    assert client.tally.counts == Counts(requests=5, retries=4, refusals=2)
    assert len(server.seen) == 5
    before = client.tally.counts
    client.get_sender_code(1)
    assert client.tally.counts - before == Counts(requests=1)


def test_a_refusal_in_the_body_counts(server: Scripted, client: ListrakClient) -> None:
    server.replies(json_reply({"status": 429, "error": "ERROR_TOO_MANY"}), Reply())
    client.get_sender_code(1)
    assert client.tally.counts == Counts(requests=2, retries=1, refusals=1)


def test_what_comes_to_nothing_counts_too(server: Scripted, client: ListrakClient) -> None:
    server.replies(Reply(500, b""))
    with pytest.raises(ServerError):
        client.get_sender_code(1)
    assert client.tally.counts == Counts(requests=len(server.seen), retries=len(server.seen) - 1)


def test_threads_lose_none(server: Scripted, client: ListrakClient) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(client.get_sender_code, range(1, 101)))
    assert client.tally.counts == Counts(requests=100)
    assert sum([Counts(1, 2, 3), Counts(1, 1, 1)], Counts()) == Counts(2, 3, 4)
