"""Several runs of push beside each other: two syncs, two processes, one that was killed (14.A6, 14.A7, 14.D19)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import pytest

from listrak_source import lease
from listrak_source.cli.errors import Exit
from listrak_source.lease import TABLE, Owner
from listrak_source.push.apply import single_writes
from listrak_source.push.sync.config import Sync
from listrak_source.push.warehouse import ledger, turns
from listrak_source.push.warehouse.ledger import CONFIRMED, STOP
from listrak_source.push.warehouse.sql_client import Store
from listrak_source.push.warehouse.turns import Lock, LockedError, Turn
from listrak_source.sql import Sql
from tests.push.pushing import Pushing

OTHER = Owner("elsewhere", "another boot", 4242, "1")
"""A process on another machine."""


def at_once(*does: Callable[[], Any]) -> list[BaseException]:
    """Do things on threads of their own; gives what went wrong."""
    failed: list[BaseException] = []

    def guarded(do: Callable[[], Any]) -> None:
        try:
            do()
        except BaseException as error:  # noqa: BLE001 - handed to the test
            failed.append(error)

    threads = [Thread(target=guarded, args=[do]) for do in does]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


def names_and_codes(pushing: Pushing, count: int) -> tuple[list[str], Sync, Sync]:
    """Two syncs that change two fields of the same contacts, one by one."""
    phones = pushing.phones(count)
    rows = [(at, phone, f"A{at}", "01234") for at, phone in enumerate(phones)]
    pushing.customers(["id", "phone", "first", "zip"], rows)
    first = pushing.sync({"first": {"contact": "first_name"}}, name="names")
    return phones, first, pushing.sync({"zip": {"contact": "postal_code"}}, name="codes")


def test_two_syncs_lose_no_value_of_each_other(pushing: Pushing) -> None:
    """14.A7: a single update replaces the whole contact, and had what the other one wrote in the meantime undone."""
    phones, names, codes = names_and_codes(pushing, 16)
    pushing.sandbox.service.delay = 0.1
    with pushing.session(names) as first, pushing.session(codes) as second:
        assert at_once(lambda: first.apply(print), lambda: second.apply(print)) == []
    held = [pushing.contact(phone) for phone in phones]
    lost = sum(one["first_name"] != f"A{at}" or one["postal_code"] != "01234" for at, one in enumerate(held))
    assert lost == 0


def test_the_first_applies_of_two_syncs_make_the_tables_once(pushing: Pushing) -> None:
    """14.D19: two at once ended one of them with UniqueViolation."""
    with pushing.store() as first, pushing.store() as second:
        for table in (*ledger.TABLES, TABLE):
            first.run(f"DROP TABLE IF EXISTS {table}")
        assert at_once(lambda: turns.prepare(first), lambda: turns.prepare(second)) == []
        assert ledger.is_prepared(first)


def test_who_has_stops_to_send_is_next_in_line(pushing: Pushing) -> None:
    """14.A7: a turn ends with its batch, and a stop waits for no other."""
    came: list[str] = []
    in_line = Event()

    def wait(who: str, *, stops: bool) -> None:
        with pushing.store() as store:
            in_line.set()
            with Turn(store, stops=stops):
                came.append(who)

    with pushing.session(names_and_codes(pushing, 1)[1]) as session:
        session.plan()
        with Turn(session.store):
            threads = []
            for who in ("first", "second", "stops"):
                threads.append(Thread(target=wait, args=[who], kwargs={"stops": who == "stops"}))
                in_line.clear()
                threads[-1].start()
                in_line.wait()
                scope = f"SELECT COUNT(*) FROM {TABLE} WHERE scope NOT LIKE '%holds%' AND kind = 'push turn'"
                until = time.monotonic() + 10
                while session.store.one(scope) < len(threads) and time.monotonic() < until:
                    time.sleep(0.01)
            assert came == []
        for thread in threads:
            thread.join()
        assert came == ["stops", "first", "second"]
        assert session.store.rows(f"SELECT * FROM {TABLE}") == []


def test_a_turn_that_is_over_leaves_the_rest_to_the_next(in_duckdb: Pushing, monkeypatch: pytest.MonkeyPatch) -> None:
    """14.A7: a slow batch does not keep a stop of another sync waiting."""
    phones, names, _ = names_and_codes(in_duckdb, 12)
    turns: list[Turn] = []
    monkeypatch.setattr(single_writes, "TURN", 0.02)
    take = Turn._take

    def noted(turn: Turn, sql: Sql) -> None:
        turns.append(turn)
        take(turn, sql)

    monkeypatch.setattr(Turn, "_take", noted)
    in_duckdb.sandbox.service.delay = 0.01
    outcome = in_duckdb.apply(names)
    assert outcome
    assert outcome.counts == {(ledger.UPDATE, CONFIRMED): len(phones)}
    assert len(turns) > 1
    assert in_duckdb.sent() == ["PUT"] * len(phones)


def taken_elsewhere(pushing: Pushing, sync: Sync, monkeypatch: pytest.MonkeyPatch, ago: float) -> None:
    """A process on another machine has the lease, and was heard of so many seconds ago."""
    with pushing.store() as store:
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr(Owner, "ourselves", lambda: OTHER)
            elsewhere.setattr(Lock, "__exit__", lambda *_: None)
            with Lock(store, sync.name) as lock:
                lock._ended.set()
        store.run(f"UPDATE {TABLE} SET began = began - 100, heartbeat = heartbeat - {ago}")


def test_an_apply_waits_until_an_owner_that_is_silent_counts_as_gone(
    pushing: Pushing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """14.A6: it was refused, and so its stops waited for the next time that somebody started it."""
    (phone,) = pushing.phones(1)
    pushing.customers(["id", "phone", "stop"], [(1, phone, True)])
    sync = pushing.sync({"stop": {"contact": "opted_out"}})
    taken_elsewhere(pushing, sync, monkeypatch, lease.SILENCE - 1.5)
    began = time.monotonic()
    outcome = pushing.apply(sync)
    assert outcome
    assert outcome.counts == {(STOP, CONFIRMED): 1}
    assert 1 < time.monotonic() - began < 10


def test_an_owner_that_is_heard_of_is_not_waited_for(pushing: Pushing, monkeypatch: pytest.MonkeyPatch) -> None:
    """14.A6: a run on another machine goes on, and the second one is told so."""
    _, sync, _ = names_and_codes(pushing, 1)
    taken_elsewhere(pushing, sync, monkeypatch, 40)

    ended = Event()

    def beat(store: Store) -> None:
        while not ended.wait(0.5):
            store.run(f"UPDATE {TABLE} SET heartbeat = heartbeat + 1")

    with pushing.session(sync) as session, pushing.store() as another:
        heart = Thread(target=beat, args=[another], daemon=True)
        heart.start()
        with pytest.raises(LockedError, match="on elsewhere, process 4242"):
            session.plan()
        ended.set()
        heart.join()


def test_who_is_interrupted_while_it_waits_leaves_nothing_behind(
    pushing: Pushing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """14.A6: SIGTERM releases a place in the line too."""

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with pushing.session(names_and_codes(pushing, 1)[1]) as session:
        session.plan()
        with Turn(session.store):
            monkeypatch.setattr(time, "sleep", interrupted)
            with pytest.raises(KeyboardInterrupt), Turn(session.store, stops=True):
                pass
        assert session.store.rows(f"SELECT * FROM {TABLE}") == []


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_was_ended_holds_up_no_stop(pushing: Pushing, told: signal.Signals) -> None:
    """14.A6: the next apply begins at once, on this machine, and finishes what the one before it has begun."""
    phones = pushing.phones(12)
    pushing.customers(["id", "phone", "stop"], [(at, phone, True) for at, phone in enumerate(phones)])
    pushing.sync({"stop": {"contact": "opted_out"}})
    pushing.sandbox.service.delay = 0.3
    with subprocess.Popen(**command(pushing)) as process:
        until = time.monotonic() + 60
        while pushing.sandbox.traffic.counts["update_contact"] < 2 and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(told)
        process.communicate()
    assert process.returncode == (Exit.TERMINATED if told == signal.SIGTERM else -told)
    pushing.sandbox.service.delay = 0.0
    leases = pushing.rows(f"SELECT kind FROM {TABLE}")
    assert (leases == []) == (told == signal.SIGTERM), leases
    began = time.monotonic()
    again = subprocess.run(**command(pushing), check=False)
    assert again.returncode == Exit.DONE, again.stderr
    assert time.monotonic() - began < 30
    assert "was cut short: it is finished first." in again.stdout
    assert all(pushing.contact(phone)["opted_out"] for phone in phones)
    assert pushing.rows(f"SELECT kind FROM {TABLE}") == []


def command(pushing: Pushing) -> dict[str, Any]:
    """``listrak push apply`` in a process of its own."""
    place, options = pushing.warehouse.place.name, pushing.warehouse.options()
    keys = ("client_id", "client_secret", "base_url", "token_url")
    credentials: Any = pushing.warehouse.pipeline().destination_client().config.credentials
    settings = {f"SOURCES__LISTRAK__{key.upper()}": str(options[key]) for key in keys}
    settings |= {f"DESTINATION__{place.upper()}__CREDENTIALS": credentials.to_native_representation()}
    words = ["-m", "listrak_source", "push", "apply", "loyalty", "--file", "push.toml", "--destination", place]
    return {
        "args": [sys.executable, *words, "--dataset", pushing.warehouse.dataset], "cwd": pushing.warehouse.folder,
        "env": os.environ | settings, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True,
    }  # fmt: skip


@pytest.mark.full
def test_a_turn_that_never_comes_is_given_up(in_duckdb: Pushing, monkeypatch: pytest.MonkeyPatch) -> None:
    """14.A7: what is left of the run is in the ledger, and the next apply has it."""
    phones, names, _ = names_and_codes(in_duckdb, 2)
    in_duckdb.plan(names)
    monkeypatch.setattr(turns, "PATIENCE", 0.1)
    with in_duckdb.store() as store, Turn(store), pytest.raises(LockedError, match="another push to this account"):
        in_duckdb.apply(names)
    assert in_duckdb.sent() == []
    outcome = in_duckdb.apply(names)
    assert outcome
    assert outcome.counts == {(ledger.UPDATE, CONFIRMED): len(phones)}
    assert in_duckdb.rows(f"SELECT kind FROM {TABLE}") == []
