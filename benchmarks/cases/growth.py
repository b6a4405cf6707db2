"""Cost as work grows: a first load of ever more contacts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.contenders import FLOOR, OURS
from benchmarks.options import Options
from benchmarks.processes import sandbox
from benchmarks.report import Goal, Result
from benchmarks.timing import check_the_same, first_load, in_turns

SIZES = (100_000, 300_000, 1_000_000, 3_000_000)
SMALLER, LARGER = 1_000_000, 3_000_000


def run(options: Options, work: Path) -> Iterator[Result]:
    """Time ours and the floor at each size, once; then compare the peaks of memory."""
    peaks: dict[int, float] = {}
    for contacts in options.sizes(SIZES, SIZES):
        result = Result("growth", f"A first load of {contacts:,} contacts, as work grows", contacts)
        runs = options.runs if contacts < LARGER else 1
        with sandbox(contacts) as settings:
            result.timed = in_turns([OURS, FLOOR], runs, contacts, work, first_load(settings))
        result.held = check_the_same(result.timed)
        peaks[contacts] = result.timed[0].usage.memory
        if contacts == SMALLER:
            result.goals.append(Goal("peak memory at 1,000,000", most=450, reached=peaks[contacts], unit="MB"))
        if contacts == LARGER and SMALLER in peaks:
            reached = peaks[contacts] / peaks[SMALLER]
            result.goals.append(Goal("peak memory at 3,000,000, against 1,000,000", most=1.1, reached=reached))
        yield result
