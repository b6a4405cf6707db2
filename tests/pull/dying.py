"""Pulls in processes of their own that end by SIGKILL at a chosen moment."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import dlt
from dlt.common.runtime.collector_base import Collector

from listrak_source.cli.errors import Exit, was_interrupted
from listrak_source.cli.process.signals import end_when_told
from listrak_source.cli.warehouse import is_empty
from listrak_source.pull.runner import pull as run_pull
from tests.destinations.places import PLACES
from tests.pull.warehouse import Warehouse

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.pull.dying"])


@dataclass(frozen=True)
class Moment:
    """When a process ends: so many loads are done; or dlt has told so much of its progress, and some seconds more."""

    loads: int | None = None
    told: int | None = None
    seconds: float = 0.0
    signal: int = signal.SIGKILL
    """SIGTERM ends it as it ends the command."""


class _Counting(Collector):
    """Progress that is counted while dlt reads, normalizes and loads."""

    def __init__(self, moment: Moment) -> None:
        self.told = 0
        self._moment = moment

    def update(self, name: str, inc: int = 1, *_: Any, **__: Any) -> None:
        self.told += 1
        if self.told == self._moment.told:
            if self._moment.seconds:
                threading.Timer(self._moment.seconds, _die, (self._moment.signal,)).start()
            else:
                _die(self._moment.signal)

    def _start(self, step: str) -> None:
        pass

    def _stop(self) -> None:
        pass


def _die(by: int = signal.SIGKILL) -> None:
    os.kill(os.getpid(), by)


def pull(warehouse: Warehouse, moment: Moment = Moment(), **options: Any) -> int | None:
    """Pull in another process. How much of its progress dlt told, if the process came to its end."""
    ours, theirs = _processes.Pipe()
    options = warehouse.options() | options
    arguments = (theirs, warehouse.place.name, warehouse.folder, warehouse.dataset, options, moment, dict(os.environ))
    process = _processes.Process(target=_pull, args=arguments)
    process.start()
    theirs.close()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL, Exit.TERMINATED), process.exitcode
    return int(ours.recv()) if process.exitcode == 0 else None


def _pull(
    told: Connection,
    place: str,
    folder: Path,
    dataset: str,
    options: dict[str, Any],
    moment: Moment,
    environment: dict[str, str],
) -> None:
    os.environ.update(environment)
    progress = _Counting(moment)
    pipeline = dlt.pipeline(
        "listrak",
        destination=PLACES[place].destination(folder),
        dataset_name=dataset,
        pipelines_dir=str(folder / "pipelines"),
        progress=progress,
    )
    if options.get("into_empty"):
        options["into_empty"] = is_empty(pipeline)  # as ``listrak pull`` does
    if moment.signal == signal.SIGTERM:
        end_when_told()
    try:
        for number, _ in enumerate(run_pull(pipeline, **options), 1):
            if number == moment.loads:
                _die(moment.signal)
    except BaseException as error:
        if not was_interrupted(error):
            raise
        os._exit(Exit.TERMINATED)
    told.send(progress.told)
