"""How many requests a client has sent."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    """Requests for operations of the API: those for a token are not among them."""

    requests: int = 0
    """All that were sent, also those without an answer."""
    retries: int = 0
    """Of these: those that were sent again, whatever the reason."""
    refusals: int = 0
    """Of these: those that Listrak refused for haste (HTTP 429)."""

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.requests + other.requests, self.retries + other.retries, self.refusals + other.refusals)

    def __sub__(self, other: Counts) -> Counts:
        return Counts(self.requests - other.requests, self.retries - other.retries, self.refusals - other.refusals)


class Tally:
    """Counts them. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = self._retries = self._refusals = 0

    def sent(self, *, again: bool) -> None:
        """A request is sent; ``again``, if it was before."""
        with self._lock:
            self._requests += 1
            self._retries += again

    def refused(self) -> None:
        """A request was refused for haste."""
        with self._lock:
            self._refusals += 1

    @property
    def counts(self) -> Counts:
        """All so far."""
        with self._lock:
            return Counts(self._requests, self._retries, self._refusals)
