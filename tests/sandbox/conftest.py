"""A small world of its own for every test, and one that nobody changes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from listrak_source.sandbox import Sandbox, World

from .caller import Caller


@pytest.fixture(scope="package")
def small() -> Iterator[Sandbox]:
    with Sandbox(World(contacts=200), import_seconds=0.02) as sandbox:
        yield sandbox


@pytest.fixture
def caller(small: Sandbox) -> Caller:
    """A world of 200 people that the test may change, with a token."""
    small.service.reset()
    small.service.tokens.issued = 0
    return Caller(small)


@pytest.fixture(scope="package")
def untouched() -> Iterator[Caller]:
    """A world of 1,500 people that every test leaves as it is."""
    with Sandbox(World(contacts=1500)) as sandbox:
        yield Caller(sandbox)
