"""14.A2: unknown is no permission. Somebody is put on a list only where what Listrak tells proves that it may be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from listrak_source.push.apply.consent_gate import refused_by_contact, refused_by_list
from listrak_source.push.warehouse.ledger import CONFIRMED, CREATE, OPTED_OUT, SUBSCRIBE, UNPROVED
from listrak_source.sandbox import Fault, Quirks
from tests.pull.warehouse import truth
from tests.push.pushing import Pushing

NEW = "13125550101"
NEW_YORK = ZoneInfo("America/New_York")
SUBSCRIPTIONS: list[tuple[dict[str, Any], bool, bool]] = [
    ({"subscriptionState": "Not Subscribed"}, True, True),
    ({"subscriptionState": " not subscribed ", "unsubscribeDate": "0001-01-01T00:00:00"}, True, True),
    ({"subscriptionState": "Not Subscribed", "unsubscribeDate": "2026-01-02T03:04:05"}, False, True),
    ({"subscriptionState": "Unsubscribed"}, False, True),
    ({"subscriptionState": "Suspended", "unsubscribeDate": "2026-01-02T03:04:05"}, False, False),
    ({"subscriptionState": "Suspended"}, False, False),
    ({"subscriptionState": None}, False, False),
    ({}, False, False),
]
"""What is told of a list, and whether it lets somebody join: at all, and where push itself has taken them off."""
CONTACTS: list[tuple[dict[str, Any], bool]] = [
    ({"optedOut": False}, True),
    ({"optedOut": False, "unsubscribeDate": "0001-01-01T00:00:00"}, True),
    ({"optedOut": False, "subscribeDate": "2026-02-01T00:00:00", "unsubscribeDate": "2026-01-01T00:00:00.5"}, True),
    ({"optedOut": False, "subscribeDate": "2026-01-01T00:00:00", "unsubscribeDate": "2026-01-01T00:00:00"}, False),
    ({"optedOut": False, "unsubscribeDate": "2026-01-01T00:00:00"}, False),
    *(
        ({"optedOut": False, "unsubscribeDate": stop, "subscribeDate": since}, allowed)
        for stop, since, allowed in (
            ("12/31/2024", "2024-01-01T00:00:00", False),
            ("2024-01-01 12:00:00", "2024-01-01T10:00:00", False),
            ("2024-01-01 12:00:00", "2024-01-01T12:00:01", True),
            ("2023-12-31T20:00:00", "n/a", False),
            ("2023-01-01T00:00:00", "rubbish", False),
            ("rubbish", "2024-01-01T00:00:00", False),
            (0, None, False),
            (0, "2024-01-01T00:00:00", False),
            ("2023-12-31T20:00:00-05:00", "2024-01-01T00:00:00+05:00", False),
            ("2023-12-31T20:00:00-0500", "2024-01-01T02:00:00+01", False),
            ("2023-12-31T20:00:00-05:00", "2024-01-01T02:00:00Z", True),
            ("2023-12-31T22:00:00", "2024-01-01T00:00:00Z", False),
            ("2023-12-31T22:00:00", "2024-01-01T03:00:01Z", True),
            ("2023-02-30T00:00:00", "2024-01-01T00:00:00", False),
            # The hour that comes twice: the stop may be of its second half.
            ("2025-11-02T01:10:00", "2025-11-02T01:50:00", False),
            ("2025-11-02T01:10:00", "2025-11-02T02:10:01", True),
        )
    ),
    ({"optedOut": True}, False),
    ({"optedOut": False, "OptedOut": True}, False),
    ({"optedOut": "false"}, False),
    ({"optedOut": None}, False),
    ({"optedOut": 0}, False),
    ({}, False),
]


def test_what_allows_joining_is_listed() -> None:
    """14.A2: everything else refuses."""
    for told, allowed, by_us in SUBSCRIPTIONS:
        assert (refused_by_list([told], taken_off_by_us=False) is None) is allowed, told
        assert (refused_by_list([told], taken_off_by_us=True) is None) is by_us, told
    never = {"subscriptionState": "Not Subscribed"}
    assert refused_by_list([], taken_off_by_us=False) is None
    assert refused_by_list([never, {"subscriptionState": "Suspended"}], taken_off_by_us=False), "each record counts"
    for told, allowed in CONTACTS:
        assert (refused_by_contact(told, NEW_YORK) is None) is allowed, told


def _left(pushing: Pushing) -> tuple[str, str, int]:
    """Somebody who has left a list that the sync wants them on, somebody who was never on it, and the list."""
    new = pushing.world.add_list(pushing.sender_code_id, "Sale")
    left, never = pushing.phones(2)
    pushing.world.subscribe(pushing.sender_code_id, new, left)
    pushing.world.leave_list(pushing.sender_code_id, new, left)
    return left, never, new


def _members(pushing: Pushing, phone_list: int) -> set[str]:
    return {phone for _, one, phone in truth(pushing.sandbox)["list_memberships"] if one == phone_list}


@pytest.mark.cases(2)
@pytest.mark.parametrize("state", ["Unsubscribed", "Not Subscribed", "Suspended", ""])
def test_who_has_left_is_not_put_back_whatever_the_state_is_called(in_duckdb: Pushing, state: Any) -> None:
    """14.A2: a state that nobody has seen counted as *never left*."""
    pushing = in_duckdb
    left, never, new = _left(pushing)
    pushing.sandbox.service.quirks = replace(Quirks(), left_state=state)
    pushing.customers(["id", "phone", "sale"], [(1, left, True), (2, never, True)])
    sync = pushing.sync({"sale": {"list": new}}, modes=["subscribe"])
    outcome = pushing.apply(sync)
    assert _members(pushing, new) == {never}
    assert outcome
    known = state in ("Unsubscribed", "Not Subscribed")
    assert outcome.counts == {(SUBSCRIBE, CONFIRMED): 1, (SUBSCRIBE, OPTED_OUT if known else UNPROVED): 1}
    why = "it has left the list" if known else f"its subscription state is {repr(state) if state else 'nothing'}"
    assert f"Somebody is not put on the list {new}: {why}." in pushing.said
    plan = pushing.plan(sync)
    assert (plan.is_empty, len(plan.rejected)) == (True, 1), "it says why in each plan"


@pytest.mark.parametrize("how", ["absent", "null", "text"])
def test_a_stop_that_is_not_told_is_no_permission(in_duckdb: Pushing, how: Any) -> None:
    """14.A2: ``optedOut`` must be there, and false."""
    pushing = in_duckdb
    _, never, new = _left(pushing)
    pushing.sandbox.service.quirks = replace(Quirks(), stops=how)
    pushing.customers(["id", "phone", "sale"], [(1, never, True)])
    outcome = pushing.apply(pushing.sync({"sale": {"list": new}}, modes=["subscribe"]))
    assert outcome
    assert outcome.counts == {(SUBSCRIBE, UNPROVED): 1}
    assert not pushing.sent()


def test_a_collection_that_is_empty_for_a_moment_puts_nobody_back(in_duckdb: Pushing) -> None:
    """14.A2: that there is no record of a list is asked for twice."""
    pushing = in_duckdb
    left, _, new = _left(pushing)
    pushing.customers(["id", "phone", "sale"], [(1, left, True)])
    empty = '{"status": 200, "data": []}'
    pushing.sandbox.faults.add(Fault("status", "list_contact_subscriptions", times=1, status=200, body=empty))
    outcome = pushing.apply(pushing.sync({"sale": {"list": new}}, modes=["subscribe"]))
    assert outcome
    assert outcome.counts == {(SUBSCRIBE, OPTED_OUT): 1}
    assert _members(pushing, new) == set()


@pytest.mark.parametrize("form", ["ten", "plus"])
def test_who_is_there_in_another_form_is_not_created_anew(in_duckdb: Pushing, form: Any) -> None:
    """14.A2: a contact that Listrak writes in another form, and that has said stop, is asked for in that form too."""
    pushing = in_duckdb
    new = pushing.world.add_list(pushing.sender_code_id, "Sale")
    pushing.customers(["id", "phone", "sale"], [(1, NEW, True)])
    sync = pushing.sync({"sale": {"list": new}}, modes=["create"])
    pushing.plan(sync)
    pushing.world.subscribe(pushing.sender_code_id, pushing.lists()[0], NEW)
    pushing.world.opt_out(pushing.sender_code_id, NEW)
    pushing.sandbox.service.quirks = replace(Quirks(), contact_phones=form, phones_taken="listed")
    outcome = pushing.apply(sync)
    assert outcome
    assert {status for operation, status in outcome.counts if operation == CREATE} == {OPTED_OUT}
    assert not pushing.sent()
    assert _members(pushing, new) == set()


def test_a_404_that_is_not_about_the_contact_creates_nobody(in_duckdb: Pushing) -> None:
    """14.A2: only that there is no such contact lets it be created."""
    pushing = in_duckdb
    new = pushing.world.add_list(pushing.sender_code_id, "Sale")
    pushing.customers(["id", "phone", "sale"], [(1, NEW, True)])
    pushing.sandbox.faults.add(Fault("status", "get_contact", times=None, status=404, body="<html>gone</html>"))
    pushing.apply(pushing.sync({"sale": {"list": new}}, modes=["create"]))
    assert not pushing.sent()
    assert NEW not in pushing.world.people
