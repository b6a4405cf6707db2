"""Three workers, each with a sender code of its own, into one new dataset; some are killed, and begin again."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from uuid import uuid4

import dlt

from listrak_source.cli.errors import Exit
from tests.chaos import pulls
from tests.chaos.case import Case, Verdict
from tests.chaos.ground import Ended, Ground, look_at
from tests.chaos.judge import DATASET, PEOPLE, Held, held, some
from tests.destinations import servers

PART = "Three workers at once"
IN = {"postgres": 40.0, "ducklake": 150.0}
"""Where, and how many seconds a round takes."""
ROUNDS = 20
COMPARED = (*PEOPLE, "sender_codes", "lists", "profile_fields", "subscriptions")


def cases(rounds: range) -> Iterator[Case]:
    """Rounds of a first start together, a later pull, and a complete walk."""
    for number in rounds:
        for place, seconds in IN.items():
            for one in range(ROUNDS):
                name = f"round {one}, {number}"
                yield Case(PART, f"a round in {place}", name, partial(_round, place, name), seconds)


def _round(place: str, name: str, ground: Ground, verdict: Verdict) -> None:
    draw, sandbox = random.Random(f"{place} {name}"), ground.sandbox(120, 3, 2)
    senders = sorted(sandbox.world.sender_codes)
    lake = f"chaos_{uuid4().hex[:12]}"
    settings = {
        "POSTGRES__CREDENTIALS": servers.database(lake),
        "DUCKLAKE__CREDENTIALS__DUCKLAKE_NAME": lake,
        "DUCKLAKE__CREDENTIALS__CATALOG": servers.database(lake),
        "DUCKLAKE__CREDENTIALS__STORAGE__BUCKET_URL": str(ground.folder / "lake"),
    }
    for setting, value in settings.items():
        ground.patched.setenv(f"DESTINATION__{setting}", value)
    ground.patched.setenv("HOME", servers.home())

    def started(sender: int, *options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "listrak_source", "pull", "-d", place, "--sender-code", str(sender), *options]
        own = {"DLT_DATA_DIR": str(ground.folder / f"machine of {sender}")}
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | own
        )

    def together(kills: int, *options: str) -> None:
        began, workers = time.monotonic(), {sender: started(sender, *options) for sender in senders}
        for sender in draw.sample(senders, kills):
            time.sleep(draw.uniform(0.5, 3.0))
            workers[sender].kill()
            workers[sender].communicate()
            workers[sender] = started(sender, *options)
        for sender, worker in workers.items():
            text = worker.communicate(timeout=300)[0]
            look_at(verdict, Ended(worker.returncode, text, 0.0), sandbox)
            if worker.returncode != Exit.DONE:
                verdict.find("lost", f"the pull of {sender} ended with {worker.returncode}: {text[-600:]}")
        verdict.notes.append(f"{' '.join(options) or 'pull'}: {time.monotonic() - began:.0f} s")

    try:
        for kills, options in ((1, ()), (0, ()), (draw.randrange(2), ("--full",))):
            together(kills, *options)
            look_at(verdict, ground.listrak("pull", *options), sandbox)
            _like_one(verdict, _held(place), held())
            pulls.live(sandbox, draw.randrange(1000))
    finally:
        servers.drop_database(lake)


def _held(place: str) -> Held:
    """What the workers' dataset holds."""
    found, looking = Held(), dlt.pipeline(f"look_{uuid4().hex[:8]}", destination=place, dataset_name=DATASET)
    with looking.sql_client() as client:
        for name in (*COMPARED, "consent_events"):
            with client.execute_query(f"SELECT * FROM {client.make_qualified_table_name(name)}") as cursor:
                rows = cursor.arrow()
                found.add(name, rows.to_pylist() if rows is not None else [])
    return found


def _like_one(verdict: Verdict, workers: Held, one: Held) -> None:
    """Their dataset has the rows of one pipeline's, each once, and as many events."""
    for name, count in workers.doubled.items():
        verdict.find("doubled", f"{name} has {count} keys twice", count)
    for name in COMPARED:
        less = one.there(name).keys() - workers.there(name).keys()
        more = workers.there(name).keys() - one.there(name).keys()
        verdict.find("lost", f"{name} lacks {some(less)}", len(less))
        verdict.find("doubled", f"{name} has {some(more)} more", len(more))
    free = one.stopped() - workers.stopped()
    verdict.find("reached", f"{some(free)} have said stop, and stand as reachable", len(free))
    ours, theirs = (sum(held.told.values()) for held in (workers, one))
    verdict.find("lost", f"{ours} events, and one pipeline tells {theirs}", max(theirs - ours, 0))
    verdict.find("doubled", f"{ours} events, and one pipeline tells {theirs}", max(ours - theirs, 0))
