"""Pulls of one sender code each, from several machines into one dataset: together they are as one pull of all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.pipeline.pipeline import Pipeline

from listrak_source import listrak_sms, pull
from listrak_source.api import ConfigurationError
from listrak_source.pull.state import pipelines, stored_state
from listrak_source.pull.state.pipelines import look_at_all, names_of, states_of
from listrak_source.runs import SOURCE
from listrak_source.sandbox import Fault, Sandbox, World
from tests.destinations import servers
from tests.destinations.places import PLACES
from tests.pull.warehouse import Warehouse

TABLES = (
    "sender_codes", "lists", "profile_fields", "contacts", "contact_profile_values", "list_memberships", "opt_outs",
    "subscriptions", "consent_events",
)  # fmt: skip


class Unit(Warehouse):
    """The same warehouse, from a machine that pulls one sender code, or all."""

    def __init__(self, sandbox: Sandbox, folder: Path, sender: int | None = None, place: str = "postgres") -> None:
        super().__init__(sandbox, folder, PLACES[place])
        self.sender = sender

    def options(self) -> dict[str, Any]:
        return super().options() | ({"sender_codes": [self.sender]} if self.sender else {})

    def pipeline(self) -> Pipeline:
        name = f"listrak_{self.sender}" if self.sender else "listrak"
        return dlt.pipeline(
            name,
            destination=self.place.destination(self.folder),
            dataset_name=self.dataset,
            pipelines_dir=str(self.folder / f"machine {name}"),
        )

    def memory(self) -> dict[str, Any]:
        """What the pipeline's stored state tells."""
        with self.pipeline().sql_client() as client:
            found = [state for state, _ in states_of(client) if state["pipeline_name"] == self.pipeline().pipeline_name]
        memory: dict[str, Any] = found[0]["sources"][SOURCE]
        return memory


@pytest.fixture(scope="module")
def brands() -> Iterator[Sandbox]:
    with Sandbox(World(seed=11, contacts=60, sender_codes=3, lists=6)) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(brands: Sandbox) -> Sandbox:
    brands.service.reset()
    return brands


@pytest.fixture
def where(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    chosen: str = getattr(request, "param", "postgres")
    if PLACES[chosen].needs_extensions:
        monkeypatch.setenv("HOME", servers.home())
    return chosen


@pytest.fixture
def units(sandbox: Sandbox, tmp_path: Path, where: str) -> list[Unit]:
    return [Unit(sandbox, tmp_path, sender, where) for sender in sandbox.world.sender_codes]


@pytest.fixture
def whole(sandbox: Sandbox, tmp_path: Path, where: str) -> Unit:
    return Unit(sandbox, tmp_path, place=where)


@pytest.fixture
def twin(sandbox: Sandbox, tmp_path: Path) -> Unit:
    """Another dataset, of one pipeline."""
    (tmp_path / "twin").mkdir()
    return Unit(sandbox, tmp_path / "twin")


def rows(warehouse: Warehouse) -> dict[str, Any]:
    """All rows but when this warehouse saw them, which is each pull's own moment."""
    with warehouse.reading():
        return {
            name: {
                key: {column: value for column, value in row.items() if column != "observed_at"}
                for key, row in warehouse.rows(name).items()
            }
            for name in TABLES
        }


def reads_windows_alone(sandbox: Sandbox) -> bool:
    """Whether no list was read from its beginning."""
    asked = [query for _, path, query in sandbox.traffic.log if path.endswith("/Contact")]
    assert asked
    return all("Date" in query for query in asked)


@pytest.mark.cases(0, 1)
@pytest.mark.full
@pytest.mark.parametrize("where", ["postgres", "ducklake"], indirect=True)
def test_side_by_side_they_end_with_the_rows_of_one(units: list[Unit], whole: Unit, twin: Unit) -> None:
    for step in ("first", "later", "complete"):
        full = {"full": True} if step == "complete" else {}
        # The first waits in the middle of its pull while the others go from their beginning to their end.
        begun = pull(units[0].pipeline(), chunk_rows=10, page_size=10, **units[0].options(), **full)
        next(begun, None)
        for other in units[1:]:
            other.pull(**full)
        list(begun)
        twin.pull(**full)
        assert rows(whole) == rows(twin), step
        whole.sandbox.world.live(2)
    whole.pull()
    twin.pull()
    assert rows(whole) == rows(twin)


@pytest.mark.full
def test_one_knows_what_another_has_read(units: list[Unit], whole: Unit) -> None:
    whole.pull()
    whole.sandbox.traffic.clear()
    assert not units[0].pull().keys() & {*TABLES}
    assert not whole.sandbox.traffic.counts["get_contact"]
    whole.sandbox.world.live(1)
    for unit in units:
        unit.pull()
    before = rows(whole)
    assert not whole.pull().keys() & {*TABLES}, "nor does a pull of all begin anew"
    assert rows(whole) == before


@pytest.mark.full
@pytest.mark.cases(2, 2)
@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("times", [1, 2])
def test_what_was_read_before_another_pulled_is_given_up(
    units: list[Unit], whole: Unit, *, full: bool, times: int
) -> None:
    whole.pull()
    whole.sandbox.world.live(1)
    killed = whole.pipeline()
    killed.extract(listrak_sms(**whole.options(), full=full))
    for _ in range(times):
        whole.sandbox.world.live(1)
        units[0].pull(full=full)
    (waiting,) = whole.pipeline().list_extracted_load_packages()
    stopped = {key: row["opted_out"] for key, row in whole.rows("contacts").items() if key[0] == units[0].sender}
    assert waiting not in [load for info in pull(whole.pipeline(), **whole.options()) for load in info.loads_ids]
    assert stopped.items() <= {key: row["opted_out"] for key, row in whole.rows("contacts").items()}.items()


@pytest.mark.full
def test_forgetting_the_state_of_one_forgets_what_the_others_know_of_it(units: list[Unit], whole: Unit) -> None:
    whole.pull()
    pipeline = units[0].pipeline()
    assert stored_state.forget(pipeline, sender_codes=[int(str(units[0].sender))])
    assert not units[0].memory().get("resources")
    units[1].pull()
    whole.sandbox.traffic.clear()
    units[0].pull()
    assert not reads_windows_alone(whole.sandbox)
    whole.sandbox.traffic.clear()
    units[1].pull()
    assert reads_windows_alone(whole.sandbox)


@pytest.mark.full
def test_of_another_time_zone_none_goes_on(units: list[Unit], whole: Unit) -> None:
    whole.pull(timezone="America/New_York")
    with pytest.raises(ConfigurationError, match="America/New_York"):
        units[0].pull(timezone="Europe/Paris")


@pytest.mark.full
def test_of_two_that_begin_at_once_with_other_settings_one_loads(
    units: list[Unit], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second has looked before the first had loaded."""
    monkeypatch.setattr("listrak_source.pull.runner.take_over", lambda *_: None)
    units[0].pull(timezone="Europe/Paris")
    with pytest.raises(ConfigurationError, match="Europe/Paris"):
        units[1].pull(timezone="America/New_York")
    assert {key[0] for key in units[1].rows("contacts")} == {units[0].sender}
    units[1].pull(timezone="Europe/Paris")


@pytest.mark.full
def test_looked_at_they_are_one(units: list[Unit], whole: Unit) -> None:
    for unit in units:
        unit.pull("opt_outs")
    assert names_of(whole.pipeline()) == [unit.pipeline().pipeline_name for unit in units]
    looking = units[-1].pipeline()
    looking.sync_destination()
    look_at_all(looking)
    known = looking.state["sources"][SOURCE]["resources"]["opt_outs"]["watermarks"]
    assert known.keys() == {f"opt_outs/{unit.sender}" for unit in units}


def memory(count: int, senders: str = "1", **more: Any) -> dict[str, Any]:
    """A memory of some sender codes."""
    return {
        "pulls": dict.fromkeys(senders, count),
        "watermarks": {f"contacts/{sender}/7": f"lookups {count}" for sender in senders},
        "resources": {
            "contacts": {
                "watermarks": {f"contacts/{sender}/7": f"read {count}" for sender in senders},
                "vouched": dict.fromkeys(senders, count),
            }
        },
        **more,
    }


def test_whoever_has_pulled_a_sender_code_last_is_believed() -> None:
    own = memory(3, "12", timezone="UTC")
    pipelines._merge(own, [memory(4, "2"), memory(2, "1"), memory(1, "3")], None)
    contacts = own["resources"]["contacts"]
    assert contacts["watermarks"] == {"contacts/1/7": "read 3", "contacts/2/7": "read 4", "contacts/3/7": "read 1"}
    assert contacts["vouched"] == {"1": 3, "2": 4, "3": 1}
    assert own["watermarks"] == {
        "contacts/1/7": "lookups 3", "contacts/2/7": "lookups 4", "contacts/3/7": "lookups 1",
    }  # fmt: skip
    assert own["pulls"] == {"1": 3, "2": 4, "3": 1}
    assert own["timezone"] == "UTC"


def test_of_other_sender_codes_nothing_is_taken_over() -> None:
    own = memory(1, "1")
    pipelines._merge(
        own, [memory(5, "12", unread={"contacts/2/7": {"told": "no"}, "contacts/1/7": {"told": "no"}})], [1]
    )
    assert own["pulls"] == {"1": 5}
    assert own["resources"]["contacts"]["vouched"] == {"1": 5}
    assert own["unread"].keys() == {"contacts/1/7"}


def test_who_knows_nothing_takes_over_from_who_has_counted_nothing() -> None:
    """An earlier version counts no pulls."""
    older = memory(0, "1")
    del older["pulls"]
    own: dict[str, Any] = {}
    assert pipelines._merge(own, [older], None)
    assert own["resources"]["contacts"]["watermarks"] == {"contacts/1/7": "read 0"}
    assert not pipelines._merge(own, [older], None), "and only once"


def test_an_unfinished_pull_of_another_is_taken_over_until_one_has_ended() -> None:
    """Whom it has written may still have to be looked up."""
    unfinished = memory(3, "12", pending={"task": "of both", "now": "2026-03-01T00:00:00+00:00", "full": False})
    own = memory(3, "1")
    pipelines._merge(own, [unfinished], [1])
    assert own["pending"]["task"] == "of both"
    own = memory(4, "1")
    pipelines._merge(own, [unfinished], [1])
    assert "pending" not in own


@pytest.mark.full
def test_what_all_set_aside_stands_there_once(units: list[Unit], whole: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both look at one moment, and find the dataset empty; both are shown a sender code without an id."""
    monkeypatch.setattr("listrak_source.pull.runner.is_empty", lambda _: True)
    told = [sender.record for sender in whole.sandbox.world.sender_codes.values()]
    answer = json.dumps({"status": 200, "data": [*told, {"code": "2"}]})
    begun = []
    for unit in units[:2]:
        whole.sandbox.faults.add(Fault("status", "list_sender_codes", status=200, body=answer))
        reading = pull(unit.pipeline(), into_empty=True, chunk_rows=10, page_size=10, **unit.options())
        next(reading, None)
        begun.append(reading)
    for reading in begun:
        list(reading)
    with whole.reading():
        assert [row["table_name"] for row in whole.rows("rejected_rows").values()] == ["sender_codes"]
