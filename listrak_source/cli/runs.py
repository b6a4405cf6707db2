"""The row that a command writes of itself, and the rows that there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import dlt

from listrak_source import runs
from listrak_source.cli import output, reports
from listrak_source.cli.errors import Exit, explain, was_interrupted
from listrak_source.cli.pull import Pulled
from listrak_source.cli.warehouse import NothingThereError, Warehouse
from listrak_source.errors import StoppedError
from listrak_source.lease import FileLease
from listrak_source.runs import COLUMNS, DONE, INTERRUPTED, PARTIAL, Attempt, Run
from listrak_source.settings import Settings

if TYPE_CHECKING:
    from listrak_source.cli.push_said import Said
    from listrak_source.push import Session

_SHOWN = ["began (UTC)", "took", "command", "outcome", "code", "requests", "rows or values"]


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
            with suppress(Exception), _undisturbed(warehouse), warehouse.looking() as pipeline:
                found.run.kept_in(pipeline)
                found.failed(error)
        raise


def _undisturbed(warehouse: Warehouse) -> AbstractContextManager[object]:
    """Raise :class:`~listrak_source.lease.TakenError` while a pull has the DuckDB file: to open it could fail that."""
    file = warehouse.file
    if file is None or not file.exists():
        return nullcontext()
    file = file.resolve()
    return FileLease(file.with_name(f"{file.name}.lease"), "another pull")


def latest(warehouse: Warehouse, most: int) -> list[dict[str, Any]]:
    """The latest runs into a warehouse, newest first, for a program.

    Raises :class:`NothingThereError` where there is no dataset, and :class:`StoppedError` where none are kept.
    """
    if warehouse.file is not None and not warehouse.file.exists():
        raise NothingThereError(warehouse.nothing)
    with warehouse.looking() as pipeline:
        keepers = [keeper for table in COLUMNS if (keeper := runs.keeper_of(pipeline, table))]
        if not keepers:
            raise StoppedError(
                f"{warehouse.location} keeps no rows of runs: nothing of ours is written there but loads"
            )
        found = [row for keeper in keepers for row in keeper.latest(most)]
        found.sort(key=lambda row: row["began_at"].timestamp(), reverse=True)
        return [runs.told(row) for row in found[:most]]


def show(found: list[dict[str, Any]]) -> None:
    """Print runs, and what was wrong with the latest one that was not done."""
    rows = [
        (
            run["began_at"],
            _took(run["began_at"], run["ended_at"]),
            " ".join(filter(None, [run["command"], run.get("sync_name")])),
            run["outcome"] if run["times"] == 1 else f"{run['outcome']}, {run['times']:,} times",
            "-" if run["exit_code"] is None else str(run["exit_code"]),
            run["requests"],
            _count(run),
        )
        for run in found
    ]
    output.table(output.out, "Latest runs", _SHOWN, rows)
    if wrong := next((run for run in found if run["message"]), None):
        began = output.cell(wrong["began_at"])
        output.out.print(f"{began}: {wrong['message']}", highlight=False, markup=False)


def _took(began: datetime, ended: datetime | None) -> str:
    return f"{(ended - began).total_seconds():,.1f} s" if ended else "not ended"


def _count(run: Mapping[str, Any]) -> int:
    """The rows that a pull has loaded, or the values that a push has sent."""
    return sum((*(run.get("rows_loaded") or {}).values(), *(int(one["values"]) for one in run.get("results") or ())))


@contextmanager
def attempted(said: Said, opened: Session) -> Iterator[None]:
    """Record a command that pushes a sync, from when the sync is open to its end."""
    store, sync = opened.store, opened.sync
    run = Attempt(said.command, sync_name=sync.name, sender_code_id=sync.sender_code_id)
    # A DuckDB file is open already, for this process alone.
    run.kept_by(store.another if store.another and store.dialect != "duckdb" else lambda: nullcontext(store))
    run.counts(opened.client.tally)
    run.begin()
    outcome, code, message = DONE, int(Exit.DONE), None
    try:
        yield
    except SystemExit as end:
        code = int(end.code or 0)
        outcome = DONE if not code else PARTIAL if code in {Exit.NOT_ALL, Exit.TRY_AGAIN} else runs.FAILED
        raise
    except BaseException as error:
        message, code = explain(error, run.command)
        outcome = INTERRUPTED if was_interrupted(error) else runs.outcome_of(error)
        raise
    finally:
        told = said.told
        run.push_run, run.results = told.get("run"), told.get("results", ())
        run.end(outcome, int(code), message or told.get("message"))
