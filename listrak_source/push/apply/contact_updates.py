"""Single updates: read a contact, change it, send it whole, so that nothing else of it is cleared.

``PUT`` replaces a contact. It can opt out, and never in: what was read of ``optedOut`` goes back as it came.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from listrak_source.api import NothingTold
from listrak_source.api.dates import date_of
from listrak_source.api.models import PhoneAttribute, SMSContact
from listrak_source.push.apply.consent_gate import opted_out
from listrak_source.push.apply.context import Work
from listrak_source.push.apply.readback import OWN, profile_of
from listrak_source.push.apply.single_writes import Act
from listrak_source.push.warehouse.ledger import SENT

_DATES = ("subscribeDate", "unsubscribeDate")


def put(work: Work, fields: Iterable[PhoneAttribute]) -> Act:
    """The act that brings a contact's own fields to what is wanted; ``fields`` are the sender code's."""
    active = active_of(fields)
    sender_code_id = work.run.sender_code_id

    def act(phone: str, wanted: Mapping[str, str]) -> str:
        read = dict(work.client.get_contact(sender_code_id, phone))
        if opted_out(read) is None:
            # It would go back as one that is not.
            raise NothingTold("whether the contact is opted out is not told", operation="get_contact")
        now = whole(read, active)
        body = changed(now, wanted)
        if body != now:
            work.client.update_contact(sender_code_id, cast("SMSContact", body))
        return SENT

    return act


def active_of(fields: Iterable[PhoneAttribute]) -> set[int]:
    """The ids of profile fields whose values Listrak takes."""
    return {one["segmentationFieldId"] for one in fields if str(one.get("statusFlag") or "Active") == "Active"}


def whole(read: dict[str, Any], active: set[int]) -> dict[str, Any]:
    """A contact as it is to be sent: all that the API told, fields that are new to us too.

    Its dates are left out, and so are values of disabled fields, which the API would refuse.
    """
    return {
        **{name: value for name, value in read.items() if name not in _DATES},
        "phoneNumber": read.get("phoneNumber"),
        **{name: read.get(name) for name in ("emailAddress", "firstName", "lastName", "postalCode")},
        "birthday": date_of(read.get("birthday")),
        "optedOut": opted_out(read) is True,
        "segmentationFieldValues": [one for one in profile_of(read) if one.get("segmentationFieldId") in active],
    }


def changed(contact: dict[str, Any], wanted: Mapping[str, str]) -> dict[str, Any]:
    """The contact with what is wanted of it; an empty value clears."""
    body = dict(contact)
    for target, value in wanted.items():
        if target == "birthday":
            body["birthday"] = f"{value}T00:00:00" if value else None
        else:
            body[OWN[target]] = value or None
    return body
