"""Fixtures of the client's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from listrak_source.api import ListrakClient

from .scripted import Scripted, serve

SECRET = "s3cret-of-the-test"
PHONE = "15551234567"
"""Whole, this number must be nowhere but in requests."""


@pytest.fixture
def server() -> Iterator[Scripted]:
    with serve() as running:
        yield running


@pytest.fixture
def client_of() -> Iterator[Callable[..., ListrakClient]]:
    """Make clients of a scripted server that lose no time between attempts."""
    made: list[ListrakClient] = []

    def make(server: Scripted, **settings: object) -> ListrakClient:
        quick = {"timeout": 5.0, "first_wait": 0.001, "max_wait": 0.002, "max_attempts": 3}
        client = ListrakClient(
            "the-client-id",
            SECRET,
            **{"base_url": server.base_url, "token_url": server.token_url, **quick, **settings},  # type: ignore[arg-type]
        )
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(server: Scripted, client_of: Callable[..., ListrakClient]) -> ListrakClient:
    return client_of(server)
