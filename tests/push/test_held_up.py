"""Nothing holds up a stop, and nothing holds up a sync for ever."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from listrak_source.push.apply import import_jobs
from listrak_source.push.apply import run as applying
from listrak_source.push.sync.config import Sync
from listrak_source.push.warehouse import ledger
from listrak_source.push.warehouse.ledger import (
    CONFIRMED,
    CREATE,
    IMPORT,
    MISMATCHED,
    NOT_FOUND,
    OPTED_OUT,
    REFUSED,
    STOP,
    SUBSCRIBE,
)
from listrak_source.push.warehouse.turns import Lock, LockedError
from listrak_source.sandbox import Fault
from tests.pull.asking import on_request
from tests.pull.warehouse import truth
from tests.push.killing import Killed
from tests.push.pushing import Pushing

NEW = "13125550101"


def stops(pushing: Pushing, rows: list[tuple[Any, ...]]) -> Sync:
    pushing.customers(["id", "phone", "stop"], rows)
    return pushing.sync({"stop": {"contact": "opted_out"}})


def stops_and_list(pushing: Pushing, rows: list[tuple[Any, ...]], new_list: int) -> Sync:
    pushing.customers(["id", "phone", "sale", "stop"], rows)
    columns = {"sale": {"list": new_list}, "stop": {"contact": "opted_out"}}
    return pushing.sync(columns, modes=["create", "subscribe", "unsubscribe"])


def killed_as_it_begins(pushing: Pushing, sync: Sync, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan is in the ledger, and nothing of it is sent."""

    def finish(work: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(applying, "finish", finish)
        with pytest.raises(Killed):
            pushing.apply(sync)


def on_list(pushing: Pushing, phone_list: int) -> set[str]:
    return {phone for _, one, phone in truth(pushing.sandbox)["list_memberships"] if one == phone_list}


def test_a_number_that_listrak_does_not_take_holds_up_no_other(pushing: Pushing) -> None:
    good, later = pushing.phones(2)
    outcome = pushing.apply(stops(pushing, [(1, "+447911123456", True), (2, good, True)]))
    assert outcome
    assert outcome.counts == {(STOP, CONFIRMED): 1, (STOP, NOT_FOUND): 1}
    sync = stops(pushing, [(1, "+447911123456", True), (3, later, True)])
    pushing.apply(sync)
    assert pushing.contact(good)["opted_out"]
    assert pushing.contact(later)["opted_out"]
    assert pushing.plan(sync).is_empty


def test_who_says_stop_after_a_kill_is_opted_in_by_no_earlier_plan(
    pushing: Pushing, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_list = pushing.world.add_list(pushing.sender_code_id, "Sale")
    first, second = pushing.phones(2)
    sync = stops_and_list(pushing, [(1, first, True, None), (2, NEW, True, None), (3, second, True, None)], new_list)
    killed_as_it_begins(pushing, sync, monkeypatch)
    sync = stops_and_list(pushing, [(1, first, True, True), (2, NEW, True, True), (3, second, True, None)], new_list)
    pushing.apply(sync)
    assert on_list(pushing, new_list) == {second}
    assert pushing.contact(first)["opted_out"]
    assert NEW not in {phone for _, phone in truth(pushing.sandbox)["contacts"]}
    assert pushing.sent()[0] == "PUT", "stops first"
    assert pushing.plan(sync).is_empty


def test_an_import_that_never_ends_holds_up_no_stop_and_is_given_up(
    in_duckdb: Pushing, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, (first, second) = in_duckdb.field("Text"), in_duckdb.phones(2)
    columns = {"tier": text.field_id, "stop": {"contact": "opted_out"}}
    in_duckdb.sandbox.service.import_seconds = 3600.0
    monkeypatch.setattr(import_jobs, "PATIENCE", 0.1)
    in_duckdb.customers(["id", "phone", "tier", "stop"], [(1, first, "gold", None)])
    outcome = in_duckdb.apply(in_duckdb.sync(columns))
    assert outcome
    assert not outcome.finished
    in_duckdb.customers(["id", "phone", "tier", "stop"], [(1, first, "gold", None), (2, second, None, True)])
    sync = in_duckdb.sync(columns)
    in_duckdb.apply(sync)
    assert in_duckdb.contact(second)["opted_out"]
    monkeypatch.setattr(import_jobs, "GIVE_UP", -1.0)
    outcome = in_duckdb.apply(sync)
    assert outcome
    assert outcome.finished
    assert outcome.counts == {(IMPORT, MISMATCHED): 1}


def test_an_import_that_listrak_knows_no_more_is_read_back(in_duckdb: Pushing) -> None:
    text, (phone,) = in_duckdb.field("Text"), in_duckdb.phones(1)
    in_duckdb.customers(["id", "phone", "tier"], [(1, phone, "gold")])
    gone = Fault("status", "get_contact_import", status=404)
    in_duckdb.sandbox.faults.add(gone)
    outcome = in_duckdb.apply(in_duckdb.sync({"tier": text.field_id}))
    assert outcome
    assert outcome.finished


def test_a_stray_404_loses_no_stop(in_duckdb: Pushing) -> None:
    (phone,) = in_duckdb.phones(1)
    sync = stops(in_duckdb, [(1, phone, True)])
    in_duckdb.sandbox.faults.add(Fault("status", "get_contact", status=404, body="<html>not here</html>"))
    outcome = in_duckdb.apply(sync)
    assert outcome
    assert outcome.counts == {(STOP, REFUSED): 1}
    in_duckdb.apply(sync)
    assert in_duckdb.contact(phone)["opted_out"]


@pytest.mark.full
@pytest.mark.parametrize("known_by", ["opt_outs", "contacts"])
def test_who_said_stop_and_is_gone_is_not_created_however_it_is_known(pushing: Pushing, known_by: str) -> None:
    new_list = pushing.world.add_list(pushing.sender_code_id, "Sale")
    (phone,) = pushing.phones(1)
    pushing.world.opt_out(pushing.sender_code_id, phone)
    pushing.warehouse.pull(full=True)
    pushing.world.vanish(phone)
    pushing.warehouse.pull(full=True)
    with pushing.store() as store:
        if known_by == "opt_outs":
            store.run("DELETE FROM contacts WHERE removed_at IS NOT NULL")
            store.run("UPDATE opt_outs SET phone_number = SUBSTRING(phone_number, 2, 10)")
        else:
            store.run("DELETE FROM opt_outs")
    plan = pushing.plan(stops_and_list(pushing, [(1, phone, True, None)], new_list))
    assert plan.is_empty
    assert [reason for reason in plan.rejected if "said stop before" in reason]


def test_undo_puts_nobody_back_who_says_stop_now(in_duckdb: Pushing) -> None:
    old = in_duckdb.lists()[0]
    phone = min(on_list(in_duckdb, old) & set(in_duckdb.phones(60)))
    sync = stops_and_list(in_duckdb, [(1, phone, False, None)], old)
    in_duckdb.apply(sync)
    sync = stops_and_list(in_duckdb, [(1, phone, None, True)], old)
    with in_duckdb.session(sync) as session:
        run = ledger.last(session.store, sync.name)
        assert run
        outcome = session.undo(run, in_duckdb.said.append)
    assert outcome
    assert outcome.counts == {(SUBSCRIBE, OPTED_OUT): 1}
    assert in_duckdb.contact(phone)["opted_out"]


def test_who_left_a_list_is_not_put_back(in_duckdb: Pushing) -> None:
    old = in_duckdb.lists()[0]
    left, taken = sorted(on_list(in_duckdb, old) & set(in_duckdb.phones(60)))[:2]
    other = in_duckdb.world.add_list(in_duckdb.sender_code_id, "Other")
    for phone in (left, taken):
        in_duckdb.world.subscribe(in_duckdb.sender_code_id, other, phone)
    in_duckdb.world.leave_list(in_duckdb.sender_code_id, old, left)
    in_duckdb.apply(stops_and_list(in_duckdb, [(1, taken, False, None)], old))
    in_duckdb.world.clock.advance(timedelta(days=3))  # a walk leaves alone who has just moved
    in_duckdb.warehouse.pull(full=True)
    sync = stops_and_list(in_duckdb, [(1, taken, True, None), (2, left, True, None)], old)
    outcome = in_duckdb.apply(sync)
    assert outcome
    assert outcome.counts == {(SUBSCRIBE, CONFIRMED): 1, (SUBSCRIBE, OPTED_OUT): 1}
    assert left not in on_list(in_duckdb, old)
    assert taken in on_list(in_duckdb, old), "whom push has taken off, it may put back"
    assert in_duckdb.plan(sync).is_empty


def test_a_plan_waits_for_an_apply(in_duckdb: Pushing) -> None:
    """It would make the tables anew that the apply sends."""
    sync = stops(in_duckdb, [(1, NEW, True)])
    refused = pytest.raises(LockedError, match="under way")
    with in_duckdb.session(sync) as session, Lock(session.store, sync.name), refused:
        session.plan()


@pytest.mark.full
def test_what_is_lost_is_not_confirmed_by_a_sample_that_says_pending(in_duckdb: Pushing) -> None:
    text, phones = in_duckdb.field("Text"), in_duckdb.phones(6)
    in_duckdb.customers(["id", "phone", "tier"], [(at, phone, "active") for at, phone in enumerate(phones)])

    def edit(operation: str, query: str) -> None:
        if operation == "get_contact":
            for phone in phones:
                in_duckdb.edit(phone, {text.field_id: "pending"})

    on_request(in_duckdb.sandbox, edit)
    outcome = in_duckdb.apply(in_duckdb.sync({"tier": text.field_id}, read_back=2))
    assert outcome
    assert outcome.counts == {(IMPORT, MISMATCHED): len(phones)}


@pytest.mark.full
def test_a_create_that_was_refused_is_tried_again_when_its_row_has_changed(in_duckdb: Pushing) -> None:
    text, new_list = in_duckdb.field("Text"), in_duckdb.world.add_list(in_duckdb.sender_code_id, "Sale")
    banned = in_duckdb.world.sender_codes[in_duckdb.sender_code_id].banned
    banned.add(NEW)

    def sync(tier: str) -> Sync:
        in_duckdb.customers(["id", "phone", "tier", "sale"], [(1, NEW, tier, True)])
        return in_duckdb.sync({"tier": text.field_id, "sale": {"list": new_list}}, modes=["create"])

    in_duckdb.apply(sync("gold"))
    assert in_duckdb.plan(sync("gold")).is_empty
    assert in_duckdb.plan(sync("silver")).counts["creates"] == 1
    banned.discard(NEW)
    outcome = in_duckdb.apply(sync("silver"))
    assert outcome
    assert outcome.counts == {(CREATE, CONFIRMED): 3}


def test_an_email_address_keeps_its_capitals(in_duckdb: Pushing) -> None:
    (phone,) = in_duckdb.phones(1)
    in_duckdb.customers(["id", "phone", "email"], [(1, phone, "John.Smith@Example.com")])
    sync = in_duckdb.sync({"email": {"contact": "email_address"}})
    in_duckdb.apply(sync)
    assert in_duckdb.contact(phone)["email_address"] == "John.Smith@Example.com"
    assert in_duckdb.plan(sync).is_empty
    in_duckdb.customers(["id", "phone", "email"], [(1, phone, "john.smith@example.COM")])
    assert in_duckdb.plan(sync).is_empty


@pytest.mark.cases(1)
@pytest.mark.parametrize("end", [" -- whole numbers or not", ";", " ;; -- the end; of it\n"])
def test_a_query_is_in_the_databases_own_words(pushing: Pushing, end: str) -> None:
    text, (phone,) = pushing.field("Text"), pushing.phones(1)
    pushing.customers(["id", "phone"], [(150, phone)])
    query = f"SELECT id, phone, CAST(id / 100 AS TEXT) AS tier FROM customers{end}"
    sync = pushing.sync({"tier": text.field_id}, table=None, query=query)
    pushing.apply(sync)
    told = pushing.contact(phone)["values"][text.field_id]
    assert told == ("1" if pushing.warehouse.place.name == "postgres" else "1.5")


def test_phone_numbers_that_are_no_texts(in_duckdb: Pushing) -> None:
    text, (phone,) = in_duckdb.field("Text"), in_duckdb.phones(1)
    with in_duckdb.store() as store:
        store.run(f"CREATE TABLE customers AS SELECT 1 AS id, CAST({phone} AS DOUBLE) AS phone, 'gold' AS tier")
    sync = in_duckdb.sync({"tier": text.field_id})
    with in_duckdb.session(sync) as session:
        (problem,) = session.check()[1]
    assert "cannot hold phone numbers" in problem


def test_a_stop_of_somebody_whom_no_pull_has_brought_is_sent_once(pushing: Pushing) -> None:
    phone, sender = "13125550101", pushing.sender_code_id
    pushing.world.subscribe(sender, pushing.lists()[0], phone)
    sync = stops(pushing, [(1, phone, True)])
    pushing.apply(sync)
    assert pushing.contact(phone)["opted_out"] is True
    assert pushing.plan(sync).is_empty
    pushing.world.resubscribe(sender, phone)
    pushing.world.clock.advance(hours=1)
    pushing.warehouse.pull()
    assert pushing.plan(sync).counts["opt_outs"] == 1, "a pull has brought them back since, and the row still says stop"


@pytest.mark.parametrize("after", [0, 1], ids=["before the stop", "when it is read back"])
def test_a_stop_of_which_nothing_is_told_is_sent_again(in_duckdb: Pushing, after: int) -> None:
    """13.A6: an empty answer is not that there is nobody to stop. It holds up no other stop."""
    pushing = in_duckdb
    one, other = pushing.phones(2)
    sync = stops(pushing, [(1, one, True)])
    body = '{"status": 200, "data": null}'
    pushing.sandbox.faults.add(Fault("status", "get_contact", after=after, status=200, body=body))
    outcome = pushing.apply(sync)
    assert outcome
    assert outcome.counts == {(STOP, REFUSED if after == 0 else MISMATCHED): 1}
    outcome = pushing.apply(stops(pushing, [(1, one, True), (2, other, True)]))
    assert outcome
    assert outcome.counts == {(STOP, CONFIRMED): 2}
    assert pushing.contact(one)["opted_out"]
    assert pushing.contact(other)["opted_out"]
