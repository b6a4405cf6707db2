"""Into PostgreSQL, against a bare ADBC ingest of the same Arrow."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.contenders import OURS
from benchmarks.environments import PEERS
from benchmarks.options import Options
from benchmarks.processes import LISTRAK, measure, sandbox
from benchmarks.report import Goal, Result
from benchmarks.servers import postgres
from benchmarks.timing import Timed

EMPTY = "SET client_min_messages = warning;" + "".join(
    f"DROP SCHEMA IF EXISTS {schema} CASCADE;" for schema in ("listrak_sms", "bare")
)


def run(options: Options, work: Path) -> Iterator[Result]:
    """Load everything into DuckDB, for its Arrow; then time a first pull into PostgreSQL, and the ingest, in turns."""
    for contacts in options.sizes((200_000,), (1_000_000,)):
        title = f"A first load of {contacts:,} contacts into PostgreSQL"
        result = Result(
            "postgres", title, contacts, [Timed("listrak pull"), Timed("bare ADBC ingest of the same Arrow")]
        )
        with sandbox(contacts) as settings, postgres() as server:
            measure(OURS.command(), work / "arrow", settings)
            database = work / "arrow" / OURS.database
            there = {"DESTINATION__POSTGRES__CREDENTIALS": server.address()}
            pull = [*LISTRAK, "pull", "--destination", "postgres"]
            ingest = [sys.executable, PEERS / "adbc_ingest.py", database, server.address()]
            for turn in range(min(options.runs, 2)):
                for of, command in zip(result.timed, (pull, ingest), strict=True):
                    server.run(EMPTY)
                    of.runs.append(measure(command, work / f"{of.name} {turn}", settings | there))
                    print(f"  run {turn + 1}: {of.name} {of.runs[-1].wall:.2f} s", flush=True)
        reached = result.ratio("listrak pull", "bare ADBC ingest of the same Arrow") or 0.0
        result.goals.append(
            Goal(f"{contacts:,} into PostgreSQL, against a bare ADBC ingest", most=1.5, reached=reached)
        )
        yield result
