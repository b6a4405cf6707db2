"""A whole pull: as many loads as it takes."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import partial
from typing import Any

import dlt
from dlt.common.pipeline import LoadInfo
from dlt.extract import DltSource

from listrak_source.api import ConfigurationError
from listrak_source.api.tracing import span
from listrak_source.pull import run_record
from listrak_source.pull.keys import seen_keys
from listrak_source.pull.load import maintenance
from listrak_source.pull.load.lake_catalog import make_catalog
from listrak_source.pull.load.parquet_compaction import compact
from listrak_source.pull.load.write_disposition import check_folder, merge_in_transactions, stage_apart
from listrak_source.pull.one_at_a_time import alone, is_empty
from listrak_source.pull.records.masking import Masks
from listrak_source.pull.schema import TABLES
from listrak_source.pull.source import ANY, check_tables, listrak_sms
from listrak_source.pull.state import stored_state
from listrak_source.pull.state.checkpoint import is_unfinished, was_taken_up
from listrak_source.pull.state.pipelines import shares, take_over
from listrak_source.pull.state.state import check_marks_of
from listrak_source.settings import given, resolve

CHUNK_ROWS = 500_000
"""``chunk_rows`` where nothing else is set. With 2,000,000, a pull of 1,000,000 contacts is half a second shorter; but
a merge takes more memory than DuckDB is given here, and the peak grows with the contacts."""


def pull(pipeline: dlt.Pipeline, *tables: str, **options: Any) -> Generator[LoadInfo, None, None]:
    """Read what is new into the pipeline's destination, in loads of about ``chunk_rows``; yields each when it is done.

    ``tables`` are the ones to read, all of them when none is named; ``options`` are those of
    :class:`~listrak_source.settings.Settings`. Cut short at any moment and called again with the same options, it goes
    on after the last load that was completed, and then reads what has happened since.

    Nobody else may pull the same sender codes into the same warehouse meanwhile (see ``one_at_a_time``).

    Raises :class:`~listrak_source.api.ConfigurationError` at once for what it cannot take. What is yielded raises
    :class:`~listrak_source.api.ListrakError`, and :class:`~listrak_source.lease.TakenError` where somebody does.

    >>> for info in pull(dlt.pipeline("listrak", destination="duckdb")):  # doctest: +SKIP
    ...     print(info)
    """
    if not isinstance(pipeline, dlt.Pipeline):
        raise ConfigurationError(f"pull() takes a pipeline of dlt's first, and not {type(pipeline).__name__}")
    if pipeline.destination is None:
        raise ConfigurationError("the pipeline has no destination: dlt.pipeline(name, destination=…) gives it one")
    if not all(isinstance(name, str) for name in tables):
        raise ConfigurationError('pull() takes names of tables one by one: pull(pipeline, "contacts", "opt_outs")')
    check_tables(tables)
    resolve(ANY | (options := given(options)))
    return _pull(pipeline, tables, options)


def _pull(pipeline: dlt.Pipeline, tables: tuple[str, ...], options: dict[str, Any]) -> Generator[LoadInfo, None, None]:
    rows = options.pop("chunk_rows", None) or dlt.config.get("sources.listrak.chunk_rows", int) or CHUNK_ROWS
    options |= {"chunk_rows": rows, "compacted": True}
    check_folder(pipeline)
    make_catalog(pipeline)
    settings = resolve(options)
    source = listrak_sms(**options)
    with (
        run_record.recorded(pipeline, settings) as is_done,
        alone(pipeline, settings.sender_codes, TABLES.keys() & set(tables) or TABLES),
    ):
        # Somebody else has filled it meanwhile, or is about to.
        is_apart = settings.sender_codes and shares(pipeline)
        if options.get("into_empty") and (is_apart or not is_empty(pipeline)):
            source = listrak_sms(**options | {"into_empty": False})
        for info, goes_on in _load(pipeline, source, tables, options):
            if goes_on and info is not None:
                yield info
        is_done()
    # Whoever asks for no more after the last load, and keeps this, keeps nobody else from pulling.
    if info is not None:
        yield info


def _load(
    pipeline: dlt.Pipeline, source: DltSource, tables: tuple[str, ...], options: dict[str, Any]
) -> Iterator[tuple[LoadInfo | None, bool]]:
    """Each load, and whether more are to come."""
    chosen = source.with_resources(*tables) if tables else source
    # What waits to be loaded is loaded before anything is extracted.
    merge_in_transactions(pipeline.destination)
    settings, takes_over = resolve(options), shares(pipeline)
    if settings.sender_codes and takes_over:
        stage_apart(pipeline)
    compact(pipeline)
    goes_on = True
    while goes_on:
        # What a killed process extracted and did not load comes first: with it, dlt would read nothing new.
        with stored_state.told(pipeline):
            left_over = pipeline.has_pending_data and not stored_state.give_up_outdated(pipeline)
            if takes_over and not left_over:
                check = partial(check_marks_of, zone=settings.timezone, mark=Masks.of(settings).mark)
                take_over(pipeline, settings.sender_codes, check)
                takes_over = False
            with span("listrak load", takes_up=left_over):
                info = pipeline.run() if left_over else pipeline.run(chosen)
        compact(pipeline)
        if info is not None:  # nothing was left over after all
            info.raise_on_failed_jobs()
            if info.loads_ids:
                run_record.count(pipeline)
                stored_state.prune(pipeline)
                maintenance.analyze(pipeline)
        unfinished = left_over or is_unfinished(pipeline)
        goes_on = unfinished or was_taken_up(pipeline)
        if not unfinished and info is not None and info.loads_ids:
            seen_keys.clear(pipeline, after_walk=settings.full)
        yield info, goes_on
        if goes_on and not unfinished:
            # It was planned for the moment when it began. What happened since is read now, not only by the next pull.
            lookups = "none" if settings.lookups == "none" else "changed"
            source = listrak_sms(**options | {"full": False, "lookups": lookups})
            chosen = source.with_resources(*tables) if tables else source
