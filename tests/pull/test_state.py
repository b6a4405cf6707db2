"""Where a pull goes on: the state travels with the data."""

from __future__ import annotations

import shutil

import pytest

from tests.pull.asking import queries
from tests.pull.warehouse import Warehouse, truth


def test_next_pull_goes_on_without_its_working_directory(warehouse: Warehouse) -> None:
    warehouse.pull("contacts", "opt_outs")
    loads = warehouse.loads()
    shutil.rmtree(warehouse.folder / "pipelines")
    warehouse.sandbox.traffic.clear()
    assert warehouse.pull("contacts", "opt_outs") == {}
    assert warehouse.loads() == loads
    assert all("startSubscribeDate" in query for _, query in queries(warehouse.sandbox, "/Contact"))
    shutil.rmtree(warehouse.folder / "pipelines")
    warehouse.sandbox.world.live(1)
    assert 0 < warehouse.pull("contacts", "opt_outs")["contacts"] < 30


def test_pull_whose_load_failed_is_finished_by_the_next(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """The warehouse is away after all has been read: nothing is lost, and nothing twice."""
    warehouse.folder.mkdir(exist_ok=True)
    warehouse.database.mkdir()
    with pytest.raises(Exception, match="warehouse"):
        warehouse.pull("contacts", "opt_outs")
    warehouse.database.rmdir()
    warehouse.sandbox.world.clock.advance(hours=1)
    warehouse.pull("contacts", "opt_outs")
    assert warehouse.rows("contacts").keys() == truth(warehouse.sandbox)["contacts"].keys()
    assert warehouse.rows("opt_outs").keys() == truth(warehouse.sandbox)["opt_outs"].keys()


def test_two_warehouses_know_nothing_of_each_other(warehouse: Warehouse) -> None:
    warehouse.pull("contacts")
    other = Warehouse(warehouse.sandbox, warehouse.folder / "other")
    other.folder.mkdir()
    assert other.pull("contacts")["contacts"] == len(truth(warehouse.sandbox)["contacts"])


def test_refresh_of_one_table_reads_it_from_its_beginning(warehouse: Warehouse) -> None:
    from listrak_source import listrak_sms

    warehouse.pull("contacts", "list_memberships")
    warehouse.sandbox.world.clock.advance(days=30)
    source = listrak_sms(**warehouse.options()).with_resources("list_memberships")
    warehouse.pipeline().run(source, refresh="drop_resources")
    told = truth(warehouse.sandbox)
    assert warehouse.rows("list_memberships").keys() == told["list_memberships"].keys()
    assert warehouse.rows("contacts").keys() == told["contacts"].keys()
