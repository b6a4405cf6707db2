"""Import files: cut to the row, the same to the byte wherever they come from, and never whole in memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest

from listrak_source.push.destination import staging
from listrak_source.push.diff import import_files
from listrak_source.push.diff.import_files import Written, write
from listrak_source.push.sync.canonical import Kind
from listrak_source.push.sync.config import Column
from listrak_source.push.sync.field_mapping import Target
from listrak_source.push.warehouse import sql_client
from listrak_source.sandbox import Sandbox
from listrak_source.sandbox.service import MAX_BODY
from tests.destinations import servers
from tests.destinations.places import PLACES
from tests.pull.warehouse import Warehouse
from tests.push.pushing import Pushing

TARGETS = [
    Target(Column(title.lower(), number), Kind.TEXT, number, title=title)
    for number, title in enumerate(("Tier", 'The "best" city'), 7)
]
HARD = [
    "a,b",
    'say "hi"',
    "two\nlines",
    "two\r\nlines",
    "'single'",
    "Zoë · 你好 · مرحبا · 🎉",
    " blanks ",
    '"',
    ",",
    "\ttab",
    "=1+1",
    "\\n",
]
"""Values that a careless file would break."""


def table(rows: int) -> pa.Table:
    """So many contacts in the order of their numbers, each with hard values."""
    cells = [[HARD[(row + turn) % len(HARD)] for row in range(rows)] for turn in (0, 5)]
    return pa.table({"phone_number": [str(15550000000 + row) for row in range(rows)], "c_0": cells[0], "c_1": cells[1]})


def written(rows: pa.Table, together: int, folder: Path) -> list[Written]:
    folder.mkdir()
    return list(write((rows.slice(start, together) for start in range(0, rows.num_rows, together)), TARGETS, folder))


def content(paths: list[Path]) -> list[tuple[str, ...]]:
    """The rows of files."""
    options = pa_csv.ConvertOptions(column_types=dict.fromkeys(("Phone", *(one.title for one in TARGETS)), pa.string()))
    parse = pa_csv.ParseOptions(newlines_in_values=True)
    found = pa.concat_tables(pa_csv.read_csv(path, convert_options=options, parse_options=parse) for path in paths)
    return list(zip(*(column.to_pylist() for column in found.columns), strict=True))


def test_files_are_cut_to_the_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table(500)
    (whole,) = written(rows, 500, tmp_path / "whole")
    assert content([whole.path]) == list(zip(*(column.to_pylist() for column in rows.columns), strict=True))
    monkeypatch.setattr(import_files, "MAX_FILE", 3000)
    cut = written(rows, 500, tmp_path / "cut")
    assert len(cut) > 5
    assert content([one.path for one in cut]) == content([whole.path])
    assert [len(content([one.path])) for one in cut] == [one.contacts for one in cut]
    assert all(one.size == one.path.stat().st_size <= 3000 for one in cut)
    longest = max(len(import_files.as_csv(rows.slice(row, 1))) for row in range(500))
    assert all(one.size > 3000 - longest for one in cut[:-1]), "each but the last is as full as can be"
    for together in (1, 7, 64):  # however a database parts its answer
        assert [one.sha256 for one in written(rows, together, tmp_path / str(together))] == [one.sha256 for one in cut]


def test_a_row_that_is_larger_than_a_file_is_left_to_listrak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_files, "MAX_FILE", 60)
    cut = written(table(3), 3, tmp_path / "cut")
    assert [one.contacts for one in cut] == [1, 1, 1]


@pytest.mark.cases(1)
@pytest.mark.parametrize("place", ["duckdb", "postgres", "postgres without ADBC"])
def test_a_stream_is_in_order_and_leaves_the_store_free(
    place: str, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place.endswith("ADBC"):
        monkeypatch.setitem(sys.modules, "adbc_driver_postgresql.dbapi", None)
    pushing = Pushing(Warehouse(sandbox, tmp_path, PLACES[place.split(maxsplit=1)[0]]))
    pushing.warehouse.pull("contacts", lookups="none")
    with pushing.store() as store:
        store.run("CREATE TABLE many (phone_number TEXT, v TEXT)")
        store.insert(
            "many", ["phone_number", "v"], [(f"{number:05}", HARD[number % 12]) for number in range(5000, 0, -1)]
        )
        stream = store.stream("SELECT phone_number, v FROM many", "phone_number", 700)
        first = next(stream)
        assert store.one("SELECT COUNT(*) FROM many") == 5000, "other statements run meanwhile"
        store.run("UPDATE many SET v = NULL WHERE phone_number = '00001'")
        found = pa.concat_tables([first, *stream])
    assert found["phone_number"].to_pylist() == [f"{number:05}" for number in range(1, 5001)]
    assert found["v"].to_pylist() == [HARD[number % 12] for number in range(1, 5001)]


@pytest.mark.full
def test_the_same_plan_has_the_same_bytes_in_every_database(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_files, "ROWS", 8)
    told: dict[str, list[str]] = {}
    for place in ("duckdb", "postgres"):
        pushing = Pushing(Warehouse(sandbox, tmp_path / place, PLACES[place]))
        pushing.warehouse.folder.mkdir()
        pushing.warehouse.pull()
        text, number = pushing.field("Text"), pushing.field("Number")
        rows = [(at, phone, HARD[at % 12][:9], str(at)) for at, phone in enumerate(pushing.phones(50))]
        pushing.customers(["id", "phone", "tier", "points"], rows)
        sync = pushing.sync({"tier": text.field_id, "points": number.field_id})
        with pushing.session(sync) as opened:
            session = replace(opened, max_import_bytes=500)
            plan = session.plan()
            told[place] = [plan.hash, *(file.sha256 for file in plan.files)]
            assert session.plan().hash == plan.hash
    assert told["duckdb"] == told["postgres"]
    assert len(told["duckdb"]) > 3


def test_hard_values_arrive_as_they_are(pushing: Pushing) -> None:
    text = max(
        (one for one in pushing.world.fields.values() if one.data_type == "Text" and one.status == "Active"),
        key=lambda one: one.max_length or 1 << 20,
    )
    phones = dict(zip(pushing.phones(len(HARD)), HARD, strict=True))
    pushing.customers(["id", "phone", "note"], [(at, *pair) for at, pair in enumerate(phones.items())])
    pushing.apply(pushing.sync({"note": text.field_id}))
    assert {phone: pushing.contact(phone)["values"][text.field_id] for phone in phones} == {
        phone: value.strip() for phone, value in phones.items()
    }, "but for the blanks around them"


def made_changes(place: str, folder: Path, rows: int) -> tuple[str, str]:
    """A table of so many planned changes, made in SQL: the database's address, and the dataset."""
    dataset = f"large_{os.getpid()}"
    setup = f"DROP SCHEMA IF EXISTS {dataset} CASCADE; CREATE SCHEMA {dataset}; "
    made = (
        f"CREATE TABLE {dataset}.push_changes_large AS SELECT CAST(15550000000 + i AS TEXT) AS phone_number, "
        "CAST(NULL AS TEXT) AS phone_number_raw, "
        "'tier ' || CAST(i % 7 AS TEXT) AS after_0, 'St. Louis, \"MO\"' AS after_1, "
        "'note number ' || CAST(i AS TEXT) AS after_2 FROM "
    )
    if place == "duckdb":
        with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
            connection.execute(f"{setup}{made} range(1, {rows + 1}) AS t(i) ORDER BY HASH(i)")
        return f"duckdb:{folder / 'warehouse.duckdb'}", dataset
    destination = dlt.destinations.postgres(servers.postgres())
    with dlt.pipeline("made", destination=destination, pipelines_dir=str(folder / "made")).sql_client() as client:
        client.execute_sql(f"{setup}{made} generate_series(1, {rows}) AS t(i) ORDER BY MD5(CAST(i AS TEXT))")
    return servers.postgres(), dataset


def sent(place: str, sandbox: Sandbox, folder: Path, rows: int) -> dict[str, Any]:
    """What a process of its own tells that sends so many changes."""
    folder.mkdir()
    fields = [
        one.field_id for one in sandbox.world.fields.values() if (one.data_type, one.status) == ("Text", "Active")
    ]
    address, dataset = made_changes(place, folder, rows)
    options = {
        "client_id": sandbox.client_id, "client_secret": sandbox.client_secret, "base_url": sandbox.base_url,
        "token_url": sandbox.token_url, "scratch": str(folder / "scratch"), "dataset": dataset,
        "sender_code_id": next(iter(sandbox.world.sender_codes)), "fields": fields[:3],
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.push.send_file", address, json.dumps(options)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.full
@pytest.mark.parametrize("place", ["duckdb", "postgres"])
def test_memory_stays_under_256_mb(place: str, sandbox: Sandbox, tmp_path: Path, record_property: Any) -> None:
    found = sent(place, sandbox, tmp_path / "few", 200_000)
    record_property(f"memory of sending 200,000 changes from {place}", f"{found['peak']:.0f} MB")
    assert sum(one["contacts"] for one in found["sent"]) == 200_000
    assert found["peak"] < 256


@pytest.mark.long
@pytest.mark.parametrize("place", ["duckdb", "postgres"])
def test_a_real_cut_and_flat_memory(place: str, sandbox: Sandbox, tmp_path: Path, record_property: Any) -> None:
    few, many = (sent(place, sandbox, tmp_path / str(rows), rows) for rows in (100_000, 4_000_000))
    record_property(
        f"memory of 100,000 and 4,000,000 changes from {place}", f"{few['peak']:.0f}, {many['peak']:.0f} MB"
    )
    first, second = many["sent"]
    assert 195_000_000 - 100 < first["size"] <= import_files.MAX_FILE == 195_000_000
    assert first["body"] <= MAX_BODY == 262_144_000
    assert first["contacts"] + second["contacts"] == 4_000_000
    assert many["peak"] < 256
    assert many["peak"] < few["peak"] + 64, "DuckDB may take so much, whatever is sorted"


def test_a_stream_leaves_duckdbs_settings_as_they_were(tmp_path: Path) -> None:
    settings = "SELECT current_setting('memory_limit'), current_setting('threads')"
    with staging.opened(tmp_path) as store:
        before = store.rows(settings)
        stream = store.stream("SELECT CAST(i AS TEXT) AS k FROM RANGE(5000) AS t(i)", "k", 100)
        next(stream)
        assert store.rows(settings) != before
        del stream  # abandoned before its end
        assert store.rows(settings) == before


def test_rows_too_wide_to_be_sorted_in_little_memory_come_by_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_client, "_SPARING", {"threads": 1, "memory_limit": "20MB"})
    with staging.opened(tmp_path) as store:
        store.make(
            "wide",
            "SELECT CAST(100000 + i AS TEXT) AS k, REPEAT(MD5(CAST(i AS TEXT)), 20) AS v FROM RANGE(50000) AS t(i)",
        )
        stream = sql_client.stream_of(store._client)
        assert stream
        with pytest.raises(sql_client.NO_MEMORY):
            list(stream("SELECT k, v FROM wide ORDER BY k", 5000))
        keys = [key for some in store.stream("SELECT k, v FROM wide", "k", 5000) for key in some["k"].to_pylist()]
    assert keys == [str(100000 + number) for number in range(50000)]
