"""Everything that can be wrong with a sync, told at once, before anything is compared or sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

from listrak_source.api import InactiveError, ListrakClient, NotFoundError, each_record
from listrak_source.api.models import PhoneList
from listrak_source.push.diff import desired_state
from listrak_source.push.sync import phone_numbers, source_columns
from listrak_source.push.sync.canonical import Kind, canonical, is_said
from listrak_source.push.sync.config import CONTACT_FIELDS, DEFAULT, OPTED_OUT, Sync
from listrak_source.push.sync.field_mapping import Target, bound
from listrak_source.push.sync.source_columns import Form, Stored
from listrak_source.push.warehouse.ledger import among
from listrak_source.push.warehouse.sql_client import Store, text

_HASH = "^[0-9a-f]{64}$"
_TIMES = {Form.DATE, Form.TIMESTAMP, Form.MOMENT, Form.TIME}
_NUMBERS = {Form.WHOLE, Form.DECIMAL, Form.FLOAT}
_UNFIT = {
    Kind.NUMBER: {Form.BOOLEAN, *_TIMES},
    Kind.CHECKBOX: _TIMES,
    Kind.STOP: _TIMES,
    Kind.MEMBERSHIP: _TIMES,
    Kind.DATE: {Form.BOOLEAN, Form.TIME, *_NUMBERS},
    Kind.BIRTHDAY: {Form.BOOLEAN, Form.TIME, *_NUMBERS},
    Kind.POSTAL_CODE: {Form.BOOLEAN, *_NUMBERS, *_TIMES},  # a number has lost the zeros in front
    Kind.EMAIL: {Form.BOOLEAN, *_NUMBERS, *_TIMES},
}
"""By kind of field: what a column may be like and can never fit it. Text may always."""
_NO_PHONE = {Form.FLOAT, Form.BOOLEAN, Form.OTHER, *_TIMES}


def checked(store: Store, client: ListrakClient, sync: Sync) -> tuple[list[Target], list[str]]:
    """The targets of a sync's columns, and what is wrong with it, in sentences.

    Raises ``ListrakError`` where Listrak cannot be asked.
    """
    targets, problems = at_listrak(client, sync)
    types, unread = source_columns.found(store, sync)
    problems += [*unread, *unfit(sync, targets, types)]
    problems += [*_warehouse(store, sync), *unfit_defaults(store, targets)]
    return targets, problems


def unread_stops(store: Store, sync: Sync) -> int:
    """Rows of the sync's table of which nobody can tell whether they say stop, or who does. Nothing is compared."""
    stops = [Target(one, Kind.STOP) for one in sync.columns if one.contact == OPTED_OUT]
    if not stops:
        return 0
    # Under a name of its own: an apply may be at work.
    rows, twins = desired_state.make(store, replace(sync, name=f"check_{uuid4().hex[:8]}"), stops)
    told = f"SELECT phone, odd{desired_state.said(store, rows, stops)} FROM {rows}"
    stop = canonical("said_0", Kind.STOP)
    try:
        return int(
            store.one(
                f"SELECT COUNT(*) FROM ({told}) AS told WHERE {is_said('said_0')} "
                f"AND ({stop} IS NULL OR ({stop} = '1' AND phone IS NULL AND {phone_numbers.may_be_one('odd')}))"
            )
        )
    finally:
        for table in (rows, twins):
            store.run(f"DROP TABLE {table}")


def at_listrak(client: ListrakClient, sync: Sync) -> tuple[list[Target], list[str]]:
    """The targets of a sync's columns, and what Listrak says against them."""
    try:
        sender = client.get_sender_code(sync.sender_code_id)
        if str(sender.get("status") or "").lower() in ("disabled", "inactive"):
            return [], [f"sender code {sync.sender_code_id} is off at Listrak"]
        lists: list[PhoneList] = []
        if any(column.phone_list is not None for column in sync.columns):
            lists += each_record(client.list_phone_lists(sync.sender_code_id, status="active"))
            lists += each_record(client.list_phone_lists(sync.sender_code_id, status="inactive"))
        return bound(sync, each_record(client.list_profile_fields(sync.sender_code_id)), lists)
    except NotFoundError:
        return [], [f"Listrak has no sender code {sync.sender_code_id} for these credentials"]
    except InactiveError:
        return [], [f"sender code {sync.sender_code_id} is off at Listrak"]


def unfit(sync: Sync, targets: list[Target], types: dict[str, Stored]) -> Iterator[str]:
    """Columns that can never fit their fields."""
    phone = types.get(sync.phone)
    if phone is not None and phone.form in _NO_PHONE:
        what = f"column {sync.phone} is of type {phone.title}"
        yield f"{what}, and cannot hold phone numbers: take a text or a whole number"
    for target in targets:
        stored = types.get(target.column.name)
        if stored is not None and stored.form in {Form.OTHER, *_UNFIT.get(target.kind, ())}:
            yield f"column {target.column.name} is of type {stored.title} and does not fit {target.title}, {_a(target)}"


def unfit_defaults(store: Store, targets: list[Target]) -> Iterator[str]:
    """Defaults that do not fit their fields."""
    for target in targets:
        if target.column.null == DEFAULT:
            default = text(target.column.default)
            too_long = target.max_length is not None and len(target.column.default) > target.max_length
            if too_long or store.one(f"SELECT {canonical(default, target.kind)}") is None:
                yield f"column {target.column.name}: its default does not fit {target.title}, {_a(target)}"


def _warehouse(store: Store, sync: Sync) -> Iterator[str]:
    if "contacts" not in store.tables:
        yield "the warehouse holds no contacts to compare with: run listrak pull first"
        return
    of_sender = f"FROM contacts WHERE sender_code_id = {sync.sender_code_id}"
    if not store.one(f"SELECT COUNT(*) {of_sender}"):
        yield f"the warehouse holds no contacts of sender code {sync.sender_code_id}: run listrak pull first"
    elif store.one(
        f"SELECT COUNT(*) {of_sender} AND REGEXP_MATCHES(phone_number, '^.*[a-f].*$') "
        f"AND NOT {among('phone_number', sorted(store.forgotten))}"
    ):
        yield "the phone numbers in the warehouse are hashed, so nobody can be told by them"
    for column in sync.columns:
        if column.contact not in CONTACT_FIELDS:
            continue
        if column.contact not in store.tables["contacts"]:
            what = f"the warehouse was told to drop {column.contact}"
        elif store.one(f"SELECT COUNT(*) {of_sender} AND REGEXP_MATCHES(CAST({column.contact} AS TEXT), '{_HASH}')"):
            what = f"{column.contact} is hashed in the warehouse"
        else:
            continue
        yield f"column {column.name}: {what}, so nothing can be compared"
    if any(column.phone_list is not None for column in sync.columns) and "list_memberships" not in store.tables:
        yield "the warehouse does not hold who is on which list: pull the table list_memberships first"
    if any(column.field is not None for column in sync.columns) and "contact_profile_values" not in store.tables:
        yield "the warehouse holds no profile values to compare with: pull the table contact_profile_values first"


def _a(target: Target) -> str:
    return f"{'an' if target.kind is Kind.EMAIL else 'a'} {target.kind.value}"
