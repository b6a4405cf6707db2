"""Fixtures of the client's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from listrak_source.api import ListrakClient
from listrak_source.sandbox import Sandbox, World

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
        quick = {
            "timeout": 5.0,
            "first_wait": 0.001,
            "max_wait": 0.002,
            "max_attempts": 3,
            "max_rate_limited_seconds": 0.05,
        }
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


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(World(seed=3, contacts=300), import_seconds=0.01) as running:
        yield running


@pytest.fixture
def listrak(sandbox: Sandbox) -> Iterator[ListrakClient]:
    """A client of the sandbox that loses no time between attempts."""
    with client_of_sandbox(sandbox) as client:
        yield client


def client_of_sandbox(sandbox: Sandbox, **settings: float) -> ListrakClient:
    return ListrakClient(
        sandbox.client_id,
        sandbox.client_secret,
        base_url=sandbox.base_url,
        token_url=sandbox.token_url,
        **{"first_wait": 0.001, "max_wait": 0.002, **settings},  # type: ignore[arg-type]
    )
