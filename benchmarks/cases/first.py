"""A first load: everything into an empty DuckDB file, by every contender, on the same pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.contenders import AIRBYTE, ALL, FLOOR, OURS, REST_API, REST_API_DEFAULT, SINGER
from benchmarks.options import Options
from benchmarks.processes import sandbox
from benchmarks.report import Goal, Result
from benchmarks.timing import check_the_same, first_load, in_turns


def run(options: Options, work: Path) -> Iterator[Result]:
    """Time all contenders at each size."""
    for contacts in options.sizes((200_000,), (1_000_000,)):
        result = Result("first", f"A first load of {contacts:,} contacts into DuckDB", contacts)
        chosen = [contender for contender in ALL if contender in (OURS, FLOOR) or not options.without_peers]
        with sandbox(contacts) as settings:
            result.timed = in_turns(chosen, options.runs, contacts, work, first_load(settings))
        result.held = check_the_same(result.timed)
        limits = [(FLOOR, None)]
        if contacts >= 1_000_000:
            limits += [(REST_API, 16), (SINGER, 18), (AIRBYTE, 30)]
        elif contacts == 200_000:
            limits += [(REST_API_DEFAULT, 45)]
        for other, least in limits:
            ratio = result.ratio(other.name, OURS.name)
            if ratio is None:
                continue
            if least is None:
                result.goals.append(Goal(f"{contacts:,} contacts, against no framework", most=1.2, reached=1 / ratio))
            else:
                result.goals.append(Goal(f"{contacts:,} contacts, as fast as {other.name}", least=least, reached=ratio))
        yield result
