"""A history: life in a sandbox and real pulls into a warehouse, with everything that must hold checked on the way."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import dlt
import duckdb
from dlt.pipeline.exceptions import PipelineStepFailed
from dlt.pipeline.pipeline import Pipeline

from listrak_source import listrak_sms
from listrak_source.api import FullPage, ListrakError
from listrak_source.pull import chunks
from listrak_source.pull.runner import pull as run_pull
from listrak_source.pull.schema import TABLES
from listrak_source.pull.state.checkpoint import is_unfinished, task_of
from listrak_source.sandbox import Fault, Sandbox
from listrak_source.settings import resolve
from tests.pull import consent_state, promises
from tests.pull.asking import on_request
from tests.pull.life import COUNTS, Life
from tests.pull.pulled import Known, Pulled, Tables, read, without_form
from tests.pull.warehouse import truth

LAST_DAYS = timedelta(hours=52)
"""The overlap, from the midnight before it on."""
SHRINKING = ("no_rows", "some_rows")
"""Faults that make a collection shorter than it is."""
GAP = 3
"""Seconds between life and a pull: the API's clock has seconds, and who moves while a walk runs is left unmarked."""


@dataclass(frozen=True)
class Pull:
    """One pull: how it reads, and what goes wrong."""

    full: bool = False
    lookups: str = "changed"
    page_size: int = 5000
    chunk_rows: int | None = None
    fault: Fault | None = None
    loads: int | None = None
    """The process ends after so many loads."""
    unloaded: bool = False
    """The process ends when everything is extracted and nothing loaded yet."""
    wiped: bool = False
    """dlt's working directory is gone before."""
    meanwhile: tuple[str, int, int] | None = None
    """What happens, to whom and where, while it reads."""
    at: int = 0
    """At which request that is."""
    twice: bool = False
    """The same pull again at once."""

    @property
    def task(self) -> tuple[bool, str]:
        """What makes it go on with an unfinished one."""
        return self.full, self.lookups


@dataclass(frozen=True)
class _Begun:
    """How the world stood when a pull began."""

    journal: int
    account_changes: int
    task: tuple[bool, str]


@dataclass(frozen=True)
class _Pending:
    """A pull that has loads in the warehouse and is not at its end."""

    began: datetime
    task: tuple[bool, str]
    lists: frozenset[tuple[int, int]] = frozenset()
    """Those that a complete walk has read, where only its sweep is left: the next pull reads on from there."""


@dataclass(frozen=True)
class _Unloaded:
    """An extracted load package in dlt's working directory, and the unfinished pull that it leaves behind."""

    pending: _Pending | None
    began: datetime


class History(Life):
    """A world that lives, and a warehouse that follows it."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        super().__init__(sandbox)
        self.folder = folder
        self.connection = duckdb.connect()
        self.last: Pipeline | None = None
        """The pipeline of the last pull."""
        self.known = Known()
        self.tables: Tables = {name: {} for name in TABLES}
        self.begun: dict[datetime, _Begun] = {}
        self.pending: _Pending | None = None
        """The unfinished pull in the warehouse's state."""
        self.unloaded: _Unloaded | None = None
        self.in_doubt = False
        """Whether the last pull that came to its end was not shown everything."""
        self.walks: list[consent_state.Remembered] = []

    def close(self) -> None:
        self.connection.close()
        shutil.rmtree(self.folder / "pipelines", ignore_errors=True)

    def pipeline(self) -> Pipeline:
        return dlt.pipeline(
            "listrak",
            destination=dlt.destinations.duckdb(self.connection),
            dataset_name="listrak_sms",
            pipelines_dir=str(self.folder / "pipelines"),
        )

    def pull(self, pull: Pull | None = None, **options: Any) -> bool:
        """Pull, and check what must hold then. Returns whether the pull came to its end."""
        pull = pull or Pull(**options)
        self.wait(seconds=GAP)
        now = self.world.clock.now().replace(microsecond=0)
        self.begun[now] = _Begun(len(self.world.journal), self.account_changes, pull.task)
        if pull.wiped:
            shutil.rmtree(self.folder / "pipelines", ignore_errors=True)
            self.unloaded = None
        elif self.unloaded:
            # What a killed process has extracted is loaded first, and its state counts.
            self._go_on_from(self.unloaded.pending)
        before, pending = self.tables, self.pending
        older = {at for at in (pending and pending.began, self.unloaded and self.unloaded.began) if at}
        ended, fault_hit = self._run(pull)
        self.tables = read(self.connection)
        COUNTS.update({"pulls": 1, "complete walks": pull.full and ended, "faults that hit": fault_hit})
        COUNTS.update({"pulls cut short": not ended, "pulls taken up again": bool(older) and ended})
        promises.nothing_is_forgotten(before, self.tables)
        told = without_form(truth(self.sandbox))
        touched = frozenset().union(*map(self._touched, older)) | self._touched(now)
        promises.marks_are_true(before, self.tables, told, touched)
        if pull.unloaded:
            promises.nothing_is_worse(before, self.tables, told, touched, marks=bool(self.unloaded))
            self.unloaded = _Unloaded(self._pending_in_state(), now)
            return False
        if not ended:
            promises.nothing_is_worse(before, self.tables, told, touched, marks=bool(self.unloaded))
            self._go_on_from(self._pending_in_state())
            if self.tables != before:
                self.unloaded = None
            return False
        unread = self._unread()
        if unread:
            # What could not be read is as it was; of all else, nothing is worse.
            promises.nothing_is_worse(before, self.tables, told, touched, marks=True)
            self._go_on_after(unread, pull, pending.began if pending and pending.task == pull.task else now)
            return True
        self.in_doubt = bool(pull.meanwhile or (fault_hit and pull.fault and pull.fault.kind in SHRINKING))
        if self.in_doubt:
            # What an answer left out comes with the next pull, of which all is demanded.
            COUNTS["pulls that were not shown everything"] += 1
            promises.nothing_is_worse(before, self.tables, told, touched, marks=True)
            self.pending = self.unloaded = None
            return True
        resumed = pending is not None and pending.task == pull.task
        began = pending.began if pending and resumed else now
        if resumed and pull.full:
            # What the first process saw of the last days is not known: who moved in them is left to the next walk.
            touched |= {event.phone_number for event in self.world.journal if event.at >= began - LAST_DAYS}
        pulled = Pulled(
            full=pull.full,
            lookups=pull.lookups,
            began=began,
            before=before,
            told=told,
            known=self.known,
            lists=frozenset(place for place in self.places if place[0] not in self._skipped()),
            skipped=self._skipped(),
            moved=self._touched(began) if resumed else frozenset(),
            touched=touched,
            account_moved=resumed and self.begun[began].account_changes != self.account_changes,
            unproved=self._unproved(pull, fault_hit),
        )
        promises.check(pulled, self.tables)
        consent_state.state_is_true(pulled, self.connection, self.world.clock.now())
        # A first pull looks nobody up, whatever another one had begun before it with other options.
        first = pulled.lists - self.known.looked.keys()
        self.known.advance(began, first, pulled.lookups)
        self.known.advance(min([began, *older]), pulled.lists - first, pulled.lookups)
        self.pending = self.unloaded = None
        if pull.full:
            consent_state.past_is_true(self.walks, self.connection)
            if not older and not pulled.unproved:
                self.walks.append(consent_state.remembered(pulled))
        if pull.twice:
            again = replace(pull, fault=None, wiped=False, twice=False)
            if older:
                # What another process saw of the last days is not known: to one more pull they are new.
                assert self.pull(again)
            self._again(again, nothing_new=not older and not fault_hit)
        return True

    def _unread(self) -> set[str]:
        """What the last pull could not read, by stream or another name."""
        assert self.last
        return set(self.last.state.get("sources", {}).get("listrak_sms", {}).get("unread", {}))

    def _go_on_after(self, unread: set[str], pull: Pull, began: datetime) -> None:
        """After a pull that left something out: the lists that it has read stand where it began."""
        COUNTS["pulls that left something out"] += 1
        lists = {place for place in self.places if place[0] not in self._skipped()}
        lists -= {place for place in lists if {f"contacts/{place[0]}/{place[1]}", f"lists/{place[0]}"} & unread}
        slow = {place for place in lists if f"lookups/{place[0]}" in unread}
        self.known.advance(began, frozenset(lists - slow), pull.lookups)
        self.known.advance(began, frozenset(slow), "none")
        self.pending = self.unloaded = None

    def _again(self, pull: Pull, *, nothing_new: bool) -> None:
        before = self.tables
        assert self.pull(pull)
        assert self.tables["consent_events"] == before["consent_events"], "a pull repeated at once adds no event"
        if nothing_new and not pull.full and pull.lookups != "all":
            assert self.tables == before, "a pull repeated at once loads nothing"

    def _run(self, pull: Pull) -> tuple[bool, bool]:
        """Whether the pull came to its end, and whether its fault hit."""
        sandbox = self.sandbox
        pipeline = self.last = self.pipeline()
        options: dict[str, Any] = self._options() | {
            "full": pull.full,
            "lookups": pull.lookups,
            "page_size": pull.page_size,
            "workers": 2,
        }
        if pull.chunk_rows:
            options["chunk_rows"] = pull.chunk_rows
        if pull.fault:
            options["max_attempts"] = 1
            sandbox.faults.add(pull.fault)
        if pull.meanwhile:
            self._while_it_reads(pull.at, *pull.meanwhile)
        try:
            if pull.unloaded:
                pipeline.sync_destination()
                if pipeline.has_pending_data:  # as ``load`` does: two packages never wait at once
                    pipeline.run()
                pipeline.extract(listrak_sms(**options))
                pipeline.normalize()
                return False, False
            for number, _ in enumerate(run_pull(pipeline, **options), 1):
                if number == pull.loads and is_unfinished(pipeline):
                    return False, self._hit(pull)
        except (PipelineStepFailed, ListrakError) as error:
            unpaged = self.sandbox.service.quirks.opt_out_paging == "unpaged"
            if not (self._hit(pull) or (unpaged and _is_full_page(error))):
                raise
            return False, self._hit(pull)
        else:
            return True, self._hit(pull)
        finally:
            sandbox.faults.clear()
            sandbox.traffic.__dict__.pop("note", None)

    def _while_it_reads(self, at: int, kind: str, who: int, where: int) -> None:
        """Have something happen at a request of the pull, and a second go by before and after it."""
        seen = 0

        def act(operation: str, query: str) -> None:
            nonlocal seen
            seen += 1
            if seen == at:
                self.wait(seconds=1)
                self.happen(kind, who, where)
                self.wait(seconds=1)

        on_request(self.sandbox, act)

    @property
    def bears_doubt(self) -> bool:
        """Whether a pull may be shown less than there is: all lists were read, and the last pull was shown everything.
        What a first reading of a list was not shown comes with a complete walk.
        """
        has_begun = self.pending or self.unloaded or self.in_doubt
        return not has_begun and set(self.places) <= self.known.looked.keys()

    def _hit(self, pull: Pull) -> bool:
        return pull.fault is not None and pull.fault not in self.sandbox.faults.waiting()

    def _pending_in_state(self) -> _Pending | None:
        """The unfinished pull that dlt's working directory knows of."""
        assert self.last
        state = self.last.state.get("sources", {}).get("listrak_sms", {}).get("pending")
        if not state:
            return None
        began, streams = datetime.fromisoformat(state["now"]), [one.split("/") for one in state["swept"] or ()]
        lists = frozenset((int(sender), int(*place)) for kind, sender, *place in streams if kind == "contacts")
        return _Pending(began, self._tasks()[state["task"]], lists)

    def _tasks(self) -> dict[str, tuple[bool, str]]:
        """What each digest in the state stands for: the last pull of a run may be another one than was asked for."""
        found = {}
        for full, lookups in product((False, True), ("changed", "none", "all")):
            options = self._options() | {"full": full, "lookups": lookups}
            wanted, settings = listrak_sms(**options).selected_resources, resolve(options)
            what = {name: getattr(settings, name) for name in chunks.TASK}
            found[task_of(wanted=sorted(wanted), **what)] = full, lookups
        return found

    def _options(self) -> dict[str, Any]:
        keys = ("client_id", "client_secret", "base_url", "token_url")
        return {key: getattr(self.sandbox, key) for key in keys}

    def _go_on_from(self, pending: _Pending | None) -> None:
        self.pending = pending
        if pending:
            self.known.advance(pending.began, pending.lists, pending.task[1])

    def _unproved(self, pull: Pull, fault_hit: bool) -> frozenset[str]:
        """The tables of which a pull cannot know that it saw everything."""
        if fault_hit and pull.fault and pull.fault.kind in ("repeated_page", "full_page_no_cursor"):
            return frozenset(TABLES)
        if self.sandbox.service.quirks.opt_out_paging == "unpaged":
            return frozenset({"opt_outs"})
        return frozenset()

    def _touched(self, since: datetime) -> frozenset[str]:
        """The phone numbers that something happened to since a pull began."""
        return frozenset(event.phone_number for event in self.world.journal[self.begun[since].journal :])

    def _skipped(self) -> frozenset[int]:
        refused = self.sandbox.service.quirks.disabled_reads == "refused"
        return frozenset(key for key, sender in self.world.sender_codes.items() if refused and not sender.enabled)


def _is_full_page(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, FullPage):
            return True
        error = error.__cause__ or error.__context__
    return False
