"""``make bench``: ``listrak pull`` and dlt's own ``rest_api`` source, in turn, on one sandbox, each a whole process.

Both load contacts of ten lists in both opt-out states, with three profile values each, and opt-outs, into an empty
DuckDB file by Parquet files. Both check the same: every contact, membership, value and opt-out is there.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import duckdb

from benchmarks.processes import LISTRAK, run, sandbox

PEER = Path(__file__).with_name("rest_api_peer.py")
GOAL = 6.0


def held(database: Path, queries: list[str]) -> list[int]:
    """The answers of counting queries."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return [(connection.execute(query).fetchone() or (0,))[0] for query in queries]


def ours_holds(database: Path) -> list[int]:
    tables = ("contacts", "list_memberships", "contact_profile_values", "opt_outs")
    return held(database, [f"SELECT count(*) FROM listrak_sms.{table}" for table in tables])  # noqa: S608


def peer_holds(database: Path) -> list[int]:
    both = "(SELECT * FROM peer.contacts UNION ALL BY NAME SELECT * FROM peer.contacts_opted_out)"
    joined = " UNION ALL ".join(
        f"SELECT p.phone_number, v.segmentation_field_id FROM peer.{table}__segmentation_field_values v"  # noqa: S608
        f" JOIN peer.{table} p ON p._dlt_id = v._dlt_parent_id"
        for table in ("contacts", "contacts_opted_out")
    )
    return held(
        database,
        [
            f"SELECT count(DISTINCT phone_number) FROM {both}",  # noqa: S608
            f"SELECT count(*) FROM {both}",  # noqa: S608
            f"SELECT count(*) FROM (SELECT DISTINCT * FROM ({joined}))",  # noqa: S608
            "SELECT count(*) FROM peer.opt_outs",
        ],
    )


def main() -> None:
    """Print one line per contender: median wall seconds, peak memory, contacts per second, ratio to ours."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--contacts", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with TemporaryDirectory() as scratch, sandbox(options.contacts) as settings:
        work = Path(scratch)
        address = [settings[f"SOURCES__LISTRAK__{name}"] for name in ("BASE_URL", "TOKEN_URL", "CLIENT_ID")]
        address.append(settings["SOURCES__LISTRAK__CLIENT_SECRET"])
        contenders = {"listrak pull": [*LISTRAK, "pull"]} | {
            f"dlt rest_api, Parquet, {how}": [sys.executable, str(PEER), *address, how, "warehouse.duckdb"]
            for how in ("append", "merge")
        }
        figures: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
        for turn in range(options.runs):
            for name, command in contenders.items():
                figures[name].append(run(command, work / name.replace(" ", "_"), settings))
                print(f"run {turn + 1} of {options.runs}: {name} {figures[name][-1][0]:.2f} s", flush=True)
        ours = ours_holds(work / "listrak_pull" / "listrak.duckdb")
        peers = [peer_holds(work / name.replace(" ", "_") / "warehouse.duckdb") for name in list(contenders)[1:]]
        if any(peer != ours for peer in peers):
            raise SystemExit(f"benchmark: the contenders loaded different data: {ours} and {peers}")
    print(f"\n{options.contacts:,} contacts, medians of {options.runs} interleaved runs of whole processes")
    print(f"each loaded {ours[0]:,} contacts, {ours[1]:,} memberships, {ours[2]:,} values, {ours[3]:,} opt-outs\n")
    print(f"{'':32}{'wall s':>8}{'peak MB':>9}{'contacts/s':>12}{'x ours':>8}")
    base = median(wall for wall, _ in figures["listrak pull"])
    for name, runs in figures.items():
        wall, memory = median(wall for wall, _ in runs), median(memory for _, memory in runs)
        print(f"{name:32}{wall:8.2f}{memory:9.0f}{options.contacts / wall:12,.0f}{wall / base:8.1f}")
    slowest = min(median(wall for wall, _ in runs) / base for name, runs in figures.items() if name != "listrak pull")
    print(f"\nAt least {GOAL:.0f} times as fast as either: {'yes' if slowest >= GOAL else 'NO'} ({slowest:.1f})")


if __name__ == "__main__":
    main()
