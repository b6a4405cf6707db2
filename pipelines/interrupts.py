"""Interrupts: SIGTERM and SIGHUP end a command as Ctrl-C does, and none is swallowed.

Python raises KeyboardInterrupt wherever the main thread is. Deep in a library that may be a place that takes any error
for a small one of its own: of a hundred pulls that were interrupted between two loads, one went on.
"""

from __future__ import annotations

import _thread
import os
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
    """Have SIGTERM and SIGHUP raise :class:`Terminated` in this process, once: who tells a process to end often tells
    it twice, and what it does to end in order must not be cut short. ``nohup`` is left in force, and so is a shell that
    lets what it runs in the background ignore Ctrl-C.

    Where an error would be lost, the signal comes again a moment later: in an import, which could end with a lock that
    nobody gives back, and in the functions that Python calls when an object goes.
    """
    ways = [way for way in (signal.SIGINT, *_WAYS) if signal.getsignal(way) is not signal.SIG_IGN]

    def told(way: int, frame: FrameType | None) -> None:
        if _is_importing(frame):
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


def _is_importing(frame: FrameType | None) -> bool:
    while frame:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _tell_again(way: int) -> None:
    def tell() -> None:
        time.sleep(0.05)
        if os.name == "posix":
            os.kill(os.getpid(), way)  # it wakes a main thread that waits
        else:
            signal.raise_signal(way)  # os.kill would end the process there

    # One of `threading` would wait for a lock of that module's, which what was interrupted may hold.
    _thread.start_new_thread(tell, ())


@contextmanager
def noticed() -> Iterator[Callable[[], None]]:
    """Yield a function that raises :class:`KeyboardInterrupt` if this process was interrupted or told to end since.

    The system's own word is taken for it: Python writes each signal that it gets to a socket, whatever becomes of the
    error. Only the main thread can ask for that; on another one nothing is noticed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)

        def check() -> None:
            with suppress(BlockingIOError):
                came = ours.recv(1024)
                if any(way in came and signal.getsignal(way) is signal.SIG_IGN for way in _WAYS):
                    raise Terminated
                if signal.SIGINT in came:
                    raise KeyboardInterrupt

        before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        try:
            yield check
        finally:
            signal.set_wakeup_fd(before)
