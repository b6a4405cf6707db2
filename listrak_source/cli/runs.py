"""The row that a command writes of itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dlt

from listrak_source import runs
from listrak_source.cli import reports
from listrak_source.cli.errors import Exit, explain, was_interrupted
from listrak_source.cli.pulled import Pulled
from listrak_source.cli.warehouse import Warehouse
from listrak_source.lease import FileLease
from listrak_source.runs import DONE, INTERRUPTED, PARTIAL, Attempt, Run
from listrak_source.settings import Settings

if TYPE_CHECKING:
    from listrak_source.cli.commands.push_output import Said
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
    # Who may not write there can have no lease, either.
    if file is None or not file.exists() or warehouse.may_only_be_read:
        return nullcontext()
    file = file.resolve()
    return FileLease(file.with_name(f"{file.name}.lease"), "another pull")


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
