"""A long life: a year of daily pulls and weekly complete walks. What a pull keeps of itself stays small."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb

from listrak_source.cli.errors import Exit
from tests.chaos.case import Case, Verdict
from tests.chaos.ground import Ground, look_at
from tests.chaos.judge import everything_is_there, held, nothing_is_worse

PART = "A long life"
DAYS = 365
_MONTH = 30


@dataclass(frozen=True)
class Day:
    """What a day's pull took, and what it left behind."""

    seconds: float
    state: int
    """Bytes of the newest state, as the warehouse keeps it."""
    states: int
    """Rows of ``_dlt_pipeline_state``."""
    folder: int
    """Bytes of dlt's working folder."""
    rows: int
    """Rows of all tables."""


def cases(rounds: range) -> Iterator[Case]:
    """A year for each round."""
    for number in rounds:
        yield Case(PART, "a year of daily pulls and weekly walks", f"{number}", partial(_year, DAYS), 500.0)


def _year(days: int, ground: Ground, verdict: Verdict) -> None:
    sandbox = ground.sandbox(100, 1, 3)
    ground.pulled(sandbox)
    told: list[Day] = []
    for number in range(1, days + 1):
        sandbox.world.live(1)
        before = held() if number % _MONTH == 0 else None
        began = time.process_time()
        ended = ground.listrak("pull", *(("--full",) if number % 7 == 0 else ()))
        seconds = time.process_time() - began
        look_at(verdict, ended, sandbox)
        if ended.code != Exit.DONE:
            verdict.find("lost", f"on day {number} a pull ended with {ended.code}: {ended.text[-400:]}")
        if before:
            nothing_is_worse(verdict, before, held(), sandbox)
        if number % 7:
            told.append(_day(ground, seconds))
    sandbox.world.clock.advance(minutes=1)
    assert ground.listrak("pull", "--full").code == Exit.DONE
    everything_is_there(verdict, held(), sandbox)
    first, last = told[7 : _MONTH + 7], told[-_MONTH:]
    for name, what in (("state", "bytes of the state"), ("states", "copies of it"), ("folder", "bytes of the folder")):
        begun, ended_at = (statistics.median(getattr(day, name) for day in some) for some in (first, last))
        verdict.measured.append(f"{what}: {begun:,.0f} in the first month, {ended_at:,.0f} in the last")
        if ended_at > 1.5 * begun + 2:
            verdict.find("hung", f"{what} grow: {begun:,.0f} → {ended_at:,.0f}")
    begun, ended_at = (statistics.median(day.seconds for day in some) for some in (first, last))
    verdict.measured.append(
        f"seconds of a processor for a daily pull: {begun:.2f} in the first month, {ended_at:.2f} in the last, with"
        f" {told[0].rows:,} rows and {told[-1].rows:,}"
    )
    if ended_at > 1.5 * begun:
        verdict.find("hung", f"a pull takes ever longer: {begun:.2f} → {ended_at:.2f} s")


def _day(ground: Ground, seconds: float) -> Day:
    folder = sum(path.stat().st_size for path in (ground.folder / "dlt").rglob("*") if path.is_file())
    with duckdb.connect(str(Path("listrak.duckdb"))) as connection:
        states = connection.execute(
            "SELECT count(*), max_by(length(state), version) FROM listrak_sms._dlt_pipeline_state"
        ).fetchone()
        rows = connection.execute(
            "SELECT sum(estimated_size) FROM duckdb_tables() WHERE schema_name = 'listrak_sms'"
        ).fetchone()
    assert states
    assert rows
    return Day(seconds, int(states[1]), int(states[0]), folder, int(rows[0]))
