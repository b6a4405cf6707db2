"""What a Listrak account holds, and what can happen to it: tests, days of life and HTTP writes all go through this."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from listrak_source.sandbox.errors import Refused
from listrak_source.sandbox.world.clock import Clock
from listrak_source.sandbox.world.model import (
    OPT_OUT_REASONS,
    Event,
    OptOut,
    PhoneList,
    SenderCode,
    Sent,
    Subscription,
    TransactionalMessage,
)
from listrak_source.sandbox.world.profile import (
    SYSTEM_FIELDS,
    Profile,
    ProfileField,
    checked_system_fields,
    checked_values,
    normal_phone,
    opted_out,
    parse,
    phone_of,
    render,
    usable_field,
    value_items,
    values_of,
)
from listrak_source.sandbox.world.timeline import NEVER

DATA_TYPES = ("Text", "Number", "Checkbox", "Date")

# The contract speaks of profile tags and coupon code tags and shows neither. Double brackets are our reading.
_PROFILE_TAG = re.compile(r"\[\[(.*?)\]\]")
_COUPON_TAG = re.compile(r"\[\[\s*coupon", re.IGNORECASE)

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="Account")


def locked(verb: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Nobody else reads or changes the world while a verb runs."""

    @wraps(verb)
    def run(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.lock:
            return verb(self, *args, **kwargs)

    return run


class Account:
    """The account's data, ways to find things in it, and the verbs that change it.

    ``lock`` is held while anything is read or changed. A verb raises ``Refused`` with the contract's code when Listrak
    would say no.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock: Clock = clock
        self.lock: threading.RLock = threading.RLock()
        self.clear()

    def clear(self) -> None:
        """Empties the world."""
        self.sender_codes: dict[int, SenderCode] = {}
        self.fields: dict[int, ProfileField] = {}
        self.rows: list[bytes] = []
        """The rendered profile of each person; empty bytes for somebody who vanished."""
        self.people: dict[str, int] = {}
        """Phone number -> person."""
        self.suspended: set[str] = set()
        """Phone numbers whose service is suspended: no message reaches them."""
        self.journal: list[Event] = []
        self.sent: list[Sent] = []
        self._last_id = 1000

    def next_id(self) -> int:
        """An identifier that nothing else has."""
        self._last_id += 1
        return self._last_id

    def sender(self, sender_code_id: int) -> SenderCode:
        """The sender code with this id. Raises :class:`Refused` where there is none."""
        if sender_code_id not in self.sender_codes:
            raise Refused("ERROR_UNABLE_TO_LOCATE_RESOURCE", "The sender code does not exist.")
        return self.sender_codes[sender_code_id]

    def phone_list(self, sender_code_id: int, phone_list_id: object) -> PhoneList:
        """The list of a sender code. Raises :class:`Refused` where there is none."""
        lists = self.sender(sender_code_id).lists
        if not isinstance(phone_list_id, int) or phone_list_id not in lists:
            raise Refused("ERROR_INVALID_LIST_ID")
        return lists[phone_list_id]

    def contact(self, sender_code_id: int, phone: str) -> int | None:
        """The person behind a normal phone number, if it is a contact of the sender code."""
        person = self.people.get(phone)
        return person if person is not None and self.sender(sender_code_id).since[person] else None

    def phone(self, person: int) -> str:
        """Somebody's phone number."""
        return phone_of(self.rows[person])

    def row(self, sender: SenderCode, person: int) -> bytes:
        """The rendered contact as this sender code sees it."""
        row = self.rows[person]
        return opted_out(row) if person in sender.opt_outs else row

    def subscriptions(self, sender: SenderCode, person: int) -> list[tuple[PhoneList, Subscription]]:
        """What a contact is to every list that it has to do with.

        The contract does not enumerate the states. Here: ``Subscribed``; ``Not Subscribed`` for a listed contact that
        opted out of the sender code; ``Unsubscribed`` for one that left the list; ``Pending Double Opt-In``.
        """
        stopped = sender.opt_outs.get(person)
        found = []
        for phone_list in sender.lists.values():
            listed, since = phone_list.since[person], phone_list.subscribed(person)
            if listed and stopped:
                found.append((phone_list, Subscription("Not Subscribed", since, stopped.ticks)))
            elif listed:
                found.append((phone_list, Subscription("Subscribed", since)))
            elif person in phone_list.aside:
                found.append((phone_list, phone_list.aside[person]))
        return found

    # -- subscribing ------------------------------------------------------------------------------------------------

    @locked
    def subscribe(
        self, sender_code_id: int, phone_list_id: int, phone: str, profile: Mapping[str, Any] | None = None
    ) -> None:
        """Puts a phone number on a list: as a new contact, on one more list, or back after an opt-out.

        ``profile`` is an ``SMSContact`` body; what it gives is set, the rest stays. A list with double opt-in makes the
        subscription pending: it is not listed, and an opt-out stands, until ``confirm``.
        """
        sender, phone_list = self.writable(sender_code_id, phone_list_id)
        phone = self._not_banned(sender, phone)
        person = self.people.get(phone)
        if person is not None:
            if person in phone_list.aside and phone_list.aside[person].is_pending:
                raise Refused("ERROR_PENDING_PHONE_NUMBER")
            if phone_list.since[person] and person not in sender.opt_outs:
                raise Refused("ERROR_SUBSCRIBED_PHONE_NUMBER")
        person = self._set_profile(phone, profile or {}, person)
        now = self.clock.ticks()
        if not phone_list.double_opt_in:
            self._enter(sender, phone_list, person, "subscribed")
            return
        self._unlist(sender, phone_list, person)
        phone_list.aside[person] = Subscription("Pending Double Opt-In", pending=now)
        sender.since[person] = sender.since[person] or NEVER
        self.note("pending", sender, phone_list, phone)

    @locked
    def confirm(self, sender_code_id: int, phone_list_id: int, phone: str) -> None:
        """Ends a pending double opt-in: the contact is on the list from now on."""
        sender, phone_list = self.writable(sender_code_id, phone_list_id)
        person = self.known(sender_code_id, phone)
        if person not in phone_list.aside or not phone_list.aside[person].is_pending:
            raise Refused("ERROR_INVALID_PARAMETER", "The subscription is not pending.")
        self._enter(sender, phone_list, person, "confirmed")

    @locked
    def resubscribe(self, sender_code_id: int, phone: str, phone_list_id: int | None = None) -> None:
        """Brings an opted-out contact back, on the list named or on the first active one that lists it."""
        sender, person = self.sender(sender_code_id), self.known(sender_code_id, phone)
        if person not in sender.opt_outs:
            raise Refused("ERROR_SUBSCRIBED_PHONE_NUMBER", "The contact is not opted out.")
        if phone_list_id is None:
            active = [item for item in sender.lists.values() if item.active]
            phone_list_id = next(
                (item.list_id for item in active if item.since[person]), active[0].list_id if active else None
            )
        if phone_list_id is None:
            raise Refused("ERROR_INVALID_LIST_ID")
        self.subscribe(sender_code_id, phone_list_id, phone)

    @locked
    def import_undated(
        self, sender_code_id: int, phone_list_id: int, phone: str, profile: Mapping[str, Any] | None = None
    ) -> None:
        """Puts a phone number on a list without a subscribe date, like somebody imported long ago.

        No date filter finds it there, and a lookup tells no date unless the sender code knows one. Who opted out stays
        so, and a double opt-in is not asked for.
        """
        self._import(sender_code_id, phone_list_id, phone, profile, NEVER)

    @locked
    def import_dated(
        self, sender_code_id: int, phone_list_id: int, phone: str, profile: Mapping[str, Any] | None = None
    ) -> None:
        """Puts a phone number on a list as of now, like an import by hand: who opted out stays so, on this list too."""
        self._import(sender_code_id, phone_list_id, phone, profile, self.clock.ticks())

    # -- profiles ---------------------------------------------------------------------------------------------------

    @locked
    def edit(self, phone: str, changes: Mapping[str, Any], sender_code_id: int | None = None) -> None:
        """Changes a profile, on all sender codes at once: what is given is set, the rest stays.

        ``changes`` is a part of an ``SMSContact`` body; a blank profile value removes it. ``sender_code_id`` is where
        the journal books the edit: by default the first sender code that has the contact.
        """
        phone = normal_phone(phone)
        person = self.people.get(phone)
        at = next(
            (sender for sender in self.sender_codes.values() if person is not None and sender.since[person]), None
        )
        if person is None or at is None:
            raise Refused("ERROR_PHONE_NUMBER_NOT_FOUND")
        self._set_profile(phone, changes, person)
        self.note("edited", at if sender_code_id is None else self.sender(sender_code_id), None, phone)

    @locked
    def put(self, sender_code_id: int, body: Mapping[str, Any]) -> str:
        """The API's update: what the body does not give is cleared. It can opt out, never in. Returns the phone."""
        sender = self.enabled(sender_code_id)
        phone = self._not_banned(sender, body.get("phoneNumber"))
        person = self.known(sender_code_id, phone)
        stops = body.get("optedOut")
        if stops is not None and not isinstance(stops, bool):
            raise Refused("ERROR_INVALID_PARAMETER", "optedOut must be a boolean.")
        given = checked_system_fields(body)
        values = checked_values(body.get("segmentationFieldValues"), self.fields)
        row = render({**given, "phoneNumber": phone, "segmentationFieldValues": value_items(values)})
        if row != self.rows[person]:
            self.rows[person] = row
            self.note("edited", sender, None, phone)
        if stops:
            self.opt_out(sender_code_id, phone, "API")
        return phone

    # -- leaving ----------------------------------------------------------------------------------------------------

    @locked
    def opt_out(self, sender_code_id: int, phone: str, reason: str = "Campaign") -> None:
        """The contact says stop to the sender code.

        It stays on its lists, among the opted out; a pending subscription ends. Saying stop twice changes nothing.
        """
        if reason not in OPT_OUT_REASONS:
            raise Refused("ERROR_INVALID_PARAMETER", f"{reason} is not an opt-out reason.")
        sender, person = self.sender(sender_code_id), self.known(sender_code_id, phone)
        if person in sender.opt_outs:
            return
        now = self.clock.ticks()
        for phone_list in sender.lists.values():
            since = phone_list.since[person]
            if since:
                phone_list.reachable.remove(since, person)
                phone_list.opted_out.add(since, person)
            elif person in phone_list.aside and phone_list.aside[person].is_pending:
                phone_list.aside[person] = replace(
                    phone_list.aside[person], state="Unsubscribed", unsubscribed=now, pending=0
                )
        sender.opt_outs[person] = OptOut(now, reason)
        sender.opt_out_order.add(now, person)
        self.note("opted_out", sender, None, self.phone(person))

    @locked
    def leave_list(self, sender_code_id: int, phone_list_id: int, phone: str) -> None:
        """Ends one subscription. That is no opt-out: the contact stays on the sender code and on its other lists."""
        sender, phone_list = self.writable(sender_code_id, phone_list_id)
        person = self.known(sender_code_id, phone)
        before = phone_list.aside.get(person)
        if not phone_list.since[person] and not (before and before.is_pending):
            raise Refused("ERROR_PHONE_NUMBER_NOT_SUBSCRIBED")
        since = phone_list.subscribed(person)
        self._unlist(sender, phone_list, person)
        phone_list.aside[person] = Subscription("Unsubscribed", since, self.clock.ticks())
        self.note("left_list", sender, phone_list, self.phone(person))

    @locked
    def vanish(self, phone: str) -> None:
        """Deletes a person everywhere. The phone number may come back later, as somebody new."""
        phone = normal_phone(phone)
        person = self.people.pop(phone, None)
        if person is None:
            raise Refused("ERROR_PHONE_NUMBER_NOT_FOUND")
        for sender in self.sender_codes.values():
            if not sender.since[person]:
                continue
            for phone_list in sender.lists.values():
                self._unlist(sender, phone_list, person)
                phone_list.aside.pop(person, None)
            self._forget_opt_out(sender, person)
            sender.since[person] = 0
            self.note("vanished", sender, None, phone)
        self.rows[person] = b""

    # -- what the verbs share ---------------------------------------------------------------------------------------

    def enabled(self, sender_code_id: int) -> SenderCode:
        """The sender code, if it may act."""
        sender = self.sender(sender_code_id)
        if not sender.enabled:
            raise Refused("ERROR_SENDER_CODE_DISABLED")
        return sender

    def writable(self, sender_code_id: int, phone_list_id: object) -> tuple[SenderCode, PhoneList]:
        """The sender code and its list, if both may be written to."""
        sender = self.enabled(sender_code_id)
        phone_list = self.phone_list(sender_code_id, phone_list_id)
        if not phone_list.active:
            raise Refused("ERROR_LIST_INACTIVE")
        return sender, phone_list

    def known(self, sender_code_id: int, phone: object) -> int:
        """The person, who must be a contact of the sender code."""
        person = self.contact(sender_code_id, normal_phone(phone))
        if person is None:
            raise Refused("ERROR_PHONE_NUMBER_NOT_FOUND")
        return person

    def note(self, kind: str, sender: SenderCode, phone_list: PhoneList | None, phone: str) -> None:
        """Writes what has happened into the journal."""
        list_id = phone_list.list_id if phone_list else None
        self.journal.append(Event(self.clock.now(), kind, sender.sender_code_id, list_id, phone))

    def new_person(self, row: bytes, phone: str) -> int:
        """Adds somebody with this rendered contact; returns their number."""
        self.people[phone] = len(self.rows)
        self.rows.append(row)
        return len(self.rows) - 1

    def _not_banned(self, sender: SenderCode, phone: object) -> str:
        normal = normal_phone(phone)
        if normal in sender.banned:
            raise Refused("ERROR_BANNED_PHONE_NUMBER")
        return normal

    def _set_profile(self, phone: str, given: Mapping[str, Any], person: int | None) -> int:
        """Sets what is given and keeps the rest. Everything is checked before anything changes."""
        changes = checked_system_fields(given)
        items = given.get("segmentationFieldValues")
        values = checked_values(items, self.fields)
        profile: Profile = dict.fromkeys(SYSTEM_FIELDS, "") | {"birthday": None, "segmentationFieldValues": []}
        if person is not None:
            profile = parse(self.rows[person])
            touched = {item.get("segmentationFieldId") for item in items or ()}
            values = {key: old for key, old in values_of(profile).items() if key not in touched} | values
        row = render(profile | changes | {"phoneNumber": phone, "segmentationFieldValues": value_items(values)})
        if person is None:
            return self.new_person(row, phone)
        self.rows[person] = row
        return person

    def _import(
        self, sender_code_id: int, phone_list_id: int, phone: str, profile: Mapping[str, Any] | None, since: int
    ) -> None:
        sender, phone_list = self.sender(sender_code_id), self.phone_list(sender_code_id, phone_list_id)
        phone = normal_phone(phone)
        person = self.people.get(phone)
        if person is not None and phone_list.since[person]:
            raise Refused("ERROR_SUBSCRIBED_PHONE_NUMBER")
        person = self._set_profile(phone, profile or {}, person)
        phone_list.aside.pop(person, None)
        phone_list.since[person] = since
        phone_list.listed(person in sender.opt_outs).add(since, person)
        sender.since[person] = sender.since[person] or since
        self.note("imported", sender, phone_list, phone)

    def _enter(self, sender: SenderCode, phone_list: PhoneList, person: int, kind: str) -> None:
        now = self.clock.ticks()
        returns = person in sender.opt_outs
        self._unlist(sender, phone_list, person)
        phone_list.aside.pop(person, None)
        phone_list.since[person] = now
        phone_list.listed(returns).add(now, person)
        if returns:
            self._forget_opt_out(sender, person)
        if returns or sender.since[person] in (0, NEVER):
            sender.since[person] = now
        self.note("came_back" if returns else kind, sender, phone_list, self.phone(person))

    def _unlist(self, sender: SenderCode, phone_list: PhoneList, person: int) -> None:
        since = phone_list.since[person]
        if since:
            phone_list.listed(person in sender.opt_outs).remove(since, person)
            phone_list.since[person] = 0

    def _forget_opt_out(self, sender: SenderCode, person: int) -> None:
        """A contact who is back: every list that has it lists it among the reachable again."""
        stopped = sender.opt_outs.pop(person, None)
        if stopped is None:
            return
        sender.opt_out_order.remove(stopped.ticks, person)
        for phone_list in sender.lists.values():
            since = phone_list.since[person]
            if since:
                phone_list.opted_out.remove(since, person)
                phone_list.reachable.add(since, person)

    # -- the account itself: what the people who run it do ------------------------------------------------------------

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
