"""Everything once more, onto what is there: a complete walk, against a plain load without a framework."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.contenders import FLOOR, OURS, REST_API_MERGE
from benchmarks.options import Options
from benchmarks.processes import sandbox
from benchmarks.report import Goal, Result
from benchmarks.timing import check_the_same, first_load, folder_of, in_turns, load_again


def run(options: Options, work: Path) -> Iterator[Result]:
    """Time ``listrak pull --full``, dlt's merge, and the floor's load into an empty file, at each size."""
    for contacts in options.sizes((200_000,), (1_000_000,)):
        result = Result("merge", f"All of {contacts:,} contacts merged onto themselves in DuckDB", contacts)
        chosen = [OURS, FLOOR] + ([] if options.without_peers else [REST_API_MERGE])
        with sandbox(contacts) as settings:
            for contender in chosen:
                if contender.again:
                    first_load(settings)(contender, folder_of(work, contender))
            result.timed = in_turns(chosen, options.runs, contacts, work, load_again(settings))
        result.held = check_the_same(result.timed)
        ratio = result.ratio(OURS.name, FLOOR.name)
        if ratio:
            result.goals.append(
                Goal(f"{contacts:,} merged, against no framework's first load", most=1.6, reached=ratio)
            )
        yield result
