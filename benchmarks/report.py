"""What a case has measured, as a table for people and as JSON for the chart."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.contenders import Held
from benchmarks.timing import Timed


@dataclass(frozen=True)
class Goal:
    """One row of what is to be reached."""

    case: str
    most: float | None = None
    least: float | None = None
    reached: float = 0.0
    unit: str = "x"

    @property
    def met(self) -> bool:
        return (self.most is None or self.reached <= self.most) and (self.least is None or self.reached >= self.least)

    def __str__(self) -> str:
        wanted = f"at most {self.most:g}" if self.most is not None else f"at least {self.least:g}"
        return f"{self.case:58}{wanted + ' ' + self.unit:>18}{self.reached:>12,.2f}   {'yes' if self.met else 'NO'}"


@dataclass
class Result:
    """What one case has measured."""

    case: str
    title: str
    contacts: int
    timed: list[Timed] = field(default_factory=list)
    held: Held | None = None
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def show(self) -> None:
        """Print it."""
        print(f"\n{self.title}")
        if self.held:
            one = self.held
            print(
                f"each holds {one.contacts:,} contacts, {one.memberships:,} memberships, {one.values:,} values,"
                f" {one.opt_outs:,} opt-outs"
            )
        if self.timed:
            width = max(34, *(len(of.name) + 2 for of in self.timed))
            print(f"\n{'':{width}}{'runs':>5}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}{'contacts/s':>12}{'x ours':>8}")
            for of in self.timed:
                self._line(of, width)
        for note in self.notes:
            print(note)

    def _line(self, of: Timed, width: int) -> None:
        if of.why_not:
            print(f"{of.name:{width}} {of.why_not}")
            return
        used = of.usage
        speed = f"{self.contacts / used.wall:,.0f}" if self.contacts else ""
        ratio = f"{used.wall / self.timed[0].usage.wall:8.2f}" if self.timed[0].runs else ""
        figures = f"{used.wall:9.2f}{used.cpu:9.2f}{used.memory:9.0f}{speed:>12}{ratio}"
        print(f"{of.name:{width}}{len(of.runs):5}{figures}")

    def ratio(self, name: str, to: str) -> float | None:
        """How many times as long one took as the other; None where either was not run."""
        runs = {of.name: of for of in self.timed if of.runs}
        return runs[name].usage.wall / runs[to].usage.wall if name in runs and to in runs else None


def show_goals(results: Sequence[Result]) -> None:
    """Print goal, reached, yes or no, for all that was measured."""
    goals = [goal for result in results for goal in result.goals]
    if goals:
        print(f"\n{'To reach':58}{'goal':>18}{'reached':>12}   met")
        for goal in goals:
            print(goal)


def save(results: Sequence[Result], path: Path) -> None:
    """Write JSON; cases of earlier runs that were not run now stay."""
    path.parent.mkdir(parents=True, exist_ok=True)
    before: dict[str, Any] = json.loads(path.read_text())["cases"] if path.exists() else {}
    for result in results:
        timed = [
            {"name": of.name, "why_not": of.why_not, "runs": [run._asdict() for run in of.runs]} for of in result.timed
        ]
        before[f"{result.case} {result.contacts}"] = {
            "title": result.title,
            "contacts": result.contacts,
            "held": result.held._asdict() if result.held else None,
            "timed": timed,
            "goals": [asdict(goal) | {"met": goal.met} for goal in result.goals],
            "notes": result.notes,
        }
    made_on = {
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {cores()} cores",
        "versions": {name: version(name) for name in ("dlt", "duckdb", "pyarrow")},
    }
    path.write_text(json.dumps({"made_on": made_on, "cases": before}, indent=1) + "\n")


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
