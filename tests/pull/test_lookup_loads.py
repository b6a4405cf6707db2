"""Lookups in several loads: nobody is asked twice, also after a kill, and never more at once than may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from time import monotonic

import pytest

from listrak_source.sandbox import Sandbox, World
from tests.pull.asking import on_request, somebody
from tests.pull.cutting import SMALL_LOADS, agree, cut
from tests.pull.warehouse import Warehouse, truth


@pytest.fixture(scope="module")
def served() -> Iterator[Sandbox]:
    with Sandbox(World(seed=3, contacts=120, sender_codes=1, lists=3)) as sandbox:
        yield sandbox


# -- lookups ----------------------------------------------------------------------------------------------------------


def newcomers(sandbox: Sandbox, number: int) -> set[str]:
    """So many people who subscribe now."""
    someone = somebody(sandbox)
    phones = {f"15550200{one:03d}" for one in range(number)}
    for phone in sorted(phones):
        sandbox.world.subscribe(someone.sender_code_id, someone.phone_list_id, phone)
    return phones


def asked_for(sandbox: Sandbox) -> Counter[str]:
    """How often each contact was looked up."""
    return Counter(
        path.rsplit("/", 1)[1]
        for _, path, _ in list(sandbox.traffic.log)
        if path.rsplit("/", 1)[0].endswith("/Contact")
    )


@pytest.mark.full
def test_a_first_pull_looks_nobody_up(warehouse: Warehouse) -> None:
    warehouse.pull(**SMALL_LOADS)
    assert not asked_for(warehouse.sandbox)


@pytest.mark.full
def test_who_was_looked_up_before_a_kill_is_not_asked_again(
    warehouse: Warehouse, twin: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("listrak_source.pull.extract.lookups.AT_ONCE", 8)
    for one in (warehouse, twin):
        one.pull()
    phones = newcomers(warehouse.sandbox, 40)
    twin.pull()
    warehouse.sandbox.traffic.clear()
    while cut(warehouse, 1, chunk_rows=250):
        pass
    assert asked_for(warehouse.sandbox) == Counter(phones)
    agree(warehouse, twin)


@pytest.mark.full
@pytest.mark.parametrize("tables", [("subscriptions",), ()], ids=["subscriptions alone", "all tables"])
def test_everybody_is_asked_once_on_request_also_after_kills(warehouse: Warehouse, tables: tuple[str, ...]) -> None:
    """Also who is on several lists."""
    sandbox = warehouse.sandbox
    sender = somebody(sandbox).sender_code_id
    first, second, *_ = sandbox.world.sender_codes[sender].lists.values()
    both = [sandbox.world.phone(one) for one in list(first.reachable.members)[:20]]
    for phone in both:
        if not second.since[sandbox.world.people[phone]]:
            sandbox.world.subscribe(sender, second.list_id, phone)
    sandbox.traffic.clear()
    rounds = 0
    while cut(warehouse, 1, *tables, lookups="all", chunk_rows=700, page_size=10):
        rounds += 1
    assert rounds > 2
    log = [path for _, path, _ in list(sandbox.traffic.log) if "/Contact/" in path and path.endswith("/PhoneList")]
    asked = Counter(path.split("/")[-2] for path in log)
    assert asked == Counter(phone for _, phone in truth(sandbox)["contacts"])
    people = truth(sandbox)["contacts"]
    true = {key: row for key, row in truth(sandbox)["subscriptions"].items() if key[:2] in people}
    assert warehouse.rows("subscriptions") == true


@pytest.mark.full
@pytest.mark.parametrize("workers", [1, 3])
def test_lookups_and_list_readers_together_keep_to_workers(warehouse: Warehouse, workers: int) -> None:
    """While a complete walk looks people up, its list readers go on. The sandbox waits before each answer, so what
    comes within that time is under way at once."""
    sandbox, wait = warehouse.sandbox, 0.02
    sandbox.service.delay = wait
    came: list[float] = []
    on_request(sandbox, lambda operation, query: came.append(monotonic()) if operation != "token" else None)
    warehouse.pull(lookups="all", page_size=10, workers=workers)
    came.sort()
    most = max(sum(1 for other in came[at : at + 20] if other - begun < wait) for at, begun in enumerate(came))
    assert most == workers
