"""What came in: counts, a log of the last requests, and a rate limit that nobody announces."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass

LOG_LENGTH = 10_000


@dataclass(frozen=True)
class RateLimit:
    """So many requests in a window of so many seconds; the rest is answered 429."""

    requests: int
    seconds: float
    retry_after: bool = False
    """Whether the refusal says when to come back."""


class Traffic:
    """Requests to the API and to the token endpoint; control requests do not count."""

    def __init__(self, limit: RateLimit | None = None) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        self.counts: Counter[str] = Counter()
        """Requests by operation; ``token`` is the token endpoint, ``unknown`` what matched no operation."""
        self.log: deque[tuple[str, str, str]] = deque(maxlen=LOG_LENGTH)
        """(method, path, query) of the last requests."""
        self.refused = 0
        """How many were answered 429 by the rate limit."""
        self._recent: deque[float] = deque()

    def note(self, operation: str, method: str, path: str, query: str) -> None:
        with self._lock:
            self.counts[operation] += 1
            self.log.append((method, path, query))

    def wait(self) -> float | None:
        """Seconds until the next request is allowed, or null if this one is."""
        if self.limit is None:
            return None
        with self._lock:
            now = time.monotonic()
            while self._recent and self._recent[0] <= now - self.limit.seconds:
                self._recent.popleft()
            if len(self._recent) < self.limit.requests:
                self._recent.append(now)
                return None
            self.refused += 1
            return self._recent[0] + self.limit.seconds - now
