"""Which way each table is written in each destination of dlt: asked of its own capabilities, without a driver."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
from dlt.common.destination import Destination
from dlt.destinations.sql_jobs import SqlMergeFollowupJob

from listrak_source import listrak_sms
from listrak_source.api import ConfigurationError
from listrak_source.pull.load.write_disposition import WriteDispositions, chosen, merge_strategies
from listrak_source.pull.schema import TABLES
from listrak_source.settings import Settings
from tests.destinations.lake import Lake, history
from tests.destinations.places import PLACES, Place
from tests.pull.warehouse import Warehouse

MERGING = ("duckdb", "postgres", "ducklake", "snowflake", "bigquery", "databricks", "mssql", "motherduck", "fabric")
DELETE_INSERT = ("redshift", "clickhouse", "synapse", "dremio", "sqlalchemy")


def settings(**options: object) -> Settings:
    made = Settings()
    for name, value in options.items():
        setattr(made, name, value)
    return made


def of_dlt(name: str) -> Destination[Any, Any]:
    options = {"bucket_url": "s3://bucket"} if name == "filesystem" else {}
    factory = Destination.from_reference(name, destination_name=name, **options)
    assert factory
    return factory


def choice(name: str, **options: object) -> WriteDispositions:
    factory = of_dlt(name)
    return chosen(factory.capabilities(), factory.destination_type, settings(**options))


def strategies(written: WriteDispositions) -> dict[str, str]:
    """By table: the merge strategy, or the plain disposition."""
    found = {name: written.hints(table)["write_disposition"] for name, table in TABLES.items()}
    return {name: how if isinstance(how, str) else how["strategy"] for name, how in found.items()}


@pytest.mark.parametrize("name", [*MERGING, *DELETE_INSERT])
def test_every_table_is_merged_in_a_way_that_dlt_has_there(name: str) -> None:
    capabilities = of_dlt(name).capabilities()
    ways = strategies(choice(name))
    assert set(ways.values()) <= set(merge_strategies(capabilities, None))
    added_to = {ways[table.name] for table in TABLES.values() if table.append_only}
    assert added_to == ({"delete-insert"} if name in DELETE_INSERT else {"insert-only"})
    assert {ways[table.name] for table in TABLES.values() if not table.append_only} == {"delete-insert"}


def test_delta_takes_upsert_and_plain_files_are_added_to() -> None:
    delta = choice("filesystem", table_format="delta")
    assert set(strategies(delta).values()) == {"upsert", "insert-only"}
    assert delta.hints(TABLES["contacts"])["table_format"] == "delta"
    plain = choice("filesystem", compacted=True)
    assert set(strategies(plain).values()) == {"append"}
    assert plain.hints(TABLES["contacts"])["file_format"] == "parquet"
    assert choice("athena", table_format="iceberg").hints(TABLES["contacts"])["table_format"] == "iceberg"


@pytest.mark.parametrize("name", [*MERGING, *DELETE_INSERT])
def test_duckdb_alone_is_told_in_one_condition_what_a_merge_replaces(name: str) -> None:
    hints = choice(name).hints(TABLES["contact_profile_values"])
    is_duckdb = name in ("duckdb", "motherduck", "ducklake")
    assert hints.get("merge_key") == (None if is_duckdb else ["sender_code_id", "phone_number"]), "dlt warns of both"
    assert ("destination_scope" in hints["write_disposition"]) == is_duckdb
    assert "destination_scope" not in choice(name).hints(TABLES["contacts"])["write_disposition"]


def test_duckdb_finds_what_is_replaced_by_the_few_staged_keys() -> None:
    """By dlt's own condition it sorts out all keys of the table first; when it no longer does, ours can go."""
    scope = choice("duckdb").hints(TABLES["contact_profile_values"])["write_disposition"]["destination_scope"]
    ours = f"DELETE FROM held WHERE {scope.format(table='main.held', staging_table='main.came')}"
    dlts = SqlMergeFollowupJob.gen_key_table_clauses(
        "held", "came", TABLES["contact_profile_values"].key, ("sender_code_id", "phone_number"), for_delete=True
    )
    with duckdb.connect() as connection:
        columns = "sender_code_id BIGINT, phone_number VARCHAR, segmentation_field_id BIGINT"
        for name in ("held", "came"):
            connection.execute(f"CREATE TABLE {name} ({columns})")
        plans = [str(connection.execute(f"EXPLAIN {one}").fetchall()) for one in (ours, f"DELETE {dlts[0]}")]
    assert ["DELIM" in plan for plan in plans] == [False, True]


@pytest.mark.cases(1)
@pytest.mark.parametrize("place", ["postgres"], indirect=True)
@pytest.mark.parametrize(("options", "taken"), [({}, "parquet"), ({"loader_file_format": "csv"}, "csv")])
def test_postgres_is_loaded_by_adbc_unless_the_run_says_otherwise(
    warehouse: Warehouse, options: dict[str, Any], taken: str
) -> None:
    source = listrak_sms(**warehouse.options()).with_resources("lists")
    info = warehouse.pipeline().run(source, **options)
    jobs = info.load_packages[0].jobs["completed_jobs"]
    formats = {job.job_file_info.file_format for job in jobs if job.job_file_info.table_name == "lists"}
    assert formats == {taken, "sql"}, "rows, and their merge"


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("filesystem", {}, "dlt only adds to plain Parquet files.*`listrak pull`.*table_format to delta"),
        ("filesystem", {"table_format": "iceberg"}, "filesystem cannot merge rows.*another destination"),
        ("duckdb", {"table_format": "delta"}, "table_format: duckdb keeps no delta tables"),
        ("athena", {}, "athena cannot merge rows.*table_format to iceberg"),
        ("weaviate", {}, "weaviate cannot merge rows.*another destination"),
    ],
)
def test_where_rows_would_come_twice_the_pull_is_refused(name: str, options: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        choice(name, **options)


def test_a_plain_run_on_plain_files_is_refused_before_anything_is_asked(warehouse: Warehouse, tmp_path: Path) -> None:
    plain = Warehouse(warehouse.sandbox, tmp_path, PLACES["parquet"])
    plain.sandbox.traffic.clear()
    with pytest.raises(Exception, match="dlt only adds to plain Parquet files"):
        plain.pipeline().run(listrak_sms(**plain.options() | {"compacted": False}))
    assert not plain.sandbox.traffic.counts


@pytest.mark.full
@pytest.mark.cases(0, 3)
@pytest.mark.parametrize("place", ["postgres", "delete-insert", "delta"], indirect=True)
@pytest.mark.parametrize("seed", range(2))
def test_same_rows_whatever_the_way(place: Place, tmp_path: Path, seed: int) -> None:
    """Sets that shrink, where rows are replaced one by one; events that come again, where nothing is insert-only."""
    here, twin = Lake(place, tmp_path / "here"), Lake(PLACES["duckdb"], tmp_path / "twin")
    for number, load in enumerate(history(seed, 4, twice=False)):
        here.load(load)
        twin.load(load)
        assert here.held() == twin.held(), f"load {number}"
