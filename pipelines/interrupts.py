"""Interrupts that somebody has swallowed.

Python raises KeyboardInterrupt wherever the main thread is. Deep in a library that may be a place that takes any error
for a small one of its own: of a hundred pulls that were interrupted between two loads, one went on.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def noticed() -> Iterator[Callable[[], None]]:
    """Yield a function that raises :class:`KeyboardInterrupt` if this process was interrupted since.

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
                if signal.SIGINT in ours.recv(1024):
                    raise KeyboardInterrupt

        before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        try:
            yield check
        finally:
            signal.set_wakeup_fd(before)
