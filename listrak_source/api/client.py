"""The client: one method per operation of the contract."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Any, BinaryIO, Literal, TypeVar, cast, overload

from listrak_source.api.auth import TokenSource
from listrak_source.api.connections import Limits, check_address
from listrak_source.api.envelope import Nothing, inner, read, without_envelope
from listrak_source.api.errors import (
    ConfigurationError,
    InactiveError,
    InvalidRequestError,
    ListrakError,
    NotFoundError,
    NotSent,
    RateLimitError,
)
from listrak_source.api.models import (
    BroadcastMessage,
    ContactListSubscription,
    ImportContactFile,
    ImportContactFileStatus,
    OptOutContact,
    PhoneAttribute,
    PhoneList,
    SenderCode,
    SMSContact,
    SMSContactSubscriptionDetails,
    TransactionalMessage,
    TransactionalMessageContact,
)
from listrak_source.api.operations import OPERATIONS
from listrak_source.api.pacing.retry import RetryPolicy
from listrak_source.api.pacing.tally import Tally
from listrak_source.api.pagination import (
    MAX_COUNT,
    Decoder,
    Page,
    cursor_value,
    json_page,
    mark_of,
    pages,
    told_page,
    unwrap,
)
from listrak_source.api.phones import canonical
from listrak_source.api.redaction import mask_phone
from listrak_source.api.transport import Transport

BASE_URL = "https://api.listrak.com/sms/v1"
TOKEN_URL = "https://auth.listrak.com/OAuth2/Token"  # noqa: S105 - an address, not a secret

T = TypeVar("T")
Date = datetime | str
"""A moment in the account's own time zone, without an offset; as text ``YYYY-MM-DDTHH:MM:SS``."""

_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", re.ASCII)


class ListrakClient:
    """A client of the Listrak SMS REST API. Threads may share it; it is its own context manager.

    Reads are repeated when they fail in passing, and raise ``ListrakError`` when they fail for good. Collections are
    iterators over pages, and nothing is asked for before the first page is; ``each_record`` makes them iterators over
    records. ``count`` is the page size, 1 to 5000. ``decode`` makes a page of an answer. ``cursor`` goes on where
    an earlier walk with the same filters was left: behind the page that had it as its ``next_cursor``. An error whose
    ``cursor_refused`` is true says that this is not possible (any more).

    Writes are never repeated once they may have acted; two of them send text messages to people. Where the outcome is
    unknown, the ``ListrakError`` has ``may_have_acted`` set.

    >>> with ListrakClient("my id", "my secret") as listrak:  # doctest: +SKIP
    ...     for sender_code in each_record(listrak.list_sender_codes()):
    ...         print(sender_code["shortCodeId"], sender_code["merchantName"])
    """

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        *,
        base_url: str = BASE_URL,
        token_url: str = TOKEN_URL,
        workers: int = 8,
        timeout: float = 120.0,
        connect_timeout: float = 10.0,
        max_attempts: int = 6,
        first_wait: float = 1.0,
        max_wait: float = 60.0,
        max_rate_limited_seconds: float = 900.0,
        max_request_seconds: float = 600.0,
        max_answer_bytes: int = 100_000_000,
        max_idle_pages: int = 1000,
    ) -> None:
        """Set up; nothing is sent before the first call.

        At most ``workers`` requests are under way at once, and fewer while Listrak is in trouble. In seconds:
        ``timeout`` is how long an answer may be silent, ``connect_timeout`` how long a connection may take,
        ``first_wait`` the pause after the first failed attempt, ``max_wait`` the longest pause after any. Refusals for
        haste (429) do not count as attempts: ``max_rate_limited_seconds`` is how long they may go on for one request.
        ``max_request_seconds`` is how long one request may take in all, ``max_answer_bytes`` how large its unpacked
        answer may be, ``max_idle_pages`` how many pages in a row may bring nothing new. Raises ``ConfigurationError``.
        """
        for setting, value in (("client_id", client_id), ("client_secret", client_secret)):
            if not isinstance(value, str) or not value.strip():
                raise ConfigurationError(f"{setting} is empty")
            if any("\ud800" <= letter <= "\udfff" for letter in value):
                raise ConfigurationError(f"{setting} holds half a character")
        _check_numbers(
            1, 10**12, workers=workers, max_attempts=max_attempts, max_idle_pages=max_idle_pages,
            max_answer_bytes=max_answer_bytes,
        )  # fmt: skip
        _check_numbers(
            0.001, 1e6, timeout=timeout, connect_timeout=connect_timeout, max_request_seconds=max_request_seconds
        )
        _check_numbers(
            0.0, 1e6, first_wait=first_wait, max_wait=max_wait, max_rate_limited_seconds=max_rate_limited_seconds
        )
        base_url = check_address("base_url", base_url)
        token_url = check_address("token_url", token_url)
        retry_policy = RetryPolicy(
            max_attempts=max_attempts,
            first_wait=first_wait,
            max_wait=max_wait,
            max_rate_limited_seconds=max_rate_limited_seconds,
        )
        timeouts = (connect_timeout, timeout)
        limits = Limits(max_request_seconds, max_answer_bytes)
        self._max_idle_pages = max_idle_pages
        self._tokens = TokenSource(
            client_id, client_secret, token_url, timeout=timeouts, retry_policy=retry_policy, limits=limits
        )
        self._transport = Transport(
            base_url, self._tokens, workers=workers, timeout=timeouts, retry_policy=retry_policy, limits=limits
        )

    @property
    def server_time(self) -> datetime | None:
        """The API's clock (UTC) as its answers last told it; None before the first answer."""
        return self._transport.server_time

    @property
    def latency(self) -> float | None:
        """How long an answer took so far, in seconds, on average; None before the first."""
        return self._transport.latency

    def fails_alone(self, error: ListrakError) -> bool:
        """Whether ``error`` is about what was asked for and about nothing else: Listrak still answers another question.

        A refusal for haste, a token that cannot be had and a wrong setting are never of one thing. An error that has
        had its attempts is of one thing if the account's sender codes can be read right after it.
        """
        if isinstance(error, InactiveError):
            return True
        if isinstance(error, RateLimitError | ConfigurationError) or error.operation == "token":
            return False
        try:
            next(self.list_sender_codes(), None)
        except ListrakError:
            return False
        return True

    @property
    def tally(self) -> Tally:
        """How many requests were sent."""
        return self._transport.tally

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()
        self._tokens.close()

    def __enter__(self) -> ListrakClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._transport.base_url!r})"

    # The 13 operations that read.

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

    # The 7 operations that write.

    def create_contact(self, sender_code_id: int, phone_list_id: int, contact: SMSContact) -> str:
        """Create a contact, subscribed to the list; return its resource id.

        Raises ``ContactStateError`` (``ERROR_PHONE_NUMBER_FOUND``) where the contact exists.
        """
        path = {"senderCodeId": sender_code_id, "phoneListId": phone_list_id}
        return self._write("create_contact", path, contact, created)

    def update_contact(self, sender_code_id: int, contact: SMSContact) -> str:
        """Replace a contact's data; return the resource id, empty where the receipt has none.

        A field left out may be cleared: read the contact, change it, send it whole. ``birthday`` is a date or None.
        ``optedOut`` goes one way: it can opt out, never in.
        """
        return self._write("update_contact", {"senderCodeId": sender_code_id}, contact, updated)

    def subscribe_contact(self, sender_code_id: int, phone_number: str, phone_list_id: int) -> str:
        """Subscribe a contact to a list; return the resource id."""
        path = {"senderCodeId": sender_code_id, "phoneNumber": phone_number, "phoneListId": phone_list_id}
        return self._write("subscribe_contact", path, None, created)

    def unsubscribe_contact(self, sender_code_id: int, phone_number: str, phone_list_id: int) -> None:
        """Take a contact off one list. Its opt-out state on the sender code stays as it is."""
        path = {"senderCodeId": sender_code_id, "phoneNumber": phone_number, "phoneListId": phone_list_id}
        self._write("unsubscribe_contact", path, None, updated)

    def start_contact_import(self, sender_code_id: int, import_file: ImportContactFile | BinaryIO) -> int:
        """Hand in an import of profile values; return its id. Acceptance is not success: see ``get_contact_import``.

        ``import_file`` is the record, or the same as JSON in an open, seekable binary file, which is streamed: a body
        may have up to 250 MB.
        """
        path = {"senderCodeId": sender_code_id}
        return self._write("start_contact_import", path, import_file, lambda answer: int(created(answer)))

    def send_broadcast(self, sender_code_id: int, broadcast: BroadcastMessage) -> str:
        """Send a text message to everyone on a list, now; return the resource id. It costs money."""
        return self._write("send_broadcast", {"senderCodeId": sender_code_id}, broadcast, created)

    def send_transactional_message(
        self,
        sender_code_id: int,
        phone_list_id: int,
        transactional_message_id: int,
        message: TransactionalMessageContact,
    ) -> str:
        """Send a text message to one contact, now; return the resource id. It costs money."""
        path = {
            "senderCodeId": sender_code_id,
            "phoneListId": phone_list_id,
            "transactionalMessageId": transactional_message_id,
        }
        return self._write("send_transactional_message", path, message, created)

    # What they have in common.

    def _one(
        self, name: str, path: Mapping[str, object], parse: Callable[[bytes], dict[str, Any]] = unwrap
    ) -> dict[str, Any]:
        return self._transport.send(name, path, parse=parse)

    def _walk(
        self,
        name: str,
        path: Mapping[str, object],
        decode: Decoder[T],
        *,
        count: int | None = None,
        filters: Mapping[str, str | None] | None = None,
        cursor: str | None = None,
    ) -> Iterator[Page[T]]:
        """Walk over the pages of a collection: the filters and the count go with every request.

        ``cursor`` is where to begin: a page's ``next_cursor``, None for the first page.
        """
        if count is not None and (isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_COUNT):
            raise NotSent(f"count must be a number between 1 and {MAX_COUNT}, not {count!r}", operation=name)
        if not callable(decode):
            raise NotSent(f"decode is to be a function, and is {type(decode).__name__}", operation=name)
        given = {key: value for key, value in (filters or {}).items() if value is not None}
        unit = _unit(path, given)

        def parse(body: bytes) -> Page[T]:
            page = decode(body)
            return replace(page, mark=mark_of(body, page) if page.next_cursor else None)

        def fetch(cursor: str | None, count: int | None) -> Page[T]:
            query = {**given, "cursor": cursor, "count": None if count is None else str(count)}
            sent = {key: value for key, value in query.items() if value is not None}
            try:
                page = self._transport.send(name, path, query=sent, parse=parse)
                return replace(page, next_cursor=cursor_value(page.next_cursor))
            except ListrakError as error:
                error.operation = name if error.operation is None else error.operation
                error.unit = unit
                error.cursor_refused = cursor is not None and isinstance(error, (InvalidRequestError, NotFoundError))
                raise

        return pages(fetch, count, name, unit, cursor=cursor, max_idle=self._max_idle_pages)

    def _write(
        self,
        name: str,
        path: Mapping[str, object],
        body: Mapping[str, Any] | BinaryIO | None,
        parse: Callable[[bytes], T],
    ) -> T:
        return self._transport.send(name, path, body=_encoded(name, body), parse=parse)


def date_filter(name: str, value: datetime | str | None) -> str | None:
    """Return a date filter as the API takes it, ``YYYY-MM-DDTHH:MM:SS`` in the account's own zone; None stays None.

    Raises ``NotSent`` for a moment with an offset: the API's dates carry none, and whether it would honour one is
    unknown. A fraction of a second is cut off.
    """
    if value is None:
        return None
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            raise NotSent(f"{name} has a time zone: give it without one, in the Listrak account's own zone")
        return value.isoformat(timespec="seconds")
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise NotSent(f"{name} must look like 2024-01-31T00:00:00, without an offset")
    return value


def _encoded(name: str, body: Mapping[str, Any] | BinaryIO | None) -> bytes | BinaryIO | None:
    """What is sent for the body of an operation. Raises ``NotSent`` without a value of it, for it is about people."""
    if body is None and OPERATIONS[name].body is None:
        return None
    if isinstance(body, Mapping):
        try:
            return json.dumps(body, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise NotSent(f"the body cannot be written as JSON ({type(error).__name__})", operation=name) from None
    if body is None or not hasattr(body, "read"):
        raise NotSent(f"the body is to be a mapping, and is {type(body).__name__}", operation=name)
    try:
        body.seek(body.tell())
        is_binary = isinstance(body.read(0), bytes)
    except (AttributeError, OSError, ValueError):  # closed, to write to, or a pipe
        is_binary = False
    if not is_binary:
        raise NotSent("the file must be open for reading, binary, and one that can be read again", operation=name)
    return body


def _unit(path: Mapping[str, object], filters: Mapping[str, str]) -> str:
    """Name what a walk reads: its ids and filters, a phone number by its last digits."""
    shown = {key: mask_phone(str(value)) if key == "phoneNumber" else value for key, value in path.items()}
    return ", ".join(f"{key} {value}" for key, value in {**shown, **filters}.items())


def updated(body: bytes) -> str:
    """Return the ``resourceId`` of an update or a deletion; it may have none, and an empty body is a receipt too."""
    return _resource_id(body) if body.strip() else ""


def created(body: bytes) -> str:
    """Return the ``resourceId`` of what was created."""
    resource_id = _resource_id(body)
    if not resource_id:
        raise ValueError("the receipt holds no resourceId")
    return resource_id


def _resource_id(body: bytes) -> str:
    receipt = inner(read(body))
    if receipt is None:
        return ""
    if not isinstance(receipt, dict):
        raise ValueError("the answer is no receipt")  # noqa: TRY004 - as every parser does
    resource_id = receipt.get("resourceId")
    return "" if resource_id is None else str(resource_id)


def contact_of(phone_number: str) -> Callable[[bytes], dict[str, Any]]:
    """Return a parser for the answer to a lookup of one contact.

    It raises ``Nothing`` for one that is no contact, or another one: whoever took it for a contact without values would
    blank a person.
    """

    def parse(body: bytes) -> dict[str, Any]:
        try:
            found = inner(read(body))
        except UnicodeDecodeError:
            # Push sends back what it read: a character in place of another would be written to Listrak.
            raise Nothing from None
        if not isinstance(found, dict) or not _is_same(found.get("phoneNumber"), phone_number):
            raise Nothing
        return without_envelope(found)

    return parse


def _is_same(told: Any, asked: str) -> bool:
    """Whether two phone numbers are one, in whatever form each is written."""
    number = int(told) if isinstance(told, float) and told.is_integer() else told
    return canonical(str(number)) == canonical(asked)


def _check_numbers(least: float, most: float, **given: object) -> None:
    """Whole ones, if ``least`` is. Raises ``ConfigurationError``."""
    is_whole = isinstance(least, int)
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int if is_whole else int | float):
            raise ConfigurationError(f"{name} is to be a {'whole ' if is_whole else ''}number, and is {value!r}")
        if not least <= value <= most:
            raise ConfigurationError(f"{name} is {value:,}, and not between {least:,} and {most:,}")
