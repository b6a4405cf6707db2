"""Who is put on a list or taken off it, and who is created. Nobody who said stop is put anywhere.

Listrak opts in whom it is told to subscribe. So each contact is asked for its stop right before that, whatever the last
pull knew, and :mod:`~listrak_source.push.apply.consent_gate` says what allows it; only a stop in the moment between the
two requests could be missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast
from zoneinfo import ZoneInfo

from listrak_source.api import ContactStateError, ContactValueError, NotFoundError, each_record
from listrak_source.api.models import ContactListSubscription, PhoneAttribute, SMSContact
from listrak_source.api.phones import all_forms
from listrak_source.push.apply.consent_gate import opted_out, refused_by_contact, refused_by_list
from listrak_source.push.apply.contact_updates import changed
from listrak_source.push.apply.context import Work
from listrak_source.push.apply.readback import INVITED, OFF, ON, WAITS, of_list, states
from listrak_source.push.apply.single_writes import NOBODY, Act
from listrak_source.push.sync.field_mapping import CREATED, of_ids
from listrak_source.push.warehouse.ledger import AGAIN, OPTED_OUT, SENT, SUBSCRIBE, UNPROVED
from listrak_source.push.warehouse.sql_client import text


def subscribe(work: Work, _fields: Iterable[PhoneAttribute]) -> Act:
    """The act that puts a contact on lists, where what Listrak tells of it proves that this is allowed."""
    client, sender_code_id = work.client, work.run.sender_code_id
    ours, again = _taken_off_by_us(work), _may_be_asked_again(work)
    zone = ZoneInfo(work.store.zone)
    say = _once(work.say)

    def records(phone: str) -> list[ContactListSubscription]:
        return list(each_record(client.list_contact_subscriptions(sender_code_id, phone)))

    def act(phone: str, wanted: Mapping[str, str]) -> str:
        told = records(phone)
        held = states(told)
        for one in of_ids(wanted, ()):
            phone_list_id = int(one.column.phone_list or 0)
            now = held.get(phone_list_id, OFF)
            if now in (ON, WAITS) or (now == INVITED and (phone, one.id) not in again):
                continue  # who was asked to confirm once is not asked again
            # What is not there may only not have been shown, so it is asked for once more.
            its = of_list(told, phone_list_id) or of_list(records(phone), phone_list_id)
            refusal = refused_by_list(its, taken_off_by_us=(phone, one.id) in ours)
            refusal = refusal or refused_by_contact(client.get_contact(sender_code_id, phone), zone)
            if refusal:
                say(f"Somebody is not put on the {one.title}: {refusal.reason}.")
                return OPTED_OUT if refusal.said_stop else UNPROVED
            with _unless("ERROR_SUBSCRIBED_PHONE_NUMBER", "ERROR_PENDING_PHONE_NUMBER"):
                client.subscribe_contact(sender_code_id, phone, phone_list_id)
        return SENT

    return act


def _once(say: Callable[[str], None]) -> Callable[[str], None]:
    """Says each sentence once, however many people it is about."""
    said: set[str] = set()

    def once(sentence: str) -> None:
        if sentence not in said:
            said.add(sentence)
            say(sentence)

    return once


def _taken_off_by_us(work: Work) -> set[tuple[str, str]]:
    """Whom of this run's people push itself has taken off a list, and nobody since as far as is known.

    The rows are numbers as Listrak writes them, and targets.
    """
    return _of_run(work, f"push_confirmed AS p ON p.confirmed_value = '{OFF}'")


def _may_be_asked_again(work: Work) -> set[tuple[str, str]]:
    """Who was asked to confirm once, and may be asked again: their row has changed since, or a person has said so."""
    return _of_run(work, f"push_tried AS p ON p.status = '{AGAIN}'")


def _of_run(work: Work, known: str) -> set[tuple[str, str]]:
    """Those of a run's people and lists of which a table knows something: numbers as Listrak writes them, targets."""
    found = work.store.rows(
        f"SELECT COALESCE(c.phone_number_raw, c.phone_number), p.target FROM push_changes AS c JOIN {known} "
        "AND c.sender_code_id = p.sender_code_id AND c.phone_number = p.phone_number AND c.target = p.target "
        f"WHERE c.run_id = {text(work.run.run_id)} AND c.operation = '{SUBSCRIBE}'"
    )
    return {(str(phone), str(target)) for phone, target in found}


def unsubscribe(work: Work, _fields: Iterable[PhoneAttribute]) -> Act:
    """The act that takes a contact off lists. Its other lists and its opt-out state stay as they are."""
    sender_code_id = work.run.sender_code_id

    def act(phone: str, wanted: Mapping[str, str]) -> str:
        held = states(each_record(work.client.list_contact_subscriptions(sender_code_id, phone)))
        for one in of_ids(wanted, ()):
            phone_list_id = int(one.column.phone_list or 0)
            if held.get(phone_list_id, OFF) in (ON, WAITS):
                with _unless("ERROR_PHONE_NUMBER_NOT_SUBSCRIBED"):
                    work.client.unsubscribe_contact(sender_code_id, phone, phone_list_id)
        return SENT

    return act


def create(work: Work, _fields: Iterable[PhoneAttribute]) -> Act:
    """The act that creates a contact on a list, with its values. One that is there by now is left as it is."""
    sender_code_id = work.run.sender_code_id

    def act(phone: str, wanted: Mapping[str, str]) -> str:
        for form in all_forms(phone):
            if there := _found(work, form):
                return OPTED_OUT if opted_out(there) else SENT
        (phone_list_id,) = (one.column.phone_list for one in of_ids(wanted, ()) if one.is_list)
        with _unless("ERROR_PHONE_NUMBER_FOUND"):
            work.client.create_contact(sender_code_id, int(phone_list_id or 0), _new(phone, wanted))
        return SENT

    return act


def _found(work: Work, phone: str) -> Mapping[str, Any] | None:
    """A contact; None only where Listrak says that there is none of this number, or takes no such form of one."""
    try:
        return work.client.get_contact(work.run.sender_code_id, phone)
    except NotFoundError as error:
        if error.code not in NOBODY:
            raise
    except ContactValueError as error:
        if error.code != "ERROR_INVALID_PHONE_NUMBER":
            raise
    return None


@contextmanager
def _unless(*codes: str) -> Iterator[None]:
    """Take a refusal that says that it is so already; reading back tells."""
    try:
        yield
    except ContactStateError as error:
        if error.code not in codes:
            raise


def _new(phone: str, wanted: Mapping[str, str]) -> SMSContact:
    """A contact with its wanted values."""
    targets = [one for one in of_ids(wanted, ()) if one.id != CREATED]
    own = {one.id: wanted[one.id] for one in targets if one.is_own}
    values = [{"segmentationFieldId": one.field_id, "value": wanted[one.id]} for one in targets if one.is_profile]
    body: dict[str, Any] = {"phoneNumber": phone, "segmentationFieldValues": values}
    return cast("SMSContact", changed(body, own))
