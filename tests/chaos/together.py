"""Two at once: pulls, a pull and a push, two pushes, also by machines whose clocks differ."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from listrak_source.cli.errors import Exit
from listrak_source.push.sync.config import BUDGET
from listrak_source.sandbox import Sandbox
from tests.chaos import pulls
from tests.chaos.case import Case, Verdict
from tests.chaos.ground import Ended, Ground, look_at
from tests.chaos.judge import everything_is_there, nothing_is_worse, who_said_stop
from tests.chaos.warehouses import Base, based
from tests.pull.warehouse import truth

PART = "Two at once"
PAIRS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "two pulls": (("pull",), ("pull",)),
    "a pull and a complete walk": (("pull",), ("pull", "--full")),
    "two complete walks": (("pull", "--full"), ("pull", "--full")),
    "a pull and a push": (("pull",), ("push", "apply", "one")),
    "a complete walk and a push": (("pull", "--full"), ("push", "apply", "one")),
    "two pushes of one sync": (("push", "apply", "one"), ("push", "apply", "one")),
    "pushes of two syncs": (("push", "apply", "one"), ("push", "apply", "two")),
}
CLOCKS = ("the same clock", "clocks 20 minutes apart")
_LATER = "import sys, time; now = time.time; time.time = lambda: now() + {by}; sys.argv[0] = 'listrak'; "
_MAIN = "from listrak_source.cli.entrypoint import main; main()"
_SYNC = """
[{name}]
table = "main.customers"
phone = "phone"
key = "id"
sender_code = {sender}
columns = {{ {columns} }}
budget = {{ {budget} }}
"""
_BUDGET = ", ".join(f"{name} = {{ rows = 1000, percent = 100 }}" for name in BUDGET)


def cases(rounds: range) -> Iterator[Case]:
    """Each pair, the one so many tenths of a second behind the other."""
    for number in rounds:
        for pair in PAIRS:
            for place in ("duckdb", "postgres"):
                for clock in CLOCKS:
                    for tenths in (0, 3, 8, 15):
                        name = f"{place}, {clock}, {tenths} tenths later, {number}"
                        yield Case(PART, pair, name, partial(_pair, pair, place, clock, tenths, number), 12.0)


def _pair(pair: str, place: str, clock: str, tenths: int, life: int, ground: Ground, verdict: Verdict) -> None:
    sandbox = ground.sandbox(60, 2, 2)
    with based(ground, place) as base:
        base.begin(sandbox)
        first = _customers(base, sandbox)
        pulls.live(sandbox, life)
        before = base.held()
        by = 0 if clock == CLOCKS[0] else random.Random(life + tenths).choice((-1200, 1200))
        commands = [[*words, *base.arguments] for words in PAIRS[pair]]
        processes = [_start(commands[0], 0)]
        time.sleep(tenths / 10)
        processes.append(_start(commands[1], by))
        began = time.monotonic()
        texts = [process.communicate(timeout=200)[0] for process in processes]
        for words, process, text in zip(commands, processes, texts, strict=True):
            look_at(verdict, Ended(process.returncode, text, time.monotonic() - began), sandbox)
            if process.returncode == Exit.TRY_AGAIN:
                # It says so, and a scheduler does it.
                ended = ground.listrak(*words)
                look_at(verdict, ended, sandbox)
        nothing_is_worse(verdict, before, base.held(), sandbox)
        sandbox.world.clock.advance(minutes=1)
        for name in ("one", "two") if "push" in pair else ():
            look_at(verdict, ended := ground.listrak("push", "apply", name, *base.arguments), sandbox)
            if ended.code not in (Exit.DONE, Exit.NOT_ALL):
                verdict.find("lost", f"a push that nothing happened to ended with {ended.code}: {ended.text[-600:]}")
        ended = base.pull("--full")
        look_at(verdict, ended, sandbox)
        after = base.held()
        nothing_is_worse(verdict, before, after, sandbox)
        everything_is_there(verdict, after, sandbox)
        who_said_stop(verdict, after, sandbox)
        if "push" in pair:
            _fulfilled(verdict, sandbox, first)


def _start(words: list[str], by: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _LATER.format(by=by) + _MAIN, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=dict(os.environ),
    )


def _customers(base: Base, sandbox: Sandbox) -> list[str]:
    """A table of people who want a value, and one of them to be left alone."""
    sender = next(iter(sandbox.world.sender_codes))
    told = truth(sandbox)["contacts"]
    phones = sorted(phone for (one, phone), row in told.items() if one == sender and not row["opted_out"])[:6]
    rows = [(number, phone, f"tier {number}", number == 5) for number, phone in enumerate(phones)]
    schema = "" if base.place == "duckdb" else "CREATE SCHEMA IF NOT EXISTS main; "
    values = ", ".join(f"({number}, '{phone}', '{tier}', {str(stop).lower()})" for number, phone, tier, stop in rows)
    with base.connected() as run:
        if schema:
            run(schema)
        run("CREATE TABLE main.customers (id BIGINT, phone VARCHAR, tier VARCHAR, stop BOOLEAN)")
        run(f"INSERT INTO main.customers VALUES {values}")
    text = next(one for one in sandbox.world.fields.values() if (one.data_type, one.status) == ("Text", "Active"))
    syncs = {
        "one": f'tier = {{ field = "{text.name}" }}, stop = {{ contact = "opted_out" }}',
        "two": 'tier = { contact = "first_name" }',
    }
    Path("listrak_push.toml").write_text(
        "".join(_SYNC.format(name=one, sender=sender, columns=what, budget=_BUDGET) for one, what in syncs.items()),
        encoding="utf-8",
    )
    return phones


def _fulfilled(verdict: Verdict, sandbox: Sandbox, phones: list[str]) -> None:
    told = truth(sandbox)["contacts"]
    sender = next(iter(sandbox.world.sender_codes))
    wrong = [phone[-4:] for phone in phones[5:] if not told[sender, phone]["opted_out"]]
    verdict.find("reached", f"the stop of {wrong} is not at Listrak", len(wrong))
    names = [told[sender, phone]["first_name"] for phone in phones if not told[sender, phone]["opted_out"]]
    less = [name for name in names if not str(name).startswith("tier ")]
    verdict.find("lost", f"first names are {names}", len(less))
