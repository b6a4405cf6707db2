"""How a run shows itself: a live bar on a terminal; elsewhere plain lines, a few for each load."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from dlt.common.runtime.collector_base import Collector
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from listrak_source.cli.process.memory import give_back
from listrak_source.pull.lookup_progress import COUNTER, spoken
from listrak_source.pull.schema import TABLES

EVERY = 10.0
"""Seconds from one plain line about lookups to the next."""

_STEPS = {"Extract": "Reading", "Normalize": "Preparing", "Load": "Loading"}


class StepProgress(Collector):
    """Counts what dlt does, step by step, and shows it on ``console``."""

    def __init__(self, console: Console, every: float = EVERY) -> None:
        self.console = console
        self._live: Progress | None = None
        self._rows: Counter[str] = Counter()
        self._jobs = [0, 0]
        self._title = ""
        self._started = 0.0
        self._load = 1
        self._lookups = _Lookups(console, every)

    def update(  # noqa: PLR0917 - dlt's signature
        self,
        name: str,
        inc: int = 1,
        total: int | None = None,
        inc_total: int | None = None,
        message: str | None = None,
        label: str | None = None,
    ) -> None:
        """Take one of dlt's counts: rows by table and people looked up while reading, finished jobs while loading."""
        if name == COUNTER:
            self._lookups.add(inc, total, message, told=self._live is None)
        elif name in TABLES:
            self._rows[name] += inc
        elif name == "Jobs" and label is None:
            self._jobs[0] += inc
            self._jobs[1] += inc_total or 0
            self._jobs[1] = max(self._jobs[1], total or 0)
        if self._live:
            done, of = (self._lookups.done, self._lookups.total) if self._asks else self._jobs
            self._live.update(self._live.task_ids[0], what=self._what(), completed=done, total=of or None)

    @property
    def _asks(self) -> bool:
        return self._title == "Reading" and self._lookups.done > 0

    def _what(self) -> str:
        rows = " · ".join(f"{name} {rows:,}" for name, rows in self._rows.most_common(3) if rows)
        return f"{self._lookups} · {rows}".rstrip("· ") if self._asks else rows

    def _start(self, step: str) -> None:
        self._title = next((title for name, title in _STEPS.items() if step.startswith(name)), step)
        self._rows.clear()
        self._jobs = [0, 0]
        self._started = time.monotonic()
        if self.console.is_terminal:
            columns: list[Any] = [
                SpinnerColumn(),
                TextColumn("{task.description:9}"),
                BarColumn(bar_width=24),
                TimeElapsedColumn(),
                TextColumn("{task.fields[what]}"),
            ]
            self._live = Progress(*columns, console=self.console, transient=True)
            self._live.add_task(self._named, total=None, what="")
            self._live.start()

    def _stop(self) -> None:
        took = time.monotonic() - self._started
        give_back()
        if self._live:
            self._live.stop()
            self._live = None
        elif self._title == "Reading" and self._rows:
            self.console.print(f"{self._named}: {self._what()} ({took:.1f} s)", highlight=False)
        elif self._title == "Loading" and self._jobs[0]:
            self.console.print(f"{self._named}: {self._jobs[0]} files ({took:.1f} s)", highlight=False)
        self._load += self._title == "Loading"

    @property
    def _named(self) -> str:
        """The step, and of which load it is, from the second on: most pulls have only one."""
        return self._title if self._load == 1 else f"Load {self._load}, {self._title.lower()}"


class _Lookups:
    """People looked up in a whole run, of so many."""

    def __init__(self, console: Console, every: float) -> None:
        self.console = console
        self.every = every
        self.done = 0
        self.total = 0
        self._first = self._last = 0.0

    def add(self, people: int, total: int | None, message: str | None, *, told: bool) -> None:
        """``told`` in plain lines, now and then."""
        now = time.monotonic()
        self._first = self._first or now
        self._last = self._last or now
        if message:
            self.console.print(message, highlight=False)
        self.done += people
        self.total = total or self.total
        if told and people and now - self._last >= self.every:
            self._last = now
            left = (self.total - self.done) * (now - self._first) / self.done
            more = f", about {spoken(left)} left" if self.total > self.done else ""
            self.console.print(f"{self}{more}", highlight=False)

    def __str__(self) -> str:
        return f"{self.done:,} people looked up" + (f" of {self.total:,}" if self.total else "")
