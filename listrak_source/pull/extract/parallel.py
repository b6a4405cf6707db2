"""Readers side by side: several iterators run on threads, and what they yield arrives as one stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Full, Queue
from threading import Event
from typing import TypeVar

T = TypeVar("T")

_WAITING = 1
"""Results that may wait, per worker, besides the one in its hand: so nobody waits for a worker, and memory stays flat
while no result is asked for."""


class _Stopped(Exception):  # noqa: N818 - no error: it ends a worker whose results nobody wants any more
    pass


def side_by_side(readers: Iterable[Callable[[], Iterator[T]]], workers: int) -> Iterator[T]:  # noqa: C901 - its two helpers share the queue and the end
    """Run ``readers`` on at most ``workers`` threads and yield their results as they come.

    Each reader's own results keep their order. The first error of any reader stops the others and is raised here, when
    they have ended. Closing this iterator stops them too, each after what it is doing, and waits for none. Memory holds
    at most a few results per worker.
    """
    results: Queue[tuple[T | None, BaseException | None]] = Queue(maxsize=workers * _WAITING)
    stop = Event()

    def put(result: tuple[T | None, BaseException | None]) -> None:
        while not stop.is_set():
            try:
                return results.put(result, timeout=0.1)
            except Full:
                continue
        raise _Stopped

    def work(reader: Callable[[], Iterator[T]]) -> None:
        try:
            if not stop.is_set():
                for item in reader():
                    put((item, None))
                put((None, None))
        except _Stopped:
            return
        except BaseException as error:  # noqa: BLE001 - handed over to the thread that asked
            if not stop.is_set():
                put((None, error))

    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="listrak")
    waits = True
    try:
        running = sum(1 for _ in [pool.submit(work, reader) for reader in readers])
        while running:
            item, error = results.get()
            if error is not None:
                raise error
            if item is None:
                running -= 1
            else:
                yield item
    except GeneratorExit:
        # It may be the garbage collector that closes this, while a thread is being started: there, to wait for the end
        # of another one never ends.
        waits = False
        raise
    finally:
        stop.set()
        pool.shutdown(wait=waits, cancel_futures=True)
