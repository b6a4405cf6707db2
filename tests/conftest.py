"""What every room's tests share."""

from __future__ import annotations

import logging
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests import memo, scratch, tiers
from tests.destinations import servers
from tests.destinations.places import PLACES, Place


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--tier", choices=list(tiers.TIERS), default="test", help="which tests, and in which sizes")
    parser.addoption("--place", choices=list(PLACES), default="duckdb", help="where the warehouses of tests/pull are")
    parser.addini("cpu_budget", "seconds of processors that a test of the default tier may take", default="8")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(tiers.Tiers(config))
    if config.getoption("--tier") != "long":
        scratch.in_memory()
    memo.remember()


def pytest_xdist_auto_num_workers() -> int:
    """Two workers a processor, for ``-n auto``: a third of the time a test waits for an answer, or for a lock."""
    affinity = getattr(os, "sched_getaffinity", None)
    return 2 * (len(affinity(0)) if affinity else os.cpu_count() or 1)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What tests have recorded of themselves: numbers are added up, and texts are lines of their own."""
    counts: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", ()):
        for name, value in report.user_properties:
            if isinstance(value, int):
                counts[name] += value
            elif isinstance(value, str):
                terminalreporter.write_line(f"{name}: {value}")
    if counts:
        terminalreporter.write_line(" · ".join(f"{count:,} {name}" for name, count in counts.items()))
    tiers.summary(terminalreporter)


_OF_ROWS = (
    "tests.pull.test_run_record",
    "tests.cli.test_runs",
    "tests.cli.test_push_runs",
    "tests.cli.test_doctor",
    "tests.cli.test_warehouse",
    "tests.dashboard.test_places",
    "tests.models.test_figures",
    "tests.models.test_incremental",
    "tests.models.test_page",
)


@pytest.fixture(autouse=True)
def _without_rows_of_runs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pull of a few people writes no row of itself, a sixth of its time, unless it is about that.

    ``make test-full`` has the command write one in all of its tests, ``make test-long`` every pull.
    """
    module, tier = request.module.__name__, request.config.getoption("--tier")
    if tier != "long" and module not in _OF_ROWS and not (tier == "full" and module.startswith("tests.cli.")):
        monkeypatch.setattr("listrak_source.runs.keeper_of", lambda *_: None)


@pytest.fixture
def dlt_log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What dlt's logger says, too: dlt makes it with the first pull of a process, and has it tell nobody else."""
    logger = logging.getLogger("dlt")
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


@pytest.fixture
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Where a test's warehouse is: a parameter, or what ``--place`` says."""
    chosen = PLACES[getattr(request, "param", None) or request.config.getoption("--place")]
    if chosen.needs_extensions:
        monkeypatch.setenv("HOME", servers.home())
    return chosen


@pytest.fixture(autouse=True)
def alone(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test in a folder of its own, with dlt's working directory in it and without settings from outside."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.chdir(home)
    monkeypatch.setenv("DLT_DATA_DIR", str(home / "dlt"))
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    for name in ("RUNTIME__LOG_LEVEL", "RUNTIME__INTERCEPT_SIGNALS", "LOAD__DELETE_COMPLETED_JOBS"):
        # The command sets them for its process, which here is that of the tests that follow, too.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    logging.getLogger("dlt").setLevel(logging.WARNING)
    for name in ("SOURCES__LISTRAK__CLIENT_ID", "SOURCES__LISTRAK__CLIENT_SECRET", "DESTINATION__DUCKDB__CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    yield
    shutil.rmtree(home, ignore_errors=True)
