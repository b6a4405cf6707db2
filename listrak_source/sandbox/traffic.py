"""What came in: counts, a log of the last requests, and what a rate limit made of them."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque

from listrak_source.sandbox.rate_limits import RateLimit

LOG_LENGTH = 10_000


class Traffic:
    """Requests to the API and to the token endpoint; control requests do not count."""

    def __init__(self, limit: RateLimit | None = None) -> None:
        self._lock = threading.Lock()
        self.limit = limit
        self.clear()

    def clear(self) -> None:
        """Forgets all requests so far."""
        self.counts: Counter[str] = Counter()
        """Requests by operation; ``token`` is the token endpoint, ``unknown`` what matched no operation."""
        self.log: deque[tuple[str, str, str]] = deque(maxlen=LOG_LENGTH)
        """(method, path, query) of the last requests."""
        self.verdicts: list[tuple[int, int]] = []
        """How many the limit let through and how many it refused, for each second since its first request."""
        self._first: float | None = None

    @property
    def limit(self) -> RateLimit | None:
        """A limit that is set begins with the next request."""
        return self._limit

    @limit.setter
    def limit(self, limit: RateLimit | None) -> None:
        with self._lock:
            self._limit = limit
            self._judge = limit.judge() if limit else None

    @property
    def refused(self) -> int:
        """How many were answered 429 by the rate limit."""
        return sum(refused for _, refused in self.verdicts)

    @property
    def allowed(self) -> int:
        """How many a rate limit let through."""
        return sum(allowed for allowed, _ in self.verdicts)

    def note(self, operation: str, method: str, path: str, query: str) -> None:
        """Notes one request."""
        with self._lock:
            self.counts[operation] += 1
            self.log.append((method, path, query))

    def wait(self) -> float | None:
        """Seconds until the next request is allowed, or null if this one is."""
        with self._lock:
            if self._judge is None:
                return None
            now = time.monotonic()
            wait = self._judge(now)
            self._first = now if self._first is None else self._first
            second = int(now - self._first)
            self.verdicts.extend([(0, 0)] * (second + 1 - len(self.verdicts)))
            allowed, refused = self.verdicts[second]
            self.verdicts[second] = (allowed, refused + 1) if wait else (allowed + 1, refused)
            return wait or None
