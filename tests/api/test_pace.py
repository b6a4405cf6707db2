"""The pace: how many at once, who goes first, and how rising latency is told from noise."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from listrak_source.api import ListrakClient, RateLimitError
from listrak_source.api.pacing.latency_signal import LatencySignal, Verdict
from listrak_source.api.pacing.throttle import ConcurrencyLimit, Throttle

from .conftest import PHONE
from .scripted import Reply, Scripted


class Clock:
    """A clock that stands still unless it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def send(throttle: Throttle, clock: Clock, seconds: float, status: int = 200, retry_after: float | None = None) -> None:
    """One request that takes so long, while nobody else is there."""
    with throttle.slot(throttle.number()) as slot:
        clock.now += seconds
        slot.answered(status, retry_after, ("read", 1))


# -- how many at once -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2, 8, 32, 64])
def test_it_starts_small_and_grows_with_each_quick_answer_up_to_workers(workers: int) -> None:
    clock = Clock()
    throttle = Throttle(workers, clock=clock)
    places = []
    for _ in range(workers + 10):
        places.append(throttle.places)
        send(throttle, clock, 0.1)
    assert places[0] == min(4, workers)
    assert places == sorted(places)
    assert max(places) == workers
    assert places.index(workers) == max(0, workers - 4)


@pytest.mark.parametrize("status", [429, 503])
def test_it_halves_on_refusals_and_comes_back(status: int) -> None:
    clock = Clock()
    throttle = Throttle(16, clock=clock)
    for _ in range(12):
        send(throttle, clock, 0.1)
    assert throttle.places == 16
    send(throttle, clock, 0.1, status, 1.0 if status == 429 else None)
    assert throttle.places == 8
    answers = 0
    clock.now += 2
    while throttle.places < 16:
        send(throttle, clock, 0.1)
        clock.now += 2
        answers += 1
    # What 429 says of the rate is kept by the rate; what 503 says is about how many at once.
    assert answers == (8 if status == 429 else pytest.approx((16**2 - 8**2) / 2, rel=0.1))


def test_trouble_of_many_at_once_is_one_trouble() -> None:
    room = ConcurrencyLimit(32)
    for _ in range(28):
        room.grow()
    assert [room.halve(5.0, 6.0 + late, careful=True) for late in range(32)] == [True] + [False] * 31
    assert room.places == 16
    assert room.halve(7.0, 8.0, careful=True)
    assert room.places == 8


def test_other_errors_say_nothing_about_the_pace() -> None:
    clock = Clock()
    throttle = Throttle(16, clock=clock)
    for status in (500, 502, 504):
        send(throttle, clock, 0.1, status)
    assert (throttle.places, throttle.per_second) == (4, math.inf)


def test_never_more_than_workers_at_once() -> None:
    throttle = Throttle(6)
    lock, under_way, most = threading.Lock(), 0, 0

    def work(number: int) -> None:
        nonlocal under_way, most
        with throttle.slot(throttle.number()) as slot:
            with lock:
                under_way += 1
                most = max(most, under_way)
            time.sleep(0.001)
            slot.answered(200, None, ("read", 1))
            with lock:
                under_way -= 1

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(work, range(600)))
    assert most == 6


# -- turns ------------------------------------------------------------------------------------------------------------


def test_who_came_first_goes_first_also_when_it_comes_again() -> None:
    throttle = Throttle(1)
    early, late = throttle.number(), [throttle.number() for _ in range(5)]
    order = []

    def wait(number: int) -> None:
        with throttle.slot(number) as slot:
            order.append(number)
            slot.answered(200, None, None)

    with ThreadPoolExecutor(8) as pool:
        with throttle.slot(throttle.number()) as slot:
            waiting = [pool.submit(wait, number) for number in reversed(late)]
            until(lambda: len(throttle._waiting) == 5)
            waiting.append(pool.submit(wait, early))
            until(lambda: len(throttle._waiting) == 6)
            slot.answered(200, None, None)
        for one in waiting:
            one.result(timeout=5)
    assert order == [early, *late]


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_holds_up_everybody(status: int) -> None:
    throttle = Throttle(4)
    with throttle.slot(throttle.number()) as slot:
        slot.answered(status, 0.3, None)
    asked = time.monotonic()
    sent = []

    def work(_: int) -> None:
        with throttle.slot(throttle.number()) as slot:
            sent.append(time.monotonic() - asked)
            slot.answered(200, None, None)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert min(sent) >= 0.29


def test_a_request_that_breaks_off_leaves_its_place_and_its_question() -> None:
    throttle = Throttle(1, unit=0.01, max_wait=0.1)
    with throttle.slot(throttle.number()) as slot:
        slot.answered(429, None, None)
    for _ in range(3):
        with pytest.raises(ConnectionError), throttle.slot(throttle.number()):
            raise ConnectionError
    with throttle.slot(throttle.number()) as slot:
        slot.answered(200, None, None)
    assert throttle.per_second < math.inf


def test_where_one_gives_up_the_others_do_not_wait_any_longer() -> None:
    throttle = Throttle(1)
    with ThreadPoolExecutor(4) as pool:
        with throttle.slot(throttle.number()) as slot:
            slot.answered(429, 30.0, None)
        begun = time.monotonic()
        waiting = [pool.submit(send, throttle, Clock(), 0.0) for _ in range(4)]
        until(lambda: len(throttle._waiting) == 4)
        throttle.give_up()
        for one in waiting:
            with pytest.raises(RateLimitError, match="another request"):
                one.result(timeout=5)
    assert time.monotonic() - begun < 10
    assert not throttle._waiting


def test_who_is_interrupted_while_it_waits_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    throttle = Throttle(1)
    with throttle.slot(throttle.number()) as slot:
        monkeypatch.setattr(threading.Condition, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt), throttle.slot(throttle.number()):
            pass
        monkeypatch.undo()
        slot.answered(200, None, None)
    with throttle.slot(throttle.number()) as slot:
        slot.answered(200, None, None)


def interrupted(self: threading.Condition, timeout: float | None = None) -> bool:
    raise KeyboardInterrupt


# -- latency ----------------------------------------------------------------------------------------------------------


def judged(latency: LatencySignal, seconds: Callable[[int], float], answers: int, at_once: int = 8) -> list[Verdict]:
    """Verdicts on answers of one kind, each sent when the one before it was there."""
    now, found = latency_now(latency), []
    for number in range(answers):
        took = seconds(number)
        latency.note("read", now, now + took)
        now += took
        found.append(latency.judge(now, at_once))
    return [verdict for verdict in found if verdict is not Verdict.NOTHING]


def latency_now(latency: LatencySignal) -> float:
    return max(latency._judged_at, 0.0)


@pytest.mark.parametrize("base", [0.002, 0.05, 0.2, 2.0])
@pytest.mark.parametrize("seed", range(5))
def test_noise_is_no_rise(base: float, seed: int) -> None:
    """Latencies that vary a lot, and one answer in twenty that takes ten times as long."""
    chance = random.Random(seed)

    def noisy(_: int) -> float:
        return base * chance.lognormvariate(0, 0.4) * (10 if chance.random() < 0.05 else 1)

    assert judged(LatencySignal(), noisy, 5000) == []


@pytest.mark.parametrize("base", [0.1, 0.2, 2.0])
def test_a_rise_that_is_our_doing_is_told(base: float) -> None:
    latency = LatencySignal()
    assert judged(latency, lambda _: base, 50) == []
    assert judged(latency, lambda _: base * 8, 9) == [Verdict.RISING]
    assert judged(latency, lambda _: base * 4, 9, 4) == [], "half as many were quicker"


def test_a_rise_that_is_not_our_doing_becomes_normal() -> None:
    latency = LatencySignal()
    judged(latency, lambda _: 0.2, 50)
    assert judged(latency, lambda _: 2.0, 500) == [Verdict.RISING, Verdict.NOT_OURS]


def test_one_at_a_time_cannot_be_too_many() -> None:
    latency = LatencySignal()
    judged(latency, lambda _: 0.2, 50)
    assert judged(latency, lambda _: 2.0, 500, at_once=1) == []


def test_a_rise_of_milliseconds_harms_nobody() -> None:
    latency = LatencySignal()
    judged(latency, lambda _: 0.002, 50)
    assert judged(latency, lambda _: 0.2, 500) == []


def test_a_slow_rise_does_not_become_normal_unnoticed() -> None:
    latency = LatencySignal()
    judged(latency, lambda _: 0.2, 50)
    assert Verdict.RISING in judged(latency, lambda number: 0.2 + 0.01 * number, 200)


def test_each_kind_of_answer_has_its_own_normal() -> None:
    """Long pages after short ones, and calls in between."""
    latency, now = LatencySignal(), 0.0
    for number in range(600):
        kind, took = [("page", 2.0), ("short page", 0.1), ("call", 0.01)][number % 3 if number > 300 else 2]
        assert not latency.note(kind, now, now + took)
        now += took
        assert latency.judge(now, 8) is Verdict.NOTHING


# -- over HTTP --------------------------------------------------------------------------------------------------------


def test_a_server_that_is_overloaded_gets_fewer_at_once(
    server: Scripted, client_of: Callable[..., ListrakClient]
) -> None:
    """It works on two at a time, 80 ms each; 32 at once wait more than a second for it."""
    working, lock = threading.BoundedSemaphore(2), threading.Lock()
    at_once: list[int] = []
    there = 0
    reply = server.answer

    def answer(request: object) -> Reply:
        nonlocal there
        with lock:
            there += 1
            at_once.append(there)
        with working:
            time.sleep(0.08)
        with lock:
            there -= 1
        return reply(request)  # type: ignore[arg-type]

    server.answer = answer  # type: ignore[method-assign]
    client = client_of(server, workers=32)
    with ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda _: client.get_contact(1, PHONE), range(200)))
    assert max(at_once) > 16, "nobody knew"
    assert max(at_once[120:-32]) <= 24
    assert min(at_once[120:-32]) >= 2, "and it is never without work"


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.001)
