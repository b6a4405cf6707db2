"""Tells when answers take longer because we ask for too much at once.

Each kind of answer (an operation, a size) has its own normal latency, near the quickest that was seen. What all kinds
take lately, over their normal, says whether latency has risen; single slow answers say nothing. Whether the rise is our
doing only an experiment tells: where half as many at once are no quicker, it is not, and this is the new normal.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable
from enum import Enum
from statistics import median

_TIMES, _MORE = 4.0, 0.25
"""An answer is slow that takes so many times its kind's normal, and so many seconds beyond: less harms nobody."""
_FEW = 12
"""Answers that a judgement takes, at the least."""
_FIRST = 5
"""Answers of a kind whose quickest is its first normal."""
_DOWN, _UP = 0.05, 0.001
"""How fast the normal follows quicker and slower answers: a slow rise must not become normal unnoticed."""
_HELPED = 0.75
"""What fewer requests at once must bring latency down to, for the rise to be our doing."""


class Verdict(Enum):
    """What the latest answers say."""

    NOTHING = 0
    RISING = 1
    """Latency has risen: try fewer at once."""
    NOT_OURS = 2
    """Fewer at once were no quicker: go on as before."""


class LatencySignal:
    """The latencies of one server."""

    def __init__(self) -> None:
        self._normal: dict[Hashable, float] = {}  # logarithms of seconds
        self._first: dict[Hashable, list[float]] = {}
        self._recent: deque[tuple[float, bool]] = deque()
        self._before: float | None = None
        self._late: list[float] = []
        self._judged_at = -math.inf

    def note(self, kind: Hashable, sent: float, now: float, *, connects: bool = False) -> bool:
        """Note that an answer has come ``now`` to a request that was ``sent`` then; tell whether it was slow.

        One that had to wait for its connection (``connects``) is not slow, and what was sent before the last verdict
        counts as that.
        """
        seconds = now - sent
        log = math.log(max(seconds, 1e-4))
        normal = self._normal.get(kind)
        if normal is None:
            first = self._first.setdefault(kind, [])
            first.append(log)
            if len(first) == _FIRST:
                self._normal[kind] = min(self._first.pop(kind))
            return False
        if sent < self._judged_at:
            self._late.append(log - normal)
            return False
        if connects and log > normal:
            return False
        is_slow = seconds > _TIMES * math.exp(normal) + _MORE
        self._recent.append((log - normal, is_slow))
        self._normal[kind] = normal + (log - normal) * (_DOWN if log < normal else _UP)
        return is_slow

    def judge(self, now: float, at_once: int) -> Verdict:
        """Say what the answers since the last verdict tell, while ``at_once`` requests may be under way."""
        enough = max(_FEW, at_once)
        if len(self._recent) < enough:
            return Verdict.NOTHING
        while len(self._recent) > enough:
            self._recent.popleft()
        before, rise = self._before, median(ratio for ratio, _ in self._recent)
        if before is None and 2 * sum(is_slow for _, is_slow in self._recent) <= enough:
            return Verdict.NOTHING
        if before is not None and len(self._late) >= _FEW:
            # They were under way when it was judged, and tell best what so many at once had come to by then.
            before = median(self._late)
        self._recent.clear()
        self._late.clear()
        self._judged_at, self._before = now, None
        if before is None and at_once > 1:
            self._before = rise
            return Verdict.RISING
        if before is not None and rise <= before + math.log(_HELPED):
            return Verdict.NOTHING
        for kind in self._normal:
            self._normal[kind] += rise
        return Verdict.NOT_OURS if before is not None else Verdict.NOTHING
