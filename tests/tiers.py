"""The tiers of tests: what each runs, in which sizes, and what a test of the default one may cost.

``make test`` is run before every commit, so it has to stay short. A test that takes more is of a later tier:

- no mark: ``make test`` runs it, and ``make test-full``;
- ``full``: ``make test-full`` alone runs it, and so does CI;
- ``cases(n)``: ``make test`` runs the first n of its cases, and ``make test-full`` all of them; ``cases(n, m)``: it
  runs the first m, and ``make test-long`` the others. A test that is marked ``full`` too has none in ``make test``;
- ``long``: ``make test-long`` alone runs it, in full size;
- ``sized``: every tier runs it, in the sizes of its profile.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import settings


@dataclass(frozen=True)
class Sizes:
    """How much is drawn: a profile of Hypothesis, and the sizes of what Hypothesis does not know of."""

    examples: int
    """Of a property that takes milliseconds."""
    histories: int
    """Histories of pulls for each seed, and the steps in each."""
    steps: int
    tables: int
    """Tables that a push is tried with; each takes a second."""
    strides: tuple[int, ...]
    """Steps of a push between one kill and the next, in turn."""
    kills: int
    """How many that makes, at the least."""


PROFILES = {
    "dev": Sizes(examples=50, histories=1, steps=3, tables=1, strides=(127, 109), kills=3),
    "ci": Sizes(examples=200, histories=1, steps=15, tables=4, strides=(12, 17), kills=21),
    "nightly": Sizes(examples=1000, histories=10, steps=30, tables=400, strides=(1,), kills=200),
}


@dataclass(frozen=True)
class Tier:
    """What a make target runs."""

    profile: str
    marks: frozenset[str]
    """It runs tests that have one of these marks; ``""`` stands for a test without any."""


TIERS = {
    "test": Tier("dev", frozenset({"", "sized"})),
    "full": Tier("ci", frozenset({"", "sized", "full"})),
    "long": Tier("nightly", frozenset({"sized", "long"})),
}
_MARKS = ("full", "long", "sized")

MORE = {
    "tests/pull/test_convergence.py::test_any_history": "a history takes as long as what Hypothesis draws for it",
    "tests/push/test_any_table.py::test_any_table_any_state_any_kill": "a table takes as long as what is drawn",
    "tests/push/test_killed.py::test_killed_at_any_point": "after each kill comes a whole run, and a look at all of it",
    "tests/pull/test_unread.py::test_one_unit_that_fails_for_ever_stops_itself_and_nothing_else": (
        "its story needs five pulls, one of them a complete walk"
    ),
    "tests/pull/changes/test_newer_sightings.py::test_a_contact_that_push_names_later_than_its_load_is_written_again": (
        "what is written again is seen by complete walks, one after another"
    ),
    "tests/docs/test_blocks.py::test_what_a_page_shows_works[README.md]": (
        "the README's blocks are one story: a sandbox, a pull, a push, a program"
    ),
    "tests/destinations/test_places.py::test_a_stop_after_the_first_pull[ducklake]": (
        "each load of DuckLake connects to PostgreSQL and S3 a dozen times"
    ),
}
"""Tests of the default tier that may take more than the budget, by the beginning of their id, with the reason."""
MOST_MORE = 10
LONGEST = (
    "tests/push/test_killed.py::test_killed_at_any_point",
    "tests/destinations/test_places.py::test_first_pull",
    "tests/pull/test_convergence.py::test_any_history",
    "tests/push/test_any_table.py::",
    "tests/destinations/test_queries.py::test_what_is_asked",
    "tests/pull/test_loads.py::test_several_loads",
    "tests/cli/test_memory.py::",
    "tests/pull/test_politeness.py::test_a_hidden_limit_is_learned[",
)
"""Tests that take longest, by the beginning of their id: they are begun first."""

_CPU = "CPU seconds"


def sizes() -> Sizes:
    """The sizes of the profile that runs."""
    # One that options of Hypothesis have made is named after the one that it was made of.
    return PROFILES.get(settings.get_current_profile_name().split("-with-")[0], PROFILES["dev"])


def tier_of(marks: frozenset[str]) -> str:
    """The first tier that runs a test with these marks."""
    return next(name for name, tier in TIERS.items() if (marks & set(_MARKS) or {""}) <= tier.marks)


class Tiers:
    """Selects the tests of a tier, and holds those of the default one to their budget."""

    def __init__(self, config: pytest.Config) -> None:
        self.name: str = config.getoption("--tier")
        self.budget = float(config.getini("cpu_budget"))
        for profile, its in PROFILES.items():
            # Before every commit, and in CI, it is the same each time: who has changed nothing sees nothing new.
            same = profile != "nightly"
            settings.register_profile(
                profile, max_examples=its.examples, derandomize=same, deadline=None, print_blob=not same
            )
        if not config.getoption("--hypothesis-profile", None):
            settings.load_profile(TIERS[self.name].profile)
        self._shared = 0.0
        self._depth = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out what is of another tier."""
        chosen: list[pytest.Item] = []
        left: list[pytest.Item] = []
        cases = Counter[str]()
        for item in items:
            test = item.nodeid.split("[")[0]
            cases[test] += 1
            marks = {mark.name for mark in item.iter_markers()} & set(_MARKS)
            few, many = cases_of(item)
            if cases[test] > many:
                marks = {"long"}
            elif not marks and cases[test] > few:
                marks = {"full"}
            (chosen if (marks or {""}) <= TIERS[self.name].marks else left).append(item)
        if left:
            config.hook.pytest_deselected(items=left)
        items[:] = longest_first(chosen, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, object, object]:
        """What is made once for many tests counts for none of them."""
        if fixturedef.scope == "function" or self._depth:
            return (yield)
        began = _cpu()
        self._depth += 1
        try:
            return (yield)
        finally:
            self._depth -= 1
            self._shared += _cpu() - began

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Start the count."""
        item.stash[_BEGAN] = _cpu()
        self._shared = 0.0
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """End the count, and fail a test that takes too much."""
        done = yield
        spent = _cpu() - item.stash[_BEGAN] - self._shared
        item.user_properties.append((_CPU, spent))
        if self.name == "test" and spent > self.budget and not any(item.nodeid.startswith(one) for one in MORE):
            pytest.fail(
                f"It took {spent:.1f} s of processors, and a test of the default tier may take {self.budget:g}: make "
                "it smaller, mark it `full`, or list it in tests/tiers.py with the reason",
                pytrace=False,
            )
        return done


def longest_first(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """The tests in as many parts as there are workers, each with its share of the longest at its beginning: begun last,
    one of these would leave a single worker with a minute of work.
    """
    longest = [item for item in items if any(item.nodeid.startswith(one) for one in LONGEST)]
    others = [item for item in items if item not in set(longest)]
    size = -(-len(others) // workers)
    return [
        item for part in range(workers) for item in (*longest[part::workers], *others[part * size : (part + 1) * size])
    ]


def cases_of(item: pytest.Item) -> tuple[float, float]:
    """How many cases of a test ``make test`` runs, and how many ``make test-full``, at the most."""
    mark = item.get_closest_marker("cases")
    few, many = [*(mark.args if mark else ()), math.inf, math.inf][:2]
    return few, many


_BEGAN = pytest.StashKey[float]()


def _cpu() -> float:
    """What this process and the ones that it waited for have taken."""
    return sum(os.times()[:4])


def summary(reporter: Any) -> None:
    """Write the ten slowest tests and the total."""
    reports = [report for outcome in ("passed", "failed") for report in reporter.stats.get(outcome, ())]
    spent = {report.nodeid: value for report in reports for name, value in report.user_properties if name == _CPU}
    if not spent:
        return
    slowest = sorted(spent, key=spent.__getitem__, reverse=True)[:10]
    reporter.write_line("The ten slowest, in seconds of processors:")
    for test in slowest:
        reporter.write_line(f"{spent[test]:7.1f}  {test}")
    reporter.write_line(f"{sum(spent.values()):7.1f}  all {len(spent):,} tests")
