"""Contenders in turns, and the medians of what they took."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.contenders import Contender, Held
from benchmarks.environments import NotInstalledError
from benchmarks.processes import Usage, measure

LONG = 40.0
"""Seconds. Who takes longer is run once: noise is no matter there, and patience is."""


@dataclass
class Timed:
    """What one contender took, run by run."""

    name: str
    runs: list[Usage] = field(default_factory=list)
    held: Held | None = None
    why_not: str = ""
    """Why there is no figure."""

    @property
    def usage(self) -> Usage:
        """The medians."""
        return Usage(*(median(figures) for figures in zip(*self.runs, strict=True)))


Step = Callable[[Contender, Path], Usage]


def folder_of(work: Path, contender: Contender) -> Path:
    return work / re.sub(r"\W+", "_", contender.name)


def in_turns(contenders: Sequence[Contender], runs: int, contacts: int, work: Path, step: Step) -> list[Timed]:
    """Run ``step`` of each contender in turn, and over again."""
    timed = {contender.name: Timed(contender.name) for contender in contenders}
    for turn in range(runs):
        for contender in contenders:
            of = timed[contender.name]
            if contender.most and contacts > contender.most:
                of.why_not = f"not run beyond {contender.most:,} contacts"
            if of.why_not or (turn and of.runs[0].wall > LONG):
                continue
            try:
                of.runs.append(step(contender, folder_of(work, contender)))
                print(f"  run {turn + 1} of {runs}: {contender.name} {of.runs[-1].wall:.2f} s", flush=True)
                if turn == 0:
                    of.held = contender.held(folder_of(work, contender))
            except (NotInstalledError, RuntimeError) as error:
                of.why_not = str(error)
                print(f"  {contender.name}: {error}", flush=True)
    return list(timed.values())


def first_load(settings: Mapping[str, str]) -> Step:
    """Load everything into an empty warehouse."""
    return lambda contender, folder: measure(contender.command(), folder, {**settings, **contender.settings})


def load_again(settings: Mapping[str, str]) -> Step:
    """Load everything once more, onto what is there already."""

    def step(contender: Contender, folder: Path) -> Usage:
        if contender.again is None:
            return measure(contender.command(), folder, {**settings, **contender.settings})
        return measure(contender.again(), folder, {**settings, **contender.settings}, anew=False)

    return step


def check_the_same(timed: Sequence[Timed]) -> Held:
    """What all of them hold. Raises :class:`SystemExit` where they loaded different rows: there is no ratio then."""
    held = {of.name: of.held for of in timed if of.held}
    if len(set(held.values())) != 1:
        raise SystemExit(f"benchmark: the contenders loaded different rows: {held}")
    return next(iter(held.values()))
