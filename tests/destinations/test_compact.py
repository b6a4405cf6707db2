"""Plain Parquet files after a compaction hold what a real merge holds, whenever it was killed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dlt
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem

from listrak_source.api import ConfigurationError
from listrak_source.pull.load.parquet_compaction import compact
from listrak_source.pull.schema import CONTACTS, TABLES
from tests.destinations.lake import Lake, history
from tests.destinations.places import PLACES, Place


class Killed(BaseException):
    """The process ended here."""


def killed_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process ends instead of the compaction's ``step``-th change of a file or folder."""
    done = 0

    def counted(act: Callable[..., Any]) -> Callable[..., Any]:
        def change(*arguments: Any, **options: Any) -> Any:
            nonlocal done
            done += 1
            if done == step:
                raise Killed
            return act(*arguments, **options)

        return change

    for owner, name in (
        (LocalFileSystem, "put_file"),
        (LocalFileSystem, "rm_file"),
        (LocalFileSystem, "makedirs"),
        (Path, "replace"),
        (Path, "rmdir"),
    ):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))


def split(lake: Lake) -> None:
    """Each file of a load in two, as dlt does with large ones: what belongs together stands in both."""
    for table in TABLES:
        for file in (lake.folder / "files" / "listrak_sms" / table).glob("1*.parquet"):
            held = pq.read_table(file)
            for part in range(2):
                some = held.take(list(range(part, held.num_rows, 2)))
                pq.write_table(some, file.with_name(f"{file.name.removesuffix('.parquet')}{part}.parquet"))
            file.unlink()


@pytest.mark.cases(0, 2)
@pytest.mark.full
@pytest.mark.parametrize("place", ["parquet", "parquet-s3"], indirect=True)
@pytest.mark.parametrize("seed", range(3))
def test_same_rows_as_a_merge(place: Place, tmp_path: Path, seed: int) -> None:
    lake, twin = Lake(place, tmp_path / "lake"), Lake(PLACES["duckdb"], tmp_path / "twin")
    for number, load in enumerate(history(seed)):
        lake.load(load)
        twin.load(load)
        if number != 2:  # two loads at once too
            compact(lake.pipeline())
            assert lake.held() == twin.held(), f"load {number}"
    assert compact(lake.pipeline()) == [], "nothing to do"


@pytest.mark.cases(0, 1)
@pytest.mark.full
@pytest.mark.parametrize("place", ["parquet"], indirect=True)
@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_step_it_ends_with_the_same_rows(
    place: Place, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, twin = Lake(place, tmp_path / "lake"), Lake(PLACES["duckdb"], tmp_path / "twin")
    for number, load in enumerate(history(seed, 3)):
        lake.load(load)
        twin.load(load)
        if number == 0:
            compact(lake.pipeline())
    split(lake)
    expected, kills = twin.held(), 0
    for step in range(1, 100):
        again = lake.copy(tmp_path / f"killed-{step}")
        with monkeypatch.context() as patch:
            killed_at(step, patch)
            try:
                compact(again.pipeline())
                break
            except Killed:
                kills += 1
        assert {row[:2] for row in again.held()["contacts"]} >= {row[:2] for row in expected["contacts"]}, "none lost"
        compact(again.pipeline())
        assert again.held() == expected, f"killed at step {step}"
        assert len(again.files()) == 1
        shutil.rmtree(again.folder)
    assert kills > 12, "every change of three tables"


@pytest.mark.parametrize("place", ["parquet"], indirect=True)
def test_files_of_a_load_that_never_ended_go(place: Place, tmp_path: Path) -> None:
    """Whole or cut in the middle; but those of a load that dlt goes on with stay."""
    lake = Lake(place, tmp_path / "lake")
    first, second = history(1, 2)
    lake.load(first)
    compact(lake.pipeline())
    before = lake.held()
    folder = lake.files()[0].parent
    pq.write_table(second["contacts"], folder / "1999999999.5.0123456789.parquet")
    (folder / "1999999998.5.0123456789.parquet").write_bytes(b"PAR1 and then nothing")
    compact(lake.pipeline())
    assert lake.held() == before
    assert len(lake.files()) == 1

    pipeline = lake.pipeline()
    resource = dlt.resource([second["contacts"]], **CONTACTS.resource_hints(), file_format="parquet")
    pipeline.extract([resource])
    pipeline.normalize()
    (load_id,) = pipeline.list_normalized_load_packages()
    kept = folder / f"{load_id}.0123456789.parquet"
    pq.write_table(second["contacts"], kept)
    compact(pipeline)
    assert kept.exists()


@pytest.mark.parametrize("place", ["parquet"], indirect=True)
def test_a_layout_without_load_ids_is_one_clear_sentence(place: Place, tmp_path: Path) -> None:
    lake = Lake(place, tmp_path / "lake")
    lake.load(history(1, 1)[0])
    destination = dlt.destinations.filesystem(str(lake.folder / "files"), layout="{table_name}/{file_id}.{ext}")
    other = dlt.pipeline("compact", destination=destination, dataset_name="listrak_sms")
    with pytest.raises(ConfigurationError, match=r"layout must hold \{load_id\}"):
        compact(other)


@pytest.mark.cases(1)
@pytest.mark.parametrize("place", ["duckdb", "delta"], indirect=True)
def test_where_dlt_merges_there_is_nothing_to_do(place: Place, tmp_path: Path) -> None:
    lake = Lake(place, tmp_path / "lake")
    for load in history(2, 2):
        lake.load({name: rows.slice(0, 1) for name, rows in load.items()})
    before = lake.held()
    assert compact(lake.pipeline()) == []
    shutil.rmtree(lake.folder / "pipelines")
    assert compact(lake.pipeline()) == [], "nor where dlt knows of no table"
    assert lake.held() == before
