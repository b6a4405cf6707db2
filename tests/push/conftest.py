"""A pulled warehouse for each test, in DuckDB and in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from listrak_source.push.apply import import_jobs
from listrak_source.sandbox import Sandbox, World
from tests.destinations.places import PLACES
from tests.pull.warehouse import Warehouse
from tests.push.pushing import Pushing


@pytest.fixture(scope="session")
def served() -> Iterator[Sandbox]:
    with Sandbox(World(seed=3, contacts=60, sender_codes=1, lists=2), import_seconds=0.01) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(served: Sandbox) -> Iterator[Sandbox]:
    """The shared sandbox at its first moment, without faults."""
    served.service.reset()
    yield served
    served.faults.clear()
    served.traffic.__dict__.pop("note", None)


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox's imports end at once."""
    monkeypatch.setattr(import_jobs, "PAUSE", 0.02)


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.full)])
def pushing(sandbox: Sandbox, tmp_path: Path, request: pytest.FixtureRequest) -> Pushing:
    """In both databases."""
    return _pulled(sandbox, tmp_path, request.param)


@pytest.fixture
def in_duckdb(sandbox: Sandbox, tmp_path: Path) -> Pushing:
    """Where the database makes no difference."""
    return _pulled(sandbox, tmp_path, "duckdb")


@pytest.fixture
def in_postgres(sandbox: Sandbox, tmp_path: Path) -> Pushing:
    """Where PostgreSQL makes the difference."""
    return _pulled(sandbox, tmp_path, "postgres")


def _pulled(sandbox: Sandbox, folder: Path, place: str) -> Pushing:
    warehouse = Warehouse(sandbox, folder, PLACES[place])
    warehouse.begin()
    sandbox.traffic.clear()
    return Pushing(warehouse)
