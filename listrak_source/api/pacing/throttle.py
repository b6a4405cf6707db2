"""The pace of a client: when each request of its threads may be sent.

No rate limit is published, so the pace is learned from the answers: how many requests at once
(:class:`ConcurrencyLimit`) from how quick they are (``latency_signal``), from 429 and from 503; how many a second
(``rate_limit``) from 429. ``Retry-After`` holds up all.
"""

from __future__ import annotations

import itertools
import logging
import math
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from heapq import heappop, heappush

from listrak_source.api.errors import RateLimitError
from listrak_source.api.pacing.latency_signal import LatencySignal, Verdict
from listrak_source.api.pacing.rate_limit import AdaptiveRateLimit, Sent

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


log: logging.Logger = logging.getLogger(__name__)


class Slot:
    """A request's turn to be sent."""

    def __init__(self, throttle: Throttle, sent: Sent, is_first: bool) -> None:
        self._throttle = throttle
        self.sent: Sent = sent
        self.is_first = is_first
        """Whether a connection is made for it, most likely: so many were never under way at once."""
        self.is_answered = False

    def answered(self, status: int, retry_after: float | None, kind: Hashable | None) -> None:
        """Tell the answer's status, as soon as it is known, and of what kind it is, if its latency tells anything."""
        self._throttle.answered(self, status, retry_after, kind)


class Throttle:
    """Gives requests their turns. Threads share it."""

    def __init__(
        self, workers: int, *, unit: float = 1.0, max_wait: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """At most ``workers`` requests are under way at once; ``unit`` and ``max_wait``: see ``rate_limit``."""
        self._rate = AdaptiveRateLimit(unit, max_wait)
        self._room = ConcurrencyLimit(workers)
        self._latency = LatencySignal()
        self._max_wait = max_wait
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: list[tuple[int, threading.Condition]] = []
        self._numbers = itertools.count()
        self._under_way = self._most = 0
        self._idle_since: float | None = None
        self._given_up = 0

    @property
    def per_second(self) -> float:
        """The learned rate, requests a second; infinite as long as nothing was refused."""
        return self._rate.per_second

    @property
    def places(self) -> int:
        """How many requests may be under way at once, for now."""
        return self._room.places

    def number(self) -> int:
        """Return a number for a request: who has come first goes first, also when it was refused and comes again."""
        return next(self._numbers)

    def give_up(self) -> None:
        """Send none of the requests that wait, if all are refused: one of them has been for as long as it may be."""
        with self._lock:
            if self._rate.is_closed:
                self._given_up += 1
                for _, condition in self._waiting:
                    condition.notify()

    @contextmanager
    def slot(self, number: int) -> Iterator[Slot]:
        """Wait for the request's turn; it is under way until the block ends.

        Raises ``RateLimitError`` if another has given up meanwhile.
        """
        slot = self._begin(number)
        try:
            yield slot
        finally:
            self._end(slot)

    def _begin(self, number: int) -> Slot:
        with self._lock:
            mine = (number, threading.Condition(self._lock))
            heappush(self._waiting, mine)
            was_held, given_up = False, self._given_up
            try:
                while True:
                    self._check(given_up)
                    wait = None
                    if self._waiting[0] is mine and self._under_way < self._room.places:
                        now = self._clock()
                        wait = self._rate.wait(now)
                        if wait == 0:
                            break
                        was_held = True
                    mine[1].wait(wait)
            except BaseException:
                self._waiting.remove(mine)
                self._waiting.sort()
                self._wake()
                raise
            heappop(self._waiting)
            if self._idle_since is not None:
                self._rate.idle(now, now - self._idle_since)
                self._idle_since = None
            self._under_way += 1
            is_first = self._under_way > self._most
            self._most = max(self._most, self._under_way)
            self._wake()
            return Slot(self, self._rate.sent(now, was_held), is_first)

    def _check(self, given_up: int) -> None:
        if given_up != self._given_up:
            raise RateLimitError("not sent, for another request was refused for too long", status=429)

    def _end(self, slot: Slot) -> None:
        with self._lock:
            self._under_way -= 1
            if not slot.is_answered:
                self._rate.lost(slot.sent)
            if not self._under_way and not self._waiting:
                self._idle_since = self._clock()
            self._wake()

    def _wake(self) -> None:
        if self._waiting:
            self._waiting[0][1].notify()

    def answered(self, slot: Slot, status: int, retry_after: float | None, kind: Hashable | None) -> None:
        """See :meth:`Slot.answered`."""
        with self._lock:
            now = self._clock()
            slot.is_answered = True
            if status == 429:
                self._refused(slot.sent, now, retry_after)
            else:
                self._passed(slot, now, status, retry_after, kind)
            self._wake()

    def _refused(self, sent: Sent, now: float, retry_after: float | None) -> None:
        if self._rate.refused(sent, now, retry_after):
            # The rate that is learned from it keeps the rest: so the places may come back quickly.
            self._room.halve(sent.at, now, careful=False)
            log.info("Listrak refuses requests for haste (HTTP 429): waiting until it lets one through")

    def _passed(self, slot: Slot, now: float, status: int, retry_after: float | None, kind: Hashable | None) -> None:
        if self._rate.passed(slot.sent):
            log.info("Listrak lets requests through again: about %.3g a second from now on", self.per_second)
        if status == 503:
            self._room.halve(slot.sent.at, now, careful=True)
            if retry_after:
                self._rate.hold(now + min(retry_after, self._max_wait))
        elif status < 500:
            self._quick_or_slow(slot, now, kind)

    def _quick_or_slow(self, slot: Slot, now: float, kind: Hashable | None) -> None:
        if kind is None or not self._latency.note(kind, slot.sent.at, now, connects=slot.is_first):
            self._room.grow()
        verdict = self._latency.judge(now, self._room.places)
        if verdict is Verdict.RISING:
            self._room.halve(now, now, careful=True)
            log.info("Listrak's answers take much longer than before: at most %d at once", self._room.places)
        elif verdict is Verdict.NOT_OURS:
            self._room.restore()
