"""One person's profile: how it is rendered, read back and checked.

The rendered JSON is the stored record. A page of contacts is then a join of bytes, and a profile is parsed only when
somebody touches it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from listrak_source.sandbox.errors import Refused
from listrak_source.sandbox.world.clock import NO_DATE

Profile = dict[str, Any]
"""An ``SMSContact`` of the contract as a dict, ``optedOut`` always false: that is a matter of the sender code."""

SYSTEM_FIELDS = ("emailAddress", "firstName", "lastName", "birthday", "postalCode")

_HALF = re.compile("[\ud800-\udfff]")
"""Half of a surrogate pair, which JSON can only tell by its number."""
_PHONE = re.compile(r"1?\d{10}")
_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\".]+")
_OPTED_IN = b'"optedOut":false'
_OPTED_OUT = b'"optedOut":true'
_PHONE_AT = slice(16, 27)
_CHECKBOX = {"1": "1", "on": "1", "true": "1", "0": "0", "off": "0", "false": "0"}


@dataclass(frozen=True)
class ProfileField:
    """A profile field of the account (the API also says segmentation field): the same on every sender code."""

    field_id: int
    name: str
    data_type: str
    """``Text``, ``Number``, ``Checkbox`` or ``Date``."""
    max_length: int | None = None
    """Characters; null for no limit."""
    status: str = "Active"
    """``Active``, ``Disabled`` or ``Purged``."""


def dumps(value: object) -> str:
    """JSON as the API writes it: no spaces, other scripts as they are."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if text.isascii() else _HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def render(profile: Mapping[str, Any]) -> bytes:
    """The row of a page of contacts."""
    return dumps(
        {
            "phoneNumber": profile["phoneNumber"],
            **{name: profile.get(name) for name in SYSTEM_FIELDS},
            "optedOut": False,
            "segmentationFieldValues": profile.get("segmentationFieldValues", []),
        }
    ).encode()


def parse(row: bytes) -> Profile:
    """A rendered contact as an object."""
    profile: Profile = json.loads(row)
    return profile


def phone_of(row: bytes) -> str:
    """The phone number of a row, without parsing it: every row begins with it."""
    return row[_PHONE_AT].decode()


def opted_out(row: bytes) -> bytes:
    """The row of somebody who said stop. Inside a JSON string a quote is escaped, so the first match is the field."""
    return row.replace(_OPTED_IN, _OPTED_OUT, 1)


def values_of(profile: Mapping[str, Any]) -> dict[int, str]:
    """A contact's profile values by the id of their field."""
    return {item["segmentationFieldId"]: item["value"] for item in profile["segmentationFieldValues"]}


def value_items(values: Mapping[int, str]) -> list[dict[str, Any]]:
    """Profile values as a contact's record holds them."""
    return [{"segmentationFieldId": field_id, "value": value} for field_id, value in values.items()]


def normal_phone(phone: object) -> str:
    """Eleven digits with the leading 1, as Listrak keeps it; ten digits get their 1."""
    if not isinstance(phone, str) or not phone.isascii() or not _PHONE.fullmatch(phone):
        raise Refused("ERROR_INVALID_PHONE_NUMBER")
    return phone if len(phone) == 11 else "1" + phone


def checked_system_fields(body: Mapping[str, Any]) -> Profile:
    """The system fields that a body gives, checked; those it does not give are left out."""
    given: Profile = {}
    for name in SYSTEM_FIELDS:
        if name not in body:
            continue
        value = body[name]
        if value is not None and not isinstance(value, str):
            raise Refused("ERROR_INVALID_PARAMETER", f"{name} must be a string.")
        given[name] = value
    if given.get("emailAddress") and not _EMAIL.fullmatch(given["emailAddress"]):
        raise Refused("ERROR_INVALID_EMAIL_ADDRESS")
    if given.get("birthday") is not None:
        given["birthday"] = _checked_birthday(given["birthday"])
    return given


def _checked_birthday(text: str) -> str:
    if not text.strip() or text.startswith("0001-"):
        raise Refused("ERROR_BIRTHDAY_FIELD_NULL")
    try:
        day = datetime.fromisoformat(text[:19])
    except ValueError:
        raise Refused("ERROR_INVALID_PARAMETER", "birthday is not a date.") from None
    return day.isoformat()


def birthday_of(text: str | None) -> date | None:
    """A birthday as served: null and the year-one sentinel both mean that there is none."""
    return None if text in (None, "", NO_DATE) else datetime.fromisoformat(str(text)).date()


def checked_values(items: object, fields: Mapping[int, ProfileField]) -> dict[int, str]:
    """The profile values of a body as Listrak will read them back. A blank value means no value."""
    if items is None:
        return {}
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Refused("ERROR_INVALID_PARAMETER", "segmentationFieldValues must be a list of objects.")
    return {field_id: text for field_id, text in _checked_items(items, fields) if text}


def _checked_items(items: list[Any], fields: Mapping[int, ProfileField]) -> Iterable[tuple[int, str]]:
    for item in items:
        value = item.get("value")
        if value is not None and not isinstance(value, str):
            raise Refused("ERROR_INVALID_PARAMETER", "value must be a string.")
        field = usable_field(item.get("segmentationFieldId"), fields)
        yield field.field_id, canonical(field, value or "")


def usable_field(field_id: object, fields: Mapping[int, ProfileField]) -> ProfileField:
    """The field, if it exists and is not disabled or purged."""
    if not isinstance(field_id, int) or isinstance(field_id, bool) or field_id not in fields:
        raise Refused("ERROR_INVALID_SEGMENTATION_FIELD_ID")
    field = fields[field_id]
    if field.status != "Active":
        raise Refused("ERROR_SEGMENTATION_FIELD_DISABLED")
    return field


def canonical(field: ProfileField, text: str) -> str:
    """A value as Listrak reads it back, which is not always as it was written.

    Checkboxes read as ``1`` and ``0``, dates as ``12/31/2020``, numbers with two decimals at most and no zeros behind
    them. Raises ``ERROR_SEGMENTATION_MAX_LENGTH`` or ``ERROR_INVALID_PARAMETER``.
    """
    if not text.strip():
        return ""
    if field.max_length is not None and len(text) > field.max_length:
        raise Refused("ERROR_SEGMENTATION_MAX_LENGTH")
    try:
        if field.data_type == "Checkbox":
            return _CHECKBOX[text.strip().lower()]
        if field.data_type == "Number":
            return _number(text)
        if field.data_type == "Date":
            return _date(text.strip())
    except (KeyError, ValueError, InvalidOperation):
        raise Refused("ERROR_INVALID_PARAMETER", f"The value is not a {field.data_type.lower()}.") from None
    return text


def _number(text: str) -> str:
    number = Decimal(text.strip().replace(",", ""))
    if not number.is_finite() or abs(number) >= 10**15:
        raise ValueError(text)
    plain = f"{number.quantize(Decimal('0.01'), ROUND_HALF_UP):f}"
    trimmed = plain.rstrip("0").rstrip(".")
    return "0" if trimmed == "-0" else trimmed


def _date(text: str) -> str:
    for form in ("%m/%d/%Y", "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"):
        try:
            day = datetime.strptime(text, form)
        except ValueError:
            continue
        return f"{day.month:02d}/{day.day:02d}/{day.year:04d}"
    raise ValueError(text)


def with_numbers(row: bytes, fields: Mapping[int, ProfileField], how: str) -> bytes:
    """A row with its numbers written in another way: ``padded``, ``grouped`` or by ``exponent``."""
    if how == "plain":
        return row
    profile = parse(row)
    for item in profile["segmentationFieldValues"]:
        if fields[item["segmentationFieldId"]].data_type == "Number":
            number = Decimal(item["value"])
            item["value"] = {"padded": f"{number:.2f}", "grouped": f"{number:,}", "exponent": f"{number:E}"}[how]
    return dumps(profile).encode()
