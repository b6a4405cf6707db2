"""How a run shows itself: a live bar on a terminal, a plain line for reading and one for loading elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from dlt.common.runtime.collector_base import Collector
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from listrak_source.pull.tables import TABLES

_STEPS = {"Extract": "Reading", "Normalize": "Preparing", "Load": "Loading"}


class StepProgress(Collector):
    """Counts what dlt does, step by step, and shows it on ``console``."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._live: Progress | None = None
        self._rows: Counter[str] = Counter()
        self._jobs = [0, 0]
        self._title = ""
        self._started = 0.0

    def update(
        self,
        name: str,
        inc: int = 1,
        total: int | None = None,
        inc_total: int | None = None,
        message: str | None = None,  # noqa: ARG002 - dlt's signature
        label: str | None = None,
    ) -> None:
        """Take one of dlt's counts: rows by table while reading, finished jobs while loading."""
        if name in TABLES:
            self._rows[name] += inc
        elif name == "Jobs" and label is None:
            self._jobs[0] += inc
            self._jobs[1] += inc_total or 0
            self._jobs[1] = max(self._jobs[1], total or 0)
        if self._live:
            task = self._live.task_ids[0]
            done, jobs = self._jobs
            self._live.update(task, what=self._what(), completed=done, total=jobs or None)

    def _what(self) -> str:
        return " · ".join(f"{name} {rows:,}" for name, rows in self._rows.most_common(3) if rows)

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
            self._live.add_task(self._title, total=None, what="")
            self._live.start()

    def _stop(self) -> None:
        took = time.monotonic() - self._started
        if self._live:
            self._live.stop()
            self._live = None
        elif self._title == "Reading" and self._rows:
            self.console.print(f"Reading: {self._what()} ({took:.1f} s)", highlight=False)
        elif self._title == "Loading" and self._jobs[0]:
            self.console.print(f"Loading: {self._jobs[0]} files ({took:.1f} s)", highlight=False)
