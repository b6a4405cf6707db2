"""A pull that something happens to; then all is well again, and a complete walk comes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial

from listrak_source.api.operations import OPERATIONS
from listrak_source.cli.errors import Exit
from listrak_source.sandbox import Fault, Sandbox
from tests.chaos import faults
from tests.chaos.case import Case, Verdict
from tests.chaos.ground import Ground, look_at, written_beside
from tests.chaos.judge import Held, events_say_so, everything_is_there, held, nothing_is_worse, told_once, who_said_stop
from tests.pull.warehouse import truth

PART = "A pull"
ASKED = (
    "list_sender_codes", "list_phone_lists", "list_profile_fields", "list_transactional_messages", "list_contacts",
    "list_opt_outs", "get_contact", "list_contact_subscriptions", "token",
)  # fmt: skip
"""What a pull asks."""
WAYS = {"first": (), "incremental": (), "complete walk": ("--full",)}
MOMENTS: dict[str, dict[str, int | None]] = {
    "the first": {"times": 1, "after": 0},
    "the second": {"times": 1, "after": 1},
    "the third": {"times": 1, "after": 2},
    "a few": {"times": 5, "after": 1},
    "all": {"times": None, "after": 0},
    "all from the third on": {"times": None, "after": 2},
}
_like: dict[tuple[str, int], Held] = {}
"""What a warehouse holds after the same life and the same pulls, with nothing in their way."""


def live(sandbox: Sandbox, seed: int) -> None:
    """Some people come, go, say stop and come back, and a minute passes."""
    chance, world = random.Random(seed), sandbox.world
    world.clock.advance(hours=30)
    world.live(1)
    reachable = sorted(key for key, row in truth(sandbox)["contacts"].items() if not row["opted_out"])
    for sender, phone in chance.sample(reachable, 3):
        world.opt_out(sender, phone)
    world.clock.advance(minutes=1)


def cases(rounds: range) -> Iterator[Case]:
    """Each fault at each operation that a pull asks, at each moment, in each kind of pull."""
    for number in rounds:
        for kind in faults.kinds():
            how = faults.KINDS[kind]["kind"]
            for operation in ASKED:
                if how in faults.OF_PAGES and not operation.startswith("list_"):
                    continue
                if (how in faults.OF_RECORDS or how == "revoked_token") and operation == "token":
                    continue
                for way in WAYS:
                    for moment in MOMENTS:
                        if how in ("bomb", "trickle", "delay") and moment != "the second":
                            continue
                        name = f"{way}, {moment} of {operation}, life {number}"
                        run = partial(_pull, kind, operation, way, moment, number)
                        yield Case(PART, kind, name, run)


def _pull(kind: str, operation: str, way: str, moment: str, life: int, ground: Ground, verdict: Verdict) -> None:
    sandbox = ground.sandbox()
    if (way, life) not in _like:
        _like[way, life] = _undisturbed(ground, sandbox, way, life)
        sandbox.service.reset()
        (ground.folder / "listrak.duckdb").unlink()
    _begin(ground, sandbox, way, life)
    before = held()
    harm = faults.fault(kind, operation, **MOMENTS[moment])
    sandbox.faults.add(harm)
    ended = ground.listrak("pull", "--workers", "2", *WAYS[way])
    sandbox.faults.clear()
    look_at(verdict, ended, sandbox, also=written_beside(ground.folder / "dlt"))
    after = held()
    nothing_is_worse(verdict, before, after, sandbox)
    if ended.code == Exit.DONE and harm.kind not in faults.HIDING and not _may_hide(harm):
        who_said_stop(verdict, after, sandbox)
    _heal(ground, sandbox, verdict)
    told_once(verdict, held(), _like[way, life])


def _may_hide(harm: Fault) -> bool:
    """Whether the answer is one that Listrak gives where there is nothing."""
    return harm.kind == "status" and harm.body in ("{}", "null", "")


def _begin(ground: Ground, sandbox: Sandbox, way: str, life: int) -> None:
    if way != "first":
        ground.pulled(sandbox)
    live(sandbox, life)


def _undisturbed(ground: Ground, sandbox: Sandbox, way: str, life: int) -> Held:
    _begin(ground, sandbox, way, life)
    assert ground.listrak("pull", "--workers", "2", *WAYS[way]).code == Exit.DONE
    _heal(ground, sandbox, Verdict())
    return held()


def _heal(ground: Ground, sandbox: Sandbox, verdict: Verdict) -> None:
    """A complete walk that nothing happens to, a minute later."""
    before = held()
    sandbox.world.clock.advance(minutes=1)
    ended = ground.listrak("pull", "--workers", "2", "--full")
    look_at(verdict, ended, sandbox)
    if ended.code != Exit.DONE:
        verdict.find("lost", f"a walk that nothing happened to ended with {ended.code}: {ended.text[-600:]}")
        return
    after = held()
    nothing_is_worse(verdict, before, after, sandbox)
    everything_is_there(verdict, after, sandbox)
    events_say_so(verdict, sandbox)


assert set(ASKED) - {"token"} <= OPERATIONS.keys()
