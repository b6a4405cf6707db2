"""The row that a pull writes of itself (:mod:`listrak_source.runs`): when it begins, with each load, and at its end.

Where the warehouse is asked anyway, the row goes by the same connection: to open a DuckDB file takes longer than to
write it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dlt
from dlt.common.pipeline import LoadInfo
from dlt.destinations.sql_client import SqlClientBase

from listrak_source import runs
from listrak_source.api import ListrakClient
from listrak_source.pull.load.warehouse import is_loading, open_client, running
from listrak_source.pull.load.write_disposition import FILESYSTEM
from listrak_source.pull.schema import TABLES
from listrak_source.pull.state.checkpoint import is_unfinished, was_taken_up
from listrak_source.runs import DONE, PARTIAL, RUNNING, SOURCE, Run
from listrak_source.settings import Settings
from listrak_source.sql import Sql


@contextmanager
def recorded(pipeline: dlt.Pipeline, settings: Settings) -> Iterator[Callable[[], None]]:
    """A pull is recorded, as a part of the run that the pipeline works for, or as a run of its own.

    Yields what is to be called when it has come to its end.
    """
    if runs.of(pipeline) is not None:
        yield lambda: None
        return
    run = Run("pull()", settings.sender_codes, complete_walk=settings.full)
    with run.working(pipeline):
        try:
            yield lambda: _end(run, pipeline)
        except BaseException as error:
            run.end(runs.outcome_of(error), message=runs.why(error))
            raise


def _end(run: Run, pipeline: dlt.Pipeline) -> None:
    run.remarks = remarks(pipeline)
    told = " ".join(lacking(pipeline, complete_walk=run.complete_walk))
    run.end(PARTIAL if told else DONE, message=told or None)


def begin() -> None:
    """The running pull has looked at the warehouse, and goes on: its row is written."""
    run = runs.of(running()) if is_loading() else None
    if run is None:
        return
    with runs.harmless():
        if running().destination.destination_type == FILESYSTEM:
            run.begin()
            return
        with open_client() as client:
            run.begin(Sql(client))


def asks(client: ListrakClient) -> None:
    """Count what a client of the running pull sends."""
    run = runs.of(running()) if is_loading() else None
    if run is not None:
        run.counts(client.tally)


def loaded(pipeline: dlt.Pipeline, info: LoadInfo, client: SqlClientBase[Any] | None) -> None:
    """A load has come in; ``client`` is the connection that is open, if one is."""
    run = runs.of(pipeline)
    if run is None:
        return
    with runs.harmless():
        run.loads += len(info.loads_ids)
        run.remarks = remarks(pipeline)
        if client is None:
            run.begin()  # a first load has made the dataset
            return
        lacks = lacking(pipeline, complete_walk=run.complete_walk)
        goes_on = run.goes_on or is_unfinished(pipeline) or was_taken_up(pipeline) or lacks or _brings_rows(info)
        run.so_far(RUNNING if goes_on else DONE, Sql(client))


def _brings_rows(info: LoadInfo) -> bool:
    """Whether more than the state was loaded. How many rows these are is known only when dlt's run has ended."""
    metrics = [one for steps in info.metrics.values() for step in steps for one in step["job_metrics"].values()]
    return any(one.table_name in TABLES for one in metrics)


def count(pipeline: dlt.Pipeline) -> None:
    """Count the rows of the load that has come in."""
    if (run := runs.of(pipeline)) is not None:
        run.rows = dict(Counter(run.rows) + Counter(loaded_rows(pipeline)))


def loaded_rows(pipeline: dlt.Pipeline) -> dict[str, int]:
    """How many rows the last run loaded, by table of ours."""
    normalized = pipeline.last_trace.last_normalize_info if pipeline.last_trace else None
    counts = normalized.row_counts if normalized else {}
    return {name: counts[name] for name in TABLES if counts.get(name)}


# what the state tells of the last pull


def remarks(pipeline: dlt.Pipeline) -> list[str]:
    """What whoever ran the last pull should know of it, in sentences."""
    found: list[str] = _ours(pipeline).get("remarks", [])
    return found


def unread(pipeline: dlt.Pipeline) -> list[str]:
    """What Listrak did not let be read, and no pull has read since: a sentence each."""
    return [one["told"] for _, one in sorted(_ours(pipeline).get("unread", {}).items())]


def removals(pipeline: dlt.Pipeline) -> str | None:
    """What the last complete walk found gone and did not mark, for it was over the budget; None where nothing was."""
    told: str = _ours(pipeline).get("removals", {}).get("told", "")
    return told or None


def lacking(pipeline: dlt.Pipeline, *, complete_walk: bool) -> list[str]:
    """What the last pull has not done, in sentences."""
    return [*unread(pipeline), *filter(None, [removals(pipeline) if complete_walk else None])]


def _ours(pipeline: dlt.Pipeline) -> dict[str, Any]:
    found: dict[str, Any] = pipeline.state.get("sources", {}).get(SOURCE, {})
    return found
