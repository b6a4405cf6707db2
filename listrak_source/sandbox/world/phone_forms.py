"""In which forms this Listrak writes phone numbers, and which it takes: all but eleven digits is a quirk."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from listrak_source.sandbox.errors import Refused
from listrak_source.sandbox.quirks import PhoneForm, Quirks

_FIELD = "phoneNumber"
_MARKS = re.compile(r"[ ().-]")


def written(phone: str, form: PhoneForm) -> str:
    """A number of eleven digits in another form."""
    return {"eleven": phone, "ten": phone[1:], "plus": f"+{phone}"}[form]


def row_written(row: bytes, form: PhoneForm) -> bytes:
    """A rendered contact with its number in another form."""
    if form == "eleven":
        return row
    begin = b'{"phoneNumber":"'
    end = len(begin) + 11
    return begin + written(row[len(begin) : end].decode(), form).encode() + row[end:]


def taken(phone: Any, quirks: Quirks) -> Any:
    """What the server makes of a number that it is given, before anybody looks at it."""
    if quirks.phones_taken == "digits" or not isinstance(phone, str):
        return phone
    digits = _MARKS.sub("", phone).removeprefix("+")
    if quirks.phones_taken == "listed" and phone != written(f"1{digits[-10:]}", quirks.contact_phones):
        raise Refused("ERROR_UNABLE_TO_LOCATE_RESOURCE", "The contact does not exist on the sender code.")
    return digits


def with_taken(given: Mapping[str, Any], quirks: Quirks) -> Mapping[str, Any]:
    """The route or the body of a request, with its number as the server takes it."""
    return {**given, _FIELD: taken(given[_FIELD], quirks)} if _FIELD in given else given
