"""The thirteen operations that read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from listrak_source.sandbox.errors import Refused
from listrak_source.sandbox.http.import_routes import ImportFile
from listrak_source.sandbox.http.query import decode_cursor, read_count, read_date, read_flag
from listrak_source.sandbox.http.responses import Answer, Call, Page, bare, json_bytes, resource
from listrak_source.sandbox.quirks import Quirks
from listrak_source.sandbox.world.account import Account
from listrak_source.sandbox.world.clock import NO_DATE, to_text
from listrak_source.sandbox.world.model import OPT_OUT_REASONS, PhoneList, SenderCode, Subscription
from listrak_source.sandbox.world.phone_forms import row_written, written
from listrak_source.sandbox.world.profile import ProfileField, normal_phone, with_numbers
from listrak_source.sandbox.world.timeline import NEVER, Timeline

_NO_END = {"null": None, "empty": "", "year_one": NO_DATE, "last": "9999-12-31T23:59:59.9999999"}
_NO_CONTACT = {
    "null": resource(b"null"), "empty": resource(b"{}"), "nested": resource(resource(b"null")),
}  # fmt: skip


def number(call: Call, name: str) -> int:
    """An identifier of the route."""
    text = call.path[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise Refused("ERROR_INVALID_PARAMETER", f"{name} must be a number.")
    return int(text)


class Reads:
    """Each method answers the operation of its name."""

    def __init__(self, state: Account, imports: dict[int, ImportFile]) -> None:
        self.state = state
        self.imports = imports

    def list_sender_codes(self, call: Call) -> Answer:  # noqa: ARG002 - a handler like the others
        """All sender codes."""
        return Page([json_bytes(item.record) for item in self.state.sender_codes.values()], has_cursor=False)

    def get_sender_code(self, call: Call) -> Answer:
        """One sender code."""
        return resource(json_bytes(self.state.sender(number(call, "senderCodeId")).record))

    def list_phone_lists(self, call: Call) -> Answer:
        """The lists of a sender code: the active ones, or the inactive."""
        status = call.query.get("status", "active").lower()
        if status not in ("active", "inactive"):
            raise Refused("ERROR_INVALID_PARAMETER", "status must be active or inactive.")
        lists = self._sender(call).lists.values()
        found = {item.list_id: item.record() for item in lists if item.active == (status == "active")}
        return _whole(call, lambda asked: _page_of(found, asked))

    def get_phone_list(self, call: Call) -> Answer:
        """One list."""
        phone_list = self._sender(call).lists.get(number(call, "phoneListId"))
        if phone_list is None:
            raise Refused("ERROR_UNABLE_TO_LOCATE_RESOURCE", "The list does not exist.")
        return bare(json_bytes(phone_list.record()), call.quirks)

    def list_profile_fields(self, call: Call) -> Answer:
        """All profile fields."""
        self._sender(call)
        return Page([json_bytes(_field_record(field)) for field in self.state.fields.values()], has_cursor=False)

    def get_profile_field(self, call: Call) -> Answer:
        """One profile field."""
        self._sender(call)
        field = self.state.fields.get(number(call, "segmentationFieldId"))
        if field is None:
            raise Refused("ERROR_UNABLE_TO_LOCATE_RESOURCE", "The profile field does not exist.")
        return resource(json_bytes(_field_record(field)))

    def list_contacts(self, call: Call) -> Answer:
        """A page of a list's contacts, reachable or opted out."""
        sender, phone_list = self._sender(call), self._list(call)
        stopped = read_flag(call.query, "optedOut")
        rows = self.state.rows if not stopped else _OptedOutRows(self.state, sender)
        form, numbers, render = call.quirks.contact_phones, call.quirks.numbers, rows.__getitem__
        if (form, numbers) != ("eleven", "plain"):
            fields = self.state.fields
            render = lambda person: with_numbers(row_written(rows[person], form), fields, numbers)  # noqa: E731
        return _page_along(phone_list.listed(stopped), call, "startSubscribeDate", "endSubscribeDate", render)

    def get_contact(self, call: Call) -> Answer:
        """One contact."""
        try:
            sender, person = self._contact(call)
        except Refused:
            if call.quirks.no_contact == "refused":
                raise
            return _NO_CONTACT[call.quirks.no_contact]
        since, stopped = sender.since[person], sender.opt_outs.get(person)
        dates = {
            "subscribeDate": None if since == NEVER else to_text(since),
            "unsubscribeDate": to_text(stopped.ticks) if stopped else None,
        }
        row = row_written(self.state.row(sender, person), call.quirks.contact_phones)
        row = with_numbers(row, self.state.fields, call.quirks.numbers)
        for told in (b"true", b"false"):
            row = row.replace(b'"optedOut":' + told, _stop_told(told, call.quirks.stops), 1)
        return resource(json_bytes(dates)[:-1] + b"," + row[1:])

    def list_opt_outs(self, call: Call) -> Answer:
        """A page of a sender code's opt-outs."""
        sender = self._sender(call)

        def render(person: int) -> bytes:
            stopped = sender.opt_outs[person]
            by_number = call.quirks.opt_out_reason == "number"
            reason: str | int = OPT_OUT_REASONS.index(stopped.reason) if by_number else stopped.reason
            return json_bytes(
                {
                    "phoneNumber": written(self.state.phone(person), call.quirks.opt_out_phones),
                    "optOutDate": to_text(stopped.ticks),
                    "optOutReason": reason,
                }
            )

        page = _whole(call, lambda asked: _page_along(sender.opt_out_order, asked, "startDate", "endDate", render))
        return page.cursorless() if call.quirks.opt_out_paging == "unpaged" else page

    def list_contact_subscriptions(self, call: Call) -> Answer:
        """All subscriptions of a contact."""
        sender, person = self._contact(call)
        found = self.state.subscriptions(sender, person)
        records = {item.list_id: _subscription_record(item, what, call.quirks) for item, what in found}
        return _whole(call, lambda asked: _page_of(records, asked))

    def get_contact_import(self, call: Call) -> Answer:
        """How far an import is."""
        sender, job = self._sender(call), self.imports.get(number(call, "importFileId"))
        if job is None or job.sender_code_id != sender.sender_code_id:
            raise Refused("ERROR_UNABLE_TO_LOCATE_RESOURCE", "The import does not exist.")
        record, how = job.record(), call.quirks.no_end
        if record["endDate"] is None and how == "absent":
            del record["endDate"]
        elif record["endDate"] is None:
            record["endDate"] = _NO_END[how]
        return resource(json_bytes(record))

    def list_transactional_messages(self, call: Call) -> Answer:
        """The transactional messages of a list."""
        self._sender(call)
        return Page([json_bytes(item.record()) for item in self._list(call).messages.values()], has_cursor=False)

    def get_transactional_message(self, call: Call) -> Answer:
        """One transactional message."""
        self._sender(call)
        message = self._list(call).messages.get(number(call, "transactionalMessageId"))
        if message is None:
            raise Refused("ERROR_TRANSACTIONAL_MESSAGE_NOT_FOUND")
        return bare(json_bytes(message.record()), call.quirks)

    def _sender(self, call: Call) -> SenderCode:
        sender = self.state.sender(number(call, "senderCodeId"))
        if not sender.enabled and call.quirks.disabled_reads == "refused":
            raise Refused("ERROR_SENDER_CODE_DISABLED")
        return sender

    def _list(self, call: Call) -> PhoneList:
        return self.state.phone_list(number(call, "senderCodeId"), number(call, "phoneListId"))

    def _contact(self, call: Call) -> tuple[SenderCode, int]:
        sender = self._sender(call)
        person = self.state.contact(sender.sender_code_id, normal_phone(call.path["phoneNumber"]))
        if person is None:
            raise Refused("ERROR_UNABLE_TO_LOCATE_RESOURCE", "The contact does not exist on the sender code.")
        return sender, person


class _OptedOutRows:
    """Rows by person, as a sender code sees people who opted out of it."""

    def __init__(self, state: Account, sender: SenderCode) -> None:
        self._state, self._sender = state, sender

    def __getitem__(self, person: int) -> bytes:
        return self._state.row(self._sender, person)


def _page_along(line: Timeline, call: Call, start: str, end: str, render: Callable[[int], bytes]) -> Page:
    """The page of a timeline that a request asks for: filter, place, count."""
    count, asked = read_count(call.query), decode_cursor(call.query.get("cursor"))
    inclusive = call.quirks.bounds == "inclusive"
    low, high = line.cut(read_date(call.query, start), read_date(call.query, end), inclusive=inclusive)
    by_number = call.quirks.cursors == "offsets"
    begin = low
    if asked is not None:
        low = min(low + max(asked[0], 0), high) if by_number else max(low, line.after(asked))
    stop = min(low + count, high)
    rows = list(map(render, line.members[low:stop]))
    if not low < stop < high:
        return Page(rows, asked)
    return Page(rows, asked, (stop - begin, 0) if by_number else line.key(stop - 1))


def _whole(call: Call, page: Callable[[Call], Page]) -> Page:
    """The page of a collection that may be no more than its beginning, as if that were all."""
    most = call.quirks.most_rows
    if most is None:
        return page(call)
    count = min(read_count(call.query), most) if call.quirks.count == "capped" else most
    return page(replace(call, query={**call.query, "count": str(count)})).cursorless()


def _page_of(records: dict[int, Any], call: Call) -> Page:
    """The same for a handful of records by identifier."""
    count, asked = read_count(call.query), decode_cursor(call.query.get("cursor"))
    ids = sorted(records)
    if call.quirks.cursors == "offsets":
        low = max(asked[0], 0) if asked is not None else 0
        place = (low + count, 0) if len(ids) > low + count else None
        return Page([json_bytes(records[item]) for item in ids[low : low + count]], asked, place)
    ids = [item for item in ids if asked is None or (0, item) > asked]
    place = (0, ids[count - 1]) if len(ids) > count else None
    return Page([json_bytes(records[item]) for item in ids[:count]], asked, place)


def _field_record(field: ProfileField) -> dict[str, Any]:
    return {
        "segmentationFieldId": field.field_id,
        "segmentationFieldName": field.name,
        "dataType": field.data_type,
        "maxLength": field.max_length,
        "statusFlag": field.status,
    }


def _stop_told(told: bytes, how: str) -> bytes:
    if how == "absent":
        return b'"optedIn":null'
    return b'"optedOut":' + {"null": b"null", "text": b'"' + told + b'"'}.get(how, told)


def _subscription_record(phone_list: PhoneList, what: Subscription, quirks: Quirks) -> dict[str, Any]:
    # The year-one sentinel is what a .NET date without a value becomes; the contract would allow null as well.
    return {
        "phoneListId": phone_list.list_id,
        "subscriptionState": quirks.left_state if what.state == "Unsubscribed" else what.state,
        "subscribeDate": to_text(what.subscribed) if what.subscribed else None,
        "unsubscribeDate": to_text(what.unsubscribed) if what.unsubscribed else NO_DATE,
        "pendingDate": to_text(what.pending) if what.pending else NO_DATE,
        "pendingDoubleOptIn": what.is_pending,
        "pendingAgeGate": False,
    }
