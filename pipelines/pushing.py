"""From the name of a sync to its open session, in the warehouse that the command was told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from listrak_source.api import ConfigurationError
from listrak_source.push import Session, Sync, load, sync_session
from listrak_source.push.ledger import Run
from listrak_source.push.ledger import run as run_of
from listrak_source.push.lock import prepare
from listrak_source.push.store import Store
from pipelines.memory import PLANNING
from pipelines.warehouse import Warehouse

FILE = Path("listrak_push.toml")
"""Where syncs stand, unless told otherwise."""


@contextmanager
def session(name: str, file: Path, warehouse: Warehouse) -> Iterator[Session]:
    """Open a sync of a file. Raises :class:`ConfigurationError` for one that is not there or not well formed."""
    syncs = load(file)
    if name not in syncs:
        raise ConfigurationError(f"{file} has no sync {name}; there are {', '.join(syncs) or 'none'}")
    with warehouse.reading(**PLANNING) as pipeline, sync_session(pipeline, syncs[name], among=syncs.values()) as opened:
        yield opened


@contextmanager
def session_of_run(run_id: str, file: Path, warehouse: Warehouse) -> Iterator[tuple[Session, Run]]:
    """Open the sync of a run, by the run's id; where the file has it no more, by what the ledger knows of it.

    Raises :class:`ConfigurationError` for a run that is not there.
    """
    syncs: dict[str, Sync] = {}
    if file.exists():
        syncs = load(file)
    with warehouse.reading(**PLANNING) as pipeline:
        with Store.of(pipeline) as store:
            prepare(store)
            run = run_of(store, run_id)
        if run is None:
            raise ConfigurationError(f"the warehouse knows no run {run_id}; listrak push status names those it knows")
        bare = Sync(run.sync_name, "", "", run.sender_code_id, (), "")
        with sync_session(pipeline, syncs.get(run.sync_name, bare)) as opened:
            yield opened, run
