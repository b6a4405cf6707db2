"""A pull that finds nothing: how long it takes after start-up, and what it asks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.contenders import OURS
from benchmarks.options import Options
from benchmarks.processes import control, measure, sandbox
from benchmarks.report import Goal, Result
from benchmarks.timing import Timed

START = [
    sys.executable,
    "-c",
    "import listrak_source.cli.main, listrak_source.cli.commands.pull, listrak_source.cli.warehouse",
]
"""Start-up: Python, and all that a pull imports."""
LISTS = 10
DAYS = 5
"""So long after the first pull nothing reaches back to it any more."""


def run(options: Options, work: Path) -> Iterator[Result]:
    """Load everything, then time pulls after which nothing has happened."""
    for contacts in options.sizes((200_000,), (1_000_000,)):
        yield _one(contacts, options.runs, work / str(contacts))


def _one(contacts: int, runs: int, work: Path) -> Result:
    title = f"A pull that finds nothing new, with {contacts:,} contacts loaded"
    result = Result("nothing", title, contacts, [Timed(OURS.name), Timed("start-up alone")])
    with sandbox(contacts, LISTS) as settings:
        measure(OURS.command(), work / "ours", settings)
        control(settings, "DELETE", "stats")
        measure(OURS.command(), work / "ours", settings, anew=False)
        at_once = len(control(settings, "GET", "stats")["log"])
        for _ in range(2):
            control(settings, "POST", "clock", days=DAYS)
            measure(OURS.command(), work / "ours", settings, anew=False)
        for _ in range(max(runs, 3)):
            control(settings, "DELETE", "stats")
            result.timed[0].runs.append(measure(OURS.command(), work / "ours", settings, anew=False))
            result.timed[1].runs.append(measure(START, work / "start", settings))
        log = control(settings, "GET", "stats")["log"]
    again = len(log) - len({(path, query) for _, path, query in log})
    result.notes.append(
        f"{len(log)} requests for {LISTS} lists, {again} of them sent twice; {at_once} right after the first pull."
    )
    after = median(pull.wall - start.wall for pull, start in zip(*(of.runs for of in result.timed), strict=True))
    result.goals = [
        Goal(f"nothing new among {contacts:,}, after start-up", most=0.7, reached=after, unit="s"),
        Goal("the same, requests, against three a list and six", most=1, reached=len(log) / (3 * LISTS + 6)),
    ]
    return result
