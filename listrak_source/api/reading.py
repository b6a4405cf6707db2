"""The 13 operations that read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal, TypeVar, cast, overload

from listrak_source.api.calls import Calls, contact_of, date_filter
from listrak_source.api.models import (
    ContactListSubscription,
    ImportContactFileStatus,
    OptOutContact,
    PhoneAttribute,
    PhoneList,
    SenderCode,
    SMSContact,
    SMSContactSubscriptionDetails,
    TransactionalMessage,
)
from listrak_source.api.pagination import MAX_COUNT, Decoder, Page, json_page, told_page

T = TypeVar("T")
Date = datetime | str
"""A moment in the account's own time zone, without an offset; as text ``YYYY-MM-DDTHH:MM:SS``."""


class Reading(Calls):
    """Reads. Each is repeated when it fails in passing; each raises ``ListrakError`` when it fails for good.

    Collections are iterators over pages, and nothing is asked for before the first page is; ``each_record`` makes them
    iterators over records. ``count`` is the page size, 1 to 5000. ``decode`` makes a page of an answer's body.
    ``cursor`` goes on where an earlier walk with the same filters was left: behind the page that had it as its
    ``next_cursor``. An error whose ``cursor_refused`` is true says that this is not possible (any more).
    """

    # sender codes, lists, profile fields

    def list_sender_codes(self, *, decode: Decoder[list[SenderCode]] = json_page) -> Iterator[Page[list[SenderCode]]]:
        """Yield the account's sender codes."""
        return self._walk("list_sender_codes", {}, decode)

    def get_sender_code(self, sender_code_id: int) -> SenderCode:
        """Return one sender code."""
        return cast("SenderCode", self._one("get_sender_code", {"senderCodeId": sender_code_id}))

    def list_phone_lists(
        self,
        sender_code_id: int,
        *,
        status: Literal["active", "inactive"] | None = None,
        count: int = MAX_COUNT,
        decode: Decoder[list[PhoneList]] = json_page,
    ) -> Iterator[Page[list[PhoneList]]]:
        """Yield a sender code's lists of one ``status``; the API takes None for active."""
        return self._walk(
            "list_phone_lists",
            {"senderCodeId": sender_code_id},
            decode,
            count=count,
            filters={"status": status},
        )

    def get_phone_list(self, sender_code_id: int, phone_list_id: int) -> PhoneList:
        """Return one list."""
        path = {"senderCodeId": sender_code_id, "phoneListId": phone_list_id}
        return cast("PhoneList", self._one("get_phone_list", path))

    def list_profile_fields(
        self, sender_code_id: int, *, decode: Decoder[list[PhoneAttribute]] = json_page
    ) -> Iterator[Page[list[PhoneAttribute]]]:
        """Yield a sender code's profile fields (the API also calls them segmentation fields)."""
        return self._walk("list_profile_fields", {"senderCodeId": sender_code_id}, decode)

    def get_profile_field(self, sender_code_id: int, segmentation_field_id: int) -> PhoneAttribute:
        """Return one profile field."""
        path = {"senderCodeId": sender_code_id, "segmentationFieldId": segmentation_field_id}
        return cast("PhoneAttribute", self._one("get_profile_field", path))

    # contacts

    @overload
    def list_contacts(
        self,
        sender_code_id: int,
        phone_list_id: int,
        *,
        opted_out: bool | None = ...,
        start_subscribe_date: Date | None = ...,
        end_subscribe_date: Date | None = ...,
        count: int = ...,
        cursor: str | None = ...,
    ) -> Iterator[Page[list[SMSContact]]]: ...
    @overload
    def list_contacts(
        self,
        sender_code_id: int,
        phone_list_id: int,
        *,
        opted_out: bool | None = ...,
        start_subscribe_date: Date | None = ...,
        end_subscribe_date: Date | None = ...,
        count: int = ...,
        cursor: str | None = ...,
        decode: Decoder[T],
    ) -> Iterator[Page[T]]: ...
    def list_contacts(
        self,
        sender_code_id: int,
        phone_list_id: int,
        *,
        opted_out: bool | None = None,
        start_subscribe_date: Date | None = None,
        end_subscribe_date: Date | None = None,
        count: int = MAX_COUNT,
        cursor: str | None = None,
        decode: Decoder[Any] = json_page,
    ) -> Iterator[Page[Any]]:
        """Yield a list's contacts, of one opt-out state (the API takes None for false: read both to have all).

        The dates bound the subscription to the sender code; whether inclusively is not documented.
        """
        return self._walk(
            "list_contacts",
            {"senderCodeId": sender_code_id, "phoneListId": phone_list_id},
            decode,
            count=count,
            filters={
                "optedOut": None if opted_out is None else str(opted_out).lower(),
                "startSubscribeDate": date_filter("start_subscribe_date", start_subscribe_date),
                "endSubscribeDate": date_filter("end_subscribe_date", end_subscribe_date),
            },
            cursor=cursor,
        )

    def get_contact(self, sender_code_id: int, phone_number: str) -> SMSContactSubscriptionDetails:
        """Return one contact, with its subscribe and unsubscribe dates on the sender code.

        Raises ``NotFoundError`` where there is none, and ``NothingTold`` for a success that holds none, or another.
        """
        path = {"senderCodeId": sender_code_id, "phoneNumber": phone_number}
        found = self._one("get_contact", path, contact_of(phone_number))
        return cast("SMSContactSubscriptionDetails", found)

    @overload
    def list_opt_outs(
        self,
        sender_code_id: int,
        *,
        start_date: Date | None = ...,
        end_date: Date | None = ...,
        count: int = ...,
        cursor: str | None = ...,
    ) -> Iterator[Page[list[OptOutContact]]]: ...
    @overload
    def list_opt_outs(
        self,
        sender_code_id: int,
        *,
        start_date: Date | None = ...,
        end_date: Date | None = ...,
        count: int = ...,
        cursor: str | None = ...,
        decode: Decoder[T],
    ) -> Iterator[Page[T]]: ...
    def list_opt_outs(
        self,
        sender_code_id: int,
        *,
        start_date: Date | None = None,
        end_date: Date | None = None,
        count: int = MAX_COUNT,
        cursor: str | None = None,
        decode: Decoder[Any] = json_page,
    ) -> Iterator[Page[Any]]:
        """Yield who is opted out of a sender code now: who came back is not listed. The dates bound the opt-out."""
        return self._walk(
            "list_opt_outs",
            {"senderCodeId": sender_code_id},
            decode,
            count=count,
            filters={
                "startDate": date_filter("start_date", start_date),
                "endDate": date_filter("end_date", end_date),
            },
            cursor=cursor,
        )

    def list_contact_subscriptions(
        self,
        sender_code_id: int,
        phone_number: str,
        *,
        count: int = MAX_COUNT,
        decode: Decoder[list[ContactListSubscription]] = told_page,
    ) -> Iterator[Page[list[ContactListSubscription]]]:
        """Yield what a contact is to each list of the sender code.

        An answer without a list raises ``NothingTold``, unless ``decode`` takes it: whoever puts people on lists must
        not take it for *on no list*.
        """
        return self._walk(
            "list_contact_subscriptions",
            {"senderCodeId": sender_code_id, "phoneNumber": phone_number},
            decode,
            count=count,
        )

    def get_contact_import(self, sender_code_id: int, import_file_id: int) -> ImportContactFileStatus:
        """Return where an import is: it has ended when ``endDate`` is set, whatever its ``status`` says."""
        path = {"senderCodeId": sender_code_id, "importFileId": import_file_id}
        return cast("ImportContactFileStatus", self._one("get_contact_import", path))

    # messages

    def list_transactional_messages(
        self, sender_code_id: int, phone_list_id: int, *, decode: Decoder[list[TransactionalMessage]] = json_page
    ) -> Iterator[Page[list[TransactionalMessage]]]:
        """Yield a list's transactional messages."""
        return self._walk(
            "list_transactional_messages",
            {"senderCodeId": sender_code_id, "phoneListId": phone_list_id},
            decode,
        )

    def get_transactional_message(
        self, sender_code_id: int, phone_list_id: int, transactional_message_id: int
    ) -> TransactionalMessage:
        """Return one transactional message."""
        path = {
            "senderCodeId": sender_code_id,
            "phoneListId": phone_list_id,
            "transactionalMessageId": transactional_message_id,
        }
        return cast("TransactionalMessage", self._one("get_transactional_message", path))
