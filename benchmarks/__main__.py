"""``make bench``: a pull and what a user would use instead, each a whole process, in turns, on one sandbox."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.chart import draw
from benchmarks.options import Options
from benchmarks.report import Result, save, show_goals

CASES = ("first", "merge", "delay", "lookups", "postgres", "places", "growth", "changes", "nothing", "imports", "push")
"""The modules of ``cases``."""
DEFAULT = ("first", "nothing", "imports", "push")
"""What ends within ten minutes."""


def main() -> None:
    """Run the cases that are asked for; print, keep and draw what they found."""
    options = Options.read(CASES, DEFAULT)
    results: list[Result] = []
    for case in options.cases:
        print(f"\n{case}", flush=True)
        with TemporaryDirectory(prefix="listrak-bench-") as scratch:
            for result in import_module(f"benchmarks.cases.{case}").run(options, Path(scratch)):
                result.show()
                sys.stdout.flush()
                results.append(result)
                save(results[-1:], options.results / "results.json")
    show_goals(results)
    print(f"\n{draw(options.results)}")


if __name__ == "__main__":
    main()
