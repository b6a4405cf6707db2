"""A small Listrak that can be walked again and again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from listrak_source.sandbox import Sandbox, World


@pytest.fixture(scope="module")
def served() -> Iterator[Sandbox]:
    with Sandbox(World(seed=3, contacts=40, sender_codes=1, lists=3)) as sandbox:
        yield sandbox
