"""The same with 200 ms on each request: one huge list, and many small ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.contenders import ALL, FLOOR, OURS, Contender
from benchmarks.options import Options
from benchmarks.processes import LISTRAK, control, measure, sandbox
from benchmarks.report import Goal, Result
from benchmarks.timing import check_the_same, first_load, in_turns

DELAY = 0.2
"""Seconds on each request."""
MANY = 200
"""Small lists."""
SLICED = replace(
    OURS,
    name="listrak pull, sliced, 32 workers",
    command=lambda: [*LISTRAK, "pull", "--slices", "1", "--workers", "32"],
    again=None,
)
SERIAL = replace(
    FLOOR, name="no framework, one page after the other", command=lambda: [*FLOOR.command(), "1"], again=None
)


def run(options: Options, work: Path) -> Iterator[Result]:
    """Time a first load of each shape."""
    peers = [] if options.without_peers else [one for one in ALL if one not in (OURS, FLOOR) and not one.most]
    for contacts in options.sizes((200_000,), (1_000_000,)):
        for lists in (1, MANY):
            shape = "one list" if lists == 1 else f"{lists} lists"
            title = f"{contacts:,} contacts in {shape}, {DELAY * 1000:.0f} ms on each request"
            result = Result(f"delay, {shape},", title, contacts)
            ours = [SLICED, OURS, SERIAL] if lists == 1 else [OURS, FLOOR]
            with sandbox(contacts, lists) as settings:
                control(settings, "POST", "settings", delay=DELAY)
                result.timed = in_turns([*ours, *peers], options.runs, contacts, work, first_load(settings))
                if lists == MANY:
                    control(settings, "POST", "settings", delay=0)
                    requests = [_requests(one, work, settings) for one in ours]
            result.held = check_the_same(result.timed)
            if lists == MANY:
                result.notes.append(f"{requests[0]:,} requests, and {requests[1]:,} without a framework and messages.")
                case = f"{contacts:,} in {MANY} lists, against no framework"
                result.goals.append(Goal(f"{case}: requests", most=1.4, reached=requests[0] / requests[1]))
                if ratio := result.ratio(OURS.name, FLOOR.name):
                    result.goals.append(Goal(f"{case}, 200 ms", most=1.5, reached=ratio))
            if lists == 1 and (ratio := result.ratio(SERIAL.name, SLICED.name)):
                case = f"{contacts:,} in one list, 200 ms, as fast as a serial cursor"
                result.goals.append(Goal(case, least=5, reached=ratio))
            yield result


def _requests(one: Contender, work: Path, settings: dict[str, str]) -> int:
    """How many requests a first load sends."""
    control(settings, "DELETE", "stats")
    measure(one.command(), work / "counted", settings)
    return len(control(settings, "GET", "stats")["log"])
