"""The contract of the Listrak SMS REST API v1: its 20 operations, one row each.

This table is the project's own statement of the vendor's contract. The client sends every request through a row of
it, and the tests hold the client, the sandbox and (where it is at hand) the vendor's ``openapi.json`` to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from listrak_source.api import models


class Repeat(Enum):
    """When a failed request may be sent again.

    Listrak offers no idempotency key, so a write whose answer is lost may have acted.
    """

    ALWAYS = "always"
    """Reads: after a lost connection, a time-out, 429, any 5xx, or a body that is cut or does not parse."""

    IF_NOT_ACTED = "if it cannot have acted"
    """Writes: only when the connection was never made, or the API refused the request with 429."""


Answer = Literal["paged", "collection", "resource", "bare", "created", "updated", "deleted"]
"""What the contract says a success looks like: ``paged`` and ``collection`` hold a list in ``data`` (only the first has
``nextPageCursor``), ``resource`` an object in ``data``, ``bare`` is the object itself, the rest are receipts."""


@dataclass(frozen=True)
class Operation:
    """One operation of the contract."""

    operation_id: str
    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    """Below the base URI, with ``{placeholders}`` as in the contract."""
    status: int
    """The HTTP status of a success."""
    answer: Answer
    record: type | None = None
    """The type of what ``data`` holds (of the answer itself, where it is bare)."""
    body: type | None = None
    query: tuple[str, ...] = ()

    @property
    def repeat(self) -> Repeat:
        """The retry policy: it follows from the method alone, so that no row can get it wrong."""
        return Repeat.ALWAYS if self.method == "GET" else Repeat.IF_NOT_ACTED


_SENDER = "/ShortCode/{senderCodeId}"
_LIST = _SENDER + "/PhoneList/{phoneListId}"
_CONTACT = _SENDER + "/Contact/{phoneNumber}"
_PAGE = ("cursor", "count")

OPERATIONS: dict[str, Operation] = {
    # sender codes, lists, profile fields
    "list_sender_codes": Operation(
        "SenderCode_GetShortCodeCollection", "GET", "/ShortCode", 200, "collection", models.SenderCode
    ),
    "get_sender_code": Operation(
        "SenderCode_GetShortCodeResource", "GET", _SENDER, 200, "resource", models.SenderCode
    ),
    "list_phone_lists": Operation(
        "PhoneList_GetListCollection", "GET", _SENDER + "/PhoneList", 200, "collection", models.PhoneList,
        query=("status", *_PAGE),
    ),
    "get_phone_list": Operation("PhoneList_GetListResource", "GET", _LIST, 200, "bare", models.PhoneList),
    "list_profile_fields": Operation(
        "Segmentation_GetPhoneAttributeCollection", "GET", _SENDER + "/SegmentationField", 200, "collection",
        models.PhoneAttribute,
    ),
    "get_profile_field": Operation(
        "Segmentation_GetPhoneAttribute", "GET", _SENDER + "/SegmentationField/{segmentationFieldId}", 200, "resource",
        models.PhoneAttribute,
    ),
    # contacts
    "list_contacts": Operation(
        "Contact_GetContactCollection", "GET", _LIST + "/Contact", 200, "paged", models.SMSContact,
        query=("optedOut", *_PAGE, "startSubscribeDate", "endSubscribeDate"),
    ),
    "get_contact": Operation(
        "Contact_GetContactResource", "GET", _CONTACT, 200, "resource", models.SMSContactSubscriptionDetails
    ),
    "create_contact": Operation(
        "Contact_PostContactListResource", "POST", _LIST + "/Contact", 201, "created", body=models.SMSContact
    ),
    "update_contact": Operation(
        "Contact_PutContactResource", "PUT", _SENDER + "/Contact", 200, "updated", body=models.SMSContact
    ),
    "list_opt_outs": Operation(
        "Contact_GetOptOuts", "GET", _SENDER + "/OptOut", 200, "collection", models.OptOutContact,
        query=(*_PAGE, "startDate", "endDate"),
    ),
    # subscriptions
    "list_contact_subscriptions": Operation(
        "ContactListSubscription_GetContactListCollection", "GET", _CONTACT + "/PhoneList", 200, "collection",
        models.ContactListSubscription, query=_PAGE,
    ),
    "subscribe_contact": Operation(
        "ContactListSubscription_PostContactListSubscription", "POST", _CONTACT + "/PhoneList/{phoneListId}", 201,
        "created",
    ),
    "unsubscribe_contact": Operation(
        "ContactListSubscription_DeleteUnsubscribeContactListSubscription", "DELETE",
        _SENDER + "/ContactUnsubscribe/{phoneNumber}/PhoneList/{phoneListId}", 200, "deleted",
    ),
    # contact imports
    "start_contact_import": Operation(
        "Contact_PostImportFileResource", "POST", _SENDER + "/ContactImport", 201, "created",
        body=models.ImportContactFile,
    ),
    "get_contact_import": Operation(
        "Contact_GetImportFileResource", "GET", _SENDER + "/ContactImport/{importFileId}", 200, "resource",
        models.ImportContactFileStatus,
    ),
    # messages: these two send text messages to people
    "send_broadcast": Operation(
        "BroadcastMessage_PostImmediateBroadcast", "POST", _SENDER + "/Broadcast/Immediate", 201, "created",
        body=models.BroadcastMessage,
    ),
    "list_transactional_messages": Operation(
        "TransactionalMessage_GetTransactionalMessageCollection", "GET", _LIST + "/TransactionalMessage", 200,
        "collection", models.TransactionalMessage,
    ),
    "get_transactional_message": Operation(
        "TransactionalMessage_GetTransactionalMessageResource", "GET",
        _LIST + "/TransactionalMessage/{transactionalMessageId}", 200, "bare", models.TransactionalMessage,
    ),
    "send_transactional_message": Operation(
        "TransactionalMessage_PostTransactionalMessageSend", "POST",
        # The contract spells this one placeholder {SenderCodeId}; the route is the same.
        _LIST + "/TransactionalMessage/{transactionalMessageId}/Message", 201, "created",
        body=models.TransactionalMessageContact,
    ),
}  # fmt: skip
"""Every operation, by the name of the client's method."""
