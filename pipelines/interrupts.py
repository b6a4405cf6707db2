"""Interrupts: SIGTERM ends a command as Ctrl-C does, and none is swallowed.

Python raises KeyboardInterrupt wherever the main thread is. Deep in a library that may be a place that takes any error
for a small one of its own: of a hundred pulls that were interrupted between two loads, one went on.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


class Terminated(KeyboardInterrupt):
    """Somebody told this process to end (SIGTERM): a scheduler, say."""


def end_when_told() -> None:
    """Have SIGTERM raise :class:`Terminated` in this process, once: who tells a process to end often tells it twice,
    and what it does to end in order must not be cut short.
    """

    def told(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Terminated

    signal.signal(signal.SIGTERM, told)


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
                if signal.SIGTERM in came and signal.getsignal(signal.SIGTERM) is signal.SIG_IGN:
                    raise Terminated
                if signal.SIGINT in came:
                    raise KeyboardInterrupt

        before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        try:
            yield check
        finally:
            signal.set_wakeup_fd(before)
