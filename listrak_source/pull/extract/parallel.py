"""Readers side by side: several iterators run on threads, and what they yield arrives as one stream."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from queue import Full, Queue
from typing import Generic, TypeVar

from listrak_source.api.tracing import carried

T = TypeVar("T")
Reader = Callable[[], Iterator[T]]

_WAITING = 1
"""Results that may wait, per worker, besides the one in its hand: so nobody waits for a worker, and memory stays flat
while no result is asked for."""


def side_by_side(readers: Iterable[Reader[T]], workers: int) -> Iterator[T]:
    """Run ``readers`` on at most ``workers`` threads and yield their results as they come.

    Each reader's own results keep their order. The first error of any reader stops the others and is raised here, when
    they have ended. Closing this iterator stops them too, each after what it is doing, and waits for none. Memory holds
    at most a few results per worker.
    """
    running = _Running(readers, workers)
    waits = True
    try:
        running.start()
        yield from running.results()
    except GeneratorExit:
        # It may be the garbage collector that closes this, while a thread is being started: there, to wait for the end
        # of another one never ends.
        waits = False
        raise
    finally:
        running.stop(waits=waits)


class _Stopped(Exception):  # noqa: N818 - no error: it ends a worker whose results nobody wants any more
    pass


class _Running(Generic[T]):
    """Readers, the threads that run them, and the results that wait.

    The threads are no pool's: Python waits for those when a program ends, before anybody can stop them, and a program
    that has taken some of a pull and keeps the rest would never end.
    """

    def __init__(self, readers: Iterable[Reader[T]], workers: int) -> None:
        self._waiting = deque(readers)
        self._left = len(self._waiting)
        self._results: Queue[tuple[T | None, BaseException | None]] = Queue(maxsize=workers * _WAITING)
        self._stop = threading.Event()
        self._asking = threading.current_thread()
        work = carried(self._work)
        self._threads = [
            threading.Thread(target=work, name=f"listrak_{number}") for number in range(min(workers, self._left))
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def results(self) -> Iterator[T]:
        while self._left:
            self._asking = threading.current_thread()
            item, error = self._results.get()
            if error is not None:
                raise error
            if item is None:
                self._left -= 1
            else:
                yield item

    def stop(self, *, waits: bool) -> None:
        self._stop.set()
        for thread in self._threads if waits else ():
            if thread.ident is not None:  # it was begun
                thread.join()

    def _is_wanted(self) -> bool:
        """Whether anybody may still ask for results: not where the program is at its end, and who asked last too."""
        return not self._stop.is_set() and (threading.main_thread().is_alive() or self._asking.is_alive())

    def _work(self) -> None:
        with suppress(_Stopped):
            while (reader := self._next()) is not None:
                try:
                    for item in reader():
                        self._put((item, None))
                    self._put((None, None))
                except _Stopped:
                    raise
                except BaseException as error:  # noqa: BLE001 - handed over to the thread that asked
                    self._put((None, error))
                    return

    def _next(self) -> Reader[T] | None:
        with suppress(IndexError):
            return self._waiting.popleft() if self._is_wanted() else None
        return None

    def _put(self, result: tuple[T | None, BaseException | None]) -> None:
        while self._is_wanted():
            try:
                return self._results.put(result, timeout=0.1)
            except Full:
                continue
        raise _Stopped
