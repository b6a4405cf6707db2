"""Whether somebody may be put on a list: only where what Listrak tells of them proves it.

What allows it is listed here. Everything else refuses, and says why: a state that nobody has seen, a date of leaving, a
field that is not there. Listrak opts in whom it is told to subscribe, so unknown is never permission.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from listrak_source.api.dates import date_of, moment_of
from listrak_source.api.redaction import redact

NEVER, LEFT = "not subscribed", "unsubscribed"
"""The states, in small letters, of which it is known what they mean for joining: not on the list, and gone from it."""
_WORD = 40
"""Characters of a word of Listrak's that are shown."""


@dataclass(frozen=True)
class Refusal:
    """Why somebody is not put on a list."""

    said_stop: bool
    """Whether they have said stop, as far as Listrak tells; else it is only not known."""
    reason: str


def refused_by_list(records: Iterable[Mapping[str, Any]], *, taken_off_by_us: bool) -> Refusal | None:
    """What speaks against joining a list in the contact's records of it; None where nothing does.

    Allowed are: no record at all, and ``Not Subscribed`` without a date of leaving. Whom push itself has taken off may
    also be ``Unsubscribed``, or have such a date.
    """
    for one in records:
        state = str(one.get("subscriptionState") or "").strip().casefold()
        if state not in (NEVER, LEFT):
            return Refusal(False, f"its subscription state is {_word(one.get('subscriptionState'))}")
        if (state == LEFT or date_of(one.get("unsubscribeDate"))) and not taken_off_by_us:
            return Refusal(True, "it has left the list")
    return None


def opted_out(contact: Mapping[str, Any]) -> bool | None:
    """Whether a contact is opted out, as Listrak tells it; None where it does not say so in a word that we know.

    Where it says so twice a stop wins.
    """
    told = {str(value).casefold() for name, value in contact.items() if name.casefold() == "optedout"}
    if told & {"true", "1"}:
        return True
    return False if told in ({"false"}, {"0"}) else None


def refused_by_contact(contact: Mapping[str, Any], zone: ZoneInfo) -> Refusal | None:
    """What speaks against any opting in in what Listrak tells of the contact; None where nothing does.

    Allowed is: ``optedOut`` is there and false, and there is no date of a stop, or a later one of subscribing. Dates
    are times of ``zone`` unless they tell their offset; what cannot be read proves nothing.
    """
    if opted_out(contact):
        return Refusal(True, "it is opted out")
    if contact.get("optedOut") is not False:
        return Refusal(False, f"whether it is opted out is told as {_word(contact.get('optedOut'))}")
    if date_of(contact.get("unsubscribeDate")):
        stopped = moment_of(contact["unsubscribeDate"], zone, late=True)
        since = moment_of(contact.get("subscribeDate"), zone, late=False)
        if not (since and stopped and since > stopped):
            return Refusal(False, "it has a date of a stop, and none of subscribing that is known to be later")
    return None


def _word(told: object) -> str:
    return "nothing" if told is None or told == "" else repr(redact(str(told)[:_WORD]))
