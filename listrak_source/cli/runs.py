"""The row that a command writes of itself, and the rows that there are."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dlt

from listrak_source import runs
from listrak_source.cli import output, reports
from listrak_source.cli.errors import Exit, explain, was_interrupted
from listrak_source.cli.pull import Pulled
from listrak_source.cli.warehouse import NothingThereError, Warehouse
from listrak_source.errors import StoppedError
from listrak_source.lease import FileLease, is_running
from listrak_source.runs import COLUMNS, DONE, INTERRUPTED, PARTIAL, Attempt, Run
from listrak_source.settings import Settings

if TYPE_CHECKING:
    from listrak_source.cli.push_output import Said
    from listrak_source.push import Session


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
            with suppress(Exception), undisturbed(warehouse), warehouse.looking() as pipeline:
                found.run.kept_in(pipeline)
                found.failed(error)
        raise


def undisturbed(warehouse: Warehouse) -> AbstractContextManager[object]:
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
    """Print runs, a line for each, with what was wrong."""
    output.out.print("Latest runs (UTC)\n", style="bold", highlight=False)
    for run in found:
        output.out.print(f"{output.cell(run['began_at'])}  {_line(run)}", highlight=False, markup=False)


def _line(run: Mapping[str, Any]) -> str:
    of = f"of {', '.join(map(str, run['sender_codes']))}" if run.get("sender_codes") else None
    what = " ".join(filter(None, [run["command"], run.get("sync_name"), of]))
    if run["ended_at"] is None:
        was_killed = run["host"] == socket.gethostname() and not is_running(run["process"])
        return f"{what}: was killed, or could not tell its end." if was_killed else f"{what}: has not ended."
    if run["times"] > 1:
        came = f"{run['outcome']} {run['times']:,} times"
    else:
        came = f"{run['outcome']} after {(run['ended_at'] - run['began_at']).total_seconds():,.1f} s"
    code = f", exit code {run['exit_code']}" if run["exit_code"] else ""
    loaded, sent = run.get("rows_loaded"), run.get("results")
    rows = sum((loaded or {}).values())
    moved = f"{rows:,} rows" if sent is None else f"{sum(int(one['values']) for one in sent):,} values"
    told = f" {run['message']}" if run["message"] else ""
    return f"{what}: {came}{code}, {moved}, {run['requests']:,} requests.{told}"


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
    with run.traced():
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
