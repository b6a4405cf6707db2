"""The state in the warehouse: damaged, forgotten, and how many copies of it stay (13.C21, 13.C23)."""

from __future__ import annotations

import shutil

import pytest

from listrak_source.pull.state import stored_state
from listrak_source.pull.state.stored_state import COPIES, StateError
from tests.pull.warehouse import Warehouse, truth

STATE = "_dlt_pipeline_state"
in_databases = pytest.mark.parametrize(
    "place", ["duckdb", pytest.param("postgres", marks=pytest.mark.full)], indirect=True
)
anywhere = pytest.mark.parametrize(
    "place",
    ["duckdb", *(pytest.param(place, marks=pytest.mark.full) for place in ("postgres", "parquet", "delta"))],
    indirect=True,
)


def states(warehouse: Warehouse) -> list[tuple[str, str]]:
    """Pipeline and load of each copy of a state, oldest first."""
    with warehouse.pipeline().sql_client() as client:
        found = client.execute_sql(f"SELECT pipeline_name, _dlt_load_id FROM {STATE} ORDER BY 2")
    return [(str(name), str(load)) for name, load in found or ()]


def damage(warehouse: Warehouse, state: str) -> None:
    with warehouse.pipeline().sql_client() as client:
        client.execute_sql(f"UPDATE {STATE} SET state = %s", state)


def elsewhere(warehouse: Warehouse) -> None:
    """The next pull is of another machine: it has only what the warehouse holds."""
    shutil.rmtree(warehouse.folder / "pipelines")


@pytest.mark.full
@pytest.mark.cases(0, 1)
@in_databases
def test_the_newest_copies_of_the_state_stay(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    assert COPIES == 10
    monkeypatch.setattr(stored_state, "COPIES", 3)
    monkeypatch.setattr(stored_state, "EVERY", 1)
    warehouse.pull("opt_outs")
    with warehouse.pipeline().sql_client() as client:
        columns = "version, engine_version, state, created_at, version_hash, _dlt_load_id"
        copy = f"SELECT 'another', 'its own id', {columns} FROM {STATE}"
        client.execute_sql(f"INSERT INTO {STATE} (pipeline_name, _dlt_id, {columns}) {copy}")
    first = states(warehouse)[0][1]
    warehouse.pull(chunk_rows=20)
    mine = [load for name, load in states(warehouse) if name == "listrak"]
    assert len(mine) == 3
    assert first not in mine
    assert ("another", first) in states(warehouse), "of ours only"
    elsewhere(warehouse)
    assert warehouse.pull() == {}, "restored from the newest"
    assert len([name for name, _ in states(warehouse) if name == "listrak"]) == 3


@in_databases
@pytest.mark.parametrize("state", ["no state at all", "eJwLAAAAAAE=", ""])
def test_a_state_that_cannot_be_read_says_what_to_do(warehouse: Warehouse, state: str) -> None:
    warehouse.begin("opt_outs")
    before = warehouse.rows("opt_outs")
    damage(warehouse, state)
    elsewhere(warehouse)
    with pytest.raises(StateError, match=r"_dlt_pipeline_state cannot be read: .*--forget-state"):
        warehouse.pull("opt_outs")
    assert not warehouse.sandbox.traffic.counts, "before anything is asked of Listrak"
    assert stored_state.forget(warehouse.pipeline())
    warehouse.pull("opt_outs")
    assert warehouse.rows("opt_outs") == before


def test_what_is_ours_of_the_state_is_looked_at_too(warehouse: Warehouse) -> None:
    warehouse.begin("opt_outs")
    pipeline = warehouse.pipeline()
    with pipeline.managed_state() as state:
        marks = state["sources"]["listrak_sms"]["resources"]["opt_outs"]["watermarks"]
        marks |= dict.fromkeys(marks, "the day before")
    with pytest.raises(Exception, match="--forget-state"):
        warehouse.pull("opt_outs")
    assert "list_opt_outs" not in warehouse.sandbox.traffic.counts


@pytest.mark.full
@pytest.mark.cases(0, 1)
@anywhere
def test_a_pull_after_its_state_was_forgotten_keeps_all_rows(warehouse: Warehouse) -> None:
    sandbox = warehouse.sandbox
    warehouse.pull()
    sandbox.world.live(1)
    warehouse.pull()
    before = {name: warehouse.rows(name) for name in ("contacts", "opt_outs", "subscriptions", "consent_events")}
    assert any(row["subscribe_date"] for row in before["contacts"].values())
    assert stored_state.forget(warehouse.pipeline())
    elsewhere(warehouse)
    warehouse.pull()
    for name in ("opt_outs", "subscriptions", "consent_events"):
        assert before[name].items() <= warehouse.rows(name).items(), name
    contacts = warehouse.rows("contacts")
    for key, row in before["contacts"].items():
        assert contacts[key]["subscribe_date"] == row["subscribe_date"], "dates that were looked up once"
    assert len(warehouse.rows("consent_events")) == len(before["consent_events"]), "nothing is told again"
    sandbox.world.live(1)
    warehouse.pull(full=True)
    assert warehouse.rows("list_memberships").keys() == truth(sandbox)["list_memberships"].keys()


def test_there_is_nothing_to_forget(warehouse: Warehouse) -> None:
    assert not stored_state.forget(warehouse.pipeline())
