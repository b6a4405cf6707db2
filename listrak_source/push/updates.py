"""Single updates: read a contact, change it, send it whole, so that nothing else of it is cleared.

``PUT`` replaces a contact. It can opt out, and never in: what was read of ``optedOut`` goes back as it came.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from listrak_source.api import ListrakClient, ListrakError, NotFoundError
from listrak_source.api.records import SMSContact
from listrak_source.push import ledger
from listrak_source.push.ledger import NOT_FOUND, PLANNED, REFUSED, SENDING, SENT, STOP
from listrak_source.push.reading_back import OWN, read_back
from listrak_source.push.store import Store, text
from listrak_source.push.targets import Target

TOGETHER = 200
"""Contacts whose intent is written down at once."""
_NO_DATE = "0001-01-01"


def send(
    store: Store,
    client: ListrakClient,
    run: ledger.Run,
    targets: list[Target],
    operation: str,
    *,
    workers: int,
    renew: Callable[[], None],
) -> None:
    """Carry out a run's stops or updates that are not settled yet, and read every one of them back.

    What an earlier process was about to send when it was killed is read first, as every contact is: where the change is
    there already, nothing is sent. Raises ``ListrakError`` where Listrak cannot be reached; the next start goes on.
    """
    active = {
        int(field["segmentationFieldId"])
        for page in client.list_profile_fields(run.sender_code_id)
        for field in page.data
        if str(field.get("statusFlag") or "Active") == "Active"
    }
    of_run = f"run_id = {text(run.run_id)} AND operation = '{operation}'"
    while True:
        renew()
        found = store.rows(
            f"SELECT DISTINCT phone_number FROM push_changes WHERE {of_run} AND status IN ('{PLANNED}', '{SENDING}') "
            f"ORDER BY 1 LIMIT {TOGETHER}"
        )
        phones = [str(phone) for (phone,) in found]
        if not phones:
            break
        these = f"operation = '{operation}' AND {ledger.among('phone_number', phones)}"
        ledger.mark_changes(store, run.run_id, SENDING, f"{these} AND status = '{PLANNED}'")
        wanted: dict[str, dict[str, str]] = defaultdict(dict)
        for phone, target, after in store.rows(
            f"SELECT phone_number, target, after_value FROM push_changes WHERE {of_run} "
            f"AND {ledger.among('phone_number', phones)}"
        ):
            wanted[str(phone)][str(target)] = str(after)

        def put(phone: str, wanted: dict[str, dict[str, str]] = wanted) -> str:
            return _put(client, run.sender_code_id, phone, wanted[phone], active)

        with ThreadPoolExecutor(workers) as pool:
            outcomes = list(pool.map(put, phones))
        for status in (NOT_FOUND, REFUSED, SENT):
            some = [phone for phone, outcome in zip(phones, outcomes, strict=True) if outcome == status]
            ledger.mark_changes(store, run.run_id, status, f"{these} AND {ledger.among('phone_number', some)}")
        sent = [phone for phone, outcome in zip(phones, outcomes, strict=True) if outcome == SENT]
        read_back(
            store,
            client,
            run,
            targets,
            sent,
            f"operation = '{operation}' AND status = '{SENT}'",
            workers=workers,
            renew=renew,
        )
    # Sent, and the process was killed before it read them back.
    rest = store.rows(f"SELECT DISTINCT phone_number FROM push_changes WHERE {of_run} AND status = '{SENT}' ORDER BY 1")
    where = f"operation = '{operation}' AND status = '{SENT}'"
    read_back(store, client, run, targets, [str(row[0]) for row in rest], where, workers=workers, renew=renew)


def _put(client: ListrakClient, sender_code_id: int, phone: str, wanted: dict[str, str], active: set[int]) -> str:
    try:
        read = dict(client.get_contact(sender_code_id, phone))
    except NotFoundError:
        return NOT_FOUND
    now = whole(read, active)
    body = changed(now, wanted)
    if body == now:
        return SENT
    try:
        client.update_contact(sender_code_id, cast("SMSContact", body))
    except NotFoundError:
        return NOT_FOUND
    except ListrakError as error:
        if error.may_have_acted:
            return SENT  # reading back tells
        if error.retriable or error.status is None or error.status in (401, 403):
            raise
        return REFUSED
    return SENT


def whole(read: dict[str, Any], active: set[int]) -> dict[str, Any]:
    """A contact as it is to be sent: what the API told, without its dates, and without values of disabled fields, which
    it would refuse."""
    birthday = read.get("birthday")
    values = read.get("segmentationFieldValues") or []
    return {
        "phoneNumber": read.get("phoneNumber"),
        **{name: read.get(name) for name in ("emailAddress", "firstName", "lastName", "postalCode")},
        "birthday": None if not birthday or str(birthday).startswith(_NO_DATE) else birthday,
        "optedOut": bool(read.get("optedOut")),
        "segmentationFieldValues": [one for one in values if one.get("segmentationFieldId") in active],
    }


def changed(contact: dict[str, Any], wanted: dict[str, str]) -> dict[str, Any]:
    """The contact with what is wanted of it; an empty value clears."""
    body = dict(contact)
    for target, value in wanted.items():
        if target == OWN_STOP:
            body["optedOut"] = True
        elif target == "birthday":
            body["birthday"] = f"{value}T00:00:00" if value else None
        else:
            body[OWN[target]] = value or None
    return body


OWN_STOP = "opted_out"

__all__ = ["STOP", "changed", "send", "whole"]
