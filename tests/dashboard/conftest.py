"""A warehouse that the page is made of: weeks of life, seen by complete walks, and what the world itself says of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from dlt.common.runtime.collector import NULL_COLLECTOR

from listrak_source.cli.commands.report import read
from listrak_source.cli.pulled import pulled
from listrak_source.cli.runs import recorded
from listrak_source.cli.warehouse import Warehouse
from listrak_source.dashboard.snapshot import Snapshot
from listrak_source.sandbox import Sandbox, World
from tests.cli.conftest import listrak, sandbox, server
from tests.models.history import History

__all__ = ["listrak", "sandbox", "server"]

LOOKS, EACH, UNDATED = 4, 12, 7


@dataclass(frozen=True)
class Told:
    """A warehouse, what the page knows of it, and what it should know."""

    file: Path
    snapshot: Snapshot
    history: History
    world: World


def pull_all(warehouse: Warehouse, sandbox: Sandbox, lookups: str = "all") -> None:
    """A complete walk, as the command does it."""
    options = {name: getattr(sandbox, name) for name in ("client_id", "client_secret", "base_url", "token_url")}
    with (
        recorded(warehouse, "pull") as run,
        warehouse.writing(NULL_COLLECTOR) as pipeline,
        run.working(pipeline),
    ):
        run.ended(pulled(pipeline, full=True, lookups=lookups, removal_percent=100, **options))


@pytest.fixture
def touched(told: Told, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Snapshot]:
    """What the page knows after somebody has changed a copy of the warehouse by hand."""

    def changed(statements: str) -> Snapshot:
        file = tmp_path / "touched.duckdb"
        shutil.copy(told.file, file)
        with duckdb.connect(str(file)) as warehouse:
            warehouse.execute(f"SET schema = 'listrak_sms'; {statements}")
        monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(file))
        return read(Warehouse())

    return changed


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("dashboard")
    world, history = World(seed=7, contacts=80, sender_codes=2), History()
    sender, phone_list = next((sender, one) for sender in world.sender_codes.values() for one in sender.lists)
    with pytest.MonkeyPatch.context() as patch, Sandbox(world) as sandbox:
        patch.chdir(folder)
        patch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(folder / "told.duckdb"))
        patch.setenv("DLT_DATA_DIR", str(folder / "dlt"))
        for number in range(UNDATED):
            world.import_undated(sender.sender_code_id, phone_list, f"1555010{number:04d}")
        for look in range(LOOKS):
            if look:
                world.live(EACH)
            history.look(world)
            pull_all(Warehouse(), sandbox)
        yield Told(folder / "told.duckdb", read(Warehouse()), history, world)
