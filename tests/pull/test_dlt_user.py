"""What whoever knows dlt takes for granted: each of it works as dlt says, or is refused with what to do instead."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from listrak_source import listrak_sms, pull, where
from listrak_source.api import ConfigurationError
from listrak_source.pull.schema import TABLES
from listrak_source.runs import PULL_RUNS
from listrak_source.sandbox import Sandbox, World
from tests.pull.asking import somebody
from tests.pull.proxy import proxy
from tests.pull.warehouse import Warehouse, truth

Source = Any


@pytest.fixture
def source(warehouse: Warehouse) -> Callable[..., Source]:
    return lambda **options: listrak_sms(**warehouse.options() | options)


def watermarks(warehouse: Warehouse) -> dict[str, Any]:
    state = warehouse.pipeline().state.get("sources", {}).get("listrak_sms", {})
    kept = {name: one["watermarks"] for name, one in state.get("resources", {}).items() if one.get("watermarks")}
    return kept | {name: state[name] for name in ("watermarks", "pending", "walk") if state.get(name)}


def refused(warehouse: Warehouse, chosen: Source, **options: Any) -> str:
    """The sentence with which a run ends, before anything is asked of Listrak."""
    warehouse.sandbox.traffic.clear()
    with pytest.raises(PipelineStepFailed) as failed:
        warehouse.pipeline().run(chosen, **options)
    assert not warehouse.sandbox.traffic.counts["list_contacts"]
    error: BaseException | None = failed.value
    while error is not None and not isinstance(error, ConfigurationError):
        error = error.__cause__ or error.__context__
    assert error is not None, failed.value
    return str(error)


# -- without a pipeline ------------------------------------------------------------------------------------------------


def test_any_resource_can_be_looked_at_without_a_pipeline(warehouse: Warehouse, source: Callable[..., Source]) -> None:
    told = truth(warehouse.sandbox)
    for _ in range(2):  # nothing is remembered
        assert sum(rows.num_rows for rows in source().lists) == len(told["lists"])
    (rows,) = list(source().with_resources("lists"))
    assert isinstance(rows, pa.Table)
    assert {(row["sender_code_id"], row["phone_list_id"]) for row in rows.to_pylist()} == told["lists"].keys()
    contacts = pa.concat_tables(list(source().contacts), promote_options="default")
    assert len(set(zip(*contacts.select(["sender_code_id", "phone_number"]).to_pydict().values()))) == len(  # noqa: B905
        told["contacts"]
    )


@pytest.mark.full
def test_what_a_pipeline_has_read_is_no_matter_to_a_look(warehouse: Warehouse, source: Callable[..., Source]) -> None:
    pipeline = warehouse.pipeline()
    pipeline.run(source().with_resources("contacts"))
    before = pipeline.state["sources"]
    pipeline.activate()
    assert sum(rows.num_rows for rows in source().contacts) == len(truth(warehouse.sandbox)["contacts"])
    assert pipeline.state["sources"] == before


def test_where_an_active_pipeline_would_write_is_no_matter_either(
    source: Callable[..., Source], tmp_path: Path
) -> None:
    """Into plain files a plain run is refused; a look writes nothing."""
    place = dlt.destinations.filesystem(bucket_url=str(tmp_path / "lake"))
    dlt.pipeline("active", destination=place, pipelines_dir=str(tmp_path / "pipelines")).activate()
    (rows,) = source().lists
    assert rows.num_rows


def test_a_source_is_built_without_credentials_and_asks_for_them_when_it_is_read(warehouse: Warehouse) -> None:
    built = listrak_sms()
    assert "contacts" in built.resources
    with pytest.raises(Exception, match="client_id"):
        list(built.lists)
    with pytest.raises(ConfigurationError, match="page_size"):
        listrak_sms(page_size=1)


def test_two_accounts_have_a_section_each(
    warehouse: Warehouse, source: Callable[..., Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("client_id", "client_secret", "base_url", "token_url"):
        monkeypatch.setenv(f"SOURCES__BRAND_A__{name.upper()}", warehouse.options()[name])
    monkeypatch.setenv("SOURCES__LISTRAK__CLIENT_ID", "another account's")
    (rows,) = listrak_sms.clone(section="brand_a")().lists
    assert rows.num_rows == len(truth(warehouse.sandbox)["lists"])


# -- a part of it ------------------------------------------------------------------------------------------------------


@pytest.mark.full
def test_a_limit_takes_some_and_moves_no_watermark(warehouse: Warehouse, source: Callable[..., Source]) -> None:
    limited = source(page_size=5).with_resources("contacts")
    limited.contacts.add_limit(1)
    warehouse.pipeline().run(limited)
    assert len(warehouse.rows("contacts")) == 5, "a page"
    assert watermarks(warehouse) == {}
    warehouse.pull("contacts")
    assert warehouse.rows("contacts").keys() == truth(warehouse.sandbox)["contacts"].keys()
    before = watermarks(warehouse)
    again = source().with_resources("contacts")
    again.contacts.add_limit(0)
    warehouse.pipeline().run(again)
    assert watermarks(warehouse) == before


def test_no_more_is_asked_for_than_is_wanted(tmp_path: Path) -> None:
    asked = []
    with Sandbox(World(seed=3, contacts=3_000, sender_codes=1, lists=4)) as sandbox:
        for most in (1, None):
            contacts = listrak_sms(**Warehouse(sandbox, tmp_path).options() | {"page_size": 50}).contacts
            sandbox.traffic.clear()
            assert list(contacts.add_limit(most) if most else contacts)
            asked.append(sandbox.traffic.counts["list_contacts"])
    assert asked[0] * 5 < asked[1]


def test_a_limit_of_rows_and_of_the_whole_source(warehouse: Warehouse, source: Callable[..., Source]) -> None:
    chosen = source(page_size=50).with_resources("contacts", "lists").add_limit(60, count_rows=True)
    warehouse.pipeline().run(chosen)
    assert 60 <= len(warehouse.rows("contacts")) <= 60 + 50, "the last page is whole, as dlt says"
    assert warehouse.rows("lists")
    assert watermarks(warehouse) == {}


@pytest.mark.full
def test_rows_are_filtered_by_a_column_and_the_rest_is_not_missed(
    warehouse: Warehouse, source: Callable[..., Source]
) -> None:
    def only_stopped() -> Source:
        chosen = source().with_resources("contacts")
        chosen.contacts.add_map(where("opted_out", True))
        return chosen

    warehouse.pipeline().run(only_stopped())
    stopped = {key for key, row in truth(warehouse.sandbox)["contacts"].items() if row["opted_out"]}
    assert warehouse.rows("contacts").keys() == stopped
    warehouse.sandbox.traffic.clear()
    warehouse.pipeline().run(only_stopped())
    assert "startSubscribeDate" in str(warehouse.sandbox.traffic.log), (
        "what was left out is no loss: nothing begins anew"
    )


@pytest.mark.parametrize(
    ("wanted", "kept"), [("x", [1]), (None, [2]), (lambda value: value != "x", [2, 3]), ("nobody", [])]
)
def test_where(wanted: Any, kept: list[int]) -> None:
    rows = pa.table({"id": [1, 2, 3], "name": ["x", None, "y"]})
    found = where("name", wanted)(rows)
    assert (found["id"].to_pylist() if found is not None else []) == kept
    with pytest.raises(KeyError, match="there are id, name"):
        where("nam", wanted)(rows)


# -- what was meant for rows -------------------------------------------------------------------------------------------


def test_a_filter_of_rows_is_told_of_tables(warehouse: Warehouse, source: Callable[..., Source]) -> None:
    chosen = source().with_resources("lists")
    chosen.lists.add_filter(lambda row: row["phone_list_id"])
    with pytest.raises(PipelineStepFailed) as failed:
        warehouse.pipeline().run(chosen)
    assert "add_filter of lists failed (TypeError: it returned ChunkedArray, not True or False)" in str(failed.value)
    assert "see listrak_source.where" in str(failed.value)
    chosen = source().with_resources("lists")
    chosen.lists.add_map(lambda row: row | {"brand": "a"})
    with pytest.raises(PipelineStepFailed, match="It is given an Arrow table of"):
        warehouse.pipeline().run(chosen)
    chosen = source().with_resources("lists")
    chosen.lists.add_filter(lambda row: row["phone_list_id"] == 7)
    with pytest.raises(PipelineStepFailed, match="it left out all"):
        warehouse.pipeline().run(chosen)
    chosen = source().with_resources("lists")
    chosen.lists.add_map(lambda row: {"id": 1})
    with pytest.raises(PipelineStepFailed, match="it returned dict, not an Arrow table"):
        warehouse.pipeline().run(chosen)
    assert watermarks(warehouse) == {}


def test_a_map_of_tables_works(warehouse: Warehouse, source: Callable[..., Source]) -> None:
    chosen = source().with_resources("lists")
    chosen.lists.add_map(lambda rows: rows.append_column("brand", pa.repeat("a", rows.num_rows)))
    warehouse.pipeline().run(chosen)
    assert {row["brand"] for row in warehouse.records("lists") or []} == {"a"}


# -- what is not the caller's ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("disposition", ["replace", "append", {"disposition": "merge", "strategy": "scd2"}])
def test_another_disposition_is_refused(warehouse: Warehouse, source: Callable[..., Source], disposition: Any) -> None:
    said = refused(warehouse, source().with_resources("lists"), write_disposition=disposition)
    assert said.startswith("listrak_sms: write_disposition of lists is not the caller's to set")
    assert 'refresh="drop_data"' in said


@pytest.mark.parametrize(
    "hints",
    [
        {"table_name": "brands"},
        {"primary_key": "phone_list_id"},
        {"merge_key": "phone_list_id"},
        {"incremental": dlt.sources.incremental("phone_list_id")},
    ],
)
def test_hints_that_a_pull_lives_by_are_refused(
    warehouse: Warehouse, source: Callable[..., Source], hints: dict[str, Any]
) -> None:
    chosen = source().with_resources("lists")
    chosen.lists.apply_hints(**hints)
    assert f"{next(iter(hints))} of lists is not the caller's to set" in refused(warehouse, chosen)


@pytest.mark.full
def test_the_same_source_runs_again_and_what_says_what_is_so_is_taken(
    warehouse: Warehouse, source: Callable[..., Source], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "dlt")
    logging.getLogger("dlt").propagate = True
    chosen = source()
    chosen.lists.apply_hints(columns={"phone_list_name": {"description": "Ours."}})
    for _ in range(3):
        warehouse.pipeline().run(chosen, write_disposition="merge")
        warehouse.sandbox.world.live(1)
    assert warehouse.rows("lists").keys() == truth(warehouse.sandbox)["lists"].keys()
    assert not [one.getMessage() for one in caplog.records if one.name == "dlt"], "dlt has nothing to warn of"


def test_a_table_under_another_name_is_refused(warehouse: Warehouse, source: Callable[..., Source]) -> None:
    with pytest.raises(Exception, match="brands is no table of a pull"):
        list(source().lists.with_name("brands"))


CONTRACTS: list[tuple[dict[str, Any], str]] = [
    ({"columns": "discard_row"}, "or discard_value, which leaves out the new column alone"),
    ({"tables": "discard_row"}, "Take freeze, which ends the run"),
    ({"tables": "discard_value"}, "tables=discard_value in the schema_contract of lists would leave out rows"),
]


@pytest.mark.cases(1)
@pytest.mark.parametrize(("contract", "said"), CONTRACTS)
def test_a_contract_that_discards_rows_is_refused(
    warehouse: Warehouse, source: Callable[..., Source], contract: dict[str, Any], said: str
) -> None:
    assert said in refused(warehouse, source().with_resources("lists"), schema_contract=contract)
    chosen = source().with_resources("lists")
    chosen.lists.apply_hints(schema_contract=contract)
    assert said in refused(warehouse, chosen)


@pytest.mark.cases(1)
@pytest.mark.parametrize("contract", ["freeze", {"columns": "discard_value"}])
def test_a_contract_for_columns_loses_no_stop(
    warehouse: Warehouse, source: Callable[..., Source], contract: Any
) -> None:
    someone = somebody(warehouse.sandbox)
    warehouse.begin("opt_outs")
    warehouse.sandbox.world.opt_out(*someone.key)
    warehouse.sandbox.world.clock.advance(hours=1)

    def change(path: str, answer: dict[str, Any]) -> None:
        for record in answer["data"] if path.endswith("/OptOut") else ():
            record["loyaltyTier"] = "gold"

    with proxy(warehouse.sandbox, change) as base_url:
        chosen = source(base_url=base_url).with_resources("opt_outs")
        if contract == "freeze":
            with pytest.raises(PipelineStepFailed, match="Can't add table column `loyalty_tier` to table `opt_outs`"):
                warehouse.pipeline().run(chosen, schema_contract=contract)
        else:
            warehouse.pipeline().run(chosen, schema_contract=contract)
            assert someone.key in {key[:2] for key in warehouse.rows("opt_outs")}
    warehouse.pipeline().run(source().with_resources("opt_outs"), schema_contract=contract)
    rows = warehouse.rows("opt_outs")
    assert someone.key in {key[:2] for key in rows}
    assert "loyalty_tier" not in next(iter(rows.values()))


# -- what comes along --------------------------------------------------------------------------------------------------


@pytest.mark.full
def test_a_map_of_one_table_is_not_given_what_the_pull_tells_of_itself(
    warehouse: Warehouse, source: Callable[..., Source]
) -> None:
    for _ in range(4):  # a complete walk is two runs, and keeps keys in between
        chosen = source(full=True).with_resources("contacts")
        chosen.contacts.add_map(where("opted_out", False))
        chosen.contacts.add_filter(lambda rows: rows.num_rows > 0 and "first_name" in rows.column_names)
        chosen.contacts.add_map(lambda rows: rows.append_column("brand", pa.repeat("a", rows.num_rows)))
        warehouse.pipeline().run(chosen)
    assert {row["brand"] for row in warehouse.records("contacts") or []} == {"a"}
    assert warehouse.records("walks"), "both walks came to their end"
    assert all("brand" not in row for name in ("walks", "seen_keys") for row in warehouse.records(name) or [])


@pytest.mark.full
@pytest.mark.parametrize("chosen", [(), ("consent_events",), ("subscriptions",)])
def test_a_limit_costs_no_event_and_no_lookup(
    warehouse: Warehouse, source: Callable[..., Source], chosen: tuple[str, ...]
) -> None:
    """What a limited pull has brought is no less new to the next one."""
    world, new = warehouse.sandbox.world, ["15550109901", "15550109902"]
    warehouse.begin()
    (sender, phone_list) = next(iter(truth(warehouse.sandbox)["lists"]))
    for phone in new:
        world.subscribe(sender, phone_list, phone, {"firstName": "Zo\u00eb"})
    world.opt_out(sender, new[1])
    world.clock.advance(hours=1)
    limited = source(page_size=50)
    for name in chosen or limited.selected_resources:
        limited.resources[name].add_limit(1)
    warehouse.pipeline().run(limited)
    world.clock.advance(hours=1)
    warehouse.pull()
    told = {key[2:4] for key in warehouse.rows("consent_events")}
    assert {(new[0], "subscribed"), (new[1], "subscribed"), (new[1], "opted_out")} <= told
    assert set(new) <= {key[1] for key in warehouse.rows("subscriptions")}, "both were looked up"
    assert not [row for row in warehouse.records("contacts") or [] if row["record_hash"] is None]


def test_a_limit_of_rows_counts_those_that_arrive(warehouse: Warehouse, source: Callable[..., Source]) -> None:
    stopped = [key for key, row in truth(warehouse.sandbox)["contacts"].items() if row["opted_out"]]
    contacts = source(page_size=5).contacts
    contacts.add_map(where("opted_out", True)).add_limit(3, count_rows=True)
    assert 3 <= sum(rows.num_rows for rows in contacts) < len(stopped)


# -- tables, empty ones too --------------------------------------------------------------------------------------------


def made_by(pipeline: dlt.Pipeline) -> set[str]:
    """Tables of which the last run has loaded a file, but for dlt's own."""
    trace: Any = pipeline.last_trace
    packages = trace.last_load_info.load_packages
    names = {job.job_file_info.table_name for package in packages for jobs in package.jobs.values() for job in jobs}
    return {name for name in names if not name.startswith("_dlt")}


def there(warehouse: Warehouse) -> dict[str, int]:
    """By table: how many rows it has."""
    names = warehouse.query("SELECT table_name FROM information_schema.tables WHERE table_schema = 'listrak_sms'")
    tables = [name for (name,) in names if not name.startswith("_dlt") and name != PULL_RUNS]
    return {name: warehouse.query(f"SELECT count(*) FROM listrak_sms.{name}")[0][0] for name in tables}


@pytest.mark.cases(1)
@pytest.mark.parametrize("by", ["load", "run"])
def test_every_table_is_there_after_the_first_pull(
    warehouse: Warehouse, source: Callable[..., Source], by: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "dlt")
    logging.getLogger("dlt").propagate = True
    if by == "load":
        assert "subscriptions" not in warehouse.pull(), "of what has no rows nothing is said"
    else:
        warehouse.pipeline().run(source())
    found = there(warehouse)
    assert found.keys() == {*TABLES, "seen_keys"}
    empty = {name for name, count in found.items() if not count}
    assert empty == {"subscriptions", "rejected_rows", "walks", "seen_keys"}
    warehouse.pipeline().run(source())
    assert made_by(warehouse.pipeline()) == set(), "what is there is made once"
    columns = warehouse.query("SELECT column_name FROM information_schema.columns WHERE table_name = 'subscriptions'")
    assert {name for (name,) in columns} == {*TABLES["subscriptions"].schema.names, "_dlt_load_id"}
    assert not [one.getMessage() for one in caplog.records if one.name == "dlt"], "dlt has nothing to warn of"
    # What comes later is in them.
    warehouse.sandbox.world.live(1)
    assert warehouse.pull()["subscriptions"] == there(warehouse)["subscriptions"]


@pytest.mark.cases(1)
@pytest.mark.parametrize("chosen", ["jsonl", "insert_values", "parquet"])
def test_they_are_made_whatever_the_format_of_files(
    warehouse: Warehouse, source: Callable[..., Source], chosen: Any
) -> None:
    warehouse.pipeline().run(source().with_resources("lists", "subscriptions"), loader_file_format=chosen)
    assert there(warehouse)["subscriptions"] == 0
    assert warehouse.rows("lists").keys() == truth(warehouse.sandbox)["lists"].keys()


def test_of_chosen_tables_those_are_there_and_no_others(warehouse: Warehouse) -> None:
    """Also where Listrak has nothing at all for them."""
    with Sandbox(World(seed=3, contacts=0, sender_codes=1, lists=1)) as sandbox:
        bare = Warehouse(sandbox, warehouse.folder)
        bare.pull("opt_outs", "subscriptions")
        assert there(bare) == dict.fromkeys(("opt_outs", "subscriptions", "rejected_rows", "walks", "seen_keys"), 0)


@pytest.mark.full
def test_tables_may_be_frozen_after_the_first_pull(warehouse: Warehouse, source: Callable[..., Source]) -> None:
    warehouse.begin("contacts", "opt_outs")
    warehouse.sandbox.world.live(1)
    for _ in range(2):  # a complete walk is two runs
        chosen = source(full=True).with_resources("contacts", "opt_outs")
        warehouse.pipeline().run(chosen, schema_contract={"tables": "freeze"})
    assert there(warehouse)["walks"]


@pytest.mark.full
def test_an_empty_table_that_was_dropped_comes_back_with_the_next_load(warehouse: Warehouse) -> None:
    warehouse.begin("opt_outs", "subscriptions")
    warehouse.query("DROP TABLE listrak_sms.subscriptions")
    warehouse.sandbox.world.opt_out(*somebody(warehouse.sandbox).key)
    warehouse.sandbox.world.clock.advance(hours=1)
    assert warehouse.pull("opt_outs", "subscriptions", lookups="none") == {"opt_outs": 1}
    assert there(warehouse)["subscriptions"] == 0


@pytest.mark.cases(1)
@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows if rows["subscription_state"][0].as_py() else None,  # fails for no row
        lambda rows: rows.append_column("brand", pa.repeat("a", rows.num_rows)),
        where("subscription_state", "Subscribed"),
    ],
)
def test_a_map_keeps_no_table_from_being_made(
    warehouse: Warehouse, source: Callable[..., Source], change: Callable[[pa.Table], pa.Table | None]
) -> None:
    chosen = source().with_resources("opt_outs", "subscriptions")
    chosen.subscriptions.add_map(change).add_filter(lambda rows: rows.num_rows > 0)
    chosen.subscriptions.add_yield_map(lambda rows: (rows.slice(start, 1) for start in range(rows.num_rows)))
    warehouse.pipeline().run(chosen)
    assert there(warehouse)["subscriptions"] == 0


# -- a pipeline's settings ---------------------------------------------------------------------------------------------


@pytest.fixture
def few(tmp_path: Path) -> Iterator[Warehouse]:
    """A warehouse of a few people."""
    with Sandbox(World(seed=3, contacts=30, sender_codes=1, lists=2)) as sandbox:
        yield Warehouse(sandbox, tmp_path)


def told_the_truth(warehouse: Warehouse) -> None:
    told = truth(warehouse.sandbox)
    for name in ("lists", "contacts", "opt_outs"):
        assert warehouse.rows(name).keys() >= told[name].keys(), name


@pytest.mark.cases(1)
@pytest.mark.parametrize("naming", ["sql_cs_v1", "direct", "sql_ci_v1", "duck_case"])
def test_a_naming_convention_of_ones_own(few: Warehouse, monkeypatch: pytest.MonkeyPatch, naming: str) -> None:
    """Also for a field that Listrak adds, and in a complete walk."""

    def change(path: str, answer: dict[str, Any]) -> None:
        for record in answer["data"] if path.endswith("/Contact") else ():
            record["loyaltyTier"] = "gold"

    monkeypatch.setenv("SCHEMA__NAMING", naming)
    with proxy(few.sandbox, change) as base_url:
        few.pull("lists", "contacts", "opt_outs", base_url=base_url)
        few.sandbox.world.live(1)
        few.pull("lists", "contacts", "opt_outs", base_url=base_url, full=True)
    assert few.pipeline().default_schema.to_dict()["normalizers"]["names"] == naming
    told_the_truth(few)
    assert "gold" in {row["loyalty_tier"] for row in few.rows("contacts").values()}, "of whom nobody has looked up"


@pytest.mark.full
def test_dev_mode_log_and_a_schema_that_is_exported(few: Warehouse, capsys: pytest.CaptureFixture[str]) -> None:
    """Each run of a pipeline in dev mode has a dataset of its own, and reads everything."""
    datasets = []
    for _ in range(2):
        pipeline = dlt.pipeline(
            "listrak",
            destination=few.place.destination(few.folder),
            dataset_name="listrak_sms",
            pipelines_dir=str(few.folder / "pipelines"),
            export_schema_path=str(few.folder / "schemas"),
            progress="log",
            dev_mode=True,
        )
        for done in pull(pipeline, "lists", "opt_outs", **few.options()):
            assert done.dataset_name == pipeline.dataset_name
        datasets.append(pipeline.dataset_name)
        time.sleep(1 - time.time() % 1)  # dlt names a dataset by the second
    assert len(set(datasets)) == 2
    for dataset in datasets:
        few.dataset = dataset
        assert few.rows("opt_outs").keys() == truth(few.sandbox)["opt_outs"].keys()
    exported = (few.folder / "schemas" / "listrak_sms.schema.yaml").read_text()
    assert "How, in the API's words." in exported, "what columns mean"
    said = capsys.readouterr().out
    assert "Extract listrak_sms" in said
    assert f"opt_outs: {len(truth(few.sandbox)['opt_outs'])}" in said


@pytest.mark.full
@pytest.mark.parametrize("refresh", ["drop_sources", "drop_resources", "drop_data"])
def test_a_refresh_of_all_that_is_there_ends_with_the_truth(few: Warehouse, refresh: Any) -> None:
    few.pull()
    few.sandbox.world.live(1)
    few.pipeline().run(listrak_sms(**few.options()), refresh=refresh)
    told = truth(few.sandbox)
    for name in ("lists", "contacts", "opt_outs"):
        assert few.rows(name).keys() == told[name].keys(), "what was there before is gone"
    assert there(few).keys() == {*TABLES, "seen_keys"}
    assert few.pull() == {}
