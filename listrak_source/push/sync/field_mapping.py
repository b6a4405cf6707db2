"""Where each column of a sync goes, once Listrak has said which profile fields there are."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from listrak_source.api.models import PhoneAttribute, PhoneList
from listrak_source.push.sync.canonical import Kind, is_said
from listrak_source.push.sync.config import CLEAR, DEFAULT, OPTED_OUT, Column, Sync
from listrak_source.push.warehouse.sql_client import readable

_KINDS = {"Text": Kind.TEXT, "Number": Kind.NUMBER, "Checkbox": Kind.CHECKBOX, "Date": Kind.DATE}
_CONTACT = {
    "email_address": Kind.EMAIL, "birthday": Kind.BIRTHDAY, "postal_code": Kind.POSTAL_CODE, OPTED_OUT: Kind.STOP,
}  # fmt: skip
LIST = "list:"
CREATED = "created"
"""In the ledger: that the contact is there at all."""


@dataclass(frozen=True)
class Target:
    """A column and the field that its values go to."""

    column: Column
    kind: Kind
    field_id: int | None = None
    """Of a profile field; None for what a contact itself holds."""
    max_length: int | None = None
    title: str = ""
    """The field's name, for people."""
    asks: bool = False
    """Whether who joins the list is asked by text message: to confirm, or for an age."""

    @property
    def id(self) -> str:
        """The target's name in the ledger: a profile field by its id, which is stable, a list as ``list:1012``."""
        if self.field_id is not None:
            return str(self.field_id)
        return f"{LIST}{self.column.phone_list}" if self.is_list else str(self.column.contact)

    @property
    def is_profile(self) -> bool:
        """Whether it goes by import file."""
        return self.field_id is not None

    @property
    def is_list(self) -> bool:
        """Whether it is a subscription to a list."""
        return self.column.phone_list is not None

    @property
    def is_stop(self) -> bool:
        """Whether it says stop."""
        return self.column.contact == OPTED_OUT

    @property
    def is_own(self) -> bool:
        """Whether the contact itself holds it, besides its stop: it goes by a single update."""
        return not (self.is_profile or self.is_list or self.is_stop)


def bound(
    sync: Sync, fields: Iterable[PhoneAttribute], lists: Iterable[PhoneList] = ()
) -> tuple[list[Target], list[str]]:
    """The targets of a sync's columns, and what is wrong with them.

    Wrong are fields that are unknown, ambiguous or disabled, and lists that are unknown or inactive. ``fields`` are
    Listrak's profile fields of the sync's sender code, ``lists`` its lists.
    """
    known, known_lists = list(fields), {one["phoneListId"]: one for one in lists}
    targets: list[Target] = []
    problems: list[str] = []
    for column in sync.columns:
        if column.contact:
            targets.append(Target(column, _CONTACT.get(column.contact, Kind.TEXT), title=column.contact))
        elif column.phone_list is not None:
            found = _list(column, known_lists.get(column.phone_list))
            _sort(found, targets, problems)
        else:
            _sort(_field(column, known), targets, problems)
    ids = [target.id for target in targets]
    problems += [
        f"two columns go to the profile field {one}" for one in sorted({one for one in ids if ids.count(one) > 1})
    ]
    return targets, problems


def of_ids(ids: Iterable[str], fields: Iterable[PhoneAttribute]) -> list[Target]:
    """The targets that a ledger names by their ids, whatever a sync says of them now."""
    known = {str(field["segmentationFieldId"]): field for field in fields}
    found = []
    for one in ids:
        if one.isdigit():
            field = known.get(one, {})
            title = readable(str(field.get("segmentationFieldName") or one))
            kind = _KINDS.get(str(field.get("dataType")), Kind.TEXT)
            found.append(Target(Column(title, int(one)), kind, int(one), title=title))
        elif one.startswith(LIST):
            number = int(one.removeprefix(LIST))
            found.append(Target(Column(one, phone_list=number), Kind.MEMBERSHIP, title=f"list {number}"))
        else:
            kind = Kind.CHECKBOX if one == CREATED else _CONTACT.get(one, Kind.TEXT)
            found.append(Target(Column(one, contact=one), kind, title=one))
    return found


def described(targets: Iterable[Target]) -> str:
    """Profile fields as they are when they are planned, for a ledger: a file made of them later is the same."""
    return json.dumps([[one.field_id, one.title, one.kind.value] for one in targets], ensure_ascii=False)


def of_description(text: str) -> list[Target]:
    """The targets that :func:`described` told, whatever Listrak calls these fields now."""
    return [
        Target(Column(title, field_id), Kind(kind), field_id, title=title) for field_id, title, kind in json.loads(text)
    ]


def _sort(found: Target | str, targets: list[Target], problems: list[str]) -> None:
    if isinstance(found, Target):
        targets.append(found)
    else:
        problems.append(found)


def _field(column: Column, known: list[PhoneAttribute]) -> Target | str:
    """The target of a column that goes to a profile field, or what is wrong with it."""
    found = [
        field for field in known if column.field in (field["segmentationFieldId"], field.get("segmentationFieldName"))
    ]
    if len(found) != 1:
        which = "two profile fields" if found else "no profile field"
        there = ", ".join(sorted(str(field.get("segmentationFieldName")) for field in known if _is_active(field)))
        but = "; take the id" if found else f"; there are {there}" if there else ""
        return f"column {column.name}: Listrak has {which} {column.field!r}{but}"
    field = found[0]
    title, kind = readable(str(field.get("segmentationFieldName"))), str(field.get("dataType"))
    if not _is_active(field):
        return f"column {column.name}: the profile field {title!r} is disabled at Listrak"
    if kind not in _KINDS:
        return f"column {column.name}: the profile field {title!r} is of the type {kind}, which is not known"
    return Target(column, _KINDS[kind], int(field["segmentationFieldId"]), field.get("maxLength"), title)


def _is_active(field: PhoneAttribute) -> bool:
    return str(field.get("statusFlag") or "Active") == "Active"


def _list(column: Column, found: PhoneList | None) -> Target | str:
    """The target of a column that goes to a list, or what is wrong with it."""
    if found is None:
        return f"column {column.name}: Listrak has no list {column.phone_list} on this sender code"
    title = readable(str(found.get("phoneListName") or column.phone_list))
    if str(found.get("status") or "Active") != "Active":
        return f"column {column.name}: the list {title!r} is inactive at Listrak"
    asks = bool(found.get("requireDoubleOptIn") or found.get("requireAgeGate"))
    return Target(column, Kind.MEMBERSHIP, title=f"list {title}", asks=asks)


def given(target: Target, text: str) -> str:
    """SQL for what a column says, given its value as the SQL expression ``text``: its default in place of nothing.

    What is blank says nothing, too.
    """
    if target.column.null == DEFAULT:
        default = target.column.default.replace("'", "''")
        return f"CASE WHEN {is_said(text)} THEN {text} ELSE '{default}' END"
    return text


def clears(target: Target) -> bool:
    """Whether nothing in the column empties the field."""
    return target.column.null == CLEAR
