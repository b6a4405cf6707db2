"""Where the contract leaves open how Listrak answers: one setting for each, so that a client can be tested with all."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args, get_origin, get_type_hints

PhoneForm = Literal["eleven", "ten", "plus"]
"""A phone number as 15551234567, 5551234567 or +15551234567."""


@dataclass(frozen=True)
class Quirks:
    """How this Listrak answers. The first choice of each is the contract's, or what was seen most."""

    cursor_style: Literal["token", "relative", "absolute", "elsewhere"] = "token"
    """``nextPageCursor`` as a bare token, or as a URI: without a host, with the one that was asked, or with the one by
    which a server behind a proxy knows itself."""
    last_page: Literal["null", "empty", "absent"] = "null"
    """What ``nextPageCursor`` is when there is no next page."""
    resource_shape: Literal["bare", "envelope", "array"] = "bare"
    """``GET PhoneList/{id}`` and ``GET TransactionalMessage/{id}``: the object itself, in ``data``, or in an array."""
    bounds: Literal["inclusive", "exclusive"] = "inclusive"
    """Whether a date filter's bounds belong to it."""
    opt_out_reason: Literal["name", "number"] = "name"
    """``optOutReason`` as in the contract, or its position in the enum as in the vendor's example."""
    disabled_reads: Literal["answered", "refused"] = "answered"
    """What reading below a disabled sender code gives: data, or ``ERROR_SENDER_CODE_DISABLED``."""
    one_row_imports: Literal["accepted", "refused"] = "accepted"
    """A sister product refuses import files with fewer than two rows."""
    opt_out_paging: Literal["paged", "unpaged"] = "paged"
    """``OptOut`` with cursors, or as the contract declares it: at most ``count`` rows, and no word about the rest."""
    error_style: Literal["http", "body"] = "http"
    """Errors with an HTTP status of their own, or with HTTP 200 and their status in the body alone."""
    tokens: Literal["each", "latest"] = "each"
    """Every token is good for its time, or the latest only: two programs with the same credentials end each other's."""
    no_rows: Literal["list", "null", "absent"] = "list"
    """What ``data`` is on a page without rows."""
    opt_out_phones: PhoneForm = "eleven"
    """How ``OptOut`` writes phone numbers."""
    contact_phones: PhoneForm = "eleven"
    """How contacts are written, in lists and one by one."""
    phones_taken: Literal["digits", "any", "listed"] = "digits"
    """In which form a request may name a contact: ten or eleven digits, any, or only as contacts
    are written."""
    cursors: Literal["places", "offsets"] = "places"
    """What a cursor stands for: a place behind a row, or a number of rows to leave out. With numbers, whoever leaves
    the collection makes the next page skip somebody else."""
    no_contact: Literal["refused", "null", "empty", "nested"] = "refused"
    """What a lookup of a contact gives that is not there: 404, or a success that holds nothing, or less than that."""
    value_refusals: Literal["named", "unnamed", "not_found", "failure"] = "named"
    """How ``PUT`` refuses a value of a contact: by the code of that value, by a code that fits everything, as if there
    were no such contact, or by an error of the server."""
    hidden_limit: int = 0
    """The characters of a profile value beyond which ``PUT`` refuses it, whatever its field tells; 0 for none."""
    left_state: Literal["Unsubscribed", "Not Subscribed", "Suspended", ""] = "Unsubscribed"
    """The state of who has left a list, beside the date of that: as seen, that of who was never on it, a word that
    nobody has seen, or none."""
    stops: Literal["told", "absent", "null", "text"] = "told"
    """How a contact that is looked up tells ``optedOut``: as a boolean, not at all, as null, or as a text."""
    no_end: Literal["null", "absent", "empty", "year_one", "last"] = "null"
    """What ``endDate`` is of an import that has not ended."""
    numbers: Literal["plain", "padded", "grouped", "exponent"] = "plain"
    """How numbers of a profile read back: 1500, 1500.00, 1,500 or 1.5E+3."""
    charset: Literal["utf-8", "iso-8859-1", "utf-16", "utf-8-sig"] = "utf-8"
    """What answers are written in, as their ``Content-Type`` says; the last is UTF-8 with a byte order mark."""
    most_rows: int | None = None
    """The most rows that ``OptOut``, ``PhoneList`` and a contact's lists answer with, without a word about the rest."""
    count: Literal["ignored", "capped"] = "ignored"
    """What these then make of ``count``: nothing, or so many rows where it is less."""

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for item in fields(self):
            value, choices = getattr(self, item.name), get_args(hints[item.name])
            if get_origin(hints[item.name]) is Literal and value not in choices:
                raise ValueError(f"{item.name} must be one of {', '.join(choices)}, not {value!r}")
