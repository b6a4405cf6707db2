"""A stop depends on nothing else: where Listrak refuses a value that the contact holds, the stop goes without it.

``PUT`` replaces a contact, so what it held once is sent along, and Listrak may take that no more. The value is empty
afterwards; the ledger names it, with what it was and what Listrak said.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, cast

from listrak_source.api import (
    ContactValueError,
    InvalidRequestError,
    ListrakError,
    NotFoundError,
    ProfileFieldError,
    ServerError,
)
from listrak_source.api.models import PhoneAttribute, SMSContact
from listrak_source.api.phones import canonical
from listrak_source.push.apply.contact_updates import active_of, whole
from listrak_source.push.apply.context import Work
from listrak_source.push.apply.readback import OWN
from listrak_source.push.apply.single_writes import Act
from listrak_source.push.sync.phone_numbers import plain
from listrak_source.push.warehouse.ledger import CLEAR, CONFIRMED, MISMATCHED, SENDING, SENT, STOP
from listrak_source.push.warehouse.sql_client import text

_VALUES = "segmentationFieldValues"
_BY_CODE = {"ERROR_INVALID_EMAIL_ADDRESS": "emailAddress", "ERROR_BIRTHDAY_FIELD_NULL": "birthday"}
_TITLES = {api: ours for ours, api in OWN.items()}
_OPAQUE = (NotFoundError, ServerError)
"""How it may do so and say nothing of it: a body that is too large is not found on a sister API."""
_OF_THE_MOMENT = (502, 503, 504)
"""Answers that are about the server, and about no value."""
_OF_A_CONTACT = (ContactValueError, InvalidRequestError, ProfileFieldError, *_OPAQUE)
"""How Listrak may refuse what a contact holds: not each refusal says what it is about."""
_NOT_OF_A_VALUE = ("ERROR_INVALID_PHONE_NUMBER", "ERROR_UNSUPPORTED_PROTOCOL", "ERROR_UNSUPPORTED_CONTENT_TYPE")

Left = Mapping[str, Any]
"""Values that are left out, by the ledger's name of their field."""


def stop(work: Work, fields: Iterable[PhoneAttribute]) -> Act:  # noqa: C901 - the act, and how it sends, share what is known
    """The act that opts a contact out. It raises the first refusal where Listrak takes the stop in no way."""
    known = list(fields)
    active, sender_code_id = active_of(known), work.run.sender_code_id
    longest = {str(one["segmentationFieldId"]): one.get("maxLength") for one in known}
    is_resumed = bool(work.store.one(f"SELECT COUNT(*) FROM push_changes WHERE {_cleared(work)}"))

    def act(phone: str, wanted: Mapping[str, str]) -> str:  # noqa: ARG001, C901 - but one thing is wanted; see above
        held = whole(dict(work.client.get_contact(sender_code_id, phone)), active)
        if held["optedOut"]:
            return SENT

        def send(left: Left, why: str) -> ListrakError | None:
            """Send it without some values. Gives the refusal, where it may be one of what the contact holds."""
            if left or is_resumed:
                _note(work, phone, left, why)
            try:
                work.client.update_contact(sender_code_id, cast("SMSContact", _without(held, left)))
            except _OF_A_CONTACT as error:
                if error.code in _NOT_OF_A_VALUE:
                    raise
                # It may have acted all the same, or the contact may be gone: that is asked before a value is given up.
                opaque = isinstance(error, _OPAQUE)
                if opaque and whole(dict(work.client.get_contact(sender_code_id, phone)), active)["optedOut"]:
                    return None
                return error
            return None

        refused = send({}, "")
        if isinstance(refused, _OPAQUE):
            refused = send({}, "")  # it may have been of the moment: no value is given up for one such answer
        if refused is None:
            return SENT
        if refused.status in _OF_THE_MOMENT:
            raise refused
        tries, last = _tries(held, longest, refused), refused
        with suppress(StopIteration):
            left = next(tries)
            while found := send(left, str(last)):
                if found.status in _OF_THE_MOMENT:
                    break
                left, last = tries.send(found), found
            else:
                return SENT
        _note(work, phone, {}, "")
        raise refused

    return act


def _tries(
    contact: Mapping[str, Any], longest: Mapping[str, int | None], error: ListrakError
) -> Generator[Left, ListrakError, None]:
    """What to leave out next, given the latest refusal: what it names; then the least, alone or in groups; then all."""
    values = dict(_values_of(contact))
    left: dict[str, Any] = {}
    is_news = True
    while is_news:
        while more := {name: value for name, value in _named(error, values, longest) if name not in left}:
            left |= more
            error = yield left
        is_news = False
        for group in _groups(error, values):
            some = {name: values[name] for name in group if name not in left}
            if not some:
                continue
            found = yield left | some
            # Of several that are refused, these are out of the way where something else is said.
            if is_news := (found.code, found.message) != (error.code, error.message):
                left, error = left | some, found
                break
    if values.keys() - left.keys():
        yield values


def _groups(error: ListrakError, values: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """What may be refused, the likeliest and the least first.

    An error that says nothing may be a long one to wait for: no value is then tried alone.
    """
    profile = tuple(name for name in values if name.isdigit())
    email = tuple(name for name in values if OWN.get(name) == "emailAddress")
    if not isinstance(error, _OPAQUE):
        yield from ((name,) for name in profile)
    yield profile
    if not isinstance(error, (*_OPAQUE, ProfileFieldError)):
        yield from ((name,) for name in values if name not in profile)
    yield email
    yield (*profile, *email)


def _values_of(contact: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """All that a contact holds, by the ledger's names: but its number, and whether it is opted out."""
    for name, value in contact.items():
        if name == _VALUES:
            yield from ((str(one["segmentationFieldId"]), one.get("value")) for one in value)
        elif name not in ("phoneNumber", "optedOut") and value not in (None, ""):
            yield _TITLES.get(name, name), value


def _named(
    error: ListrakError, values: Mapping[str, Any], longest: Mapping[str, int | None]
) -> Iterator[tuple[str, Any]]:
    """The values that a refusal is about."""
    if field := _BY_CODE.get(error.code or ""):
        yield from ((name, value) for name, value in values.items() if OWN.get(name) == field)
    elif error.code == "ERROR_SEGMENTATION_MAX_LENGTH":
        for name, value in values.items():
            limit = longest.get(name)
            if limit is not None and len(str(value)) > limit:
                yield name, value


def _without(contact: Mapping[str, Any], left: Left) -> dict[str, Any]:
    """The contact, opted out, without some of its values."""
    body = {
        name: None if name != _VALUES and _TITLES.get(name, name) in left else value for name, value in contact.items()
    }
    values = [one for one in contact[_VALUES] if str(one["segmentationFieldId"]) not in left]
    return body | {"optedOut": True, _VALUES: values}


def _note(work: Work, phone: str, left: Left, why: str) -> None:
    """Write down what a stop is about to leave out, in place of what it was about to before."""
    of_run = f"run_id = {text(work.run.run_id)}"
    of_phone = f"COALESCE({plain('phone_number')}, phone_number) = {text(canonical(phone))}"
    store = work.store
    with work.writing:
        store.run(f"DELETE FROM push_changes WHERE {_cleared(work)} AND {of_phone}")
        columns = ("run_id", "sender_code_id", "phone_number", "phone_number_raw", "row_key")
        people = store.rows(
            f"SELECT {', '.join(columns)} FROM push_changes WHERE {of_run} AND operation = '{STOP}' AND {of_phone}"
        )
        store.insert(
            "push_changes",
            (*columns, "operation", "target", "before_value", "after_value", "status", "reason"),
            [(*one, CLEAR, name, _as_text(value), "", SENDING, why) for one in people for name, value in left.items()],
        )


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _cleared(work: Work) -> str:
    return f"push_changes.run_id = {text(work.run.run_id)} AND push_changes.operation = '{CLEAR}'"


def settle(work: Work) -> None:
    """Say what has become of values that stops have left out: they are empty where the stop is there."""
    there = (
        "EXISTS (SELECT 1 FROM push_changes AS s WHERE s.run_id = push_changes.run_id AND s.operation = "
        f"'{STOP}' AND s.phone_number = push_changes.phone_number AND s.status = '{CONFIRMED}')"
    )
    for status, condition in ((CONFIRMED, there), (MISMATCHED, f"NOT {there}")):
        work.store.run(
            f"UPDATE push_changes SET status = '{status}' "
            f"WHERE {_cleared(work)} AND status = '{SENDING}' AND {condition}"
        )
