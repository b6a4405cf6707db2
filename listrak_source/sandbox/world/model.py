"""What a world holds: sender codes, lists, people, and who is where."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from listrak_source.sandbox.errors import Refused
from listrak_source.sandbox.world.clock import Clock, to_text
from listrak_source.sandbox.world.profile import ProfileField, opted_out, phone_of
from listrak_source.sandbox.world.timeline import Dates, Timeline

OPT_OUT_REASONS = (
    "Campaign", "Admin", "DeliveryFailure", "Import", "API", "Deactivated", "PermanentError", "Workflow",
)  # fmt: skip
"""The contract's enum, in its order: the vendor's example answers the position instead."""


@dataclass(frozen=True)
class Event:
    """One thing that happened after the world's start."""

    at: datetime
    """UTC."""
    kind: str
    """``subscribed``, ``pending``, ``confirmed``, ``imported``, ``edited``, ``opted_out``, ``came_back``,
    ``left_list`` or ``vanished``."""
    sender_code_id: int
    phone_list_id: int | None
    """Null where the event is not about one list."""
    phone_number: str


@dataclass(frozen=True)
class Sent:
    """A message that a real Listrak would have sent. Here it is only remembered."""

    message_id: int
    at: datetime
    """UTC."""
    kind: str
    """``broadcast`` or ``transactional``."""
    sender_code_id: int
    phone_list_id: int
    phone_number: str | None
    """Null for a broadcast."""
    content: str
    """With the profile tags filled in, for a transactional message."""
    title: str | None = None
    recipients: int = 1


@dataclass(frozen=True)
class OptOut:
    """A stop: when it was said, in ticks, and why."""

    ticks: int
    reason: str


@dataclass(frozen=True)
class Subscription:
    """What a contact is to a list that does not list it: pending, or gone. Dates in ticks, 0 for none."""

    state: str
    subscribed: int = 0
    unsubscribed: int = 0
    pending: int = 0

    @property
    def is_pending(self) -> bool:
        """Whether a double opt-in is still to be answered."""
        return self.pending > 0 and self.state.startswith("Pending")


@dataclass(frozen=True)
class TransactionalMessage:
    """A message that is sent to one person at a time."""

    message_id: int
    name: str
    status: str

    def record(self) -> dict[str, Any]:
        """The message as the API tells it."""
        return {
            "transactionalMessageId": self.message_id,
            "transactionalMessageName": self.name,
            "transactionalMessageStatus": self.status,
        }


@dataclass
class PhoneList:
    """A list, and who is on it. Whoever opts out of the sender code stays listed, among the opted out."""

    list_id: int
    name: str
    created: int
    active: bool = True
    double_opt_in: bool = False
    age_gate: bool = False
    kind: str = "Standard"
    messages: dict[int, TransactionalMessage] = field(default_factory=dict)
    since: Dates = field(default_factory=Dates)
    """Subscribe date by person, for everybody who is listed; ``NEVER`` for who was imported without one."""
    reachable: Timeline = field(default_factory=Timeline)
    opted_out: Timeline = field(default_factory=Timeline)
    aside: dict[int, Subscription] = field(default_factory=dict)
    """Who is pending or has left."""

    def listed(self, opted_out: bool) -> Timeline:
        """Who is on the list and opted out, or reachable."""
        return self.opted_out if opted_out else self.reachable

    def subscribed(self, person: int) -> int:
        """Since when somebody is listed, in ticks; 0 for no date."""
        return max(self.since[person], 0)

    def record(self) -> dict[str, Any]:
        """The list as the API tells it."""
        return {
            "phoneListId": self.list_id,
            "phoneListName": self.name,
            "createDate": to_text(self.created),
            "status": "Active" if self.active else "Inactive",
            "smsListType": self.kind,
            "messageLimit": 0,
            "messageLimitTimeFrame": "None",
            "requireDoubleOptIn": self.double_opt_in,
            "requireAgeGate": self.age_gate,
        }


@dataclass
class SenderCode:
    """A number that sends, its lists and its contacts."""

    sender_code_id: int
    record: dict[str, Any]
    enabled: bool = True
    lists: dict[int, PhoneList] = field(default_factory=dict)
    since: Dates = field(default_factory=Dates)
    """Subscribe date by person, for everybody who is a contact here; ``NEVER`` until the first with a date."""
    opt_outs: dict[int, OptOut] = field(default_factory=dict)
    opt_out_order: Timeline = field(default_factory=Timeline)
    banned: set[str] = field(default_factory=set)
    """Phone numbers that this sender code may never reach."""


class Model:
    """The data of a world, and ways to find things in it. ``lock`` is held while anything is read or changed."""

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
