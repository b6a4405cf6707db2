"""The page shows the same of models that are built and without them: the one definition is rendered twice."""

from __future__ import annotations

import pytest

from listrak_source.cli.commands.report import read
from listrak_source.cli.warehouse import Warehouse
from listrak_source.dashboard.snapshot import EXTRACTS
from listrak_source.sandbox import World
from tests.models.conftest import PLACES, Built

pytestmark = pytest.mark.full


@pytest.fixture
def world() -> World:
    return World(seed=7, contacts=100, sender_codes=2)


@pytest.mark.parametrize("built", PLACES, indirect=True)
def test_the_page_is_the_same_with_models_and_without(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__LISTRAK__REMOVAL_PERCENT", "100")
    warehouse = Warehouse(built.destination)
    for _ in range(3):
        built.pull("--full", "--lookups", "all")
        built.sandbox.world.live(15)
    without = read(warehouse)
    assert without.models is None
    built.build()
    made = read(warehouse)
    assert made.models == "listrak_sms_models"
    assert made.doubts == []
    for name in EXTRACTS:
        query = f"SELECT * FROM {name} ORDER BY ALL"
        assert made.rows(query) == without.rows(query), name
    for name in ("growth", "stops", "cohorts", "audience", "stops_known", "fields", "pulls"):
        assert len(made.rows(f"SELECT * FROM {name}")) > 1, f"{name} proves little"

    built.pull()
    assert any("after these models were built" in doubt for doubt in read(warehouse).doubts)
