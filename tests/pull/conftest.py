"""A small Listrak that the tests of the pull share, and a warehouse for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from listrak_source.sandbox import Sandbox, World
from tests.destinations.places import Place
from tests.pull.masked import Private
from tests.pull.warehouse import Warehouse


@pytest.fixture(scope="session")
def served() -> Iterator[Sandbox]:
    with Sandbox(World(seed=3, contacts=100, sender_codes=1, lists=3)) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def crowded() -> Iterator[Sandbox]:
    """For tests of pages: three times as many people."""
    with Sandbox(World(seed=3, contacts=300, sender_codes=1, lists=3)) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(served: Sandbox) -> Iterator[Sandbox]:
    """The shared sandbox at its first moment, without faults."""
    served.service.reset()
    yield served
    served.faults.clear()
    served.traffic.__dict__.pop("note", None)


@pytest.fixture
def warehouse(sandbox: Sandbox, tmp_path: Path, place: Place) -> Warehouse:
    return Warehouse(sandbox, tmp_path, place)


@pytest.fixture
def twin(warehouse: Warehouse, tmp_path: Path) -> Warehouse:
    """Another warehouse of the same account, whose pulls are one load each."""
    other = Warehouse(warehouse.sandbox, tmp_path / "twin", warehouse.place)
    other.folder.mkdir()
    return other


@pytest.fixture
def private(sandbox: Sandbox, tmp_path: Path) -> Private:
    (tmp_path / "private").mkdir()
    return Private(sandbox, tmp_path / "private")


@pytest.fixture
def clear(sandbox: Sandbox, tmp_path: Path) -> Warehouse:
    """The same without masks, pulled at the same moments."""
    (tmp_path / "clear").mkdir()
    return Warehouse(sandbox, tmp_path / "clear")
