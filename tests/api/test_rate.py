"""The learned rate, in simulated time: what it makes of limits of every shape and size."""

from __future__ import annotations

import itertools
import math

import pytest

from listrak_source.api.pacing.rate_limit import AdaptiveRateLimit
from listrak_source.sandbox import RateLimit

from .simulated import Judge, simulate

LIMITS = {
    "20 per 10 s": RateLimit(20, 10),
    "20 per 10 s, fixed": RateLimit(20, 10, shape="fixed"),
    "60 a minute": RateLimit(60, 60),
    "5 per s": RateLimit(5, 1),
    "100 per 10 s": RateLimit(100, 10),
    "1000 a minute": RateLimit(1000, 60),
    "bucket, 2 per s and 1": RateLimit(2, 1, shape="bucket", burst=1),
    "bucket, 2 per s and 5": RateLimit(2, 1, shape="bucket", burst=5),
    "bucket, 2 per s and 20": RateLimit(2, 1, shape="bucket", burst=20),
    "bucket, 1 per s and 60": RateLimit(1, 1, shape="bucket", burst=60),
    "bucket, 10 per s and 30": RateLimit(10, 1, shape="bucket", burst=30),
}


@pytest.mark.parametrize("is_told", [False, True])
@pytest.mark.parametrize("workers", [1, 8, 32])
@pytest.mark.parametrize("name", LIMITS)
def test_it_finds_the_limit_and_stays_just_below(name: str, workers: int, is_told: bool) -> None:
    limit = LIMITS[name]
    for latency, seed in itertools.product((0.005, 0.03), range(3)):
        run = simulate(limit.judge(), 300, latency=latency, workers=workers, is_told=is_told, seed=seed)
        assert run.refused(60) <= 0.05
        assert run.per_second(60, 300) >= 0.8 * limit.per_second


def test_a_fixed_minute_takes_a_little_longer() -> None:
    """Whenever in a window it begins: the first one that is seen from its beginning tells."""
    for phase in range(0, 60, 5):
        judge = RateLimit(60, 60, shape="fixed").judge()
        run = simulate(lambda now, judge=judge, phase=phase: judge(now + phase), 600, seed=phase)  # type: ignore[misc]
        assert run.refused(60) <= 0.05
        assert run.per_second(60, 600) >= 0.8


def test_without_refusals_there_is_no_rate() -> None:
    run = simulate(lambda _: 0.0, 20, latency=0.01, workers=8)
    assert run.rate.per_second == math.inf
    assert run.per_second(0, 20) == pytest.approx(8 / 0.0108, rel=0.05)


def changing(before: RateLimit, after: RateLimit, at: float) -> Judge:
    first, second = before.judge(), after.judge()
    return lambda now: (first if now < at else second)(now)


def test_a_limit_that_grows_is_found_again() -> None:
    run = simulate(changing(RateLimit(20, 10), RateLimit(60, 10), 300), 900)
    assert run.per_second(240, 300) == pytest.approx(2, rel=0.15)
    assert run.per_second(840, 900) >= 0.8 * 6
    assert run.refused(300) <= 0.05


def test_a_limit_that_shrinks_is_found_again() -> None:
    run = simulate(changing(RateLimit(60, 10), RateLimit(20, 10), 300), 700)
    assert run.per_second(240, 300) == pytest.approx(6, rel=0.15)
    assert run.per_second(400, 700) >= 0.8 * 2
    assert run.refused(360) <= 0.05


@pytest.mark.parametrize("refusals", [1, 8])
def test_refusals_by_mistake_are_soon_forgotten(refusals: int) -> None:
    """Where there is no limit at all."""
    numbers = itertools.count()
    run = simulate(lambda _: 1.0 if 2000 <= next(numbers) < 2000 + refusals else 0.0, 60, latency=0.05, workers=8)
    full = run.per_second(0, 10)
    after = [at for at, passed in run.verdicts if not passed][-1]
    assert run.per_second(after, after + 10) >= 0.7 * full
    assert run.per_second(50, 60) >= 0.9 * full


@pytest.mark.parametrize("before", [0, 50])
def test_a_long_closing_is_soon_forgotten(before: int) -> None:
    """The first request or a later one is refused, for ten minutes; then there is no limit at all."""
    numbers = itertools.count()
    run = simulate(lambda now: 600 - now if next(numbers) >= before and now < 600 else 0.0, 900)
    assert sum(not passed for _, passed in run.verdicts) <= 8 + 20
    assert run.per_second(800, 900) >= 50


def test_retry_after_of_one_request_is_not_cut_short_by_another() -> None:
    rate = AdaptiveRateLimit(1.0, 60.0)
    rate.hold(30.0)
    rate.refused(rate.sent(0.0, False), 0.1, None)
    assert rate.wait(0.1) == pytest.approx(29.9)


def test_retry_after_is_waited_for_and_nobody_asks_before() -> None:
    rate = AdaptiveRateLimit(1.0, 60.0)
    first, second = rate.sent(0.0, False), rate.sent(0.0, False)
    assert rate.refused(first, 0.1, 30.0)
    assert not rate.refused(second, 0.2, 40.0), "the same closing"
    assert 40.0 <= (rate.wait(0.2) or 0) <= 41.0
    rate.sent(41.1, True)
    assert rate.wait(50.0) is None, "one asks; the others wait for what it hears"


def test_retry_after_is_waited_for_no_longer_than_the_longest_wait() -> None:
    rate = AdaptiveRateLimit(1.0, 60.0)
    rate.refused(rate.sent(0.0, False), 0.0, 3600.0)
    assert 60.0 <= (rate.wait(0.0) or 0) <= 61.3


def test_who_asks_and_hears_nothing_lets_the_next_one_ask() -> None:
    rate = AdaptiveRateLimit(1.0, 60.0)
    rate.refused(rate.sent(0.0, False), 0.0, None)
    asking = rate.sent(2.0, True)
    assert rate.wait(2.1) is None
    rate.lost(asking)
    assert rate.wait(2.1) == 0


def test_answers_from_before_a_closing_do_not_open_the_way() -> None:
    rate = AdaptiveRateLimit(1.0, 60.0)
    early, refused = rate.sent(0.0, False), rate.sent(0.0, False)
    rate.refused(refused, 0.1, None)
    assert not rate.passed(early)
    assert rate.is_closed
    assert rate.passed(rate.sent(2.0, True))
    assert not rate.is_closed
    assert not rate.refused(early, 3.0, None)
    assert not rate.is_closed
