"""Where a pull goes on: the state travels with the data."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listrak_source import listrak_sms
from listrak_source.pull.state.streams import Stream, sender_code_of
from tests.pull.asking import queries
from tests.pull.cutting import elsewhere, loads
from tests.pull.proxy import proxy
from tests.pull.warehouse import Warehouse, truth


def test_next_pull_goes_on_without_its_working_directory(warehouse: Warehouse) -> None:
    warehouse.begin("contacts", "opt_outs")
    loads = warehouse.loads()
    shutil.rmtree(warehouse.folder / "pipelines")
    warehouse.sandbox.traffic.clear()
    assert warehouse.pull("contacts", "opt_outs") == {}
    assert warehouse.loads() == loads
    assert all("startSubscribeDate" in query for _, query in queries(warehouse.sandbox, "/Contact"))
    shutil.rmtree(warehouse.folder / "pipelines")
    warehouse.sandbox.world.live(1)
    assert 0 < warehouse.pull("contacts", "opt_outs")["contacts"] < 30


def state(warehouse: Warehouse) -> dict[str, Any]:
    """The source's state in the pipeline's working directory."""
    found: dict[str, Any] = warehouse.pipeline().state["sources"]["listrak_sms"]
    return found


@pytest.mark.full
@pytest.mark.parametrize("unfinished", [False, True], ids=["finished", "unfinished"])
def test_all_state_comes_back_from_the_warehouse(warehouse: Warehouse, unfinished: bool) -> None:
    """Each watermark of each table and stream, the mark of masks, what is pending. Which rows were seen and which set
    aside stands in the warehouse.
    """

    def change(path: str, answer: dict[str, Any]) -> None:
        if path.endswith("/SegmentationField"):
            answer["data"][0]["segmentationFieldId"] = "none"

    options: dict[str, Any] = {"hash_columns": ["phone_number"], "hash_key": "sixteen letters!"}
    with proxy(warehouse.sandbox, change) as base_url:
        warehouse.pull(base_url=base_url, **options)
        warehouse.sandbox.world.live(2)
        if unfinished:
            assert next(loads(warehouse, base_url=base_url, chunk_rows=400, page_size=20, full=True, **options))
        else:
            warehouse.pull(base_url=base_url, **options)
    before = state(warehouse)
    elsewhere(warehouse)
    assert "sources" not in warehouse.pipeline().state
    warehouse.pipeline().sync_destination()
    assert state(warehouse) == before
    streams = {f"contacts/{key[0]}/{key[1]}" for key in truth(warehouse.sandbox)["lists"]}
    streams |= {f"opt_outs/{key}" for (key,) in truth(warehouse.sandbox)["sender_codes"]}
    resources = before["resources"]
    for table in ("contacts", "contact_profile_values", "list_memberships"):
        assert resources[table]["watermarks"].keys() == {name for name in streams if name.startswith("contacts")}
    assert resources["opt_outs"]["watermarks"].keys() == {name for name in streams if name.startswith("opt_outs")}
    assert resources["consent_events"]["watermarks"].keys() == streams
    assert before["watermarks"].keys() == streams
    assert not {"remembered", "rows", "ids"} & {*before, *(name for kept in resources.values() for name in kept)}
    assert before["masks"]
    assert before["looked_up"]
    assert ("pending" in before) is unfinished


def test_pull_whose_load_failed_is_finished_by_the_next(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """The warehouse is away after all has been read: nothing is lost, and nothing twice."""
    if warehouse.place.name != "duckdb":
        pytest.skip("it takes the file away")
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
    warehouse.begin("contacts")
    other = Warehouse(warehouse.sandbox, warehouse.folder / "other", warehouse.place)
    other.folder.mkdir()
    assert other.pull("contacts")["contacts"] == len(truth(warehouse.sandbox)["contacts"])


def test_refresh_of_one_table_reads_it_from_its_beginning(warehouse: Warehouse) -> None:
    warehouse.begin("contacts", "list_memberships")
    warehouse.sandbox.world.clock.advance(days=30)
    source = listrak_sms(**warehouse.options()).with_resources("list_memberships")
    warehouse.pipeline().run(source, refresh="drop_resources")
    told = truth(warehouse.sandbox)
    assert warehouse.rows("list_memberships").keys() == told["list_memberships"].keys()
    assert warehouse.rows("contacts").keys() == told["contacts"].keys()


@given(st.sampled_from(["contacts", "opt_outs", "lists"]), st.integers(), st.none() | st.integers())
def test_a_stream_is_known_by_its_text(table: str, sender: int, phone_list: int | None) -> None:
    """Whatever number Listrak gives a list: what is doubted of it must not count as proved."""
    stream = Stream(table, sender, phone_list if table == "contacts" else None)
    assert Stream.of(str(stream)) == stream
    assert sender_code_of(str(stream)) == str(sender)
    assert (Stream.of("walks"), Stream.of("lookups of somebody/else")) == (None, None)
