"""A pull that finds nothing: how long it takes after start-up, and what it asks."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.contenders import OURS
from benchmarks.options import Options
from benchmarks.processes import control, measure, sandbox
from benchmarks.report import Goal, Result
from benchmarks.timing import Timed

START = [sys.executable, "-c", "import pipelines.cli, pipelines.pulling, pipelines.warehouse"]
"""Start-up: Python, and all that a pull imports."""
UNITS = ("Contact", "OptOut")
"""The collections that are read by units: (sender code, list, opted out?, window)."""


def run(options: Options, work: Path) -> Iterator[Result]:
    """Load everything, then time pulls after which nothing has happened."""
    for contacts in options.sizes((200_000,), (1_000_000,)):
        yield _one(contacts, options.runs, work / str(contacts))


def _one(contacts: int, runs: int, work: Path) -> Result:
    title = f"A pull that finds nothing new, with {contacts:,} contacts loaded"
    result = Result("nothing", title, contacts, [Timed(OURS.name), Timed("start-up alone")])
    with sandbox(contacts) as settings:
        measure(OURS.command(), work / "ours", settings)
        for _ in range(max(runs, 3)):
            control(settings, "DELETE", "stats")
            result.timed[0].runs.append(measure(OURS.command(), work / "ours", settings, anew=False))
            result.timed[1].runs.append(measure(START, work / "start", settings))
        log = control(settings, "GET", "stats")["log"]
    asked = Counter((path, query) for _, path, query in log if path.endswith(UNITS))
    result.notes.append(f"{len(log)} requests: {sum(asked.values())} for {len(asked)} units, and the directory.")
    after = median(pull.wall - start.wall for pull, start in zip(*(of.runs for of in result.timed), strict=True))
    result.goals = [
        Goal(f"nothing new among {contacts:,}, after start-up", most=0.7, reached=after, unit="s"),
        Goal("the same, requests a unit", most=1, reached=sum(asked.values()) / len(asked), unit="req"),
    ]
    return result
