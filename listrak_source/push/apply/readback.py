"""Reading back: what Listrak holds now of what was sent. Acceptance is not success, and Listrak reports no row.

What is read goes to the warehouse as it came, and is compared there, in the same canonical form as the plan's values.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from time import time
from typing import Any, NamedTuple, cast
from uuid import uuid4

from listrak_source.api import (
    ContactValueError,
    ListrakClient,
    ListrakError,
    NotFoundError,
    NothingTold,
    each_record,
)
from listrak_source.api.dates import date_of
from listrak_source.api.models import ContactListSubscription
from listrak_source.api.phones import forms
from listrak_source.api.tracing import carried
from listrak_source.push.apply.context import Work
from listrak_source.push.sync.canonical import canonical, compare_form
from listrak_source.push.sync.field_mapping import CREATED, LIST, Target, of_ids
from listrak_source.push.warehouse import ledger
from listrak_source.push.warehouse.ledger import (
    ASSUMED,
    CLEAR,
    CONFIRMED,
    MISMATCHED,
    NOT_FOUND,
    PENDING,
    SENT,
    SKIPPED,
    STOP,
)
from listrak_source.push.warehouse.sql_client import Store, text

OWN = {
    "email_address": "emailAddress", "first_name": "firstName", "last_name": "lastName", "birthday": "birthday",
    "postal_code": "postalCode", "opted_out": "optedOut",
}  # fmt: skip
"""What a contact holds besides profile values: our names, and the API's."""
TOGETHER = 500
"""Contacts whose reading is kept at once."""
_READ = ("run_id", "phone_number", "target", "read_value")


ON, OFF, WAITS, INVITED = "1", "0", "pending", "invited"
"""What a contact is to a list: on it, not on it, waiting for the contact to confirm, or not on it though it was asked
to confirm once."""


def states(subscriptions: Iterable[ContactListSubscription]) -> dict[int, str]:
    """By list: what a contact is to it. A state that is not known counts as not on the list, and as no permission."""
    found = {}
    for one in subscriptions:
        state = str(one.get("subscriptionState") or "").strip().casefold()
        waits = state.startswith("pending") or one.get("pendingDoubleOptIn") or one.get("pendingAgeGate")
        is_left = state == "unsubscribed" or date_of(one.get("unsubscribeDate"))
        off = INVITED if date_of(one.get("pendingDate")) and not is_left else OFF
        found[list_of(one)] = ON if state == "subscribed" else WAITS if waits else off
    return found


def list_of(subscription: ContactListSubscription) -> int:
    """The list that a contact's subscription is about. Raises :class:`NothingTold` where it names none."""
    try:
        return int(str(subscription.get("phoneListId")))
    except ValueError:
        raise NothingTold("a subscription that names no list", operation="list_contact_subscriptions") from None


def of_list(subscriptions: Iterable[ContactListSubscription], phone_list_id: int) -> list[ContactListSubscription]:
    """What a contact's subscriptions say of one list."""
    return [one for one in subscriptions if list_of(one) == phone_list_id]


def profile_of(contact: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The profile values that a contact tells, as far as they are such."""
    values = contact.get("segmentationFieldValues")
    return [one for one in values if isinstance(one, dict)] if isinstance(values, list) else []


def value_of(contact: Mapping[str, Any], lists: Mapping[int, str], target: Target) -> str | None:
    """What a contact, as Listrak tells it, holds of a target."""
    if target.is_list:
        return lists.get(int(target.column.phone_list or 0), OFF)
    if target.id == CREATED:
        return ON
    if not target.is_profile:
        value = contact.get(OWN[target.id])
        return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    values = profile_of(contact)
    return next((str(one.get("value")) for one in values if one.get("segmentationFieldId") == target.field_id), None)


def read_back(work: Work, targets: list[Target], phones: Sequence[str], where: str) -> None:
    """Look people up, and settle their changes that fulfil ``where``.

    A change is then confirmed, mismatched, not found, waiting, or skipped where Listrak does not answer.
    """
    store, run, numbers = work.store, work.run, iter(phones)
    while some := list(islice(numbers, TOGETHER)):
        work.renew()
        store.run(f"DELETE FROM push_read WHERE run_id = {text(run.run_id)}")
        rows: list[tuple[str, str, str, str | None]] = []
        missing: list[str] = []
        untold: dict[str, list[str]] = defaultdict(list)
        people = looked_up(
            work.client,
            run.sender_code_id,
            some,
            written=ledger.written(store, run.run_id, some),
            with_lists=any(one.is_list for one in targets),
            workers=work.workers,
        )
        for phone, contact, lists, why in people:
            if contact is None:
                missing.append(phone)
            elif not contact:
                untold[why].append(phone)
            else:
                rows += [(run.run_id, phone, one.id, value_of(contact, lists, one)) for one in targets]
        store.insert("push_read", _READ, rows)
        compare(store, run, targets, where)
        # Of whom Listrak tells nothing it is not known that they are gone: what was sent is sent again. A stop among it
        # is told by each run until then.
        for why, those in untold.items():
            theirs = f"({where}) AND {ledger.among('phone_number', those)}"
            ledger.mark_changes(store, run.run_id, MISMATCHED, f"{theirs} AND operation = '{STOP}'", reason=why)
            ledger.mark_changes(store, run.run_id, SKIPPED, f"{theirs} AND operation <> '{STOP}'", reason=why)
        gone = ledger.among("phone_number", missing)
        ledger.mark_changes(store, run.run_id, NOT_FOUND, f"({where}) AND {gone}")
        # Nothing is known of them any more, not even that they were created.
        store.run(f"DELETE FROM push_confirmed WHERE sender_code_id = {run.sender_code_id} AND {gone}")


def compare(store: Store, run: ledger.Run, targets: list[Target], where: str) -> None:
    """Compare what was read with what was sent, and keep what is confirmed for the next diff."""
    each = " ".join(
        f"WHEN r.target = {text(one.id)} THEN {holds(one, 'r.read_value', 'push_changes.after_value')}"
        for one in targets
    )
    is_off = f"WHEN r.read_value = '{INVITED}' AND r.target LIKE '{LIST}%' THEN push_changes.after_value = '{OFF}'"
    is_so = f"CASE {is_off} {each} ELSE FALSE END"
    met = (
        "EXISTS (SELECT 1 FROM push_read AS r WHERE r.run_id = push_changes.run_id "
        "AND r.phone_number = push_changes.phone_number AND r.target = push_changes.target"
    )
    ledger.mark_changes(store, run.run_id, CONFIRMED, f"({where}) AND {met} AND {is_so})")
    waits = met.replace(
        "r.target =", f"r.target LIKE '{LIST}%' AND r.read_value IN ('{WAITS}', '{INVITED}') AND r.target ="
    )
    ledger.mark_changes(store, run.run_id, PENDING, f"({where}) AND status <> '{CONFIRMED}' AND {waits})")
    ledger.mark_changes(store, run.run_id, MISMATCHED, f"({where}) AND status <> '{CONFIRMED}' AND {met})")
    store.run(f"DELETE FROM push_read WHERE run_id = {text(run.run_id)}")
    record_confirmed(store, run)


def holds(target: Target, read: str, wanted: str) -> str:
    """SQL: what was ``read`` means the same as what was ``wanted``; empty is as nothing.

    What an earlier version has planned may be in an older form.
    """
    forms = (f"COALESCE({compare_form(canonical(one, target.kind), target.kind)}, '')" for one in (read, wanted))
    return " = ".join(forms)


def record_confirmed(store: Store, run: ledger.Run) -> None:
    """Make what a run has confirmed the base of the next diff."""
    known = f"run_id = {text(run.run_id)} AND status IN ('{CONFIRMED}', '{ledger.ASSUMED}') AND note IS NULL"
    store.run(
        "DELETE FROM push_confirmed WHERE EXISTS (SELECT 1 FROM push_changes AS c WHERE "
        f"c.run_id = {text(run.run_id)} AND c.status IN ('{CONFIRMED}', '{ledger.ASSUMED}') AND c.note IS NULL "
        "AND c.sender_code_id = push_confirmed.sender_code_id AND c.phone_number = push_confirmed.phone_number "
        "AND c.target = push_confirmed.target)"
    )
    store.run(
        "INSERT INTO push_confirmed SELECT sender_code_id, phone_number, target, after_value, "
        f"{time()!r} FROM push_changes WHERE {known}"
    )
    store.run(f"UPDATE push_changes SET note = 'kept' WHERE {known}")


class Found(NamedTuple):
    """What Listrak tells of a number."""

    phone: str
    contact: Mapping[str, Any] | None
    """None where Listrak has none, empty where it tells nothing."""
    lists: Mapping[int, str] = {}
    """What the contact is to lists."""
    why: str = ""
    """Why it tells nothing."""


def looked_up(
    client: ListrakClient,
    sender_code_id: int,
    phones: Sequence[str],
    *,
    written: Mapping[str, str],
    with_lists: bool = False,
    workers: int = 1,
) -> Iterator[Found]:
    """Look people up, side by side.

    ``written`` is how Listrak writes their numbers, where it does so otherwise. Raises ``ListrakError`` where Listrak
    answers for nobody; whom alone it does not answer for holds up nobody else.
    """

    def ask(phone: str) -> Found:
        why = ""
        for form in forms(written.get(phone, phone)):
            try:
                contact = client.get_contact(sender_code_id, form)
                found = each_record(client.list_contact_subscriptions(sender_code_id, form)) if with_lists else ()
                return Found(phone, cast("Mapping[str, Any]", contact), states(found))
            except (NotFoundError, ContactValueError):
                continue
            except NothingTold as error:
                why = str(error)
            except ListrakError as error:
                if not client.fails_alone(error):
                    raise
                return Found(phone, {}, why=str(error))
        return Found(phone, {} if why else None, why=why)

    pool = ThreadPoolExecutor(workers)
    try:
        yield from pool.map(carried(ask), phones)
    finally:
        # Who asks for no more waits for nobody: it may be the garbage collector (see pull.side_by_side).
        pool.shutdown(wait=False, cancel_futures=True)


def verify(work: Work, sample: int | None) -> dict[tuple[str, str], int]:
    """Look up a sample of a run's contacts, or all; what is not there any more is planned again next time.

    Returns the run's changes by operation and status.
    """
    store, client, run = work.store, work.client, work.run
    of_run = f"run_id = {text(run.run_id)}"
    known = f"status IN ('{CONFIRMED}', '{ASSUMED}') AND operation <> '{CLEAR}'"
    if store.forgotten:  # by a hash nobody is looked up
        known += f" AND NOT {ledger.among('phone_number', sorted(store.forgotten))}"
    # Each verify draws another sample.
    drawn = f" ORDER BY MD5(phone_number || {text(uuid4().hex)}) LIMIT {sample}" if sample is not None else ""
    phones = [
        str(row[0])
        for row in store.rows(
            f"SELECT phone_number FROM push_changes WHERE {of_run} AND {known} GROUP BY phone_number{drawn}"
        )
    ]
    ids = [
        str(row[0])
        for row in store.rows(f"SELECT DISTINCT target FROM push_changes WHERE {of_run} AND {known} ORDER BY 1")
    ]
    targets = of_ids(ids, each_record(client.list_profile_fields(run.sender_code_id)))
    for start in range(0, len(phones), TOGETHER):
        some = ledger.among("phone_number", phones[start : start + TOGETHER])
        # From here on nothing of these is known, until it is read.
        store.run(
            f"DELETE FROM push_confirmed WHERE {some} AND EXISTS (SELECT 1 FROM push_changes AS c WHERE c.{of_run} "
            "AND c.sender_code_id = push_confirmed.sender_code_id AND c.phone_number = push_confirmed.phone_number "
            "AND c.target = push_confirmed.target)"
        )
        store.run(f"UPDATE push_changes SET status = '{SENT}', note = NULL WHERE {of_run} AND {known} AND {some}")
        these = phones[start : start + TOGETHER]
        read_back(work, targets, these, f"status = '{SENT}'")
    return ledger.outcomes(store, run.run_id)
