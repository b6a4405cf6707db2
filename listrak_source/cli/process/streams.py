"""Standard streams that never end a run: a reader that goes away, a disk that is full, a stream that is closed."""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from contextlib import suppress
from typing import Any

_INPUT, _OUTPUT, _ERRORS = range(3)
_NOBODY_READS = (errno.EPIPE, errno.EINVAL)
"""How the system says that the other end of a pipe is closed; the second one is Windows'."""


class Streams:
    """This process's standard streams, kept so that nothing that is printed can fail.

    A pull does not stop in the middle because ``| head`` has seen enough, and what a run has to clean up at its end is
    cleaned up.
    """

    def __init__(self) -> None:
        """Take the place of the streams that Python has made."""
        for descriptor in (_INPUT, _OUTPUT, _ERRORS):
            _open_if_closed(descriptor)
        if sys.stdin is None:
            sys.stdin = open(_INPUT, encoding="utf-8", closefd=False)  # noqa: SIM115 - it has no path, and stays
        self._output = Steady(_OUTPUT)
        self._errors = Steady(_ERRORS)
        # Of a console of Windows only Python's own stream knows the letters.
        if not (os.name == "nt" and sys.stdout and sys.stdout.isatty()):
            sys.stdout = self._output.as_text(like=sys.stdout)
        if not (os.name == "nt" and sys.stderr and sys.stderr.isatty()):
            sys.stderr = self._errors.as_text(like=sys.stderr)

    def flush(self) -> None:
        """Write what waits to be written."""
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()

    def lost(self) -> str | None:
        """Why what was printed has not all arrived, and somebody waits for it; None where it has.

        Who reads no more has seen enough.
        """
        error = self._output.failed
        return None if error is None or error.errno in _NOBODY_READS else error.strerror


class Steady(io.FileIO):
    """A stream that takes all that it is given; after a failure it writes nothing."""

    def __init__(self, descriptor: int) -> None:
        """Take the system's number of it, which is not closed here."""
        super().__init__(descriptor, "w", closefd=False)
        self.failed: OSError | None = None

    def as_text(self, like: object = None) -> io.TextIOWrapper:
        """The same for text, in the encoding of another one, and as eager to write."""
        return io.TextIOWrapper(
            io.BufferedWriter(self),
            encoding=getattr(like, "encoding", None) or "utf-8",
            errors=getattr(like, "errors", None) or "backslashreplace",
            line_buffering=bool(getattr(like, "line_buffering", False)),
            write_through=bool(getattr(like, "write_through", False)),
        )

    def write(self, data: Any) -> int:
        """Write some of it; after a failure, nothing of it, as if all were written."""
        while self.failed is None:
            try:
                if (written := super().write(data)) is not None:
                    return written
                # A reader that is slow, on a pipe that somebody has set not to wait.
                select.select([], [self], [])
            except OSError as error:
                self.failed = error
        return len(data)


def _open_if_closed(descriptor: int) -> None:
    """Have each of the three lead somewhere: else the next file that is opened, a database, is what is printed to."""
    try:
        os.fstat(descriptor)
    except OSError:
        os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
