"""A pull of a thousand changes: it must cost the same, however many contacts are loaded already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.account import CHANGES, change
from benchmarks.contenders import OURS
from benchmarks.options import Options
from benchmarks.processes import measure, sandbox
from benchmarks.report import Goal, Result
from benchmarks.timing import Timed

SIZES = (1_000_000, 3_000_000)


def run(options: Options, work: Path) -> Iterator[Result]:
    """Load everything, change a thousand contacts, pull; and again."""
    walls: dict[int, float] = {}
    sizes = options.sizes(SIZES, SIZES)
    for contacts in sizes:
        title = f"{CHANGES:,} changes against {contacts:,} contacts that are loaded"
        result = Result("changes", title, contacts, [Timed(OURS.name)])
        folder = work / str(contacts)
        with sandbox(contacts) as settings:
            measure(OURS.command(), folder, settings)
            for turn in range(options.runs):
                change(settings, turn)
                result.timed[0].runs.append(measure(OURS.command(), folder, settings, anew=False))
        walls[contacts] = median(run.wall for run in result.timed[0].runs)
        if contacts == sizes[-1] and len(sizes) > 1:
            reached = walls[contacts] / walls[sizes[0]]
            case = f"{CHANGES:,} changes, {contacts:,} loaded against {sizes[0]:,}"
            result.goals.append(Goal(case, most=1.2, reached=reached))
        yield result
