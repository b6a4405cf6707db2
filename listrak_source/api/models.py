"""The records of the Listrak SMS REST API v1, field by field as the contract names them.

Every field may be missing, and new ones may appear at any time: the contract calls that a non-breaking change.
Date-times are ISO strings without an offset, in the account's own time zone; ``0001-01-01T00:00:00`` means *no date*.
The columns that they go to are in ``pull/schema.py``.
"""

from __future__ import annotations

from typing import TypedDict


class SenderCode(TypedDict, total=False):
    """A number that sends text messages. ``shortCodeId`` is the sender code's id."""

    shortCodeId: int
    code: str
    country: str
    merchantName: str
    emailListId: int
    emailListName: str
    externalEventId: int
    externalEventName: str
    phoneNumberSegmentationFieldGroupId: int
    phoneNumberSegmentationFieldGroupName: str
    phoneNumberSegmentationFieldId: int
    phoneNumberSegmentationFieldName: str
    acquisitionSourceSegmentationFieldGroupId: int
    acquisitionSourceSegmentationFieldGroupName: str
    acquisitionSourceSegmentationFieldId: int
    acquisitionSourceSegmentationFieldName: str


class PhoneList(TypedDict, total=False):
    """A list that contacts subscribe to."""

    phoneListId: int
    phoneListName: str
    createDate: str
    status: str
    smsListType: str
    messageLimit: int
    messageLimitTimeFrame: str
    requireDoubleOptIn: bool
    requireAgeGate: bool


class PhoneAttribute(TypedDict, total=False):
    """A profile field (the API also calls it segmentation field)."""

    segmentationFieldId: int
    segmentationFieldName: str
    dataType: str
    maxLength: int | None
    statusFlag: str


class SMSPhoneContactAttribute(TypedDict, total=False):
    """One profile value of a contact: always a string."""

    segmentationFieldId: int
    value: str


class SMSContact(TypedDict, total=False):
    """A contact as the collection lists it: it carries no date of its own."""

    phoneNumber: str
    emailAddress: str
    firstName: str
    lastName: str
    birthday: str | None
    postalCode: str
    optedOut: bool
    segmentationFieldValues: list[SMSPhoneContactAttribute]


class SMSContactSubscriptionDetails(TypedDict, total=False):
    """A contact as it is looked up by phone number: with its two dates on the sender code."""

    subscribeDate: str | None
    unsubscribeDate: str | None
    phoneNumber: str
    emailAddress: str
    firstName: str
    lastName: str
    birthday: str | None
    postalCode: str
    optedOut: bool
    segmentationFieldValues: list[SMSPhoneContactAttribute]


class OptOutContact(TypedDict, total=False):
    """A contact that said stop. ``optOutReason`` is an enum in the contract and an integer in the vendor's example."""

    phoneNumber: str
    optOutDate: str
    optOutReason: str


class ContactListSubscription(TypedDict, total=False):
    """What a contact is to one list."""

    phoneListId: int
    subscriptionState: str
    subscribeDate: str | None
    unsubscribeDate: str | None
    pendingDate: str | None
    pendingDoubleOptIn: bool
    pendingAgeGate: bool


class TransactionalMessage(TypedDict, total=False):
    """A message that is sent to one contact at a time."""

    transactionalMessageId: int
    transactionalMessageName: str
    transactionalMessageStatus: str


class TransactionalMessageContact(TypedDict, total=False):
    """Whom to send a transactional message, and its content."""

    phoneNumber: str
    messageContent: str


class BroadcastMessage(TypedDict, total=False):
    """A message to everyone on a list."""

    phoneListId: int
    messageContent: str
    messageTitle: str
    segmentationFieldId: str


class ImportContactFileMapping(TypedDict, total=False):
    """What one column of an import file holds: ``Phone`` (field id 0) or ``SegmentationField``."""

    fileColumnType: str
    segmentationFieldId: int
    fileColumn: int
    defaultValue: str


class ImportContactFile(TypedDict, total=False):
    """An import of contact profile values: a CSV file in base64 and what its columns mean."""

    fileName: str
    fileStream: str
    importType: str
    hasColumnNames: bool
    textQualifier: str
    fileMappings: list[ImportContactFileMapping]


class ImportContactFileStatus(TypedDict, total=False):
    """Where an import is: finished when ``endDate`` is set."""

    importFileId: int
    smsSenderCodeId: int
    fileName: str
    startDate: str | None
    endDate: str | None
    status: str
