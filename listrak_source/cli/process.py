"""What the command sets up in its process: signals, and memory that stays flat.

SIGTERM and SIGHUP end a command as Ctrl-C does, and none is swallowed.

Python raises KeyboardInterrupt wherever the main thread is. Deep in a library that may be a place that takes any error
for a small one of its own: of a hundred pulls that were interrupted between two loads, one went on.
"""

from __future__ import annotations

import _thread
import ctypes
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
from typing import Any


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


# memory

_MMAP_THRESHOLD, _ARENA_MAX = -3, -8
"""glibc's names for these two, from ``malloc.h``."""
_LARGE = 4 * 1024 * 1024
"""Blocks from this size on are the system's own as soon as they are free. With smaller ones, the system clears memory
for each page and each of Arrow's buffers again: 0.7 s of 9 at 500,000 contacts, to save 20 MB."""
_DUCKDB = {"memory_limit": "160MB", "threads": 1, "preserve_insertion_order": False}
"""DuckDB's cache grows with the data otherwise, up to most of the machine's memory. Each thread needs a share of it;
dlt loads tables side by side on threads of its own, so DuckDB has none. Rows that keep no order need not wait for each
other."""


def keep_flat() -> None:
    """Set up this process to give memory back. Call it before pyarrow is imported, which looks once.

    Without it, arenas of threads and of Arrow's own allocator keep what they once had: a pull of 300,000 contacts
    peaked at 700 MB instead of 410.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    with suppress(AttributeError, OSError, TypeError):  # not glibc
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, _LARGE)
        mallopt(_ARENA_MAX, 2)


LOADED_TOGETHER = 2
"""Files that DuckDB loads side by side. Each takes memory beyond its limit, to read Parquet: with as many as there are
tables a pull of 1,000,000 contacts peaked at 447 MB instead of 370, and took as long on two cores."""
PLANNING: dict[str, Any] = {"memory_limit": "2GB", "threads": 2}
"""What DuckDB may take to compare whole tables: with less it spends more time on its own disk than on the work."""


def give_back() -> None:
    """Return to the system what is free in this process: what reading has used, loading cannot. Takes milliseconds."""
    with suppress(AttributeError, OSError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)


def limited(credentials: Any, **also: Any) -> dict[str, Any]:
    """DuckDB's resolved ``credentials``, within limits of ours unless they have a ``global_config`` of their own.

    ``also`` goes before what a load is given, as :data:`PLANNING` does.
    """
    given = {name: credentials[name] for name in credentials.get_resolvable_fields()}
    return given | {"global_config": given["global_config"] or _DUCKDB | also}
