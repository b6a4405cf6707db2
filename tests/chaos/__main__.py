"""``make chaos``: run what has not run yet, and write the page."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from tests.chaos import page, parts
from tests.chaos.case import Case, Verdict
from tests.chaos.journal import Journal
from tests.chaos.runner import run


def main() -> None:
    """Run cases, tell of those that did harm, and write the page of what has run."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(parts.PARTS)}; all when left out")
    parser.add_argument("--every", type=int, default=1, help="only each so many-th case")
    parser.add_argument("--like", default="", help="only cases whose id has this text")
    parser.add_argument("--rounds", type=int, default=1, help="each case so often, with another life each time")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no case after that")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--journal", type=Path, default=Path("chaos.jsonl"), help="what has run; remove it to begin anew"
    )
    parser.add_argument("--page", type=Path, help="write the table into this page")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - parts.PARTS.keys():
        parser.error(f"there is no part {', '.join(unknown)}")
    journal = Journal(asked.journal)
    chosen = [case for case in parts.cases(tuple(asked.parts), range(asked.rounds)) if asked.like in case.id]
    chosen = [case for case in chosen[:: asked.every] if case.id not in journal.lines]
    began, done, harmed = time.monotonic(), 0, 0

    def ended(case: Case, verdict: Verdict, seconds: float) -> None:
        nonlocal done, harmed
        journal.add(case, verdict, seconds)
        done += 1
        if verdict.harm:
            harmed += 1
            print(f"{case.id}\n  " + "\n  ".join(verdict.notes), flush=True)
        if done % 100 == 0:
            print(f"{done:,} of {len(chosen):,} cases, {harmed} did harm, {time.monotonic() - began:.0f} s", flush=True)

    try:
        run(chosen, asked.processes, began + asked.minutes * 60, ended)
    except KeyboardInterrupt:
        print("Stopped: the same command goes on.", file=sys.stderr)
    if asked.page:
        page.write(asked.page, journal)
    print(page.summary(journal))
    sys.exit(1 if harmed else 0)


if __name__ == "__main__":
    main()
