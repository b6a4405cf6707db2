"""What goes one contact at a time: claimed in the ledger, read, written where that is needed, and read back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import NamedTuple

from listrak_source.api import (
    ContactStateError,
    ContactValueError,
    ListrakError,
    NotFoundError,
    NothingTold,
    ServerError,
)
from listrak_source.api.phones import forms
from listrak_source.api.tracing import carried
from listrak_source.push.apply.context import Work
from listrak_source.push.apply.readback import read_back
from listrak_source.push.apply.step_progress import Steps
from listrak_source.push.diff.known_state import brought
from listrak_source.push.sync.canonical import wire_form
from listrak_source.push.sync.field_mapping import Target
from listrak_source.push.warehouse import ledger
from listrak_source.push.warehouse.ledger import NOT_FOUND, PLANNED, REFUSED, SENDING, SENT, SKIPPED, STOP
from listrak_source.push.warehouse.sql_client import text
from listrak_source.push.warehouse.turns import TURN

_WRITES = ("update_contact", "create_contact", "subscribe_contact", "unsubscribe_contact")
NOBODY = ("ERROR_PHONE_NUMBER_NOT_FOUND", "ERROR_UNABLE_TO_LOCATE_RESOURCE")
"""How Listrak says that it has no such contact."""
TOGETHER = 200
"""Contacts whose intent is written down at once."""


class Came(NamedTuple):
    """What came of one contact: how its changes stand now, and what Listrak says against them."""

    status: str
    reason: str = ""


_LEFT = Came(SENDING)
"""To be sent by the next turn."""

Act = Callable[[str, Mapping[str, str]], str]
"""Does what is wanted of one contact: its number, and by target the value. Gives the status."""


def carry_out(work: Work, operation: str, targets: list[Target], act: Act) -> None:
    """Carry out what is not settled yet of an operation of a run, and read all of it back.

    What an earlier process was about to send when it was killed is read first, as every contact is: where the change is
    there already, nothing is sent. Raises ``ListrakError`` where Listrak cannot be reached; the next start goes on.
    """
    store, run = work.store, work.run
    of_run = f"run_id = {text(run.run_id)} AND operation = '{operation}'"
    open_ones = f"{of_run} AND status IN ('{PLANNED}', '{SENDING}')"
    steps = Steps(work.say, int(store.one(f"SELECT COUNT(DISTINCT phone_number) FROM push_changes WHERE {open_ones}")))
    while True:
        work.renew()
        found = store.rows(
            f"SELECT DISTINCT phone_number FROM push_changes WHERE {open_ones} ORDER BY 1 LIMIT {TOGETHER}"
        )
        phones = [str(phone) for (phone,) in found]
        if not phones:
            break
        some = ledger.among("phone_number", phones)
        these = f"operation = '{operation}' AND {some}"
        ledger.mark_changes(store, run.run_id, SENDING, f"{these} AND status = '{PLANNED}'")
        wanted: dict[str, dict[str, str]] = defaultdict(dict)
        for phone, target, value in store.rows(
            f"SELECT phone_number, target, {_as_sent(targets)} FROM push_changes WHERE {of_run} AND {some} "
            f"AND status = '{SENDING}'"
        ):
            wanted[str(phone)][str(target)] = str(value)
        written = ledger.written(store, run.run_id, phones)

        def one(phone: str, wanted: Mapping[str, dict[str, str]] = wanted, raw: Mapping[str, str] = written) -> Came:
            for form in forms(raw.get(phone, phone)):
                came = _outcome(work, act, operation, form, wanted[phone])
                if came.status != NOT_FOUND:
                    break
            return came

        with work.turns(stops=operation == STOP):
            outcomes = _for_one_turn(one, phones, work.workers)
            if operation == STOP:
                outcomes = _confirmed(work, one, phones, outcomes)
        for came in sorted(set(outcomes) - {_LEFT}):
            those = [phone for phone, its in zip(phones, outcomes, strict=True) if its == came]
            where = f"{these} AND status = '{SENDING}' AND {ledger.among('phone_number', those)}"
            ledger.mark_changes(store, run.run_id, came.status, where, reason=came.reason)
        _read(work, operation, targets, [one for one, its in zip(phones, outcomes, strict=True) if its.status == SENT])
        steps.done(len(phones) - outcomes.count(_LEFT))
    # Sent, and the process was killed before it read them back.
    rest = store.rows(f"SELECT DISTINCT phone_number FROM push_changes WHERE {of_run} AND status = '{SENT}' ORDER BY 1")
    _read(work, operation, targets, [str(row[0]) for row in rest])


def _confirmed(work: Work, ask: Callable[[str], Came], phones: list[str], outcomes: list[Came]) -> list[Came]:
    """The outcomes of stops, where one answer that there is nobody is not believed.

    Who is not found is asked for once more, and whom a pull has brought is a stop that is not carried out.
    """
    missing = [phone for phone, came in zip(phones, outcomes, strict=True) if came.status == NOT_FOUND]
    if not missing:
        return outcomes
    here = brought(work.store, work.run.sender_code_id, missing)
    again = dict(zip(missing, _for_one_turn(ask, missing, work.workers), strict=True))
    for phone, came in list(again.items()):
        if came.status == NOT_FOUND and phone in here:
            again[phone] = Came(REFUSED, f"{came.reason.rstrip('.')}: but a pull has brought this contact")
    return [again.get(phone, came) for phone, came in zip(phones, outcomes, strict=True)]


def _for_one_turn(act: Callable[[str], Came], phones: list[str], workers: int) -> list[Came]:
    """Do something about each contact, side by side, for as long as a turn lasts; the others are still to be sent."""
    until = monotonic() + TURN

    def act_in_time(phone: str) -> Came:
        return act(phone) if monotonic() < until else _LEFT

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(carried(act_in_time), phones))


def _read(work: Work, operation: str, targets: list[Target], phones: list[str]) -> None:
    where = f"operation = '{operation}' AND status = '{SENT}'"
    read_back(work, targets, phones, where)


def _outcome(work: Work, act: Act, operation: str, phone: str, wanted: Mapping[str, str]) -> Came:
    try:
        return Came(act(phone, wanted))
    except ListrakError as error:
        status = _status_of(error, operation)
        # Whom Listrak does not answer for waits for the next run, and nobody else waits for them.
        if status is None and _is_of_one(error, operation, work):
            status = REFUSED if operation == STOP else SKIPPED
        if status is None:
            raise
        return Came(status, str(error))


def _is_of_one(error: ListrakError, operation: str, work: Work) -> bool:
    """Whether an error is about one person. What is not let be written may be read: that is about the credentials."""
    is_locked = error.operation in _WRITES and error.status in (401, 403)
    return (operation == STOP or not is_locked) and work.client.fails_alone(error)


def _status_of(error: ListrakError, operation: str) -> str | None:  # noqa: PLR0911 - an outcome for each kind
    """How a change stands after an error; None where the error is not of this one contact."""
    match error:
        case NotFoundError():
            # Whom there is nobody to stop is not asked again, so a stop wants to be told exactly that, and not by the
            # answer to a request that has found its contact before.
            is_nobody = error.code in NOBODY and error.operation not in _WRITES
            return NOT_FOUND if operation != STOP or is_nobody else None
        case ContactStateError():
            return REFUSED  # about this one contact: nobody else waits for it
        case NothingTold():
            return REFUSED if operation == STOP else SKIPPED
        case ContactValueError():
            return NOT_FOUND if error.code == "ERROR_INVALID_PHONE_NUMBER" else REFUSED
    if error.operation in _WRITES:
        if error.may_have_acted and not (operation == STOP and isinstance(error, ServerError)):
            return SENT  # reading back tells; a stop has looked
        if not (error.retriable or error.status is None or error.status in (401, 403)):
            return REFUSED
    return None


def _as_sent(targets: list[Target]) -> str:
    """SQL for ``after_value`` as Listrak writes values of a profile field; what it holds besides is sent as it is."""
    forms = " ".join(
        f"WHEN {text(one.id)} THEN {wire_form('after_value', one.kind)}" for one in targets if one.is_profile
    )
    return f"CASE target {forms} ELSE after_value END" if forms else "after_value"
