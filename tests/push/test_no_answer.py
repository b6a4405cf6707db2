"""14.B: whom Listrak does not answer for is skipped and named, and holds up nobody else."""

from __future__ import annotations

import pytest

from listrak_source.api import AuthenticationError, ListrakError, ServerError
from listrak_source.push.apply import import_jobs
from listrak_source.push.apply.skipped import told
from listrak_source.push.sync.config import Sync
from listrak_source.push.warehouse.ledger import (
    CONFIRMED,
    CREATE,
    IMPORT,
    SKIPPED,
    STOP,
    SUBSCRIBE,
    UNSUBSCRIBE,
    UPDATE,
)
from listrak_source.sandbox import Fault
from tests.pull.warehouse import truth
from tests.push.pushing import Pushing

NEW = "13125550101"
LOCKED = '{"status": 403, "error": "ERROR_UNAUTHORIZED"}'
BAD_ANSWERS = {
    "500": (500, None),
    "403": (403, LOCKED),
    "an error in a success": (200, '{"status": 500, "error": "ERROR_UNHANDLED_EXCEPTION"}'),
    "nothing": (200, "null"),
    "HTML": (200, "<html>sorry</html>"),
    "text for data": (200, '{"status": 200, "data": "what"}'),
}


@pytest.fixture(autouse=True)
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No request is made again."""
    monkeypatch.setenv("SOURCES__LISTRAK__MAX_ATTEMPTS", "1")


def everything(pushing: Pushing, bad: str, good: str, new_list: int) -> Sync:
    """A sync of an import, an own field and a list, for one who is not answered for and one who is."""
    rows = [(1, bad, "gold", "Zoe", True), (2, good, "gold", "Zoe", True)]
    pushing.customers(["id", "phone", "tier", "first", "sale"], rows)
    columns = {
        "tier": pushing.field("Text").field_id, "first": {"contact": "first_name"}, "sale": {"list": new_list},
    }  # fmt: skip
    return pushing.sync(columns, modes=["create", "subscribe"])


def on_list(pushing: Pushing, phone_list: int) -> set[str]:
    return {phone for _, one, phone in truth(pushing.sandbox)["list_memberships"] if one == phone_list}


@pytest.mark.cases(1, 1)
@pytest.mark.parametrize("answer", BAD_ANSWERS)
@pytest.mark.parametrize("operation", ["get_contact", "list_contact_subscriptions"])
def test_one_who_is_not_answered_for_holds_up_nobody(in_duckdb: Pushing, operation: str, answer: str) -> None:
    pushing = in_duckdb
    new_list = pushing.world.add_list(pushing.sender_code_id, "Sale")
    bad, good = pushing.phones(2)
    sync = everything(pushing, bad, good, new_list)
    status, body = BAD_ANSWERS[answer]
    pushing.sandbox.faults.add(Fault("status", operation, path=bad, times=None, status=status, body=body))
    outcome = pushing.apply(sync)
    assert outcome
    assert outcome.finished
    skipped = {what for what, how in outcome.counts if how == SKIPPED}
    assert skipped == ({SUBSCRIBE, UPDATE, IMPORT} if operation == "get_contact" else {SUBSCRIBE})
    assert all(outcome.counts[what, CONFIRMED] for what in (SUBSCRIBE, UPDATE, IMPORT))
    assert good in on_list(pushing, new_list)
    with pushing.store() as store:
        sentence = told(store, outcome.run_id)
    assert sentence.startswith(f"1 contact is skipped, for Listrak does not answer for it: row 1 (…{bad[-4:]}): ")
    assert bad not in sentence
    assert bad not in on_list(pushing, new_list)
    again = pushing.plan(sync)
    assert again.counts["subscribes"] == 1, "kept for the next apply"
    pushing.sandbox.faults.clear()
    pushing.apply(sync)
    assert bad in on_list(pushing, new_list)
    assert pushing.plan(sync).is_empty


@pytest.mark.parametrize("told", ["null", '"n/a"', "2"])
def test_who_may_be_opted_out_for_all_we_know_is_not_sent_as_one_who_is_not(in_duckdb: Pushing, told: str) -> None:
    """14.A2: ``PUT`` sends the whole contact, and whether it is opted out is part of it."""
    bad, good = in_duckdb.phones(2)
    in_duckdb.customers(["id", "phone", "first"], [(1, bad, "Zoe"), (2, good, "Zoe")])
    sync = in_duckdb.sync({"first": {"contact": "first_name"}})
    body = f'{{"status": 200, "data": {{"phoneNumber": "{bad}", "optedOut": {told}, "segmentationFieldValues": []}}}}'
    in_duckdb.sandbox.faults.add(Fault("status", "get_contact", path=bad, times=None, status=200, body=body))
    outcome = in_duckdb.apply(sync)
    assert outcome
    assert outcome.counts == {(UPDATE, SKIPPED): 1, (UPDATE, CONFIRMED): 1}
    assert in_duckdb.sent() == ["PUT"]


@pytest.mark.full
def test_who_is_to_be_taken_off_or_created_is_skipped_too(in_duckdb: Pushing) -> None:
    pushing = in_duckdb
    old = pushing.lists()[0]
    bad, good = sorted(on_list(pushing, old) & set(pushing.phones(60)))[:2]
    pushing.customers(["id", "phone", "sale"], [(1, bad, False), (2, good, False), (3, NEW, True)])
    sync = pushing.sync({"sale": {"list": old}}, modes=["create", "unsubscribe"])
    for phone in (bad, NEW):
        pushing.sandbox.faults.add(Fault("status", "*", path=phone, times=None, status=500))
    outcome = pushing.apply(sync)
    assert outcome
    assert outcome.counts == {(CREATE, SKIPPED): 2, (UNSUBSCRIBE, CONFIRMED): 1, (UNSUBSCRIBE, SKIPPED): 1}
    pushing.sandbox.faults.clear()
    pushing.apply(sync)
    assert NEW in on_list(pushing, old)
    assert not {bad, good} & on_list(pushing, old)


def test_a_sample_that_is_not_answered_for_proves_nothing(in_duckdb: Pushing) -> None:
    pushing, text = in_duckdb, in_duckdb.field("Text")
    first, second = pushing.phones(2)
    pushing.customers(["id", "phone", "tier"], [(1, first, "gold"), (2, second, "gold")])
    sync = pushing.sync({"tier": text.field_id}, read_back=1)
    pushing.sandbox.faults.add(Fault("status", "get_contact", times=None, status=500))
    outcome = pushing.apply(sync)
    assert outcome
    assert outcome.counts == {(IMPORT, SKIPPED): 2}
    assert pushing.plan(sync).counts["imports"] == 2


@pytest.mark.parametrize("status", [500, 401])
def test_what_fails_for_everybody_stops_the_run(in_duckdb: Pushing, status: int) -> None:
    """And a write that the credentials do not reach is about nobody alone."""
    pushing = in_duckdb
    (phone,) = pushing.phones(1)
    pushing.customers(["id", "phone", "first"], [(1, phone, "Zoe")])
    sync = pushing.sync({"first": {"contact": "first_name"}})
    pushing.plan(sync)
    for operation in ("get_contact", "list_sender_codes"):
        pushing.sandbox.faults.add(Fault("status", operation, times=None, status=status))
    with pytest.raises(ListrakError):
        pushing.apply(sync)
    pushing.sandbox.faults.clear()
    pushing.sandbox.faults.add(Fault("status", "update_contact", times=None, status=403, body=LOCKED))
    with pytest.raises(AuthenticationError):
        pushing.apply(sync)
    assert pushing.rows("SELECT status FROM push_runs") == [("running",)]


def test_an_import_that_is_not_answered_for_is_given_up_after_a_day(
    in_duckdb: Pushing, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushing, (phone,) = in_duckdb, in_duckdb.phones(1)
    pushing.customers(["id", "phone", "tier"], [(1, phone, "gold")])
    sync = pushing.sync({"tier": pushing.field("Text").field_id})
    pushing.sandbox.faults.add(Fault("status", "get_contact_import", times=None, status=500))
    with pytest.raises(ServerError):
        pushing.apply(sync)
    monkeypatch.setattr(import_jobs, "GIVE_UP", -1.0)
    outcome = pushing.apply(sync)
    assert outcome
    assert outcome.counts == {(IMPORT, CONFIRMED): 1}


def test_a_stop_that_was_not_read_back_is_told_with_the_reason(in_duckdb: Pushing) -> None:
    pushing = in_duckdb
    bad, good = pushing.phones(2)
    pushing.customers(["id", "phone", "stop"], [(1, bad, True), (2, good, True)])
    sync = pushing.sync({"stop": {"contact": "opted_out"}})
    pushing.sandbox.faults.add(Fault("status", "get_contact", path=bad, after=1, times=None, status=500))
    outcome = pushing.apply(sync)
    assert outcome
    assert outcome.counts[STOP, CONFIRMED] == 1
    with pushing.session(sync) as session:
        (stop,) = session.refused_stops()
    assert "HTTP 500" in stop.reason
