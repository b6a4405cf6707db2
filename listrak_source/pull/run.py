"""A whole pull: as many loads as it takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dlt
from dlt.common.pipeline import LoadInfo

from listrak_source.pull.compact import settle
from listrak_source.pull.pending import is_unfinished
from listrak_source.pull.source import listrak_sms

CHUNK_ROWS = 500_000
"""``chunk_rows`` where nothing else is set."""


def load(pipeline: dlt.Pipeline, *tables: str, **options: Any) -> Iterator[LoadInfo]:
    """Read what is new into the pipeline's destination, in loads of about ``chunk_rows``; yields each when it is done.

    ``tables`` are the ones to read, all of them when none is named; ``options`` are those of
    :class:`~listrak_source.settings.Settings`. Cut short at any moment and called again with the same options, it goes
    on after the last load that was completed. Raises :class:`~listrak_source.api.ListrakError`.

    >>> for info in load(dlt.pipeline("listrak", destination="duckdb")):  # doctest: +SKIP
    ...     print(info)
    """
    rows = options.pop("chunk_rows", None) or dlt.config.get("sources.listrak.chunk_rows", int) or CHUNK_ROWS
    source = listrak_sms(**options | {"chunk_rows": rows, "compacted": True})
    chosen = source.with_resources(*tables) if tables else source
    settle(pipeline)
    while True:
        # What a killed process extracted and did not load comes first: with it, dlt would read nothing new.
        left_over = pipeline.has_pending_data
        info = pipeline.run() if left_over else pipeline.run(chosen)
        settle(pipeline)
        if info is not None:  # nothing was left over after all
            info.raise_on_failed_jobs()
            yield info
        if not left_over and not is_unfinished(pipeline):
            return
