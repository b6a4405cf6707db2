"""Apply: what is sent arrives, nothing else changes, and what is read back is the base of the next plan."""

from __future__ import annotations

from typing import Any

import pytest

from listrak_source.push.apply import import_jobs
from listrak_source.push.session import MovedError, OverBudgetError
from listrak_source.push.warehouse import ledger
from listrak_source.push.warehouse.turns import Lock, LockedError
from listrak_source.sandbox import Fault, Quirks
from tests.pull.asking import on_request
from tests.pull.warehouse import truth
from tests.push.pushing import Pushing

VALUES = ["gold", 'say "hi", ok', "two\nlines", "伟 आरव é", "007", "'", " leading"]


def tiers(pushing: Pushing, values: list[str] | None = None, **also: Any) -> Any:
    """Customers with a tier each, and their sync."""
    values = values or VALUES
    text = pushing.field("Text")
    rows = list(enumerate(zip(pushing.phones(len(values)), values, strict=True)))
    pushing.customers(["id", "phone", "tier"], [(at, *row) for at, row in rows])
    return pushing.sync({"tier": text.field_id}, **also)


def test_values_arrive_and_a_second_plan_is_empty(pushing: Pushing) -> None:
    sync, text = tiers(pushing), pushing.field("Text")
    before = truth(pushing.sandbox)
    outcome = pushing.apply(sync)
    assert outcome
    assert outcome.finished
    assert outcome.counts == {(ledger.IMPORT, ledger.CONFIRMED): len(VALUES)}
    phones = pushing.phones(len(VALUES))
    assert [pushing.contact(phone)["values"][text.field_id] for phone in phones] == [value.strip() for value in VALUES]
    after = truth(pushing.sandbox)
    touched = {(pushing.sender_code_id, phone, text.field_id) for phone in phones}
    for name in ("contacts", "contact_profile_values", "list_memberships", "opt_outs", "subscriptions"):
        others = {key: row for key, row in after[name].items() if key not in touched}
        assert others == {key: row for key, row in before[name].items() if key not in touched}, name
    assert pushing.plan(sync).is_empty
    assert pushing.apply(sync) is None
    assert (
        pushing.sent()
        == ["POST ContactFileImport" if "ContactFileImport" in one else one for one in pushing.sent()][:1]
    )
    pushing.warehouse.pull(full=True)
    assert pushing.plan(sync).is_empty, "also after the next pull"


def test_single_updates_clear_nothing_else(pushing: Pushing) -> None:
    first, second = pushing.phones(2)
    pushing.world.edit(
        first, {"firstName": "Ann", "lastName": "Lee", "emailAddress": "a@b.co", "birthday": "1990-01-31"}
    )
    pushing.warehouse.pull(full=True)
    before = {phone: pushing.contact(phone) for phone in (first, second)}
    rows = [(1, first, "Zoë", None, None, "01234"), (2, second, None, "new@example.com", "1980-02-29", None)]
    pushing.customers(["id", "phone", "first", "email", "born", "zip"], rows)
    columns = {
        "first": {"contact": "first_name"}, "email": {"contact": "email_address"}, "born": {"contact": "birthday"},
        "zip": {"contact": "postal_code"},
    }  # fmt: skip
    outcome = pushing.apply(pushing.sync(columns))
    assert outcome
    assert outcome.counts == {(ledger.UPDATE, ledger.CONFIRMED): 4}
    born = type(before[first]["birthday"])(1980, 2, 29)
    wanted = {
        first: {"first_name": "Zoë", "postal_code": "01234"},
        second: {"email_address": "new@example.com", "birthday": born},
    }
    for phone, change in wanted.items():
        assert pushing.contact(phone) == before[phone] | change
    assert pushing.plan(pushing.sync(columns)).is_empty


@pytest.mark.full
def test_a_field_is_cleared(pushing: Pushing) -> None:
    (phone,) = pushing.phones(1)
    pushing.edit(phone, firstName="Ann", birthday="1990-01-31")
    pushing.warehouse.pull(full=True)
    pushing.customers(["id", "phone", "first", "born"], [(1, phone, None, None)])
    clear = {"first": {"contact": "first_name", "null": "clear"}, "born": {"contact": "birthday", "null": "clear"}}
    outcome = pushing.apply(pushing.sync(clear))
    assert outcome
    assert outcome.counts == {(ledger.UPDATE, ledger.CONFIRMED): 2}
    contact = pushing.contact(phone)
    assert not contact["first_name"]
    assert contact["birthday"] is None
    assert pushing.plan(pushing.sync(clear)).is_empty


def test_stops_go_first_and_opt_out_and_nothing_opts_in(pushing: Pushing) -> None:
    text = pushing.field("Text")
    first, second, back = pushing.phones(3)
    pushing.world.opt_out(pushing.sender_code_id, back)
    pushing.warehouse.pull()
    pushing.customers(
        ["id", "phone", "tier", "stop"], [(1, first, "a", True), (2, second, "b", False), (3, back, "c", False)]
    )
    sync = pushing.sync({"tier": text.field_id, "stop": {"contact": "opted_out"}})
    pushing.sandbox.traffic.clear()
    outcome = pushing.apply(sync)
    assert outcome
    assert outcome.counts[ledger.STOP, ledger.CONFIRMED] == 1
    assert pushing.contact(first)["opted_out"]
    assert not pushing.contact(second)["opted_out"]
    assert pushing.contact(back)["opted_out"], "nothing opts in"
    assert pushing.sent() == ["PUT", "POST"]
    assert pushing.plan(sync).is_empty


def test_who_has_vanished_is_found_missing(pushing: Pushing) -> None:
    sync = tiers(pushing)
    phones = pushing.phones(2)
    pushing.world.vanish(phones[0])
    outcome = pushing.apply(sync)
    assert outcome
    assert outcome.counts[ledger.IMPORT, ledger.NOT_FOUND] == 1
    assert outcome.counts[ledger.IMPORT, ledger.CONFIRMED] == len(VALUES) - 1
    again = pushing.plan(sync)
    assert again.is_empty, "the same is not sent for ever"
    assert again.rejected == {"tier: tried: not found": 1}, "nor is it forgotten"


@pytest.mark.full
def test_what_was_tried_in_vain_is_tried_again_when_something_has_changed(in_duckdb: Pushing) -> None:
    sync, text = tiers(in_duckdb), in_duckdb.field("Text")
    phone, *others = in_duckdb.phones(len(VALUES))
    in_duckdb.world.vanish(phone)
    in_duckdb.apply(sync)
    assert in_duckdb.apply(sync) is None
    with in_duckdb.session(sync) as session:
        outcome = session.retry(in_duckdb.said.append)
    assert outcome
    assert outcome.counts == {(ledger.IMPORT, ledger.NOT_FOUND): 1}, "retry sends it, and nothing else"
    in_duckdb.customers(["id", "phone", "tier"], [(0, phone, "another"), (1, others[0], VALUES[1])])
    assert in_duckdb.plan(sync).counts["imports"] == 1, "the row has changed"
    in_duckdb.apply(sync)
    assert in_duckdb.plan(sync).is_empty
    in_duckdb.world.subscribe(in_duckdb.sender_code_id, in_duckdb.lists()[0], phone)
    in_duckdb.warehouse.pull()
    in_duckdb.apply(sync)
    assert in_duckdb.contact(phone)["values"][text.field_id] == "another", "a pull has brought the contact anew"


@pytest.mark.full
def test_a_bad_sample_has_everybody_read(in_duckdb: Pushing) -> None:
    sync = tiers(in_duckdb, [f"tier {number}" for number in range(30)], read_back=5)
    # Four are left, so each sample of five meets somebody who is gone.
    for phone in in_duckdb.phones(30)[4:]:
        in_duckdb.world.vanish(phone)
    outcome = in_duckdb.apply(sync)
    assert outcome
    assert outcome.counts == {(ledger.IMPORT, ledger.CONFIRMED): 4, (ledger.IMPORT, ledger.NOT_FOUND): 26}


def test_a_good_sample_stands_for_its_file(in_duckdb: Pushing) -> None:
    sync = tiers(in_duckdb, [f"tier {number}" for number in range(30)], read_back=5)
    outcome = in_duckdb.apply(sync)
    assert outcome
    assert outcome.counts == {(ledger.IMPORT, ledger.CONFIRMED): 5, (ledger.IMPORT, ledger.ASSUMED): 25}
    assert in_duckdb.plan(sync).is_empty


def test_a_file_of_one_row(in_duckdb: Pushing) -> None:
    in_duckdb.sandbox.service.quirks = Quirks(one_row_imports="refused")
    outcome = in_duckdb.apply(tiers(in_duckdb, ["gold"]))
    assert outcome
    assert outcome.counts == {(ledger.IMPORT, ledger.CONFIRMED): 1}


def test_rows_that_change_other_fields_go_in_other_files(in_duckdb: Pushing) -> None:
    """No row carries a value that it does not change: somebody may have edited it at Listrak meanwhile."""
    text, number = in_duckdb.field("Text"), in_duckdb.field("Number")
    first, second, third = in_duckdb.phones(3)
    rows = [(1, first, "gold", None), (2, second, None, "5"), (3, third, "gold", "5")]
    in_duckdb.customers(["id", "phone", "tier", "points"], rows)
    sync = in_duckdb.sync({"tier": text.field_id, "points": number.field_id})
    assert sorted(file.fields for file in in_duckdb.plan(sync).files) == sorted(
        [(text.name,), (number.name,), (text.name, number.name)]
    )
    in_duckdb.world.edit(first, {"segmentationFieldValues": [{"segmentationFieldId": number.field_id, "value": "99"}]})
    in_duckdb.apply(sync)
    assert in_duckdb.contact(first)["values"][number.field_id] == "99", "edited since the last pull"


@pytest.mark.full
def test_an_edit_at_listrak_that_a_pull_has_seen_is_planned_again(in_duckdb: Pushing) -> None:
    sync, text = tiers(in_duckdb), in_duckdb.field("Text")
    in_duckdb.apply(sync)
    (phone, *_) = in_duckdb.phones(1)
    in_duckdb.world.edit(
        phone, {"segmentationFieldValues": [{"segmentationFieldId": text.field_id, "value": "edited"}]}
    )
    assert in_duckdb.plan(sync).is_empty, "nobody knows yet"
    in_duckdb.warehouse.pull(full=True)
    assert in_duckdb.plan(sync).counts["imports"] == 1


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("left", ["nothing", "another"])
def test_what_was_confirmed_and_is_undone_at_listrak_is_planned_again(in_duckdb: Pushing, left: str) -> None:
    """The walk that sees it finds everybody else as they were, so it writes that contact alone, and of one without
    values only that there are none."""
    sync, text = tiers(in_duckdb), in_duckdb.field("Text")
    (phone, *_) = in_duckdb.phones(1)
    before = in_duckdb.contact(phone)["values"]
    in_duckdb.apply(sync)
    in_duckdb.warehouse.pull(full=True)
    assert in_duckdb.plan(sync).is_empty
    in_duckdb.world.edit(
        phone, {"segmentationFieldValues": [{"segmentationFieldId": text.field_id, "value": "edited"}]}
    )
    in_duckdb.apply(tiers(in_duckdb, ["other", *VALUES[1:]]))
    kept = before.keys() - {text.field_id} if left == "another" else set()
    in_duckdb.world.edit(
        phone,
        {
            "segmentationFieldValues": [
                {"segmentationFieldId": one, "value": ""} for one in in_duckdb.contact(phone)["values"].keys() - kept
            ]
        },
    )
    counts = in_duckdb.warehouse.pull(full=True)
    assert counts["contacts"] == 1
    assert in_duckdb.plan(tiers(in_duckdb, ["other", *VALUES[1:]])).counts["imports"] == 1


def test_only_the_plan_that_was_looked_at(in_duckdb: Pushing) -> None:
    sync = tiers(in_duckdb)
    seen = in_duckdb.plan(sync).hash
    tiers(in_duckdb, ["another", *VALUES[1:]])
    with pytest.raises(MovedError, match="has moved"):
        in_duckdb.apply(sync, only=seen)
    assert not in_duckdb.sent()
    assert in_duckdb.apply(sync, only=in_duckdb.plan(sync).hash)


def test_over_the_budget_nothing_is_sent_until_it_is_accepted(in_duckdb: Pushing) -> None:
    sync = tiers(in_duckdb, budget={"imports": {"rows": 3, "percent": 100}})
    with pytest.raises(OverBudgetError, match=f"{len(VALUES)} imports, and the budget is 3.*--accept") as refused:
        in_duckdb.apply(sync)
    assert not in_duckdb.sent()
    with pytest.raises(OverBudgetError):
        in_duckdb.apply(sync, accept="another plan")
    accepted = str(refused.value).partition("--accept ")[2].split()[0]
    assert in_duckdb.apply(sync, accept=accepted)


def test_a_stop_of_nobody_that_listrak_knows_is_tried_once(pushing: Pushing) -> None:
    pushing.customers(["id", "phone", "stop"], [(1, "15550000000", True)])
    sync = pushing.sync({"stop": {"contact": "opted_out"}})
    outcome = pushing.apply(sync)
    assert outcome
    assert outcome.counts == {(ledger.STOP, ledger.NOT_FOUND): 1}
    plan = pushing.plan(sync)
    assert plan.is_empty
    assert sum(plan.rejected.values()) == 1


@pytest.mark.full
def test_an_import_that_takes_long_is_waited_for_by_the_next_start(
    in_duckdb: Pushing, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = tiers(in_duckdb)
    monkeypatch.setattr(import_jobs, "PATIENCE", -1.0)
    outcome = in_duckdb.apply(sync)
    assert outcome
    assert not outcome.finished
    assert outcome.counts == {(ledger.IMPORT, ledger.PENDING): len(VALUES)}
    monkeypatch.undo()
    in_duckdb.apply(sync)
    assert in_duckdb.rows("SELECT DISTINCT status FROM push_changes") == [(ledger.CONFIRMED,)]
    assert in_duckdb.sent() == ["POST"], "it is not sent again"


def test_two_at_once(pushing: Pushing) -> None:
    sync = tiers(pushing)
    refused = pytest.raises(LockedError, match="under way")
    with pushing.session(sync) as session, Lock(session.store, sync.name), refused:
        session.apply(pushing.said.append)
    assert not pushing.sent()
    assert pushing.apply(sync)


def test_a_request_that_fails_is_sent_again_by_the_next_start(in_duckdb: Pushing) -> None:
    """Nobody knows whether the file arrived: it is sent again, and the ledger says so."""
    sync = tiers(in_duckdb)
    in_duckdb.sandbox.faults.add(Fault("drop", "start_contact_import"))
    with pytest.raises(Exception, match="start_contact_import"):
        in_duckdb.apply(sync)
    outcome = in_duckdb.apply(sync)
    assert outcome
    assert outcome.counts == {(ledger.IMPORT, ledger.CONFIRMED): len(VALUES)}
    ((attempts, note),) = in_duckdb.rows("SELECT attempts, note FROM push_files")
    assert attempts == 2
    assert "not known" in note


@pytest.mark.full
def test_a_field_that_is_renamed_in_between_holds_up_nothing(in_duckdb: Pushing) -> None:
    """A file that is made anew is the one that was planned, whatever Listrak calls its fields by then."""
    sync, text = tiers(in_duckdb), in_duckdb.field("Text")
    in_duckdb.sandbox.faults.add(Fault("drop", "start_contact_import"))
    with pytest.raises(Exception, match="start_contact_import"):
        in_duckdb.apply(sync)
    in_duckdb.world.change_profile_field(text.field_id, name="Another name")
    outcome = in_duckdb.apply(sync)
    assert outcome
    assert outcome.counts == {(ledger.IMPORT, ledger.CONFIRMED): len(VALUES)}


@pytest.mark.full
def test_what_was_confirmed_and_changed_since_is_found_by_verify(in_duckdb: Pushing) -> None:
    sync, text = tiers(in_duckdb), in_duckdb.field("Text")
    in_duckdb.apply(sync)
    (phone,) = in_duckdb.phones(1)
    in_duckdb.world.edit(
        phone, {"segmentationFieldValues": [{"segmentationFieldId": text.field_id, "value": "edited"}]}
    )
    with in_duckdb.session(sync) as session:
        counts = session.verify(None, in_duckdb.said.append)
    assert counts == {(ledger.IMPORT, ledger.CONFIRMED): len(VALUES) - 1, (ledger.IMPORT, ledger.MISMATCHED): 1}
    assert in_duckdb.plan(sync).counts["imports"] == 1


def test_no_message_is_ever_sent(in_duckdb: Pushing) -> None:
    asked: set[str] = set()
    on_request(in_duckdb.sandbox, lambda operation, query: asked.add(operation))
    in_duckdb.apply(tiers(in_duckdb))
    assert not asked & {"send_broadcast", "send_transactional_message", "create_contact", "subscribe_contact"}
    assert "start_contact_import" in asked


def test_retry_of_one_sync_sends_nothing_of_anothers(pushing: Pushing) -> None:
    """14.D18: what a had tried in vain was sent again after ``retry b``."""
    phones, text = pushing.phones(2), pushing.field("Text")
    pushing.customers(["id", "phone", "tier", "first"], [(at, phone, "gold", "Zoë") for at, phone in enumerate(phones)])
    a = pushing.sync({"tier": text.field_id}, name="a")
    b = pushing.sync({"first": {"contact": "first_name"}}, name="b")
    for phone in phones:
        pushing.world.vanish(phone)
    for sync in (a, b):
        pushing.apply(sync)
        assert pushing.plan(sync).is_empty
    with pushing.session(b) as session:
        outcome = session.retry(pushing.said.append)
    assert outcome
    assert outcome.counts == {(ledger.UPDATE, ledger.NOT_FOUND): 2}
    plan = pushing.plan(a)
    assert plan.is_empty
    assert plan.rejected == {"tier: tried: not found": 2}


def test_what_listrak_says_against_a_single_update_is_kept(in_duckdb: Pushing) -> None:
    """14.D17: nobody could tell why it was refused."""
    (phone,) = in_duckdb.phones(1)
    in_duckdb.customers(["id", "phone", "first"], [(1, phone, "Zoë")])
    body = f'{{"status": 400, "error": "ERROR_NAME", "message": "{phone} has a name."}}'
    in_duckdb.sandbox.faults.add(Fault("status", "update_contact", status=400, body=body))
    sync = in_duckdb.sync({"first": {"contact": "first_name"}})
    with in_duckdb.session(sync) as session:
        outcome = session.apply(in_duckdb.said.append)
        assert outcome
        assert outcome.counts == {(ledger.UPDATE, ledger.REFUSED): 1}
        ((operation, reason, count),) = session.refusals(outcome.run_id)
    assert (operation, count) == (ledger.UPDATE, 1)
    assert reason == f"update_contact: …{phone[-4:]} has a name. (HTTP 400 ERROR_NAME)"
