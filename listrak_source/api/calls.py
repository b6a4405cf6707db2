"""What the client's methods have in common: a read of one object, a walk over pages, a write."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, BinaryIO, TypeVar

from listrak_source.api.envelope import Nothing, inner, read, without_envelope
from listrak_source.api.errors import InvalidRequestError, ListrakError, NotFoundError
from listrak_source.api.pagination import MAX_COUNT, Decoder, Page, cursor_value, mark_of, pages, unwrap
from listrak_source.api.phones import canonical
from listrak_source.api.redaction import mask_phone
from listrak_source.api.transport import Transport

T = TypeVar("T")

_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", re.ASCII)


class Calls:
    """The three kinds of call, over one transport."""

    _transport: Transport
    _max_idle_pages: int

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
        if count is not None and not 1 <= count <= MAX_COUNT:
            raise ValueError(f"count must be between 1 and {MAX_COUNT}, not {count}")
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
        encoded = json.dumps(body).encode() if isinstance(body, Mapping) else body
        return self._transport.send(name, path, body=encoded, parse=parse)


def date_filter(name: str, value: datetime | str | None) -> str | None:
    """Return a date filter as the API takes it, ``YYYY-MM-DDTHH:MM:SS`` in the account's own zone; None stays None.

    Raises ``ValueError`` for a moment with an offset: the API's dates carry none, and whether it would honour one is
    unknown. A fraction of a second is cut off.
    """
    if value is None:
        return None
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            raise ValueError(f"{name} has a time zone: give it without one, in the Listrak account's own zone")
        return value.isoformat(timespec="seconds")
    if not _DATE.fullmatch(value):
        raise ValueError(f"{name} must look like 2024-01-31T00:00:00, without an offset")
    return value


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
