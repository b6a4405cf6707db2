"""Contacts one by one: ten thousand calls at 50 ms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.options import Options
from benchmarks.processes import LISTRAK, control, measure, sandbox
from benchmarks.report import Goal, Result
from benchmarks.timing import Timed

CALLS = 10_000
"""One for each contact."""
DELAY = 0.05
"""Seconds on each request."""
WORKERS = (8, 32)


def run(options: Options, work: Path) -> Iterator[Result]:
    """Load the lists, then time the lookups of everybody's subscriptions, with few workers and with many."""
    calls = options.sizes((CALLS,), (CALLS,))[0]
    names = {workers: f"{workers} workers" for workers in WORKERS}
    title = f"{calls:,} calls for subscriptions, {DELAY * 1000:.0f} ms on each request"
    result = Result("lookups", title, calls, [Timed(name) for name in names.values()])
    with sandbox(calls) as settings:
        control(settings, "POST", "settings", delay=DELAY)
        for _ in range(min(options.runs, 2)):
            for of, workers in zip(result.timed, WORKERS, strict=True):
                command = [*LISTRAK, "pull", "--table", "subscriptions", "--workers", str(workers)]
                control(settings, "DELETE", "stats")
                of.runs.append(measure([*command, "--lookups", "all"], work / of.name, settings))
                asked = control(settings, "GET", "stats")["requests"]["list_contact_subscriptions"]
                if asked != calls:
                    raise SystemExit(f"benchmark: {asked} calls instead of {calls}")
    for of, workers in zip(result.timed, WORKERS, strict=True):
        least = calls * DELAY / workers
        reached = median(run.wall for run in of.runs) / least
        result.notes.append(f"{of.name}: calls x delay / workers is {least:.1f} s")
        result.goals.append(Goal(f"{calls:,} calls at 50 ms, {of.name}, against the least", most=1.3, reached=reached))
    yield result
