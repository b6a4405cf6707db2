"""Lists: who is put on them, taken off them and created on them; and that nobody who said stop ever is."""

from __future__ import annotations

from typing import Any

import pytest

from listrak_source.push.sync.config import Sync
from listrak_source.push.validate import checked
from listrak_source.push.warehouse.ledger import (
    CONFIRMED,
    CREATE,
    IMPORT,
    OPTED_OUT,
    PENDING,
    REFUSED,
    SKIPPED,
    SUBSCRIBE,
    UNSUBSCRIBE,
)
from listrak_source.push.warehouse.sql_client import Store
from listrak_source.sandbox import Fault
from tests.pull.asking import on_request
from tests.pull.warehouse import truth
from tests.push.pushing import Pushing

NEW, NEWER = "13125550101", "13125550102"
COLUMNS = ["id", "phone", "vip"]


def vip(pushing: Pushing, rows: list[tuple[Any, ...]], modes: list[str], phone_list: int, **columns: Any) -> Sync:
    """Customers, and whether each is to be on a list."""
    pushing.customers([*COLUMNS, *columns], rows)
    return pushing.sync({"vip": {"list": phone_list}} | columns, modes=modes)


def on_list(pushing: Pushing, phone_list: int) -> set[str]:
    """Who is on a list and can be reached."""
    told = truth(pushing.sandbox)
    stopped = {phone for (_, phone), row in told["contacts"].items() if row["opted_out"]}
    return {phone for _, one, phone in told["list_memberships"] if one == phone_list} - stopped


@pytest.mark.full
def test_people_are_put_on_a_list_and_taken_off_it(pushing: Pushing) -> None:
    new = pushing.world.add_list(pushing.sender_code_id, "VIP")
    old = max(pushing.lists(), key=lambda one: len(on_list(pushing, one)) if one != new else 0)
    joins, leaves, stays, other = sorted(on_list(pushing, old))[:4]
    before = on_list(pushing, old)
    sync = vip(pushing, [(1, joins, True), (2, leaves, False), (3, other, None)], ["subscribe", "unsubscribe"], new)
    assert pushing.plan(sync).counts | {"imports": 0} == {
        "opt_outs": 0, "unsubscribes": 0, "creates": 0, "subscribes": 1, "updates": 0, "imports": 0,
    }  # fmt: skip
    outcome = pushing.apply(sync)
    assert outcome
    assert outcome.counts == {(SUBSCRIBE, CONFIRMED): 1}
    assert on_list(pushing, new) == {joins}
    assert pushing.plan(sync).is_empty
    off = vip(pushing, [(1, joins, True), (2, leaves, False), (3, stays, True)], ["subscribe", "unsubscribe"], old)
    outcome = pushing.apply(off)
    assert outcome
    assert outcome.counts == {(UNSUBSCRIBE, CONFIRMED): 1}
    assert on_list(pushing, old) == before - {leaves}
    assert not pushing.contact(leaves)["opted_out"], "that is no stop"
    assert pushing.plan(off).is_empty
    pushing.warehouse.pull(full=True)
    assert pushing.plan(off).is_empty, "also after the next pull"


def test_a_mode_that_is_not_named_does_nothing(in_duckdb: Pushing) -> None:
    new = in_duckdb.world.add_list(in_duckdb.sender_code_id, "VIP")
    old = in_duckdb.lists()[0]
    joins, leaves = sorted(on_list(in_duckdb, old))[:2]
    wanted = [(1, joins, True), (2, NEW, True)]
    assert in_duckdb.plan(vip(in_duckdb, wanted, ["unsubscribe"], new)).is_empty
    assert in_duckdb.plan(vip(in_duckdb, wanted, ["create"], new)).counts["subscribes"] == 0
    plan = in_duckdb.plan(vip(in_duckdb, wanted, ["subscribe"], new))
    assert (plan.counts["subscribes"], plan.counts["creates"]) == (1, 0)
    assert list(plan.rejected.values()) == [1], "nobody is created unasked"
    assert in_duckdb.plan(vip(in_duckdb, [(1, leaves, False)], ["subscribe", "create"], old)).is_empty


@pytest.mark.full
def test_contacts_are_created_with_their_values(pushing: Pushing) -> None:
    text, day = pushing.field("Text"), pushing.field("Date")
    new = pushing.world.add_list(pushing.sender_code_id, "VIP")
    other = pushing.world.add_list(pushing.sender_code_id, "Sale")
    (known,) = pushing.phones(1)
    rows = [
        (1, NEW[1:], "gold", "2020-02-09", "Ann", True, True), (2, NEWER, "silver", None, None, False, True),
        (3, known, "gold", None, None, True, None), (4, "13125550103", "x", None, None, False, False),
    ]  # fmt: skip
    pushing.customers(["id", "phone", "tier", "since", "first", "vip", "sale"], rows)
    sync = pushing.sync(
        {
            "tier": text.field_id, "since": day.field_id, "first": {"contact": "first_name"},
            "vip": {"list": new}, "sale": {"list": other},
        },
        modes=["create", "subscribe"],
    )  # fmt: skip
    plan = pushing.plan(sync)
    assert (plan.counts["creates"], plan.counts["subscribes"], plan.counts["imports"]) == (2, 1, 1)
    assert list(plan.rejected.values()) == [1], "who wants no list is not created"
    outcome = pushing.apply(sync)
    assert outcome
    assert outcome.counts == {
        (CREATE, CONFIRMED): 8, (SUBSCRIBE, CONFIRMED): 2, (IMPORT, CONFIRMED): 1,
    }  # fmt: skip
    contact = pushing.contact(NEW)
    assert contact["first_name"] == "Ann"
    assert contact["values"] == {text.field_id: "gold", day.field_id: "02/09/2020"}
    assert on_list(pushing, new) == {NEW, known}
    assert on_list(pushing, other) == {NEW, NEWER}
    assert pushing.plan(sync).is_empty, "they are known before the next pull"
    pushing.customers(["id", "phone", "tier", "since", "first", "vip", "sale"], [(1, NEW, "b", None, None, None, None)])
    assert pushing.plan(sync).counts["imports"] == 1
    pushing.warehouse.pull()
    assert pushing.plan(sync).counts["imports"] == 1


def test_nobody_who_said_stop_is_subscribed_or_created(pushing: Pushing) -> None:
    new = pushing.world.add_list(pushing.sender_code_id, "VIP")
    pulled, later, gone, back = pushing.phones(4)
    world, sender = pushing.world, pushing.sender_code_id
    for phone in (pulled, gone):
        world.opt_out(sender, phone)
    pushing.warehouse.pull(full=True)
    world.vanish(gone)
    pushing.warehouse.pull(full=True)
    rows = [(at, phone, True) for at, phone in enumerate((pulled, later, gone, back, NEW))]
    sync = vip(pushing, rows, ["create", "subscribe"], new)
    plan = pushing.plan(sync)
    assert (plan.counts["subscribes"], plan.counts["creates"]) == (2, 1)
    assert sorted(plan.rejected) == [
        "phone: said stop before, and is gone at Listrak: nothing here opts anyone in",
        "vip: opted out at Listrak, and nothing here opts anyone in",
    ]
    # Since the last pull one has said stop, and somebody else has come, and said stop.
    world.opt_out(sender, later)
    world.subscribe(sender, new, NEW)
    world.opt_out(sender, NEW)
    pushing.sandbox.traffic.clear()
    outcome = pushing.apply(sync)
    assert outcome
    assert outcome.counts == {
        (CREATE, OPTED_OUT): 2, (SUBSCRIBE, OPTED_OUT): 1, (SUBSCRIBE, CONFIRMED): 1,
    }  # fmt: skip
    assert on_list(pushing, new) == {back}
    assert all(pushing.contact(phone)["opted_out"] for phone in (pulled, later, NEW))
    assert pushing.sent() == ["POST"]
    assert pushing.plan(sync).is_empty
    with pushing.session(sync) as session:
        session.retry(pushing.said.append)
    assert on_list(pushing, new) == {back}, "nor are they when everything is tried again"


def test_who_says_stop_in_the_same_row_is_not_subscribed(in_duckdb: Pushing) -> None:
    new = in_duckdb.world.add_list(in_duckdb.sender_code_id, "VIP")
    (phone,) = in_duckdb.phones(1)
    in_duckdb.customers(["id", "phone", "vip", "stop"], [(1, phone, True, True), (2, NEW, True, True)])
    columns = {"vip": {"list": new}, "stop": {"contact": "opted_out"}}
    in_duckdb.apply(in_duckdb.sync(columns, modes=["create", "subscribe"]))
    assert on_list(in_duckdb, new) == set()
    assert in_duckdb.contact(phone)["opted_out"]
    assert in_duckdb.sent() == ["PUT"]


@pytest.mark.full
def test_a_list_that_asks_first_is_waited_for(in_duckdb: Pushing) -> None:
    new = in_duckdb.world.add_list(in_duckdb.sender_code_id, "Careful", double_opt_in=True)
    (phone,) = in_duckdb.phones(1)
    sync = vip(in_duckdb, [(1, phone, True)], ["subscribe"], new)
    assert in_duckdb.plan(sync).asks() == ["list Careful"]
    outcome = in_duckdb.apply(sync)
    assert outcome
    assert outcome.finished
    assert outcome.counts == {(SUBSCRIBE, PENDING): 1}
    plan = in_duckdb.plan(sync)
    assert plan.is_empty, "nobody is asked twice"
    assert plan.rejected == {"vip: tried: still pending": 1}
    in_duckdb.world.confirm(in_duckdb.sender_code_id, new, phone)
    in_duckdb.warehouse.pull(full=True)
    assert (in_duckdb.plan(sync).is_empty, in_duckdb.plan(sync).rejected) == (True, {})


@pytest.mark.full
@pytest.mark.cases(1, 2)
@pytest.mark.parametrize("killed", [False, True], ids=["whole", "killed in between"])
def test_a_ledger_of_an_earlier_version_still_says_who_was_asked(
    pushing: Pushing, killed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There a status was words, and what waits for a person to confirm must not be sent once more."""
    new = pushing.world.add_list(pushing.sender_code_id, "Careful", double_opt_in=True)
    (phone,) = pushing.phones(1)
    sync = vip(pushing, [(1, phone, True)], ["subscribe"], new)
    pushing.apply(sync)
    with pushing.store() as store:
        store.run("ALTER TABLE push_runs DROP COLUMN version")
        for table in ("push_changes", "push_tried"):
            store.run(f"UPDATE {table} SET status = REPLACE(status, '_', ' ')")
    if killed:
        run = Store.run

        def dies(store: Store, sql: str) -> None:
            if "ADD COLUMN" in sql:
                raise KeyboardInterrupt
            run(store, sql)

        with monkeypatch.context() as dying:
            dying.setattr(Store, "run", dies)
            with pytest.raises(KeyboardInterrupt):
                pushing.plan(sync)
    plan = pushing.plan(sync)
    assert (plan.is_empty, plan.rejected) == (True, {"vip: tried: still pending": 1})
    assert pushing.rows("SELECT DISTINCT status FROM push_changes") == [(PENDING,)]
    assert pushing.rows("SELECT version FROM push_runs") == [(None,)], "nobody knows which it was"


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("forgotten", [False, True], ids=["with its date", "without a trace"])
def test_an_invitation_goes_once(pushing: Pushing, forgotten: bool) -> None:
    """14.A5: whatever pulls bring, until the row changes or a person says so."""
    world, sender = pushing.world, pushing.sender_code_id
    new = world.add_list(sender, "Careful", double_opt_in=True)
    (known,) = pushing.phones(1)

    def sync(wanted: bool | None) -> Sync:
        return vip(pushing, [(1, known, wanted), (2, NEW, wanted)], ["create", "subscribe"], new)

    def invitations() -> list[int]:
        told = [event.phone_number for event in world.journal if event.kind == "pending"]
        return [told.count(known), told.count(NEW)]

    def lapse() -> None:
        for phone in (known, NEW):
            world.lapse(sender, new, phone, forgotten=forgotten)
        world.clock.advance(hours=1)
        pushing.warehouse.pull(full=True)

    pushing.apply(sync(True))
    assert invitations() == [1, 1]
    lapse()
    for _ in range(2):
        assert pushing.apply(sync(True)) is None
        assert invitations() == [1, 1]
    pushing.apply(sync(None))
    pushing.apply(sync(True))
    assert invitations() == [2, 2], "the row has changed"
    lapse()
    with pushing.session(sync(True)) as session:
        session.retry(pushing.said.append)
    assert invitations() == [3, 3], "a person has said so"


def test_whom_somebody_else_has_invited_is_not_invited_again(in_duckdb: Pushing) -> None:
    """14.A5: the ledger knows of nothing, and Listrak tells the date."""
    pushing = in_duckdb
    new = pushing.world.add_list(pushing.sender_code_id, "Careful", double_opt_in=True)
    (phone,) = pushing.phones(1)
    pushing.world.subscribe(pushing.sender_code_id, new, phone)
    pushing.world.lapse(pushing.sender_code_id, new, phone)
    sync = vip(pushing, [(1, phone, True)], ["subscribe", "unsubscribe"], new)
    outcome = pushing.apply(sync)
    assert outcome
    assert outcome.counts == {(SUBSCRIBE, PENDING): 1}
    assert pushing.sent() == []
    with pushing.session(sync) as session:
        session.retry(pushing.said.append)
    assert pushing.sent() == ["POST"], "a person has said so"


def test_a_number_that_listrak_refuses(in_duckdb: Pushing) -> None:
    new = in_duckdb.world.add_list(in_duckdb.sender_code_id, "VIP")
    in_duckdb.world.sender_codes[in_duckdb.sender_code_id].banned.add(NEW)
    sync = vip(in_duckdb, [(1, NEW, True)], ["create"], new)
    outcome = in_duckdb.apply(sync)
    assert outcome
    assert outcome.counts == {(CREATE, REFUSED): 2}
    assert in_duckdb.plan(sync).is_empty


def test_budgets_of_lists(in_duckdb: Pushing) -> None:
    new = in_duckdb.world.add_list(in_duckdb.sender_code_id, "VIP")
    phones = in_duckdb.phones(12)
    in_duckdb.customers(COLUMNS, [(at, phone, True) for at, phone in enumerate([*phones, NEW])])
    few = {"subscribes": {"rows": 5, "percent": 100}, "creates": {"rows": 0, "percent": 100}}
    sync = in_duckdb.sync({"vip": {"list": new}}, modes=["create", "subscribe"], budget=few)
    assert in_duckdb.plan(sync).over_budget() == [
        "1 creates, and the budget is 0",
        "12 subscribes, and the budget is 5",
    ]


def test_a_write_whose_answer_never_came_is_read_and_not_sent_twice(in_duckdb: Pushing) -> None:
    new = in_duckdb.world.add_list(in_duckdb.sender_code_id, "VIP")
    (phone,) = in_duckdb.phones(1)
    for operation in ("create_contact", "subscribe_contact"):
        in_duckdb.sandbox.faults.add(Fault("cut_body", operation))
    outcome = in_duckdb.apply(vip(in_duckdb, [(1, phone, True), (2, NEW, True)], ["create", "subscribe"], new))
    assert outcome
    assert outcome.counts == {(CREATE, CONFIRMED): 2, (SUBSCRIBE, CONFIRMED): 1}
    assert in_duckdb.sent() == ["POST", "POST"]


def test_what_is_wrong_with_a_list(in_duckdb: Pushing) -> None:
    off = in_duckdb.world.add_list(in_duckdb.sender_code_id, "Over", active=False)
    for phone_list, told in ((off, "the list 'Over' is inactive at Listrak"), (77, "Listrak has no list 77 on this")):
        sync = vip(in_duckdb, [(1, NEW, True)], ["subscribe"], phone_list)
        with in_duckdb.session(sync) as session:
            (problem,) = checked(session.store, session.client, sync)[1]
        assert told in problem


def test_no_message_is_ever_sent(in_duckdb: Pushing) -> None:
    asked: set[str] = set()
    on_request(in_duckdb.sandbox, lambda operation, query: asked.add(operation))
    new = in_duckdb.world.add_list(in_duckdb.sender_code_id, "VIP")
    (phone,) = in_duckdb.phones(1)
    in_duckdb.apply(vip(in_duckdb, [(1, phone, True), (2, NEW, True)], ["create", "subscribe"], new))
    assert {"create_contact", "subscribe_contact"} <= asked
    assert not asked & {"send_broadcast", "send_transactional_message"}


@pytest.mark.parametrize("operation", ["get_contact", "list_contact_subscriptions"])
def test_an_answer_that_tells_nothing_opts_nobody_in(in_duckdb: Pushing, operation: str) -> None:
    """13.A6: neither that a contact is not there, nor that it has not said stop, nor that it never left a list."""
    pushing, body = in_duckdb, '{"status": 200, "data": null}'
    new = pushing.world.add_list(pushing.sender_code_id, "VIP")
    (known,) = pushing.phones(1)
    sync = vip(pushing, [(1, known, True), (2, NEW, True)], ["create", "subscribe"], new)
    pushing.plan(sync)
    pushing.sandbox.faults.add(Fault("status", operation, times=None, status=200, body=body))
    outcome = pushing.apply(sync)
    assert outcome
    assert (SUBSCRIBE, SKIPPED) in outcome.counts
    assert known not in on_list(pushing, new)
    if operation == "get_contact":
        assert (CREATE, SKIPPED) in outcome.counts
        assert NEW not in pushing.world.people
