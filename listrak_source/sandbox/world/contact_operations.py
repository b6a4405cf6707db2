"""What can happen in a world. Tests, days of life and HTTP writes all go through these verbs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from listrak_source.sandbox.errors import Refused
from listrak_source.sandbox.world.model import (
    OPT_OUT_REASONS,
    Event,
    Model,
    OptOut,
    PhoneList,
    SenderCode,
    Subscription,
)
from listrak_source.sandbox.world.profile import (
    SYSTEM_FIELDS,
    Profile,
    checked_system_fields,
    checked_values,
    normal_phone,
    parse,
    render,
    value_items,
    values_of,
)
from listrak_source.sandbox.world.timeline import NEVER

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound=Model)


def locked(verb: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Nobody else reads or changes the world while a verb runs."""

    @wraps(verb)
    def run(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.lock:
            return verb(self, *args, **kwargs)

    return run


class ContactOperations(Model):
    """The verbs about contacts. Each raises ``Refused`` with the contract's code when Listrak would say no."""

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
