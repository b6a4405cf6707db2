"""A push from its file of syncs to its end: what the command's verbs do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from listrak_source.api import ConfigurationError, ListrakClient
from listrak_source.connect import client_of
from listrak_source.push import apply as applying
from listrak_source.push import ledger, plan
from listrak_source.push.apply import Outcome
from listrak_source.push.check import checked
from listrak_source.push.plan import Plan
from listrak_source.push.store import Store
from listrak_source.push.sync import Sync, load
from listrak_source.push.targets import Target
from listrak_source.push.verify import verify as verify_run
from listrak_source.settings import resolve
from pipelines.warehouse import Warehouse

FILE = Path("listrak_push.toml")
"""Where syncs stand, unless told otherwise."""


class MovedError(Exception):
    """The plan is not the one that was to be applied."""


class OverBudgetError(Exception):
    """The plan changes more than its sync allows."""


@dataclass(frozen=True)
class Session:
    """A sync with its warehouse and its Listrak open."""

    sync: Sync
    store: Store
    client: ListrakClient
    workers: int

    def targets(self) -> list[Target]:
        """The sync's targets. Raises :class:`ConfigurationError` with all that is wrong."""
        targets, problems = checked(self.store, self.client, self.sync)
        if problems:
            raise ConfigurationError(f"sync {self.sync.name}: " + "; ".join(problems))
        return targets

    def plan(self) -> Plan:
        """Work out what would change."""
        return plan.make(self.store, self.sync, self.targets())

    def apply(
        self, say: Callable[[str], None], *, only: str | None = None, accept: str | None = None
    ) -> Outcome | None:
        """Finish what was cut short, then apply what is left; None where nothing is.

        ``only`` is the hash of the plan to apply and no other; ``accept`` that of one that may go over the budget.
        Raises :class:`MovedError` or :class:`OverBudgetError`, before anything is sent.
        """
        with ledger.Lock(self.store, self.sync.name) as lock:
            finished = self._finish(lock, say)
            if finished and not finished.finished:
                return finished
            found = self.plan()
            if only and found.hash != only:
                raise MovedError(
                    f"the plan is {found.hash} now and not {only}: the table or what is known of Listrak has moved. "
                    "Look at the plan again"
                )
            if found.is_empty:
                return finished
            if found.hash != accept and (over := found.over_budget()):
                raise OverBudgetError(
                    f"{'; '.join(over)}. Nothing was sent. With --accept {found.hash} exactly this plan goes through"
                )
            run = applying.begin(self.store, found)
            return applying.finish(self.store, self.client, run, lock, say, workers=self.workers)

    def retry(self, say: Callable[[str], None]) -> Outcome | None:
        """Finish what was cut short, and nothing else; None where nothing was."""
        with ledger.Lock(self.store, self.sync.name) as lock:
            return self._finish(lock, say)

    def verify(self, sample: int | None) -> dict[tuple[str, str], int] | None:
        """Read back again what the last run has confirmed; None where there is no run."""
        with ledger.Lock(self.store, self.sync.name) as lock:
            run = ledger.last(self.store, self.sync.name)
            if run is None:
                return None
            return verify_run(self.store, self.client, run, sample, lock.renew, workers=self.workers)

    def _finish(self, lock: ledger.Lock, say: Callable[[str], None]) -> Outcome | None:
        run = ledger.unfinished(self.store, self.sync.name)
        if run is None:
            return None
        say(f"Run {run.run_id} was cut short: it is finished first.")
        return applying.finish(self.store, self.client, run, lock, say, workers=self.workers)


@contextmanager
def session(name: str, file: Path, warehouse: Warehouse) -> Iterator[Session]:
    """Open a sync of a file. Raises :class:`ConfigurationError` for one that is not there or not well formed."""
    syncs = load(file)
    if name not in syncs:
        raise ConfigurationError(f"{file} has no sync {name}; there are {', '.join(syncs) or 'none'}")
    settings = resolve({})
    with warehouse.reading() as pipeline, Store.of(pipeline) as store, client_of(settings) as client:
        ledger.prepare(store)
        yield Session(syncs[name], store, client, settings.workers)
