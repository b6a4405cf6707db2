"""One account in each kind of place: a first load, a day that changes little, a complete walk, and what they leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.account import CHANGES, change, edit
from benchmarks.contenders import OURS
from benchmarks.options import Options
from benchmarks.processes import measure, sandbox
from benchmarks.report import Result
from benchmarks.servers import Server, postgres
from benchmarks.timing import Timed

FIRST, DAY, WALK = "first load", f"{CHANGES:,} changes", "complete walk, 1 % changed"


def run(options: Options, work: Path) -> Iterator[Result]:
    """Time each load in each place, in turns, at each size."""
    for contacts in options.sizes((200_000,), (1_000_000,)):
        title = f"{contacts:,} contacts in each kind of place: {FIRST}, {DAY}, {WALK}"
        result = Result("places", title, contacts)
        timed: dict[str, Timed] = {}
        with postgres() as server:
            for turn in range(options.runs):
                with sandbox(contacts) as settings:
                    _turn(timed, settings, places(work / str(turn), server), work / str(turn), contacts // 100)
                print(f"  run {turn + 1} of {options.runs}", flush=True)
        result.timed = list(timed.values())
        result.notes = [_left(work / "0" / place) for place in ("Parquet", "Delta", "DuckLake")]
        yield result


def places(work: Path, server: Server) -> dict[str, tuple[str, dict[str, str]]]:
    """By name: dlt's destination, and the settings that lead to one that is empty."""
    own, files = f"run_{work.name}", "DESTINATION__FILESYSTEM__BUCKET_URL"
    server.run(f"CREATE DATABASE {own}; CREATE DATABASE lake_{own};")
    lake = {
        "DUCKLAKE_NAME": "lake",
        "CATALOG": server.address(f"lake_{own}"),
        "STORAGE__BUCKET_URL": str(work / "DuckLake" / "files"),
    }
    return {
        "DuckDB": ("duckdb", {}),
        "PostgreSQL": ("postgres", {"DESTINATION__POSTGRES__CREDENTIALS": server.address(own)}),
        "Parquet": ("filesystem", {files: str(work / "Parquet" / "files")}),
        "Delta": ("filesystem", {files: str(work / "Delta" / "files"), "SOURCES__LISTRAK__TABLE_FORMAT": "delta"}),
        "DuckLake": ("ducklake", {f"DESTINATION__DUCKLAKE__CREDENTIALS__{name}": one for name, one in lake.items()}),
    }


def _turn(
    timed: dict[str, Timed],
    settings: Mapping[str, str],
    where: Mapping[str, tuple[str, dict[str, str]]],
    work: Path,
    edited: int,
) -> None:
    """Each load in all places, before Listrak changes again: so all of them meet the same account."""
    for load in (FIRST, DAY, WALK):
        if load == DAY:
            change(settings, 0)
        elif load == WALK:
            edit(settings, edited, 0)
        for place, (destination, its) in where.items():
            command = [*OURS.command(), "--destination", destination, *(["--full"] if load == WALK else [])]
            used = measure(command, work / place, {**settings, **its}, anew=load == FIRST)
            name = f"{load}: {place}"
            timed.setdefault(name, Timed(name)).runs.append(used)


def _left(folder: Path) -> str:
    found = [path for path in (folder / "files").rglob("*.parquet") if path.is_file()]
    size = sum(path.stat().st_size for path in found) / 2**20
    return f"{folder.name} is left with {len(found)} Parquet files, {size:,.0f} MB."
