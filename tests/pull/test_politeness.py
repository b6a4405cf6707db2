"""A pull from a Listrak that hides a rate limit: it ends, refused rarely, at nearly what the limit allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from listrak_source.api import ListrakClient
from listrak_source.cli.errors import Exit, explain
from listrak_source.sandbox import RateLimit, Sandbox, World
from listrak_source.sandbox.traffic import Traffic
from tests.pull.warehouse import Warehouse, truth

MINUTE = 60
FASTER = 10
SAID_WHEN, FIXED_MINUTES = "20 per 10 s, said when", "60 a minute, in fixed windows"
LIMITS = {
    "20 per 10 s": RateLimit(20, 10),
    SAID_WHEN: RateLimit(20, 10, retry_after=True),
    "20 per 10 s, in fixed windows": RateLimit(20, 10, shape="fixed"),
    "60 a minute": RateLimit(60, 60),
    FIXED_MINUTES: RateLimit(60, 60, shape="fixed"),
    "a bucket that leaks 2 per s": RateLimit(20, 10, shape="bucket", burst=10),
}


def shares(traffic: Traffic, limit: RateLimit, faster: float) -> tuple[float, float, int]:
    """After the first minute: refused of all requests, let through of what the limit allows; over how many seconds."""
    later = traffic.verdicts[round(MINUTE / faster) :]
    allowed, refused = (sum(side) for side in zip(*later, strict=True))
    # The last second may have been cut short.
    return refused / (allowed + refused), allowed / (limit.per_second * faster * (len(later) - 0.5)), len(later)


def pull(limit: RateLimit, faster: float, contacts: int, folder: Path) -> tuple[float, float, str]:
    """Pull everything and look everybody up, from a limit whose windows are so many times as short."""
    world = World(seed=3, contacts=contacts, sender_codes=1, lists=3)
    with Sandbox(world, rate_limit=replace(limit, seconds=limit.seconds / faster)) as sandbox:
        warehouse = Warehouse(sandbox, folder)
        warehouse.pull(lookups="all", page_size=100)
        expected = truth(sandbox)
        for table in ("contacts", "list_memberships", "subscriptions", "opt_outs"):
            assert warehouse.rows(table).keys() == expected[table].keys(), table
        traffic = sandbox.traffic
        refused, used, seconds = shares(traffic, limit, faster)
        told = (
            f"{traffic.allowed} requests in {len(traffic.verdicts)} s, {traffic.refused} refused;"
            f" in the last {seconds} s {refused:.1%} refused, {used:.0%} of the limit used"
        )
        return refused, used, told


@pytest.mark.full
# Retry-After tells whole seconds, which do not get shorter; fixed minutes take some until they have been learned.
@pytest.mark.parametrize("name", [name for name in LIMITS if name not in (SAID_WHEN, FIXED_MINUTES)])
def test_a_hidden_limit_is_learned(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    """The limit's windows, and the client's, a tenth as long."""
    quick = partial(ListrakClient, first_wait=1 / FASTER, max_wait=60 / FASTER)
    monkeypatch.setattr("listrak_source.settings.ListrakClient", quick)
    # A question that a busy machine asks late costs a whole fixed window: so there are more of them.
    refused, used, told = pull(LIMITS[name], FASTER, 220 if LIMITS[name].shape == "fixed" else 110, tmp_path)
    record_property(f"{name}, {FASTER} times as fast", told)
    assert refused <= 0.05, told
    assert used >= 0.8, told


@pytest.mark.long
@pytest.mark.parametrize("name", LIMITS)
def test_a_hidden_limit_is_learned_at_its_real_size(
    name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    refused, used, told = pull(LIMITS[name], 1, 180 if limit_is_slow(name) else 300, tmp_path)
    record_property(name, told)
    assert refused <= 0.05, told
    assert used >= 0.8, told


def test_a_limit_that_is_used_up_ends_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = partial(ListrakClient, first_wait=0.05, max_rate_limited_seconds=0.5)
    monkeypatch.setattr("listrak_source.settings.ListrakClient", quick)
    with Sandbox(World(seed=3, contacts=100, sender_codes=1, lists=3), rate_limit=RateLimit(12, 3600)) as sandbox:
        with pytest.raises(Exception, match="too many requests") as caught:
            Warehouse(sandbox, tmp_path).pull()
        # What was asked for in between is little: each time it waits twice as long.
        assert sandbox.traffic.refused <= 8 + 10
    sentence, code = explain(caught.value)
    assert code == Exit.TRY_AGAIN
    assert "Listrak has refused this for 1 min because of too many requests" in sentence
    assert len(sentence.splitlines()) == 1


def limit_is_slow(name: str) -> bool:
    return LIMITS[name].per_second < 2
