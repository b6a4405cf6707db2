"""What a warehouse should hold of a world: the reader's view, worked out from the world and not from its answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from listrak_source.sandbox.world.account import Account
from listrak_source.sandbox.world.clock import to_utc
from listrak_source.sandbox.world.model import SenderCode
from listrak_source.sandbox.world.profile import birthday_of, parse, values_of
from listrak_source.sandbox.world.timeline import NEVER

Table = dict[Any, Any]

_HUMP = re.compile(r"(?<!^)([A-Z])")


def truth(state: Account, *, subscriptions: bool = True) -> dict[str, Table]:
    """The tables by name, each a dict from key to record.

    Field names are the API's in snake_case, ``shortCodeId`` becomes ``sender_code_id``; dates are UTC or null, cut to
    microseconds. ``contacts`` are those that a listing shows; who is on no list any more, or not yet, is in
    ``unlisted_contacts``. ``subscriptions`` costs the most and may be left out.
    """
    with state.lock:
        told: dict[str, Table] = {
            name: {}
            for name in (
                "sender_codes", "lists", "profile_fields", "transactional_messages", "contacts", "unlisted_contacts",
                "contact_profile_values", "list_memberships", "opt_outs", "subscriptions",
            )
        }  # fmt: skip
        for sender in state.sender_codes.values():
            _account(state, sender, told)
            _people(state, sender, told)
            if subscriptions:
                told["subscriptions"].update(_subscriptions(state, sender))
        return told


def _utc(state: Account, ticks: int, *, ends: bool = False) -> datetime | None:
    return to_utc(ticks, state.clock.zone, late=ends) if ticks not in (0, NEVER) else None


def _snake(record: dict[str, Any]) -> dict[str, Any]:
    names = {name: _HUMP.sub(r"_\1", name).lower() for name in record}
    return {("sender_code_id" if name == "shortCodeId" else names[name]): value for name, value in record.items()}


def _account(state: Account, sender: SenderCode, told: dict[str, Table]) -> None:
    key = sender.sender_code_id
    told["sender_codes"][key] = _snake(sender.record)
    for field in state.fields.values():
        told["profile_fields"][key, field.field_id] = {
            "sender_code_id": key,
            "segmentation_field_id": field.field_id,
            "segmentation_field_name": field.name,
            "data_type": field.data_type,
            "max_length": field.max_length,
            "status_flag": field.status,
        }
    for phone_list in sender.lists.values():
        created = {"sender_code_id": key, "create_date": _utc(state, phone_list.created)}
        told["lists"][key, phone_list.list_id] = _snake(phone_list.record()) | created
        for message in phone_list.messages.values():
            ids = {"sender_code_id": key, "phone_list_id": phone_list.list_id}
            told["transactional_messages"][key, phone_list.list_id, message.message_id] = ids | _snake(message.record())


def _people(state: Account, sender: SenderCode, told: dict[str, Table]) -> None:
    key = sender.sender_code_id
    listed = set()
    for phone_list in sender.lists.values():
        for line in (phone_list.reachable, phone_list.opted_out):
            for ticks, person in zip(line.ticks, line.members, strict=True):
                listed.add(person)
                place = key, phone_list.list_id, state.phone(person)
                told["list_memberships"][place] = {"subscribed_at": _utc(state, ticks)}
    for person in sender.since.people():
        profile = parse(state.rows[person])
        phone = profile["phoneNumber"]
        stopped = sender.opt_outs.get(person)
        record = {
            "sender_code_id": key,
            "phone_number": phone,
            "email_address": profile["emailAddress"],
            "first_name": profile["firstName"],
            "last_name": profile["lastName"],
            "birthday": birthday_of(profile["birthday"]),
            "postal_code": profile["postalCode"],
            "opted_out": stopped is not None,
            "subscribe_date": _utc(state, sender.since[person]),
            "unsubscribe_date": _utc(state, stopped.ticks, ends=True) if stopped else None,
        }
        told["contacts" if person in listed else "unlisted_contacts"][key, phone] = record
        if person in listed:
            for field_id, value in values_of(profile).items():
                told["contact_profile_values"][key, phone, field_id] = value
        if stopped:
            told["opt_outs"][key, phone] = {
                "opt_out_date": _utc(state, stopped.ticks, ends=True),
                "reason": stopped.reason,
            }


def _subscriptions(state: Account, sender: SenderCode) -> Iterator[tuple[Any, dict[str, Any]]]:
    key = sender.sender_code_id
    for person in sender.since.people():
        phone = state.phone(person)
        for phone_list, what in state.subscriptions(sender, person):
            yield (
                (key, phone, phone_list.list_id),
                {
                    "subscription_state": what.state,
                    "subscribe_date": _utc(state, what.subscribed),
                    "unsubscribe_date": _utc(state, what.unsubscribed, ends=True),
                    "pending_date": _utc(state, what.pending),
                    "pending_double_opt_in": what.is_pending,
                    "pending_age_gate": False,
                },
            )
