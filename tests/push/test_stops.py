"""A stop depends on nothing else: it goes whatever else Listrak refuses, and is told until it is carried out."""

from __future__ import annotations

from typing import Any

import pytest

from listrak_source.api import ConfigurationError
from listrak_source.push.session import OverBudgetError
from listrak_source.push.sync.config import Sync
from listrak_source.push.warehouse import ledger
from listrak_source.push.warehouse.ledger import CLEAR, CONFIRMED, IMPORT, NOT_FOUND, REFUSED, STOP
from listrak_source.sandbox import Fault, Quirks
from listrak_source.sandbox.world.profile import Profile, parse
from tests.push.pushing import Pushing


def stops(pushing: Pushing, *phones: str) -> Sync:
    """The sync of customers who all say stop."""
    pushing.customers(["id", "phone", "stop"], [(at, phone, True) for at, phone in enumerate(phones)])
    return pushing.sync({"stop": {"contact": "opted_out"}})


def odd(pushing: Pushing, what: str, phone: str) -> str:
    """Have a contact hold something that Listrak takes no more, beside what it takes. Gives its name in the ledger."""
    text, number = pushing.field("Text"), pushing.field("Number")
    held: dict[str, Any] = {"newField": "new", "firstName": "Ann", "lastName": "Lee", "emailAddress": "a@b.co"}
    values = {text.field_id: "gold", number.field_id: "5"}
    if what == "value":
        values[text.field_id] = "x" * 40
        pushing.world.change_profile_field(text.field_id, max_length=20)
    else:
        held[what] = {"emailAddress": "no address", "birthday": "never"}[what]
    items = [{"segmentationFieldId": one, "value": value} for one, value in values.items()]
    pushing.world.hold(phone, held | {"segmentationFieldValues": items})
    return {"value": str(text.field_id), "emailAddress": "email_address"}.get(what, what)


def profile(pushing: Pushing, phone: str) -> Profile:
    """What Listrak holds of a contact, as it is."""
    return parse(pushing.world.rows[pushing.world.people[phone]])


@pytest.mark.cases(3, 3)
@pytest.mark.parametrize("refusals", ["named", "unnamed"])
@pytest.mark.parametrize("what", ["emailAddress", "value", "birthday"])
def test_a_value_that_listrak_refuses_holds_up_no_stop(in_duckdb: Pushing, what: str, refusals: Any) -> None:
    """14.A3: the stop goes again without that value, which the ledger names; all else of the contact stays."""
    (phone,) = in_duckdb.phones(1)
    target = odd(in_duckdb, what, phone)
    in_duckdb.sandbox.service.quirks = Quirks(value_refusals=refusals)
    outcome = in_duckdb.apply(stops(in_duckdb, phone))
    assert outcome
    assert outcome.counts == {(CLEAR, CONFIRMED): 1, (STOP, CONFIRMED): 1}
    held = profile(in_duckdb, phone)
    assert held["firstName"] == "Ann"
    assert held["emailAddress"] == ("a@b.co" if what != "emailAddress" else None)
    assert len(held["segmentationFieldValues"]) == (1 if what == "value" else 2)
    assert in_duckdb.world.truth()["contacts"][in_duckdb.sender_code_id, phone]["opted_out"]
    ((named, before, after),) = in_duckdb.rows(
        f"SELECT target, before_value, after_value FROM push_changes WHERE operation = '{CLEAR}'"
    )
    assert named == target
    assert (before, after) != (None, None)
    assert in_duckdb.sent().count("PUT") <= 8
    with in_duckdb.session(stops(in_duckdb, phone)) as session:
        assert session.verify(None, in_duckdb.said.append) == outcome.counts
        run = ledger.run(session.store, outcome.run_id)
        assert run
        assert session.plan_undo(run).is_empty


def test_several_values_are_left_out_together(in_duckdb: Pushing) -> None:
    """14.A3."""
    (phone,) = in_duckdb.phones(1)
    odd(in_duckdb, "value", phone)
    in_duckdb.world.hold(phone, {"emailAddress": "no address", "birthday": "never"})
    outcome = in_duckdb.apply(stops(in_duckdb, phone))
    assert outcome
    assert outcome.counts == {(CLEAR, CONFIRMED): 3, (STOP, CONFIRMED): 1}
    assert profile(in_duckdb, phone)["firstName"] == "Ann"


def test_a_refused_stop_is_sent_and_told_by_every_run_until_it_is_carried_out_or_waived(pushing: Pushing) -> None:
    """14.A3: also when its row is gone."""
    banned, also, other = pushing.phones(3)
    sender = pushing.world.sender_codes[pushing.sender_code_id]
    sender.banned |= {banned, also}
    outcome = pushing.apply(stops(pushing, banned, also, other))
    assert outcome
    assert outcome.counts == {(STOP, CONFIRMED): 1, (STOP, REFUSED): 2}
    sync = stops(pushing, other)
    for _ in range(2):
        pushing.said.clear()
        outcome = pushing.apply(sync)
        assert outcome
        assert outcome.counts == {(STOP, REFUSED): 2}
        assert pushing.said[0].startswith("2 stops are not carried out")
        assert "ERROR_BANNED_PHONE_NUMBER" in pushing.said[0]
        assert banned not in pushing.said[0]
    sync = stops(pushing, banned, other)
    with pushing.session(sync) as session:
        assert [one.row_key for one in session.refused_stops()] == ["0", "1"]
        assert session.waive("0") == 1
        assert [one.row_key for one in session.refused_stops()] == ["1"]
    sender.banned.clear()
    outcome = pushing.apply(sync)
    assert outcome
    assert outcome.counts == {(STOP, CONFIRMED): 1}
    assert pushing.contact(also)["opted_out"]
    pushing.said.clear()
    assert pushing.apply(sync) is None
    assert pushing.said == ["Rows that are not sent, named in the table push_rejected_loyalty: 1 stop: waived."]
    pushing.apply(stops(pushing, other))
    pushing.apply(stops(pushing, banned, other))
    assert pushing.contact(banned)["opted_out"], "said again, it is a stop again"


def test_one_contact_that_fails_for_ever_holds_up_no_other_stop(
    in_duckdb: Pushing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """14.A3."""
    monkeypatch.setenv("SOURCES__LISTRAK__MAX_ATTEMPTS", "1")
    bad, good = in_duckdb.phones(2)
    in_duckdb.sandbox.faults.add(Fault("status", "get_contact", path=bad, times=None, status=500))
    outcome = in_duckdb.apply(stops(in_duckdb, bad, good))
    assert outcome
    assert outcome.counts == {(STOP, CONFIRMED): 1, (STOP, REFUSED): 1}
    assert in_duckdb.contact(good)["opted_out"]
    in_duckdb.sandbox.faults.clear()
    in_duckdb.apply(stops(in_duckdb, bad, good))
    assert in_duckdb.contact(bad)["opted_out"]


NOBODY = '{"status": 404, "error": "ERROR_UNABLE_TO_LOCATE_RESOURCE", "message": "not for the moment"}'


def test_a_stop_that_was_answered_404_goes_again_when_a_pull_has_seen_its_contact(pushing: Pushing) -> None:
    """14.A8: also where the pull has not rewritten the row, for nothing in it has changed. It fails if the load id of
    the row is all that is asked.
    """
    (phone,) = pushing.phones(1)
    pushing.sandbox.faults.add(Fault("status", "get_contact", path=phone, times=None, status=404, body=NOBODY))
    with pushing.store() as store:
        store.run(f"UPDATE contacts SET removed_at = TIMESTAMP '2026-01-01 00:00:00' WHERE phone_number = '{phone}'")
    sync = stops(pushing, phone, "15550000000")
    outcome = pushing.apply(sync)
    assert outcome
    assert outcome.counts == {(STOP, NOT_FOUND): 2}
    assert pushing.apply(sync) is None, "it waits"
    pushing.sandbox.faults.clear()
    ((before,),) = pushing.rows(f"SELECT _dlt_load_id FROM contacts WHERE phone_number = '{phone}'")
    pushing.warehouse.pull(full=True)
    with pushing.store() as store:
        store.run(f"UPDATE contacts SET _dlt_load_id = '{before}' WHERE phone_number = '{phone}'")
    outcome = pushing.apply(sync)
    assert outcome
    assert outcome.counts == {(STOP, CONFIRMED): 1}, "whom no pull has brought waits on"
    assert pushing.contact(phone)["opted_out"]


def test_one_answer_that_there_is_nobody_is_not_believed(in_duckdb: Pushing) -> None:
    """14.A8: it is asked for once more in the same run."""
    (phone,) = in_duckdb.phones(1)
    in_duckdb.sandbox.faults.add(Fault("status", "get_contact", status=404, body=NOBODY))
    outcome = in_duckdb.apply(stops(in_duckdb, phone))
    assert outcome
    assert outcome.counts == {(STOP, CONFIRMED): 1}


@pytest.mark.parametrize("operation", ["get_contact", "update_contact"])
def test_nobody_where_a_pull_has_brought_somebody_is_a_refused_stop(in_duckdb: Pushing, operation: str) -> None:
    """14.A3, A8: each run sends and tells it, until it is carried out, or a complete walk finds the contact gone."""
    (phone,) = in_duckdb.phones(1)
    in_duckdb.sandbox.faults.add(Fault("status", operation, times=None, status=404, body=NOBODY))
    sync = stops(in_duckdb, phone)
    for _ in range(2):
        in_duckdb.said.clear()
        outcome = in_duckdb.apply(sync)
        assert outcome
        assert outcome.counts == {(STOP, REFUSED): 1}
    assert in_duckdb.said[0].startswith("1 stop is not carried out")
    in_duckdb.sandbox.faults.clear()
    outcome = in_duckdb.apply(sync)
    assert outcome
    assert outcome.counts == {(STOP, CONFIRMED): 1}


@pytest.mark.parametrize("refusals", ["not_found", "failure"])
def test_a_value_that_makes_listrak_fail_holds_up_no_stop(
    in_duckdb: Pushing, monkeypatch: pytest.MonkeyPatch, refusals: Any
) -> None:
    """14.A3: it says nothing of it, so that only groups of values are tried."""
    monkeypatch.setenv("SOURCES__LISTRAK__MAX_ATTEMPTS", "1")
    (phone,) = in_duckdb.phones(1)
    odd(in_duckdb, "emailAddress", phone)
    in_duckdb.sandbox.service.quirks = Quirks(value_refusals=refusals)
    outcome = in_duckdb.apply(stops(in_duckdb, phone))
    assert outcome
    assert outcome.counts == {(CLEAR, CONFIRMED): 1, (STOP, CONFIRMED): 1}
    held = profile(in_duckdb, phone)
    assert (held["firstName"], held["emailAddress"], len(held["segmentationFieldValues"])) == ("Ann", None, 2)


@pytest.mark.full
@pytest.mark.parametrize("status", [404, 500, 503])
def test_one_failure_of_the_moment_costs_no_value(in_duckdb: Pushing, status: int) -> None:
    """14.A3: a stop goes again as it is before any value is given up for an answer that says nothing of values."""
    (phone,) = in_duckdb.phones(1)
    values = [{"segmentationFieldId": in_duckdb.field("Text").field_id, "value": "gold"}]
    in_duckdb.world.hold(phone, {"segmentationFieldValues": values})
    body = NOBODY if status == 404 else None
    in_duckdb.sandbox.faults.add(Fault("status", "update_contact", status=status, body=body))
    outcome = in_duckdb.apply(stops(in_duckdb, phone))
    assert outcome
    assert outcome.counts == {(STOP, CONFIRMED): 1}
    assert profile(in_duckdb, phone)["segmentationFieldValues"] == values


@pytest.mark.full
def test_a_stop_refused_after_its_contact_was_missed_is_kept(in_duckdb: Pushing) -> None:
    """14.A3: Listrak has answered for the contact since a walk missed it, so that the stop is told until it is carried
    out, whatever becomes of its row.
    """
    (phone,) = in_duckdb.phones(1)
    with in_duckdb.store() as store:
        store.run(f"UPDATE contacts SET removed_at = TIMESTAMP '2026-01-01 00:00:00' WHERE phone_number = '{phone}'")
    body = '{"status": 400, "error": "ERROR_INVALID_PARAMETER", "message": "no"}'
    in_duckdb.sandbox.faults.add(Fault("status", "update_contact", times=None, status=400, body=body))
    sync = stops(in_duckdb, phone)
    assert in_duckdb.apply(sync)
    in_duckdb.customers(["id", "phone", "stop"], [(9, None, False)])
    outcome = in_duckdb.apply(sync)
    assert outcome
    assert outcome.counts == {(STOP, REFUSED): 1}


def test_values_whose_refusal_says_too_little_take_no_name_along(in_duckdb: Pushing) -> None:
    """14.A3: two values are too long for a limit that no field tells; the email address and the name stay."""
    (phone,) = in_duckdb.phones(1)
    fields = [in_duckdb.field(kind).field_id for kind in ("Text", "Number")]
    values = [{"segmentationFieldId": one, "value": "5" * 12} for one in fields]
    in_duckdb.world.hold(phone, {"firstName": "Ann", "emailAddress": "a@b.co", "segmentationFieldValues": values})
    in_duckdb.sandbox.service.quirks = Quirks(hidden_limit=10)
    outcome = in_duckdb.apply(stops(in_duckdb, phone))
    assert outcome
    assert outcome.counts == {(CLEAR, CONFIRMED): 2, (STOP, CONFIRMED): 1}
    held = profile(in_duckdb, phone)
    assert (held["firstName"], held["emailAddress"], held["segmentationFieldValues"]) == ("Ann", "a@b.co", [])


def stops_and_tiers(pushing: Pushing, stopping: str, other: str, **also: Any) -> Sync:
    """One says stop, another gets a value; the sync has a column for each."""
    text = pushing.field("Text")
    pushing.customers(["id", "phone", "tier", "stop"], [(1, stopping, None, True), (2, other, "gold", None)])
    return pushing.sync({"tier": text.field_id, "stop": {"contact": "opted_out"}}, **also)


def test_what_is_wrong_with_the_rest_of_a_sync_holds_up_no_stop(in_duckdb: Pushing) -> None:
    """14.A3: the command still says what is wrong, and sends nothing else."""
    stopping, other = in_duckdb.phones(2)
    sync = stops_and_tiers(in_duckdb, stopping, other)
    in_duckdb.world.change_profile_field(in_duckdb.field("Text").field_id, status="Disabled")
    with pytest.raises(ConfigurationError, match="is disabled at Listrak"):
        in_duckdb.apply(sync)
    assert in_duckdb.contact(stopping)["opted_out"]
    assert in_duckdb.sent() == ["PUT"]


def test_a_budget_of_something_else_holds_up_no_stop(in_duckdb: Pushing) -> None:
    """14.A3: the hash to accept is that of the rest."""
    stopping, other = in_duckdb.phones(2)
    budget = {"imports": {"rows": 0, "percent": 100}, "opt_outs": {"rows": 1, "percent": 100}}
    sync = stops_and_tiers(in_duckdb, stopping, other, budget=budget)
    with pytest.raises(OverBudgetError, match="Nothing else was sent") as refused:
        in_duckdb.apply(sync)
    assert in_duckdb.contact(stopping)["opted_out"]
    assert in_duckdb.sent() == ["PUT"]
    accepted = str(refused.value).partition("--accept ")[2].split()[0]
    outcome = in_duckdb.apply(sync, accept=accepted)
    assert outcome
    assert outcome.counts == {(IMPORT, CONFIRMED): 1}
