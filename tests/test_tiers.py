"""The tiers hold what they say: what each runs, and what a test of the default one may cost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiers import LONGEST, MORE, MOST_MORE, TIERS, longest_first, tier_of

ROOT = Path(__file__).parents[1]
SPEND = """
import time
import pytest

def spend(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass

@pytest.fixture(scope="module")
def shared():
    spend(0.6)

def test_little(shared):
    pass

def test_much():
    spend(0.6)

@pytest.mark.full
def test_much_later():
    spend(0.6)

@pytest.mark.cases(1, 2)
@pytest.mark.parametrize("case", range(3))
def test_cases(case):
    pass

@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("case", range(2))
def test_cases_later(case):
    pass
"""


def run(folder: Path, *options: str) -> str:
    """What pytest prints of a file with these tests, under the project's own tiers, with half a second for each."""
    (folder / "test_spending.py").write_text(SPEND)
    (folder / "conftest.py").write_text("from tests.conftest import pytest_addoption, pytest_configure\n" + SUMMARY)
    command = [sys.executable, "-m", "pytest", "-v", "--rootdir", str(folder), "-p", "no:cacheprovider"]
    ini = folder / "pytest.ini"
    ini.write_text(f"[pytest]\npythonpath = {ROOT}\nmarkers = full\n  cases\ncpu_budget = 0.5\n")
    done = subprocess.run([*command, *options, str(folder)], capture_output=True, text=True, cwd=folder, check=False)
    return done.stdout + done.stderr


SUMMARY = "from tests.conftest import pytest_terminal_summary\n"


@pytest.mark.full
def test_a_test_that_takes_too_much_fails_with_a_sentence(tmp_path: Path) -> None:
    said = run(tmp_path)
    assert "test_spending.py::test_much FAILED" in said
    assert "s of processors, and a test of the default tier may take 0.5" in said
    assert "test_spending.py::test_little PASSED" in said, "what is shared counts for nobody"
    assert "test_much_later" not in said, "it is of a later tier"
    assert "test_cases[0] PASSED" in said
    assert "test_cases[1]" not in said
    assert "test_cases_later" not in said
    assert "The ten slowest, in seconds of processors:" in said
    assert "all 3 tests" in said


@pytest.mark.full
def test_the_full_tier_runs_all_of_it_and_has_no_budget(tmp_path: Path) -> None:
    said = run(tmp_path, "--tier", "full")
    assert "6 passed" in said
    assert "test_cases[1] PASSED" in said
    assert "test_cases_later[0] PASSED" in said


@pytest.mark.full
def test_the_long_tier_runs_the_cases_that_the_full_one_leaves(tmp_path: Path) -> None:
    said = run(tmp_path, "--tier", "long")
    assert "2 passed" in said
    assert "test_cases[2] PASSED" in said
    assert "test_cases_later[1] PASSED" in said


def test_few_may_take_more_and_each_says_why() -> None:
    assert len(MORE) <= MOST_MORE
    for test, reason in MORE.items():
        path, name = test.split("::")
        assert f"def {name.split('[')[0]}(" in (ROOT / path).read_text("utf-8"), test
        assert len(reason.split()) > 3


@pytest.mark.parametrize(
    ("marks", "tier"),
    [((), "test"), (("cases",), "test"), (("full",), "full"), (("long",), "long"), (("sized",), "test")],
)
def test_the_first_tier_of_a_mark(marks: tuple[str, ...], tier: str) -> None:
    assert tier_of(frozenset(marks)) == tier


def test_every_tier_is_a_make_target() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for name in TIERS:
        assert f"\ntest{'' if name == 'test' else '-' + name}: " in makefile


@pytest.mark.parametrize("workers", [1, 4])
def test_the_longest_are_begun_first_and_none_is_lost(request: pytest.FixtureRequest, workers: int) -> None:
    items = request.session.items
    ordered = longest_first(items, workers)
    assert sorted(item.nodeid for item in ordered) == sorted(item.nodeid for item in items)
    if workers == 1:
        are_long = [any(item.nodeid.startswith(one) for one in LONGEST) for item in ordered]
        assert are_long == sorted(are_long, reverse=True)
