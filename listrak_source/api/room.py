"""How many requests may be under way at once: it starts small, grows with quick answers, and halves when told."""

from __future__ import annotations

import math

_START = 4


class ConcurrencyLimit:
    """A number of places between one and ``workers``."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._size = float(min(_START, workers))
        self._was = self._size
        self._careful_from = math.inf
        self._halved_at = -math.inf

    @property
    def places(self) -> int:
        """Requests that may be under way at once."""
        return int(self._size)

    def grow(self) -> None:
        """An answer was quick: one place more; where there was trouble before, one for as many answers as places."""
        step = 1.0 if self._size < self._careful_from else 1 / self._size
        self._size = min(self._size + step, float(self._workers))

    def halve(self, sent: float, now: float, *, careful: bool) -> bool:
        """Halve for trouble with a request that was ``sent`` then; if ``careful``, it grows slowly afterwards.

        Requests that were sent before the last halving tell nothing new: they do not count. Tell whether this one did.
        """
        if sent < self._halved_at:
            return False
        self._was, self._halved_at = self._size, now
        self._size = max(self._size / 2, 1.0)
        if careful:
            self._careful_from = self._size
        return True

    def restore(self) -> None:
        """The last halving was in error."""
        self._size = max(self._size, self._was)
        self._careful_from = math.inf
