"""The verbs about the account itself: sender codes, lists, profile fields, blocked phones, and messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from listrak_source.sandbox.errors import Refused
from listrak_source.sandbox.world.contact_operations import ContactOperations, locked
from listrak_source.sandbox.world.model import PhoneList, SenderCode, Sent, TransactionalMessage
from listrak_source.sandbox.world.profile import (
    ProfileField,
    normal_phone,
    parse,
    render,
    usable_field,
    value_items,
    values_of,
)

DATA_TYPES = ("Text", "Number", "Checkbox", "Date")

# The contract speaks of profile tags and coupon code tags and shows neither. Double brackets are our reading.
_PROFILE_TAG = re.compile(r"\[\[(.*?)\]\]")
_COUPON_TAG = re.compile(r"\[\[\s*coupon", re.IGNORECASE)


class AccountOperations(ContactOperations):
    """What the people who run the account do."""

    @locked
    def add_sender_code(
        self, merchant: str = "Sandbox Outfitters", *, country: str = "US", enabled: bool = True
    ) -> int:
        """A new sender code without lists. Returns its id."""
        sender_code_id = self.next_id()
        code = str(20000 + sender_code_id * 37 % 80000)
        self.sender_codes[sender_code_id] = SenderCode(
            sender_code_id, _sender_record(sender_code_id, code, merchant, country), enabled
        )
        return sender_code_id

    @locked
    def add_list(
        self,
        sender_code_id: int,
        name: str,
        *,
        active: bool = True,
        double_opt_in: bool = False,
        age_gate: bool = False,
        created: int | None = None,
    ) -> int:
        """A new, empty list. ``created`` is in ticks, by default now. Returns its id."""
        sender = self.sender(sender_code_id)
        list_id = self.next_id()
        when = self.clock.ticks() if created is None else created
        sender.lists[list_id] = PhoneList(list_id, name, when, active, double_opt_in, age_gate)
        return list_id

    @locked
    def add_profile_field(
        self, name: str, data_type: str = "Text", *, max_length: int | None = None, status: str = "Active"
    ) -> int:
        """A new profile field on all sender codes. Returns its id."""
        if data_type not in DATA_TYPES:
            raise ValueError(f"{data_type} is not one of {', '.join(DATA_TYPES)}")
        field_id = self.next_id()
        self.fields[field_id] = ProfileField(field_id, name, data_type, max_length, status)
        return field_id

    @locked
    def change_profile_field(
        self, field_id: int, *, name: str | None = None, status: str | None = None, max_length: int | None = None
    ) -> None:
        """Renames a field, disables it (``Disabled``, ``Purged``), or bounds its length.

        Contacts keep the values they have, also those that a request may not write any more.
        """
        field = self.fields[field_id]
        self.fields[field_id] = replace(
            field, name=name or field.name, status=status or field.status, max_length=max_length or field.max_length
        )

    @locked
    def lapse(self, sender_code_id: int, phone_list_id: int, phone: str, *, forgotten: bool = False) -> None:
        """Gives up waiting for an answer to a double opt-in.

        Its date stays, or nothing at all where it is ``forgotten``.
        """
        phone_list = self.phone_list(sender_code_id, phone_list_id)
        person = self.known(sender_code_id, phone)
        invited = phone_list.aside.pop(person)
        if not forgotten:
            phone_list.aside[person] = replace(invited, state="Not Subscribed")

    @locked
    def hold(self, phone: str, profile: Mapping[str, Any]) -> None:
        """Has a contact hold what no request may write: taken years ago, when Listrak asked for less."""
        person = self.people[phone]
        self.rows[person] = render(parse(self.rows[person]) | dict(profile))

    @locked
    def add_transactional_message(
        self, sender_code_id: int, phone_list_id: int, name: str, status: str = "Active"
    ) -> int:
        """A new transactional message on a list. Returns its id."""
        message_id = self.next_id()
        phone_list = self.phone_list(sender_code_id, phone_list_id)
        phone_list.messages[message_id] = TransactionalMessage(message_id, name, status)
        return message_id

    @locked
    def deactivate_list(self, sender_code_id: int, phone_list_id: int, *, active: bool = False) -> None:
        """Makes a list inactive (or active again): it can still be read, and no longer be written to."""
        self.phone_list(sender_code_id, phone_list_id).active = active

    @locked
    def delete_sender_code(self, sender_code_id: int) -> None:
        """Deletes a sender code with all that is on it."""
        del self.sender_codes[self.sender(sender_code_id).sender_code_id]

    @locked
    def delete_list(self, sender_code_id: int, phone_list_id: int) -> None:
        """Deletes a list with its subscriptions and messages. Its contacts stay contacts of the sender code."""
        del self.sender(sender_code_id).lists[self.phone_list(sender_code_id, phone_list_id).list_id]

    @locked
    def delete_profile_field(self, field_id: int) -> None:
        """Deletes a profile field, and its value from every profile."""
        del self.fields[field_id]
        for person, row in enumerate(self.rows):
            values = values_of(profile := parse(row)) if row else {}
            if values.pop(field_id, None) is not None:
                self.rows[person] = render(profile | {"segmentationFieldValues": value_items(values)})

    @locked
    def delete_transactional_message(self, sender_code_id: int, phone_list_id: int, message_id: int) -> None:
        """Deletes a transactional message."""
        del self.phone_list(sender_code_id, phone_list_id).messages[message_id]

    @locked
    def disable_sender_code(self, sender_code_id: int, *, enabled: bool = False) -> None:
        """Disables a sender code (or enables it again)."""
        self.sender(sender_code_id).enabled = enabled

    @locked
    def ban(self, sender_code_id: int, phone: str) -> None:
        """Bans a phone number from a sender code: no update, no subscription, no message."""
        self.sender(sender_code_id).banned.add(normal_phone(phone))

    @locked
    def suspend(self, phone: str) -> None:
        """The carrier suspends a phone number's service: no message reaches it."""
        self.suspended.add(normal_phone(phone))

    @locked
    def broadcast(
        self, sender_code_id: int, phone_list_id: int, content: str, title: str, field_id: int | None = None
    ) -> int:
        """Remembers a message to everybody on a list, or to those whose checkbox field is checked. Returns its id."""
        sender, phone_list = self.writable(sender_code_id, phone_list_id)
        recipients = len(phone_list.reachable)
        if field_id is not None:
            if usable_field(field_id, self.fields).data_type != "Checkbox":
                raise Refused("ERROR_INVALID_PARAMETER", "segmentationFieldId must be a checkbox field.")
            members = phone_list.reachable.members
            recipients = sum(values_of(parse(self.rows[person])).get(field_id) == "1" for person in members)
        return self._remember(sender, phone_list, "broadcast", None, content, title=title, recipients=recipients)

    @locked
    def send(self, sender_code_id: int, phone_list_id: int, message_id: int, phone: object, content: str) -> int:
        """Remembers one transactional message to one contact. Returns its id."""
        sender, phone_list = self.writable(sender_code_id, phone_list_id)
        if message_id not in phone_list.messages:
            raise Refused("ERROR_TRANSACTIONAL_MESSAGE_NOT_FOUND")
        number = normal_phone(phone)
        if number in sender.banned:
            raise Refused("ERROR_BANNED_PHONE_NUMBER")
        if number in self.suspended:
            raise Refused("ERROR_PHONE_NUMBER_SUSPENDED")
        person = self.known(sender_code_id, number)
        if person in phone_list.aside and phone_list.aside[person].is_pending:
            raise Refused("ERROR_PENDING_PHONE_NUMBER")
        if not phone_list.since[person] or person in sender.opt_outs:
            raise Refused("ERROR_PHONE_NUMBER_NOT_SUBSCRIBED")
        if _COUPON_TAG.search(content):
            raise Refused("ERROR_TRANSACTIONAL_MESSAGE_CONTENT_COUPON_CODE")
        filled = self._fill(content, parse(self.rows[person]))
        if not filled.strip():
            raise Refused("ERROR_TRANSACTIONAL_MESSAGE_EMPTY_MESSAGE")
        return self._remember(sender, phone_list, "transactional", number, filled, title=None, recipients=1)

    def _fill(self, content: str, profile: Mapping[str, Any]) -> str:
        named = {field.name: field.field_id for field in self.fields.values()}
        values = values_of(profile)

        def value(tag: re.Match[str]) -> str:
            name = tag.group(1).strip()
            return str(values.get(named.get(name, 0)) or profile.get(name[:1].lower() + name[1:]) or "")

        return _PROFILE_TAG.sub(value, content)

    def _remember(
        self,
        sender: SenderCode,
        phone_list: PhoneList,
        kind: str,
        phone: str | None,
        content: str,
        *,
        title: str | None,
        recipients: int,
    ) -> int:
        message_id = self.next_id()
        ids = sender.sender_code_id, phone_list.list_id
        self.sent.append(Sent(message_id, self.clock.now(), kind, *ids, phone, content, title, recipients))
        return message_id


def _sender_record(sender_code_id: int, code: str, merchant: str, country: str) -> dict[str, Any]:
    return {
        "shortCodeId": sender_code_id,
        "code": code,
        "country": country,
        "merchantName": merchant,
        "emailListId": sender_code_id + 50000,
        "emailListName": f"{merchant} Email",
        "externalEventId": sender_code_id + 60000,
        "externalEventName": f"{merchant} SMS sign-up",
        "phoneNumberSegmentationFieldGroupId": sender_code_id + 70000,
        "phoneNumberSegmentationFieldGroupName": "Contact",
        "phoneNumberSegmentationFieldId": sender_code_id + 80000,
        "phoneNumberSegmentationFieldName": "Mobile phone",
        "acquisitionSourceSegmentationFieldGroupId": sender_code_id + 70000,
        "acquisitionSourceSegmentationFieldGroupName": "Contact",
        "acquisitionSourceSegmentationFieldId": sender_code_id + 90000,
        "acquisitionSourceSegmentationFieldName": "Acquisition source",
    }
