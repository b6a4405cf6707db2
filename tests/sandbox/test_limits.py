"""Rate limits: what each shape lets through, and what is told of it."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from listrak_source.sandbox import RateLimit, Sandbox, World
from listrak_source.sandbox.traffic import Traffic

from .caller import Caller, code_of


@pytest.mark.parametrize("told", [False, True])
def test_a_rate_limit_that_nobody_announced(told: bool) -> None:
    with Sandbox(World(contacts=0), rate_limit=RateLimit(3, 0.4, retry_after=told)) as sandbox:
        caller = Caller(sandbox)
        answers = [caller.get("/ShortCode") for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert code_of(answers[-1]) == ""
        assert answers[-1].headers.get("Retry-After") == ("1" if told else None)
        time.sleep(0.45)
        assert caller.get("/ShortCode").status_code == 200
        assert (sandbox.traffic.allowed, sandbox.traffic.refused) == (4, 2)


def let_through(limit: RateLimit, moments: list[float]) -> list[float]:
    judge = limit.judge()
    return [moment for moment in moments if judge(moment) == 0]


def test_a_sliding_window_counts_the_last_seconds() -> None:
    moments = [100, 104, 109, 109.5, 110.5, 111, 114.5]
    assert let_through(RateLimit(3, 10), moments) == [100, 104, 109, 110.5, 114.5]


def test_fixed_windows_begin_all_at_once() -> None:
    moments = [107, 108, 109, 109.5, 110.5, 111, 112, 119, 120]
    assert let_through(RateLimit(3, 10, shape="fixed"), moments) == [107, 108, 109, 110.5, 111, 112, 120]


def test_a_bucket_leaks_evenly_and_takes_a_burst() -> None:
    limit = RateLimit(20, 10, shape="bucket", burst=3)
    assert let_through(limit, [100.0] * 5) == [100.0] * 3
    assert let_through(limit, [100.0] * 4 + [100.4, 100.5, 100.6, 101.0]) == [100.0] * 3 + [100.5, 101.0]
    assert len(let_through(limit, [100 + turn / 100 for turn in range(1000)])) == pytest.approx(3 + 20, abs=1)


@pytest.mark.parametrize("shape", ["sliding", "fixed", "bucket"])
def test_what_a_refusal_says_is_true(shape: Any) -> None:
    limit = RateLimit(4, 10, shape=shape, burst=4)
    judge = limit.judge()
    waits = [judge(104.0 + turn) for turn in range(5)]
    assert waits[:4] == [0.0] * 4
    # A bucket has leaked some of it by now.
    assert waits[4] == {"sliding": 6.0, "fixed": 2.0, "bucket": 0.0}[shape]
    wait = judge(108.5)
    assert wait > 0
    assert judge(108.5 + wait - 0.01) > 0
    assert judge(108.5 + wait) == 0


def test_verdicts_are_told_by_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([50.0, 50.2, 50.9, 52.5, 63.0])
    monkeypatch.setattr("listrak_source.sandbox.traffic.time", SimpleNamespace(monotonic=lambda: next(moments)))
    traffic = Traffic(RateLimit(2, 10))
    assert [traffic.wait() is None for _ in range(5)] == [True, True, False, False, True]
    assert traffic.verdicts == [(2, 1), (0, 0), (0, 1), *[(0, 0)] * 10, (1, 0)]
    assert (traffic.allowed, traffic.refused) == (3, 2)


def test_a_limit_by_the_control_address(caller: Caller) -> None:
    limit = {"requests": 2, "seconds": 60, "shape": "bucket", "burst": 1, "retry_after": True}
    assert caller.control("POST", "/settings", {"rate_limit": limit}).json()["rate_limit"] == limit
    answers = [caller.get("/ShortCode") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 429, 429]
    assert answers[-1].headers["Retry-After"] == "30"
    stats = caller.control("GET", "/stats").json()
    assert (stats["allowed"], stats["rate_limited"]) == (1, 2)
    assert [sum(side) for side in zip(*stats["verdicts"], strict=True)] == [1, 2]
    assert caller.control("POST", "/settings", {"rate_limit": None}).json()["rate_limit"] is None
    assert caller.get("/ShortCode").status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [5, {"requests": 5}, {"requests": 0, "seconds": 1}, {"requests": 1, "seconds": 0},
     {"requests": 1, "seconds": 1, "gremlins": 1}, {"requests": 1, "seconds": 1, "shape": "spiral"},
     {"requests": 1, "seconds": 1, "burst": 0}],
)  # fmt: skip
def test_a_limit_that_makes_no_sense_is_refused(caller: Caller, wrong: Any) -> None:
    answer = caller.control("POST", "/settings", {"rate_limit": wrong})
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert caller.sandbox.traffic.limit is None


def test_a_reset_takes_the_limit_back(caller: Caller) -> None:
    caller.control("POST", "/settings", {"rate_limit": {"requests": 1, "seconds": 60}}).raise_for_status()
    assert [caller.get("/ShortCode").status_code for _ in range(2)] == [200, 429]
    caller.control("POST", "/reset").raise_for_status()
    assert [caller.get("/ShortCode").status_code for _ in range(2)] == [200, 200]
