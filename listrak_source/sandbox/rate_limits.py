"""Rate limits that nobody announces, in the shapes that they have elsewhere."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

Shape = Literal["sliding", "fixed", "bucket"]
"""``sliding``: so many in any ``seconds``. ``fixed``: so many in each of the windows that follow one another.
``bucket``: it leaks so many per ``seconds``, evenly, and takes ``burst`` before it is full."""


@dataclass(frozen=True)
class RateLimit:
    """So many requests per so many real seconds; the rest is answered 429, and does not count."""

    requests: int
    seconds: float
    retry_after: bool = False
    """Whether the refusal says when to come back, in whole seconds."""
    shape: Shape = "sliding"
    burst: int = 1
    """How many a ``bucket`` takes at once."""

    def __post_init__(self) -> None:
        if self.shape not in get_args(Shape):
            raise ValueError(f"{self.shape!r} is no shape of a limit: {', '.join(get_args(Shape))}")
        if self.requests < 1 or self.seconds <= 0 or self.burst < 1:
            raise ValueError("a limit is at least one request, in more than no seconds, and a burst of at least one")

    @classmethod
    def from_json(cls, given: Any) -> RateLimit | None:
        """A limit from a control request, null for none; ``ValueError`` or ``TypeError`` if it makes no sense."""
        if given is None:
            return None
        if not isinstance(given, dict):
            raise TypeError("a rate limit is an object, or null")
        return cls(**given)

    @property
    def per_second(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    def judge(self) -> Judge:
        """Judges requests from the first on."""
        return {"sliding": _sliding, "fixed": _fixed, "bucket": _bucket}[self.shape](self)


Judge = Callable[[float], float]
"""Told the monotonic time of a request, answers the seconds until one would be let through: zero if this one is."""


def _sliding(limit: RateLimit) -> Judge:
    recent: deque[float] = deque()

    def judge(now: float) -> float:
        while recent and recent[0] <= now - limit.seconds:
            recent.popleft()
        if len(recent) < limit.requests:
            recent.append(now)
            return 0.0
        return recent[0] + limit.seconds - now

    return judge


def _fixed(limit: RateLimit) -> Judge:
    window, count = -1.0, 0

    def judge(now: float) -> float:
        nonlocal window, count
        current = now // limit.seconds
        if current != window:
            window, count = current, 0
        if count < limit.requests:
            count += 1
            return 0.0
        return (current + 1) * limit.seconds - now

    return judge


def _bucket(limit: RateLimit) -> Judge:
    level, at = 0.0, 0.0

    def judge(now: float) -> float:
        nonlocal level, at
        level, at = max(0.0, level - (now - at) * limit.per_second), now
        over = level + 1 - limit.burst
        if over <= 1e-9:
            level += 1
            return 0.0
        return over / limit.per_second

    return judge
