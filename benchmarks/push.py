"""``python -m benchmarks.push``: planning a push and building its files, against bare DuckDB: one query and ``COPY``.

Both read the same database, made by ``listrak pull`` and then filled with contacts and customers, each in a whole
process, in turn. Both must write the same files, to the byte.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

from benchmarks import push_data
from benchmarks.processes import LISTRAK, run, run_again, sandbox
from pipelines.memory import limited

ROOT = Path(__file__).parents[1]

GOAL = 2.0
OURS, BARE, SMALL = "listrak push plan", "bare DuckDB", "bare DuckDB, our limits"
LIMITS = limited(DuckDbCredentials())["global_config"]
"""What the command lets DuckDB take: memory and threads."""


def digests(folder: Path) -> dict[str, int]:
    """By SHA-256 of each file that the peer wrote: its rows."""
    found = {}
    for path in folder.glob("*.csv"):
        with path.open("rb") as content:
            digest, rows = hashlib.sha256(), -1
            while piece := content.read(1 << 20):
                digest.update(piece)
                rows += piece.count(b"\n")
        found[digest.hexdigest()] = rows
    return found


def main() -> None:
    """Print one line per contender: median wall seconds, peak memory, customers per second, ratio to bare DuckDB."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.push", description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args()
    figures: dict[str, list[tuple[float, float]]] = {BARE: [], SMALL: [], OURS: []}
    with TemporaryDirectory() as scratch, sandbox(100) as settings:
        home, peer = Path(scratch) / "listrak_push", Path(scratch) / "peer"
        run([*LISTRAK, "pull"], home, settings)
        push_data.make(home / "listrak.duckdb", home, options.rows)
        bare = [sys.executable, "-m", "benchmarks.push_peer", "listrak.duckdb", "listrak_push.toml", str(peer)]
        commands = {
            BARE: [*bare, "{}"],
            SMALL: [*bare, json.dumps({name: str(value) for name, value in LIMITS.items()})],
            OURS: [sys.executable, "-m", "benchmarks.push_ours", "plan.json"],
        }
        for turn in range(options.runs):
            for name, command in commands.items():
                if name != OURS:
                    shutil.rmtree(peer, ignore_errors=True)
                    peer.mkdir()
                figures[name].append(run_again(command, home, settings | {"PYTHONPATH": str(ROOT)}))
                print(f"run {turn + 1} of {options.runs}: {name} {figures[name][-1][0]:.2f} s", flush=True)
        plan = json.loads((home / "plan.json").read_text(encoding="utf-8"))
        ours, theirs = {file["sha256"]: file["contacts"] for file in plan["files"]}, digests(peer)
    if ours != theirs:
        raise SystemExit(f"benchmark: the contenders wrote different files: {ours} and {theirs}")
    told = f"{options.rows:,} customers x 6 fields against as many contacts"
    print(f"\n{told}, medians of {options.runs} runs of whole processes")
    print(f"each wrote the same {len(ours)} files with {sum(ours.values()):,} changed contacts\n")
    print(f"{'':32}{'wall s':>8}{'peak MB':>9}{'customers/s':>13}{'x bare':>8}")
    medians = {
        name: (median(wall for wall, _ in some), median(peak for _, peak in some)) for name, some in figures.items()
    }
    for name, (wall, memory) in medians.items():
        print(f"{name:32}{wall:8.2f}{memory:9.0f}{options.rows / wall:13,.0f}{wall / medians[BARE][0]:8.1f}")
    ratio = medians[OURS][0] / medians[BARE][0]
    print(f"\nWithin {GOAL:.0f} times of bare DuckDB: {'yes' if ratio <= GOAL else 'NO'} ({ratio:.1f})")


if __name__ == "__main__":
    main()
