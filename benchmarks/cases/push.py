"""Planning a push and building its files, against bare DuckDB: one query, and ``COPY`` of the same rows.

Both read the same database, made by ``listrak pull`` and then filled with contacts and customers. Both must write the
same files, to the byte.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import push_data
from benchmarks.contenders import OURS
from benchmarks.options import Options
from benchmarks.processes import measure, sandbox
from benchmarks.report import Goal, Result
from benchmarks.timing import Timed

ROOT = Path(__file__).parents[2]


def run(options: Options, work: Path) -> Iterator[Result]:
    """Make the data, and time both in turns."""
    for rows in options.sizes((1_000_000,), (5_000_000,)):
        yield _one(rows, 1 if rows > 1_000_000 else options.runs, work / str(rows))


def _one(rows: int, runs: int, work: Path) -> Result:
    title = f"A plan of {rows:,} customers x 6 fields against as many contacts, a fifth of them changed, and its files"
    result = Result("push", title, rows, [Timed("listrak push plan"), Timed("bare DuckDB")])
    home, peer = work / "ours", work / "bare"
    bare = [sys.executable, "-m", "benchmarks.push_peer", "listrak.duckdb", "listrak_push.toml", str(peer)]
    commands = [[sys.executable, "-m", "benchmarks.push_ours", "plan.json"], bare]
    with sandbox(100) as settings:
        measure(OURS.command(), home, settings)
        push_data.make(home / "listrak.duckdb", home, rows)
        for _ in range(runs):
            shutil.rmtree(peer, ignore_errors=True)
            peer.mkdir()
            for of, command in zip(result.timed, commands, strict=True):
                of.runs.append(measure(command, home, settings | {"PYTHONPATH": str(ROOT)}, anew=False))
                print(f"  {of.name} {of.runs[-1].wall:.2f} s", flush=True)
    plan = json.loads((home / "plan.json").read_text(encoding="utf-8"))
    ours, theirs = {file["sha256"]: file["contacts"] for file in plan["files"]}, _digests(peer)
    if ours != theirs:
        raise SystemExit(f"benchmark: the contenders wrote different files: {ours} and {theirs}")
    result.notes.append(f"Each wrote the same {len(ours)} files with {sum(ours.values()):,} changed contacts.")
    ratio = result.ratio("listrak push plan", "bare DuckDB")
    result.goals.append(Goal(f"plan and files of {rows:,}, against bare DuckDB", most=2.0, reached=ratio or 0.0))
    return result


def _digests(folder: Path) -> dict[str, int]:
    """By SHA-256 of each file in a folder: its rows."""
    found = {}
    for path in folder.glob("*.csv"):
        with path.open("rb") as content:
            digest, rows = hashlib.sha256(), -1
            while piece := content.read(1 << 20):
                digest.update(piece)
                rows += piece.count(b"\n")
        found[digest.hexdigest()] = rows
    return found
