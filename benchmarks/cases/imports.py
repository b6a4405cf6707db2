"""What an import costs, beyond that of dlt."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.options import Options
from benchmarks.processes import measure
from benchmarks.report import Goal, Result
from benchmarks.timing import Timed

WHAT = {
    "import dlt": "import dlt",
    "import dlt, listrak_source": "import dlt, listrak_source",
    "and the source itself": "import dlt; from listrak_source import listrak_sms",
}
RUNS = 7


def run(options: Options, work: Path) -> Iterator[Result]:  # noqa: ARG001 - a case like the others
    """Time imports in new processes, in turns."""
    result = Result("imports", "Imports", 0, [Timed(name) for name in WHAT])
    for _ in range(RUNS):
        for of, code in zip(result.timed, WHAT.values(), strict=True):
            of.runs.append(measure([sys.executable, "-c", code], work, {}))
    dlt, *ours = (median(run.wall for run in of.runs) for of in result.timed)
    for name, wall in zip(list(WHAT)[1:], ours, strict=True):
        result.goals.append(Goal(f"{name}, beyond import dlt", most=0.25, reached=wall - dlt, unit="s"))
    yield result
