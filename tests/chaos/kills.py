"""A pull or a push that is killed, at every point where it tells, asks or writes something, and is started again."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from functools import partial

from listrak_source import lease
from listrak_source.pull.schema import TABLES
from tests.chaos import pulls, pushes
from tests.chaos.case import Case, Verdict
from tests.chaos.ground import Ground
from tests.chaos.judge import Held, everything_is_there, nothing_is_worse
from tests.destinations import servers
from tests.destinations.places import PLACES
from tests.pull import dying
from tests.pull.dying import Moment
from tests.pull.warehouse import Warehouse
from tests.push.killing import Killed, count_down

PULL = "A pull that is killed"
PUSH = "A push that is killed"
IN = {"duckdb": 1, "postgres": 1, "parquet": 2, "delta": 3, "ducklake": 10}
"""Where the warehouse is, and at how many points the pull is killed there: each, each second one …"""
WAYS: dict[str, int] = {"first": 110, "incremental": 66, "complete walk": 153}
"""How often a pull of this account tells of its progress; one that is to be killed later comes to its end."""
STEPS = 490
"""How many statements and requests a push takes, each counted before and after; the last ones come when all is done."""
SIGNALS = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM}


def cases(rounds: range) -> Iterator[Case]:
    """Each point, by each signal, with what dlt keeps on this machine and without it."""
    for number in rounds:
        for place, stride in IN.items():
            for way, points in WAYS.items():
                for at in range(1 + number % stride, points + 1, stride):
                    for by in SIGNALS if place in ("duckdb", "postgres") else ("SIGKILL",):
                        wiped = (at + number) % 2 == 0
                        name = f"{way}, point {at}{', its folder gone' if wiped else ''}, {number}"
                        run = partial(_pull, place, way, at, by, wiped, number)
                        yield Case(PULL, f"{by} in {place}", name, run, 20.0 if place == "ducklake" else 3.0)
        for at in range(1, STEPS + 1):
            yield Case(PUSH, "at each statement and request", f"step {at}, {number}", partial(_push, at))


def _pull(place: str, way: str, at: int, by: str, wiped: bool, life: int, ground: Ground, verdict: Verdict) -> None:
    sandbox = ground.sandbox()
    for name, value in servers.for_children().items():
        ground.patched.setenv(name, value)
    warehouse = Warehouse(sandbox, ground.folder, PLACES[place])
    if way != "first":
        warehouse.begin()
    pulls.live(sandbox, life)
    before = held_in(warehouse)
    dying.pull(warehouse, Moment(told=at, signal=SIGNALS[by]), full=way == "complete walk")
    if wiped:
        shutil.rmtree(ground.folder / "pipelines", ignore_errors=True)
    killed = held_in(warehouse)
    if place == "parquet":
        # dlt only adds files there. The next pull brings them together, before it reads anything.
        killed.doubled.clear()
    nothing_is_worse(verdict, before, killed, sandbox)
    sandbox.world.clock.advance(minutes=1)
    warehouse.pull(full=True)
    after = held_in(warehouse)
    nothing_is_worse(verdict, before, after, sandbox)
    everything_is_there(verdict, after, sandbox)


def held_in(warehouse: Warehouse) -> Held:
    """What a warehouse holds, wherever it is."""
    found = Held()
    with warehouse.reading():
        for name in TABLES:
            if (records := warehouse.records(name)) is not None:
                found.add(name, records)
    return found


def _push(at: int, ground: Ground, verdict: Verdict) -> None:
    wish = pushes.wishing(ground)
    ground.patched.setattr(lease, "is_running", lambda _: False)
    with ground.patched.context() as patched:
        count_down(patched, at)
        try:
            with wish.pushing.session(wish.sync) as session:
                session.apply(wish.pushing.said.append)
        except Killed:
            pass
    for _ in range(2):
        pushes.apply(wish, verdict)
    pushes.fulfilled(wish, verdict)
