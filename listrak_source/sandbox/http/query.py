"""Query parameters, cursors and date filters, as the API reads them."""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Mapping
from datetime import datetime

from listrak_source.sandbox.errors import Refused
from listrak_source.sandbox.world.clock import to_ticks
from listrak_source.sandbox.world.timeline import Key

DEFAULT_COUNT = 1000
MAX_COUNT = 5000

START_CURSOR = "Start"
"""The contract's default value of ``cursor``."""

_PLACE = struct.Struct(">BqiB")
_VERSION = 0xFB
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


def _refuse(name: str) -> Refused:
    return Refused("ERROR_INVALID_PARAMETER", f"{name} is invalid.")


def encode_cursor(place: Key, wording: int = 0) -> str:
    """The place behind which the next page begins, in standard base64: ``+``, ``/``, ``=`` need escaping in a query.

    Each ``wording`` (0 to 255) says the same in another way.
    """
    return base64.b64encode(_PLACE.pack(_VERSION, *place, wording)).decode()


def decode_cursor(text: str | None) -> Key | None:
    """The place, or null for the first page."""
    if not text or text == START_CURSOR:
        return None
    try:
        version, ticks, member, _ = _PLACE.unpack(base64.b64decode(text, validate=True))
    except (binascii.Error, struct.error, ValueError):
        raise _refuse("cursor") from None
    if version != _VERSION or member < 0:
        raise _refuse("cursor")
    return ticks, member


def read_count(query: Mapping[str, str]) -> int:
    """The rows a page that a query asks for. Raises :class:`Refused` where it is no such number."""
    text = query.get("count")
    if text is None:
        return DEFAULT_COUNT
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= MAX_COUNT:
        raise _refuse("count")
    return int(text)


def read_date(query: Mapping[str, str], name: str) -> int | None:
    """A date filter in ticks: ``YYYY-MM-DDTHH:MM:SS`` on the account's wall clock, nothing else."""
    text = query.get(name)
    if text is None:
        return None
    if not _DATE.fullmatch(text):
        raise _refuse(name)
    try:
        return to_ticks(datetime.fromisoformat(text))
    except ValueError:
        raise _refuse(name) from None


def read_flag(query: Mapping[str, str], name: str) -> bool:
    """A boolean that is false by default."""
    text = query.get(name, "false").lower()
    if text not in ("true", "false"):
        raise _refuse(name)
    return text == "true"
