"""The row that a command writes of itself, and the rows that there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dlt

from listrak_source import runs
from listrak_source.cli import output, reports
from listrak_source.cli.errors import Exit, explain, was_interrupted
from listrak_source.cli.pull import Pulled
from listrak_source.cli.warehouse import NothingThereError, Warehouse
from listrak_source.errors import StoppedError
from listrak_source.runs import DONE, INTERRUPTED, PARTIAL, PULL_RUNS, Run
from listrak_source.settings import Settings

_SHOWN = ["began (UTC)", "took", "command", "outcome", "code", "requests", "rows"]


@dataclass(frozen=True)
class Recorded:
    """A command's run."""

    run: Run

    def of(self, settings: Settings) -> None:
        """It is a pull with these settings."""
        self.run.sender_codes, self.run.complete_walk = settings.sender_codes, settings.full

    @contextmanager
    def working(self, pipeline: dlt.Pipeline) -> Iterator[None]:
        """A pipeline works for it, and its warehouse holds the row."""
        with self.run.working(pipeline):
            try:
                yield
            except BaseException as error:
                self.failed(error)
                raise

    def ended(self, found: Pulled) -> None:
        """A pull has come to its end."""
        run = self.run
        run.rows, run.removed = found.rows, found.removed
        by_table = Counter[str]()
        for (table, _), count in found.set_aside.items():
            by_table[table] += count
        run.set_aside = by_table
        run.remarks = [*found.remarks, *reports.in_doubt(found.doubts)]
        run.end(DONE if found.is_whole else PARTIAL, int(found.exit_code), " ".join(found.lacking) or None)

    def failed(self, error: BaseException) -> None:
        """It ends by an error."""
        sentence, code = explain(error, self.run.command)
        self.run.end(INTERRUPTED if was_interrupted(error) else runs.outcome_of(error), int(code), sentence)


@contextmanager
def recorded(warehouse: Warehouse, command: str) -> Iterator[Recorded]:
    """Yield a command's run. Also one that does not get as far as its pipeline has a row, if there is a dataset."""
    found = Recorded(Run(command, if_done=int(Exit.DONE)))
    try:
        yield found
    except BaseException as error:
        if not found.run.is_over:
            with suppress(Exception), warehouse.looking() as pipeline:
                found.run.kept_in(pipeline)
                found.failed(error)
        raise


def latest(warehouse: Warehouse, most: int) -> list[dict[str, Any]]:
    """The latest runs into a warehouse, newest first, for a program.

    Raises :class:`NothingThereError` where there is no dataset, and :class:`StoppedError` where none are kept.
    """
    if warehouse.file is not None and not warehouse.file.exists():
        raise NothingThereError(warehouse.nothing)
    with warehouse.looking() as pipeline:
        keeper = runs.keeper_of(pipeline, PULL_RUNS)
        if keeper is None:
            raise StoppedError(
                f"{warehouse.location} keeps no rows of runs: nothing of ours is written there but loads"
            )
        return [runs.told(row) for row in keeper.latest(most)]


def show(found: list[dict[str, Any]]) -> None:
    """Print runs, and what was wrong with the latest one that was not done."""
    rows = [
        (
            run["began_at"],
            _took(run["began_at"], run["ended_at"]),
            run["command"],
            run["outcome"] if run["times"] == 1 else f"{run['outcome']}, {run['times']:,} times",
            "-" if run["exit_code"] is None else str(run["exit_code"]),
            run["requests"],
            sum((run["rows_loaded"] or {}).values()),
        )
        for run in found
    ]
    output.table(output.out, "Latest runs", _SHOWN, rows)
    if wrong := next((run for run in found if run["message"]), None):
        began = output.cell(wrong["began_at"])
        output.out.print(f"{began}: {wrong['message']}", highlight=False, markup=False)


def _took(began: datetime, ended: datetime | None) -> str:
    return f"{(ended - began).total_seconds():,.1f} s" if ended else "not ended"
