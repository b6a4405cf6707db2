"""Where each column of a sync goes, once Listrak has said which profile fields there are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from listrak_source.api.records import PhoneAttribute
from listrak_source.push.sync import CLEAR, DEFAULT, OPTED_OUT, Column, Sync
from listrak_source.push.values import Kind

_KINDS = {"Text": Kind.TEXT, "Number": Kind.NUMBER, "Checkbox": Kind.CHECKBOX, "Date": Kind.DATE}
_CONTACT = {"email_address": Kind.EMAIL, "birthday": Kind.DATE}


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

    @property
    def id(self) -> str:
        """The field's name in the ledger: a profile field by its id, which is stable."""
        return str(self.field_id) if self.field_id is not None else str(self.column.contact)

    @property
    def is_stop(self) -> bool:
        return self.column.contact == OPTED_OUT


def bound(sync: Sync, fields: Iterable[PhoneAttribute]) -> tuple[list[Target], list[str]]:
    """The targets of a sync's columns, and what is wrong with them: fields that are unknown, ambiguous or disabled,
    defaults that do not fit. ``fields`` are Listrak's profile fields of the sync's sender code.
    """
    known = list(fields)
    targets, problems = [], []
    for column in sync.columns:
        if column.contact:
            kind = Kind.CHECKBOX if column.contact == OPTED_OUT else _CONTACT.get(column.contact, Kind.TEXT)
            targets.append(Target(column, kind, title=column.contact))
            continue
        found = [
            field
            for field in known
            if column.field in (field["segmentationFieldId"], field.get("segmentationFieldName"))
        ]
        if len(found) != 1:
            problems.append(
                f"column {column.name}: Listrak has {'two profile fields' if found else 'no profile field'} "
                f"{column.field!r}" + ("; take the id" if found else "")
            )
            continue
        field = found[0]
        title, kind_name = str(field.get("segmentationFieldName")), str(field.get("dataType"))
        if str(field.get("statusFlag") or "Active") != "Active":
            problems.append(f"column {column.name}: the profile field {title!r} is disabled at Listrak")
        elif kind_name not in _KINDS:
            problems.append(
                f"column {column.name}: the profile field {title!r} is of the type {kind_name}, which is not known"
            )
        else:
            length = field.get("maxLength")
            targets.append(Target(column, _KINDS[kind_name], int(field["segmentationFieldId"]), length, title))
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
            title = str(field.get("segmentationFieldName") or one)
            found.append(
                Target(
                    Column(title, int(one)), _KINDS.get(str(field.get("dataType")), Kind.TEXT), int(one), title=title
                )
            )
        else:
            kind = Kind.CHECKBOX if one == OPTED_OUT else _CONTACT.get(one, Kind.TEXT)
            found.append(Target(Column(one, contact=one), kind, title=one))
    return found


def given(target: Target, text: str) -> str:
    """SQL for what a column says, given its value as the SQL expression ``text``: its default in place of nothing."""
    nothing = f"NULLIF(TRIM({text}), '')"
    if target.column.null == DEFAULT:
        default = target.column.default.replace("'", "''")
        return f"CASE WHEN {nothing} IS NULL THEN '{default}' ELSE {text} END"
    return f"CASE WHEN {nothing} IS NOT NULL THEN {text} END"


def clears(target: Target) -> bool:
    """Whether nothing in the column empties the field."""
    return target.column.null == CLEAR
