"""Signals: SIGTERM and SIGHUP end a command as Ctrl-C does, and none is swallowed.

Python raises KeyboardInterrupt wherever the main thread is. Deep in a library that may be a place that takes any error
for a small one of its own: of a hundred pulls that were interrupted between two loads, one went on.
"""

from __future__ import annotations

import _thread
import gc
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType


class Terminated(KeyboardInterrupt):
    """Somebody told this process to end: a scheduler, say (SIGTERM), or a terminal that was closed (SIGHUP)."""


_WAYS = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


def end_when_told() -> None:
    """Have SIGTERM and SIGHUP raise :class:`Terminated` in this process, once.

    Who tells a process to end often tells it twice, and what it does to end in order must not be cut short. ``nohup``
    is left in force, and so is a shell that lets what it runs in the background ignore Ctrl-C.

    Where an error would be lost, the signal comes again a moment later: in an import, which could end with a lock that
    nobody gives back, and in the functions that Python calls when an object goes.
    """
    ways = [way for way in (signal.SIGINT, *_WAYS) if signal.getsignal(way) is not signal.SIG_IGN]

    def told(way: int, frame: FrameType | None) -> None:
        if _is_importing(frame) or _is_opening(frame):
            _tell_again(way)
            return
        if way == signal.SIGINT:
            raise KeyboardInterrupt
        for other in _WAYS:
            signal.signal(other, signal.SIG_IGN)
        raise Terminated

    def lost(what: sys.UnraisableHookArgs) -> None:
        if not isinstance(what.exc_value, KeyboardInterrupt):
            before(what)
        elif isinstance(what.exc_value, Terminated):
            heed()
            _tell_again(signal.SIGTERM if signal.SIGTERM in ways else ways[-1])
        else:
            _tell_again(signal.SIGINT)

    def heed() -> None:
        for way in ways:
            signal.signal(way, told)

    before, sys.unraisablehook = sys.unraisablehook, lost
    heed()


def no_more_signals() -> None:
    """Have this process, which is at its end, come to it undisturbed."""
    for way in (signal.SIGINT, *_WAYS):
        signal.signal(way, signal.SIG_IGN)


def _is_importing(frame: FrameType | None) -> bool:
    while frame:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _is_opening(frame: FrameType | None) -> bool:
    """Whether a DuckDB file is being opened: one whose settings were interrupted can never be opened again."""
    return frame is not None and frame.f_globals.get("__name__") == "dlt.destinations.impl.duckdb.configuration"


def _tell_again(way: int) -> None:
    def tell() -> None:
        time.sleep(0.05)
        if os.name == "posix":
            os.kill(os.getpid(), way)  # it wakes a main thread that waits
        else:
            signal.raise_signal(way)  # os.kill would end the process there

    # One of `threading` would wait for a lock of that module's, which what was interrupted may hold.
    _thread.start_new_thread(tell, ())


class Watch:
    """What signals have come, by the system's own word: Python writes each to a socket, whatever becomes of the error.

    Where the main thread waits for a database it hears of no signal before the answer is there. So whoever is told to
    end, on a thread of its own, has the servers give up what they were asked.
    """

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._theirs.setblocking(False)
        self._lock = threading.Lock()
        self._came = b""
        self._thread = threading.Thread(target=self._run, name="listrak signals", daemon=True)

    def __enter__(self) -> Watch:
        self._before = signal.set_wakeup_fd(self._theirs.fileno(), warn_on_full_buffer=False)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        signal.set_wakeup_fd(self._before)
        self._theirs.send(_END)
        # Who tells a server that cannot be reached waits for long, and nobody waits for that.
        self._thread.join(_PATIENCE)
        self._ours.close()
        self._theirs.close()

    def came(self) -> bytes:
        """The numbers of the signals that came since this was asked last."""
        self._read()
        with self._lock:
            came, self._came = self._came, b""
        return came

    def _read(self) -> bytes:
        with self._lock, suppress(BlockingIOError):
            new = self._ours.recv(1024)
            self._came += new.replace(_END, b"")
            return new
        return b""

    def _run(self) -> None:
        with suppress(OSError, ValueError):  # it was closed meanwhile
            while True:
                select.select([self._ours], [], [])
                new = self._read()
                if _END in new:
                    return
                if {signal.SIGINT, *_WAYS} & {*new}:
                    _give_up_queries()


_PATIENCE = 1.0
"""Seconds for the thread to end."""
_END = b"\0"
"""No signal has this number."""


def _give_up_queries() -> None:
    """Have PostgreSQL cancel what runs on any connection of this process."""
    if (driver := sys.modules.get("psycopg2.extensions")) is None:
        return
    for one in gc.get_objects():
        if issubclass(type(one), driver.connection) and not one.closed:
            with suppress(Exception):
                one.cancel()


@contextmanager
def noticed() -> Iterator[Callable[[], None]]:
    """Yield a function that raises :class:`KeyboardInterrupt` if this process was interrupted or told to end since.

    Only the main thread can ask for that; on another one nothing is noticed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    with Watch() as watch:

        def check() -> None:
            came = watch.came()
            if any(way in came and signal.getsignal(way) is signal.SIG_IGN for way in _WAYS):
                raise Terminated
            if signal.SIGINT in came:
                raise KeyboardInterrupt

        yield check
