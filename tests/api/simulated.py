"""Requests against a limit in simulated time: as many at once as there are workers, as soon as the rate lets them."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from math import ceil

from listrak_source.api.pacing.rate_limit import AdaptiveRateLimit, Sent

Judge = Callable[[float], float]
"""Told the moment of a request, answers the seconds until one would be let through: zero if this one is."""


@dataclass
class Run:
    """What came of it: for each request when it arrived, and whether it was let through."""

    rate: AdaptiveRateLimit
    verdicts: list[tuple[float, bool]] = field(default_factory=list)

    def refused(self, since: float, until: float = float("inf")) -> float:
        """The share of requests that were refused."""
        found = [passed for at, passed in self.verdicts if since <= at < until]
        return 1 - sum(found) / len(found)

    def per_second(self, since: float, until: float) -> float:
        """Requests that were let through."""
        return sum(passed for at, passed in self.verdicts if since <= at < until) / (until - since)


def simulate(
    judge: Judge, seconds: float, *, latency: float = 0.05, workers: int = 8, is_told: bool = False, seed: int = 0
) -> Run:
    """Let ``workers`` send requests for so long. Latencies vary by a factor of two or so, timers by milliseconds."""
    chance = random.Random(seed)
    run = Run(AdaptiveRateLimit(1.0, 60.0, random.Random(seed)))
    numbers, now, free = count(), 0.0, workers
    events: list[tuple[float, int, Sent | None, float]] = []
    held, woken_at = False, 0.0
    heapq.heappush(events, (0.0, next(numbers), None, 0.0))
    while events:
        now, _, answered, refusal = heapq.heappop(events)
        if now > seconds:
            break
        if answered is not None:
            free += 1
            if refusal == 0:
                run.rate.passed(answered)
            else:
                run.rate.refused(answered, now, ceil(refusal) if is_told else None)
        while free and (wait := run.rate.wait(now)) is not None:
            if wait > 0:
                held = True
                if woken_at <= now or now + wait < woken_at:
                    woken_at = now + wait + chance.uniform(0, 0.002)
                    heapq.heappush(events, (woken_at, next(numbers), None, 0.0))
                break
            sent, held = run.rate.sent(now, held), False
            free -= 1
            took = latency * chance.lognormvariate(0, 0.4)
            refusal = judge(now + took / 2)
            run.verdicts.append((now + took / 2, refusal == 0))
            heapq.heappush(events, (now + took, next(numbers), sent, refusal))
    return run
