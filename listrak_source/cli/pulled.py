"""A pull from its first load to its last, and what it did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dlt

from listrak_source import runs
from listrak_source.api import ConfigurationError
from listrak_source.cli import reports
from listrak_source.cli.errors import Exit
from listrak_source.cli.process.signals import noticed
from listrak_source.cli.warehouse import is_empty, loaded_rows
from listrak_source.pull.lookup_progress import COUNTER
from listrak_source.pull.runner import pull
from listrak_source.pull.schema import CONSENT_EVENTS, CONTACTS, REJECTED_ROWS, TABLES
from listrak_source.pull.state.checkpoint import is_unfinished
from listrak_source.pull.state.stored_state import told
from listrak_source.settings import resolve
from listrak_source.sql import one_connection

_FIRST = (
    "Nothing is loaded yet: first a pull without lookups, so that the tables are there to use, then one that looks up"
    " everybody."
)
_MOST = 5
"""Reasons that are told, at the most."""


@dataclass
class Pulled:
    """What a pull has done to the warehouse."""

    rows: dict[str, int] = field(default_factory=dict)
    """By table: rows that were loaded, new ones and others."""
    removed: dict[str, int] = field(default_factory=dict)
    """By table: rows that are gone at Listrak, and are marked."""
    set_aside: dict[tuple[str, str], int] = field(default_factory=dict)
    """By table and reason: records that could not be kept as they are."""
    doubts: dict[str, list[str]] = field(default_factory=dict)
    """By reason: what a complete walk could not prove to have read, so that nothing of it is marked as removed."""
    unread: list[str] = field(default_factory=list)
    """What could not be read, in sentences: it is as it was, and the next pull tries again."""
    may_pass: bool = False
    """Whether the same pull may read some of it later."""
    over_budget: str | None = None
    """What a complete walk found gone and did not mark, for it was over the budget."""
    remarks: list[str] = field(default_factory=list)
    """What else should be known, in sentences."""

    @property
    def is_whole(self) -> bool:
        """Whether all was done that was asked for."""
        return not self.lacking

    @property
    def exit_code(self) -> Exit:
        """What a command ends with that has done this."""
        if self.is_whole:
            return Exit.DONE
        return Exit.TRY_AGAIN if self.may_pass else Exit.NOT_ALL

    @property
    def lacking(self) -> list[str]:
        """What was not done, in sentences."""
        return [*self.unread, *filter(None, [self.over_budget])]

    def loaded(self, location: str, dataset: str, seconds: float) -> str:
        """Which rows, in a sentence."""
        if not self.rows:
            return f"Nothing new at Listrak; {location} is up to date ({seconds:.1f} s)."
        told = ", ".join(f"{rows:,} {name}" for name, rows in self.rows.items())
        return f"Loaded {told} into {location}, dataset {dataset}, in {seconds:.1f} s."

    def as_document(self) -> dict[str, Any]:
        """What was done, for a program."""
        tables = [name for name in TABLES if name in self.rows or name in self.removed]
        return {
            "results": [
                {"table": name, "rows": self.rows.get(name, 0), "removed": self.removed.get(name, 0)} for name in tables
            ],
            "set_aside": [
                {"table": table, "reason": reason, "records": count}
                for (table, reason), count in self.set_aside.items()
            ],
            "unread": self.unread,
            "not_proved": self.doubts,
            "over_budget": self.over_budget,
            "remarks": self.remarks,
        }

    def sentences(self) -> Iterator[str]:
        """What a person should know besides the rows."""
        if self.removed:
            told = ", ".join(f"{rows:,} {name}" for name, rows in self.removed.items())
            count = sum(self.removed.values())
            are = "1 row is gone at Listrak and is" if count == 1 else f"{count:,} rows are gone at Listrak and are"
            yield f"{are} marked as removed: {told}."
        yield from reports.in_doubt(self.doubts)
        yield from self.unread
        if self.over_budget:
            yield self.over_budget
        yield from self.remarks
        if self.set_aside:
            reasons = [f"{table}, {reason} ({count:,})" for (table, reason), count in self.set_aside.items()]
            told = "; ".join(reasons[:_MOST])
            more = f"; and for {len(reasons) - _MOST} more reasons" if len(reasons) > _MOST else ""
            count = sum(self.set_aside.values())
            yield f"Set aside {count:,} record{'s' * (count != 1)} in {REJECTED_ROWS.name}: {told}{more}."


def pulled(pipeline: dlt.Pipeline, *tables: str, **options: Any) -> Pulled:
    """Pull, with the arguments of :func:`~listrak_source.pull.runner.pull`, and say what was done.

    Where everybody is to be looked up and no list was ever read to its end, the lists come first, in a pull of their
    own: it is quick, and tells how many people there are to look up.
    """
    settings = resolve(options)
    if settings.accept_removals and not settings.full:
        raise ConfigurationError("accept_removals goes with a complete walk (--full): no other pull marks anything")
    found = Pulled()
    empty = is_empty(pipeline)
    if settings.accept_removals:
        _check_accepted(pipeline, settings.accept_removals, empty)
    if settings.lookups == "all" and (not tables or CONTACTS.name in tables) and not _knows_contacts(pipeline, empty):
        pipeline.collector.update(COUNTER, 0, message=_FIRST)
        with _goes_on(pipeline):
            _pull(pipeline, found, tables, options | {"lookups": "changed", "full": False, "into_empty": empty})
        empty = False
    _pull(pipeline, found, tables, options | {"into_empty": empty})
    return found


@contextmanager
def _goes_on(pipeline: dlt.Pipeline) -> Iterator[None]:
    """The run does not end with this pull."""
    run = runs.of(pipeline)
    if run is not None:
        run.goes_on = True
    yield
    if run is not None:
        run.goes_on = False


def _check_accepted(pipeline: dlt.Pipeline, accepted: str, empty: bool) -> None:
    """Raise :class:`ConfigurationError` where no walk has left a set of rows of that hash."""
    left = ""
    if not empty:
        with told(pipeline):
            pipeline.sync_destination()
        left = reports.removals_hash(pipeline)
    if accepted != left:
        waits = f"has left {left}" if left else "has left none unmarked"
        raise ConfigurationError(
            f"--accept-removals {accepted}: there is no such set of rows. The last complete walk {waits}. Run `listrak"
            " pull --full` without it, and see what is said then"
        )


def _knows_contacts(pipeline: dlt.Pipeline, empty: bool) -> bool:
    if empty:
        return False
    with told(pipeline):
        pipeline.sync_destination()
    return any(CONTACTS.name in tables for *_, tables in reports.watermarks(pipeline))


def _pull(pipeline: dlt.Pipeline, found: Pulled, tables: tuple[str, ...], options: dict[str, Any]) -> None:
    """One pull, all of its loads; what it has done is added to ``found``."""
    counts: Counter[str] = Counter()
    loads: list[str] = []
    with noticed() as stop_if_interrupted:
        for info in pull(pipeline, *tables, **options):
            if info.loads_ids:
                loads += info.loads_ids
                counts.update(loaded_rows(pipeline))
            if is_unfinished(pipeline):
                stop_if_interrupted()
    found.remarks, found.unread = reports.remarks(pipeline), reports.unread(pipeline)
    found.may_pass = reports.may_pass(pipeline)
    _ask(pipeline, found, counts, loads, full=resolve(options).full)
    # What an earlier pull of the same run wrote is written anew, but for tables that rows are only added to.
    merged = {
        name: found.rows.get(name, 0) + counts[name]
        if table.append_only
        else max(found.rows.get(name, 0), counts[name])
        for name, table in TABLES.items()
    }
    found.rows = {name: count for name, count in merged.items() if count > 0}


def _ask(pipeline: dlt.Pipeline, found: Pulled, counts: Counter[str], loads: list[str], *, full: bool) -> None:
    """What only the warehouse knows: not all that was handed over is new."""
    several = len(loads) > 1
    if not (full or several or counts[CONSENT_EVENTS.name] or counts[REJECTED_ROWS.name]):
        return
    with one_connection(pipeline):
        # Most events that a complete walk tells are known: they are handed over, and not written. And of several loads
        # a later one may write again what an earlier one has brought.
        for name in counts.keys() - {REJECTED_ROWS.name} if several else counts.keys() & {CONSENT_EVENTS.name}:
            counts[name] = reports.written(pipeline, name, loads)
        if counts.pop(REJECTED_ROWS.name, 0):
            found.set_aside.update(reports.set_aside(pipeline, loads))
        if full:
            walk = reports.last_walk(pipeline)
            found.doubts = walk[1] if walk else {}
            found.over_budget = reports.removals(pipeline)
            found.removed = reports.removed(pipeline, loads)
            counts.subtract(found.removed)
