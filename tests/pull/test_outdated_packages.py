"""What a killed pull has read and not loaded, days later, when another machine has gone on meanwhile."""

from __future__ import annotations

from typing import Any

import dlt
import pytest
from dlt.pipeline.pipeline import Pipeline

from listrak_source import listrak_sms, pull
from tests.pull.warehouse import Warehouse, truth


class Elsewhere(Warehouse):
    """The same warehouse, pulled into from another machine."""

    name = "listrak"

    def pipeline(self) -> Pipeline:
        return dlt.pipeline(
            self.name,
            destination=self.place.destination(self.folder),
            dataset_name=self.dataset,
            pipelines_dir=str(self.folder / "elsewhere"),
        )


def killed(warehouse: Warehouse, *, normalized: bool = True, **options: Any) -> None:
    """A pull that was killed before it had loaded anything."""
    pipeline = warehouse.pipeline()
    pipeline.sync_destination()
    pipeline.extract(listrak_sms(**warehouse.options() | options))
    if normalized:
        pipeline.normalize()


def stops(warehouse: Warehouse) -> dict[Any, bool]:
    """Who has said stop, by what the contacts say."""
    return {key: row["opted_out"] for key, row in warehouse.rows("contacts").items()}


@pytest.mark.cases(1, 2)
@pytest.mark.parametrize("normalized", [True, False])
def test_rows_that_another_machine_has_newer_ones_of_are_given_up(warehouse: Warehouse, *, normalized: bool) -> None:
    world = warehouse.sandbox.world
    warehouse.begin()
    world.live(1)
    killed(warehouse, normalized=normalized, full=True)
    elsewhere = Elsewhere(warehouse.sandbox, warehouse.folder, warehouse.place)
    for _ in range(2):
        world.live(1)
        elsewhere.pull()
    before = {name: warehouse.rows(name) for name in ("contacts", "opt_outs", "list_memberships", "consent_events")}
    told = truth(warehouse.sandbox)["contacts"]
    assert stops(warehouse).items() >= {key: row["opted_out"] for key, row in told.items()}.items()
    warehouse.pull()
    assert {name: warehouse.rows(name) for name in before} == before
    assert not warehouse.pipeline().has_pending_data


@pytest.mark.full
def test_rows_that_nobody_has_newer_ones_of_are_loaded(warehouse: Warehouse) -> None:
    warehouse.begin()
    warehouse.sandbox.world.live(1)
    killed(warehouse)
    (waiting,) = warehouse.pipeline().list_normalized_load_packages()
    loads = []
    for info in pull(warehouse.pipeline(), **warehouse.options()):
        loads += info.loads_ids
    assert loads[0] == waiting


@pytest.mark.full
def test_of_a_pipeline_of_another_name_they_are_given_up_too(warehouse: Warehouse) -> None:
    world = warehouse.sandbox.world
    warehouse.begin()
    world.live(1)
    killed(warehouse, full=True)
    elsewhere = Elsewhere(warehouse.sandbox, warehouse.folder, warehouse.place)
    elsewhere.name = "of_somebody_else"
    world.live(2)
    elsewhere.pull(full=True)
    before = stops(warehouse)
    (waiting,) = warehouse.pipeline().list_normalized_load_packages()
    assert waiting not in [
        load for info in pull(warehouse.pipeline(), **warehouse.options()) for load in info.loads_ids
    ]
    assert stops(warehouse) == before


@pytest.mark.full
def test_of_a_first_pull_of_which_another_machine_was_the_first(warehouse: Warehouse) -> None:
    killed(warehouse)
    elsewhere = Elsewhere(warehouse.sandbox, warehouse.folder, warehouse.place)
    elsewhere.pull()
    warehouse.sandbox.world.live(2)
    elsewhere.pull()
    before = warehouse.rows("contacts")
    warehouse.pull()
    assert warehouse.rows("contacts") == before


@pytest.mark.full
def test_a_load_that_was_half_done(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some tables have its rows and others have not, and another machine has read the same days again."""
    world = warehouse.sandbox.world
    warehouse.begin()
    world.live(2)
    killed(warehouse)
    with monkeypatch.context() as patched:
        patched.setattr("dlt.load.load.Load.complete_package", _killed)
        with pytest.raises(BaseException, match="killed"):
            warehouse.pipeline().load()
    elsewhere = Elsewhere(warehouse.sandbox, warehouse.folder, warehouse.place)
    world.live(1)
    elsewhere.pull()
    before = {name: warehouse.rows(name) for name in ("contacts", "opt_outs", "list_memberships")}
    warehouse.pull()
    assert {name: warehouse.rows(name) for name in before} == before
    assert warehouse.rows("contacts").keys() >= truth(warehouse.sandbox)["contacts"].keys()


def _killed(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt("killed")
