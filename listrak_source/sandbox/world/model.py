"""What a world holds: sender codes, lists, people, and who is where."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from listrak_source.sandbox.world.clock import to_text
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
