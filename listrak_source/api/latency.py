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

_TIMES, _MORE = 3.0, 0.25
"""An answer is slow that takes so many times its kind's normal, and so many seconds beyond: less harms nobody."""
_FEW = 8
"""Answers that a judgement takes, at the least."""
_FIRST = 5
"""Answers of a kind that make its first normal."""
_DOWN, _UP = 0.05, 0.001
"""How fast the normal follows quicker and slower answers: a slow rise must not become normal unnoticed."""
_HELPED = 0.8
"""What fewer requests at once must bring latency down to, for the rise to be our doing."""


class Verdict(Enum):
    """What the latest answers say."""

    NOTHING = 0
    RISING = 1
    """Latency has risen: try fewer at once."""
    NOT_OURS = 2
    """Fewer at once were no quicker: go on as before."""


class Latency:
    """The latencies of one server."""

    def __init__(self) -> None:
        self._normal: dict[Hashable, float] = {}  # logarithms of seconds
        self._first: dict[Hashable, list[float]] = {}
        self._recent: deque[tuple[float, bool]] = deque(maxlen=64)
        self._before: float | None = None
        self._judged_at = -math.inf

    def note(self, kind: Hashable, sent: float, now: float) -> bool:
        """Note that an answer has come ``now`` to a request that was ``sent`` then; tell whether it was slow.

        What was sent before the last verdict counts no more.
        """
        seconds = now - sent
        if sent < self._judged_at:
            return False
        log = math.log(max(seconds, 1e-4))
        normal = self._normal.get(kind)
        if normal is None:
            first = self._first.setdefault(kind, [])
            first.append(log)
            if len(first) == _FIRST:
                self._normal[kind] = min(median(first), self._first.pop(kind)[0])
            return False
        is_slow = seconds > _TIMES * math.exp(normal) + _MORE
        self._recent.append((log - normal, is_slow))
        self._normal[kind] = normal + (log - normal) * (_DOWN if log < normal else _UP)
        return is_slow

    def judge(self, now: float, at_once: int) -> Verdict:
        """Say what the answers since the last verdict tell, while ``at_once`` requests may be under way."""
        verdict = self._judge(at_once)
        if not self._recent:
            self._judged_at = now
        return verdict

    def _judge(self, at_once: int) -> Verdict:
        if len(self._recent) < min(max(_FEW, at_once), self._recent.maxlen or _FEW):
            return Verdict.NOTHING
        rise = median(ratio for ratio, _ in self._recent)
        if self._before is not None:
            helped = rise <= self._before + math.log(_HELPED)
            self._before = None
            self._recent.clear()
            if helped:
                return Verdict.NOTHING
            self._accept(rise)
            return Verdict.NOT_OURS
        if 2 * sum(slow for _, slow in self._recent) <= len(self._recent):
            return Verdict.NOTHING
        self._recent.clear()
        if at_once == 1:
            self._accept(rise)
            return Verdict.NOTHING
        self._before = rise
        return Verdict.RISING

    def _accept(self, rise: float) -> None:
        for kind in self._normal:
            self._normal[kind] += rise
