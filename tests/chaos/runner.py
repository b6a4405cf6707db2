"""Runs cases in processes of their own, and ends one that hangs."""

from __future__ import annotations

import multiprocessing
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from tests import memo, scratch
from tests.chaos import parts
from tests.chaos.case import Case, Verdict
from tests.chaos.ground import Ground

MOST = 240.0
"""Seconds that a case may take beyond ten times what it takes on a quiet machine."""
_processes = multiprocessing.get_context("spawn")


@dataclass
class _Worker:
    process: Any
    line: Connection
    case: Case | None = None
    since: float = 0.0


def run(cases: Iterable[Case], processes: int, until: float, ended: Callable[[Case, Verdict, float], None]) -> None:
    """Run the cases, so many side by side, until a moment of ``time.monotonic``; tell of each that has ended."""
    waiting, workers = deque(cases), [_started() for _ in range(processes)]
    try:
        while waiting or any(worker.case for worker in workers):
            for number, worker in enumerate(workers):
                if worker.case is None and waiting and time.monotonic() < until:
                    worker.case, worker.since = waiting.popleft(), time.monotonic()
                    worker.line.send(worker.case.id)
                elif worker.case and (taken := time.monotonic() - worker.since) > MOST + 10 * worker.case.weight:
                    hung, verdict = worker.case, Verdict()
                    verdict.find("hung", f"it was ended after {taken:.0f} s")
                    worker.process.kill()
                    workers[number] = _started()
                    ended(hung, verdict, taken)
            busy = [worker for worker in workers if worker.case]
            if not busy:
                break
            for line in wait([worker.line for worker in busy], timeout=5):
                worker = next(one for one in busy if one.line is line)
                case, worker.case = worker.case, None
                assert case
                ended(case, worker.line.recv(), time.monotonic() - worker.since)
    finally:
        for worker in workers:
            worker.line.close()
            worker.process.join(20)
            worker.process.kill()


def _started() -> _Worker:
    ours, theirs = _processes.Pipe()
    process = _processes.Process(target=_work, args=(theirs,))
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _work(line: Connection) -> None:
    scratch.in_memory()
    memo.remember()
    ground, known = Ground(), parts.by_id()
    try:
        while True:
            case, verdict = known(line.recv()), Verdict()
            with ground.case():
                one(case, ground, verdict)
            line.send(verdict)
    except (EOFError, KeyboardInterrupt):
        ground.close()


def one(case: Case, ground: Any, verdict: Verdict) -> None:
    """Run a case; what it raises is a finding, too."""
    try:
        case.run(ground, verdict)
    except Exception:  # noqa: BLE001 - a fault of the product, or of the case
        verdict.find("tracebacks", traceback.format_exc()[-3000:])
