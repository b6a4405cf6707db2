"""A sync with its warehouse and its Listrak open: check, plan, apply, retry, verify, undo.

The same from a program as from the command:

    with sync_session(pipeline, load_syncs("listrak_push.toml")["loyalty"]) as loyalty:
        print(loyalty.plan().counts)
        loyalty.apply(print)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import dlt

from listrak_source.api import ConfigurationError, ListrakClient
from listrak_source.errors import StoppedError
from listrak_source.push import conflicts, forgotten
from listrak_source.push.apply import run as applying
from listrak_source.push.apply import skipped, undo
from listrak_source.push.apply.context import Work
from listrak_source.push.apply.readback import verify
from listrak_source.push.apply.run import Outcome
from listrak_source.push.conflicts import Shared
from listrak_source.push.diff import plan, refused_stops, rejects
from listrak_source.push.diff.comparison import rejected_of, stops_of
from listrak_source.push.diff.plan import Plan
from listrak_source.push.diff.refused_stops import RefusedStop
from listrak_source.push.sync.config import OPTED_OUT, Sync
from listrak_source.push.sync.field_mapping import Target
from listrak_source.push.validate import checked, unread_stops
from listrak_source.push.warehouse import ledger
from listrak_source.push.warehouse.ledger import Run
from listrak_source.push.warehouse.sql_client import Store
from listrak_source.push.warehouse.turns import Lock, Turn, prepare
from listrak_source.settings import client_of, resolve

Say = Callable[[str], None]


def not_understood(sync: Sync, stops: int) -> str:
    """A sentence about rows of which nobody can tell whether they say stop, or who does."""
    column = next((one.name for one in sync.columns if one.contact == OPTED_OUT), "")
    return (
        f"{stops:,} stop{'s are' if stops > 1 else ' is'} not understood, and nobody is stopped by "
        f"{'them' if stops > 1 else 'it'}: write true or false in the column {column}, and a phone number in the "
        f"column {sync.phone}"
    )


class MovedError(StoppedError):
    """The plan is not the one that was to be applied."""


class OverBudgetError(StoppedError):
    """The plan changes more than its sync allows."""


@dataclass(frozen=True)
class Session:
    """What can be done with a sync."""

    sync: Sync
    store: Store
    client: ListrakClient
    workers: int
    max_import_bytes: int
    others: tuple[Sync, ...] = ()
    """Syncs beside this one, which may want something else."""

    def check(self) -> tuple[list[Target], list[str]]:
        """The sync's targets, and everything that is wrong with it, in sentences."""
        return checked(self.store, self.client, self.sync)

    def shared(self, targets: list[Target]) -> list[Shared]:
        """Which syncs beside this one write to its fields."""
        return list(conflicts.shared(self.client, self.sync, targets, self.others))

    def refused_stops(self) -> list[RefusedStop]:
        """The stops of the sender code that Listrak has refused, and that nobody has waived."""
        return refused_stops.refused(self.store, self.sync.sender_code_id)

    def waive(self, row_key: str) -> int:
        """Have the refused stops of a row sent and told no more, as long as it says stop; gives how many these are."""
        with Lock(self.store, self.sync.name):
            return refused_stops.waive(self.store, self.sync, row_key)

    def unread_stops(self) -> int:
        """How many rows of the table may say stop, and are not understood. Nobody is stopped by them."""
        return unread_stops(self.store, self.sync)

    def left_unread(self) -> int:
        """The same of the latest plan, also of one that was applied."""
        return rejects.unread_stops(self.store, rejected_of(self.sync))

    def plan(self) -> Plan:
        """Work out what would change. Raises :class:`ConfigurationError` with all that is wrong."""
        with Lock(self.store, self.sync.name):  # an apply reads the tables that a plan makes
            return self._plan()

    def _plan(self) -> Plan:
        targets, problems = self.check()
        if problems:
            raise ConfigurationError(f"sync {self.sync.name}: " + "; ".join(problems))
        found = plan.make(self.store, self.sync, targets, self.max_import_bytes)
        return replace(found, conflicts=conflicts.found(self.store, self.sync, self.shared(targets)))

    def apply(self, say: Say, *, only: str | None = None, accept: str | None = None) -> Outcome | None:
        """Finish what was cut short, then apply what is left; None where nothing is.

        ``only`` is the hash of the plan to apply and no other; ``accept`` that of one that may go over the budget.
        Raises :class:`MovedError` or :class:`OverBudgetError`, before anything is sent.
        """
        with Lock(self.store, self.sync.name) as lock:
            self._tell_refused(say)
            finished = self._finish(lock, say)
            if finished and not finished.finished:
                return finished
            return self._apply(lock, say, self._plan, only=only, accept=accept) or finished

    def retry(self, say: Say, *, accept: str | None = None) -> Outcome | None:
        """Finish what was cut short, then apply what is left and what was tried in vain before; None for nothing."""
        with Lock(self.store, self.sync.name) as lock:
            self._tell_refused(say)
            finished = self._finish(lock, say)
            if finished and not finished.finished:
                return finished
            rejects.forget(self.store, self.sync)
            return self._apply(lock, say, self._plan, accept=accept) or finished

    def verify(self, sample: int | None, say: Say) -> dict[tuple[str, str], int] | None:
        """Read back again what the last run has confirmed; None where there is no run."""
        with Lock(self.store, self.sync.name) as lock:
            run = ledger.last(self.store, self.sync.name)
            return verify(self._work(run, lock, say), sample) if run else None

    def waiting(self, run_id: str | None = None) -> int:
        """Values of a run (the last one, unless told otherwise) that are not at Listrak as they were wanted.

        They are not sent until their row changes, a pull brings their contact anew, or :meth:`retry` is called. The
        others of those are sent again by the next apply.
        """
        run = ledger.run(self.store, run_id) if run_id else ledger.last(self.store, self.sync.name)
        return rejects.waiting(self.store, run.run_id) if run else 0

    def refusals(self, run_id: str) -> list[tuple[str, str, int]]:
        """What Listrak says against changes of a run: operation, reason, values."""
        return ledger.refusals(self.store, run_id)

    def skipped(self, run_id: str | None = None) -> str:
        """A sentence about whom a run (the last one, unless told otherwise) has skipped; nothing where there are none.

        Who is skipped is one for whom Listrak does not answer.
        """
        run = ledger.run(self.store, run_id) if run_id else ledger.last(self.store, self.sync.name)
        return skipped.told(self.store, run.run_id) if run else ""

    def rejected_rows(self) -> int:
        """Rows that the latest plan has left out."""
        return int(self.store.one(f"SELECT COUNT(DISTINCT row_key) FROM {rejected_of(self.sync)}"))

    def plan_undo(self, run: Run) -> Plan:
        """Work out what would bring back what was before a run."""
        with Lock(self.store, self.sync.name):
            return self._plan_undo(run)

    def _plan_undo(self, run: Run) -> Plan:
        return undo.plan_of(self.store, self.client, run, self.sync.budget, self.max_import_bytes)

    def undo(self, run: Run, say: Say, *, only: str | None = None, accept: str | None = None) -> Outcome | None:
        """Bring back what was before a run; None where nothing can be. The rest is as in :meth:`apply`."""
        with Lock(self.store, self.sync.name) as lock:
            self._tell_refused(say)
            finished = self._finish(lock, say)
            if finished and not finished.finished:
                return finished
            # Who says stop by now is not put back on a list.
            self._stops_first(lock, say, strict=True)
            again = partial(self._plan_undo, run)
            return self._apply(lock, say, again, only=only, accept=accept, undoes=run.run_id) or finished

    def _apply(
        self,
        lock: Lock,
        say: Say,
        make: Callable[[], Plan],
        *,
        only: str | None = None,
        accept: str | None = None,
        undoes: str | None = None,
    ) -> Outcome | None:
        try:
            found = make()
        except ConfigurationError:
            if not (only or undoes):
                self._stops_first(lock, say)
            raise
        if only and found.hash != only:
            raise MovedError(
                f"the plan is {found.hash} now and not {only}: the table or what is known of Listrak has moved. "
                "Look at the plan again"
            )
        if found.unread_stops:
            say(f"{not_understood(found.sync, found.unread_stops)}. They are named in {rejected_of(found.sync)}.")
        if found.rejected:
            reasons = "; ".join(f"{count:,} {reason}" for reason, count in found.rejected.items())
            say(f"Rows that are not sent, named in the table {rejected_of(found.sync)}: {reasons}.")
        for conflict in found.conflicts:
            say(f"{conflict}.")
        if found.is_empty:
            return None
        if found.hash != accept and (over := found.over_budget()):
            # A stop waits for nobody's consent to something else.
            what = "Nothing"
            if not (only or undoes) and found.counts["opt_outs"] and self._send_stops(found, lock, say):
                found, what = make(), "Nothing else"
                over = found.over_budget() or over
            raise OverBudgetError(
                f"{'; '.join(over)}. {what} was sent. With --accept {found.hash} exactly this plan goes through"
            )
        begun = applying.begin(self.store, found, undoes=undoes)
        return applying.finish(self._work(begun, lock, say))

    def _tell_refused(self, say: Say) -> None:
        """Before anything else, the stops that are not carried out."""
        if sentence := refused_stops.told(self.refused_stops()):
            say(f"{sentence}.")

    def _finish(self, lock: Lock, say: Say) -> Outcome | None:
        """Finish what was cut short; None where nothing was. Who says stop by now is stopped before that."""
        finished = None
        if ledger.unfinished(self.store, self.sync.name):
            self._stops_first(lock, say)
        while run := ledger.unfinished(self.store, self.sync.name):
            say(f"Run {run.run_id} was cut short: it is finished first.")
            finished = applying.finish(self._work(run, lock, say))
            if not finished.finished:
                return finished
        return finished

    def _stops_first(self, lock: Lock, say: Say, *, strict: bool = False) -> None:
        """Send the stops that the table holds now, whatever is wrong with the rest of the sync.

        No earlier plan opts any of these people in. Over the budget they are left to the next plan, or raise
        :class:`OverBudgetError` where it is ``strict``.
        """
        columns = tuple(column for column in self.sync.columns if column.contact == OPTED_OUT)
        if not columns:
            return
        alone = replace(self, sync=replace(self.sync, columns=columns, modes=frozenset()))
        found = alone._plan()
        rejects.withdraw(self.store, self.sync.name, stops_of(self.sync))
        if not self._send_stops(found, lock, say) and strict:
            over = "; ".join(found.over_budget())
            raise OverBudgetError(f"{over}. These stops go first, and nothing was sent: apply the sync")

    def _send_stops(self, found: Plan, lock: Lock, say: Say) -> bool:
        """Send the stops of a plan, and nothing else of it; False where they are over the budget."""
        stops = replace(found, files=[], counts=dict.fromkeys(found.counts, 0) | {"opt_outs": found.counts["opt_outs"]})
        if stops.over_budget():
            return False
        if not stops.is_empty:
            begun = applying.begin(self.store, stops, only_stops=True)
            applying.finish(self._work(begun, lock, say))
        return True

    def _work(self, run: Run, lock: Lock, say: Say) -> Work:
        return Work(self.store, self.client, run, lock.renew, say, partial(Turn, self.store), self.workers)


@contextmanager
def sync_session(
    pipeline: dlt.Pipeline, sync: Sync, *, among: Iterable[Sync] = (), **options: Any
) -> Iterator[Session]:
    """Open a sync on the warehouse of ``pipeline``, which must hold its schema (``pipeline.sync_destination()``).

    ``among`` are all syncs of its file: those that want something else for the same fields are named.
    ``options`` are those of the source, for credentials and addresses; what is not given comes from dlt's settings.
    """
    settings = resolve(options)
    with Store.of(pipeline, settings.timezone) as store, client_of(settings) as client:
        forgotten.note(store, settings)
        prepare(store)
        yield Session(sync, store, client, settings.workers, settings.max_import_bytes, tuple(among))
