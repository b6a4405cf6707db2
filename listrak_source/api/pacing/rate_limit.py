"""The rate that a hidden limit lets through, learned from its refusals.

Nobody tells the limit: neither its size nor its shape (so many in a window, a bucket that leaks). Until the first
refusal requests go as they come. A refusal closes the way; from then on single requests ask whether it is open again.
Once it is, what got through since it had opened before, over that time, is what the limit allows, whatever its shape.

From then on requests go evenly, at a rate that follows CUBIC (RFC 9438): from a tenth below the measured rate up to it,
slowly about it, ever faster beyond, until the next refusal. The curve counts requests and not seconds, so that it is
the same for every limit; between two refusals are about twice as many requests as it is long.
"""

from __future__ import annotations

import math
import random
from collections import deque
from dataclasses import dataclass

_BELOW = 0.1
"""How far below the measured rate requests go on after a refusal."""
_LONGEST, _SHORTEST = 60.0, 30
"""The longest window that people count requests in (in units). A curve is as long as that at the most, or so many."""
_MOMENTS = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 90.0)
"""The windows that people count requests in (in units): these are the moments to ask whether the next has begun."""
_LEAST = 0.75
"""What a refusal after only a few requests leaves of the rate, at the least: it says little."""
_MEASURED = 400
"""Requests whose moments are kept to measure by."""
_SLOWEST = 0.1
"""Requests a second (a unit), at the least: there are no slower limits, only longer closings."""
_SLACK = 0.02
"""Seconds that a request may be late without the next being later for it: timers are no better."""


@dataclass(frozen=True)
class Sent:
    """A request that was sent."""

    at: float
    was_held: bool
    """Whether it would have been sent sooner if there were no rate."""
    closings: int
    """How often the way had been closed by then."""
    asks: bool
    """Whether it was sent to ask if the way is open."""


class AdaptiveRateLimit:
    """Says when the next request may be sent. Times are seconds of one clock; threads take turns."""

    def __init__(self, unit: float, max_wait: float, spread: random.Random | None = None) -> None:
        """``unit`` is a second, and less for a limit whose windows are shorter in proportion.

        It is also the first wait after the first refusal; ``max_wait`` is the longest of all.
        """
        self.per_second: float = math.inf
        """Infinite as long as nothing was refused."""
        self._unit, self._max_wait = unit, max_wait
        self._random = spread or random.Random()
        self._next = self._held_until = -math.inf
        self._closings = 0
        self._closed_at: float | None = None
        self._is_asking = False
        self._asked = 0
        # Since the way opened.
        self._opened_at = math.nan
        self._passed = 0
        self._moments: deque[float] = deque(maxlen=_MEASURED)
        # The curve: what was measured, how many requests lead to it, how many of them there were.
        self._peak, self._length, self._steps = math.inf, 1, 0

    @property
    def is_closed(self) -> bool:
        """Whether requests are refused at present."""
        return self._closed_at is not None

    def wait(self, now: float) -> float | None:
        """Return the seconds until the next request may be sent; None if the answer to another one decides."""
        return None if self._is_asking else max(0.0, self._next - now, self._held_until - now)

    def hold(self, until: float) -> None:
        """Send nothing before the moment ``until``."""
        self._held_until = max(self._held_until, until)

    def idle(self, now: float, seconds: float) -> None:
        """Note that nobody had anything to send for so many ``seconds``: that says nothing about the limit."""
        if seconds > self._unit:
            self._moments.clear()
        if seconds > _LONGEST * self._unit:
            self._opened_at, self._passed = now, 0

    def sent(self, now: float, was_held: bool) -> Sent:
        """Note that a request is sent."""
        self._opened_at = now if math.isnan(self._opened_at) else self._opened_at
        if self.is_closed:
            self._is_asking = True
        elif self.per_second < math.inf:
            self._next = max(self._next, now - _SLACK) + 1 / self.per_second
        return Sent(now, was_held, self._closings, self.is_closed)

    def passed(self, request: Sent) -> bool:
        """Note that the limit let a request through, whatever became of it. Tell whether the way has opened."""
        opens = request.asks and self.is_closed and request.closings == self._closings
        if opens:
            self._open(request.at)
        if not self.is_closed and request.closings != self._closings:
            return False  # it belongs to what was measured before
        if request.was_held and not self.is_closed and not opens:
            self._steps += 1
            self._follow_curve()
        self._passed += 1
        self._moments.append(request.at)
        return opens

    def lost(self, request: Sent) -> None:
        """Note that a request had no answer: nobody knows whether the limit let it through."""
        if request.asks and request.closings == self._closings:
            self._is_asking = False

    def refused(self, request: Sent, now: float, retry_after: float | None) -> bool:
        """Note that a request was refused, and the server's own wish. Tell whether that has closed the way."""
        is_news = request.closings == self._closings and (not self.is_closed or request.asks)
        closes = is_news and not self.is_closed
        if closes:
            self._closed_at, self._asked = now, 0
            self._closings += 1
        if is_news:
            self._is_asking = False
            self._next = now if retry_after else now + self._wait_before_asking(now)
        if retry_after and self.is_closed:
            self.hold(now + min(retry_after, self._max_wait) * self._random.uniform(1.0, 1.02))
        return closes

    def _wait_before_asking(self, now: float) -> float:
        """How long to wait before asking: twice as long each time, or until a window that people count in is over."""
        slot = self._unit if self.per_second == math.inf else max(1 / self.per_second, self._unit / 10)
        wait = slot * 2.0 ** min(self._asked, 30)
        self._asked += 1
        for moment in _MOMENTS:
            # A little later: the server's window began when the first request arrived.
            ahead = self._opened_at + (1.02 * moment + 0.05) * self._unit - now
            if wait / 3 < ahead < wait * 2:
                wait = ahead
                break
        return min(wait * self._random.uniform(1.0, 1.02), self._max_wait)

    def _open(self, now: float) -> None:
        """Start the curve anew, by what has been measured."""
        self._peak = min(self._measured(now), self.per_second)
        longest = max(int(_LONGEST * self._unit * self._peak), _SHORTEST)
        self._length = min(max(self._passed, self._length), longest)
        self._steps = 0
        self._follow_curve()
        self._opened_at, self._closed_at, self._is_asking = now, None, False
        self._passed = 0
        self._moments.clear()
        self._next = now + 1 / self.per_second

    def _measured(self, now: float) -> float:
        closed_at = now if self._closed_at is None else self._closed_at
        if self._moments and now - closed_at < (now - self._opened_at) / 5:
            # Hardly closed at all: what was sent lately was just too much. Before that the curve was lower.
            late = list(self._moments)[len(self._moments) // 2 :]
            measured = len(late) / max(closed_at - late[0], 1e-6)
        else:
            # Longer than the longest window it was closed for another reason.
            end = min(now, closed_at + _LONGEST * self._unit)
            measured = max(self._passed, 1) / max(end - self._opened_at, 1e-6)
        measured = max(measured, _SLOWEST / self._unit)
        few = self._passed < self._length / 2
        return max(measured, _LEAST * self._peak) if few and self._peak < math.inf else measured

    def _follow_curve(self) -> None:
        if self._peak < math.inf:
            along = self._steps / self._length - 1
            self.per_second = self._peak * (1 + _BELOW * along**3)
