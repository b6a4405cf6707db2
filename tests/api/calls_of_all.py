"""One call of every operation, for the tests that hold all 20 to something."""

from __future__ import annotations

import base64
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from listrak_source.api import ListrakClient, each_record
from listrak_source.api.operations import OPERATIONS

Call = Callable[[ListrakClient, Any], Any]


def things(listrak: ListrakClient) -> SimpleNamespace:
    """Things that exist in the sandbox, found through the client."""
    sender = next(each_record(listrak.list_sender_codes()))["shortCodeId"]
    lists = [
        one["phoneListId"] for one in each_record(listrak.list_phone_lists(sender)) if not one["requireDoubleOptIn"]
    ]
    fields = [one for one in each_record(listrak.list_profile_fields(sender)) if one["statusFlag"] == "Active"]
    text = next(one["segmentationFieldId"] for one in fields if one["dataType"] == "Text")
    contacts = [one for one in each_record(listrak.list_contacts(sender, lists[0])) if one["segmentationFieldValues"]]
    contact, leaver = contacts[:2]
    on = {one["phoneListId"] for one in each_record(listrak.list_contact_subscriptions(sender, contact["phoneNumber"]))}
    other = next(one for one in lists if one not in on)
    profile = {
        "emailAddress": "a@example.com", "firstName": "Zoë", "lastName": "O'Neil", "birthday": None,
        "postalCode": "01234", "optedOut": False,
        "segmentationFieldValues": [{"segmentationFieldId": text, "value": "x"}],
    }  # fmt: skip
    file = f"phone,value\n{contact['phoneNumber']},y\n".encode()
    import_file = {
        "fileName": "a.csv", "fileStream": base64.b64encode(file).decode(), "importType": "UpdateSubscribers",
        "hasColumnNames": True, "textQualifier": '"',
        "fileMappings": [
            {"fileColumnType": "Phone", "segmentationFieldId": 0, "fileColumn": 0, "defaultValue": ""},
            {"fileColumnType": "SegmentationField", "segmentationFieldId": text, "fileColumn": 1, "defaultValue": ""},
        ],
    }  # fmt: skip
    checkbox = next(str(one["segmentationFieldId"]) for one in fields if one["dataType"] == "Checkbox")
    return SimpleNamespace(
        sender=sender,
        list=lists[0],
        other_list=other,
        field=text,
        phone=contact["phoneNumber"],
        leaver=leaver["phoneNumber"],
        contact={**profile, "phoneNumber": contact["phoneNumber"]},
        new_contact={**profile, "phoneNumber": "12025550100"},
        import_file=import_file,
        import_id=listrak.start_contact_import(sender, import_file),  # type: ignore[arg-type]
        message_id=next(each_record(listrak.list_transactional_messages(sender, lists[0])))["transactionalMessageId"],
        message={"phoneNumber": contact["phoneNumber"], "messageContent": "Hello"},
        broadcast={
            "phoneListId": lists[0], "messageContent": "Hello", "messageTitle": "Title",
            "segmentationFieldId": checkbox,
        },
    )  # fmt: skip


def first(pages: Any) -> Any:
    return next(iter(pages))


CALLS: dict[str, Call] = {
    "list_sender_codes": lambda c, w: first(c.list_sender_codes()),
    "get_sender_code": lambda c, w: c.get_sender_code(w.sender),
    "list_phone_lists": lambda c, w: first(c.list_phone_lists(w.sender, status="active", count=2)),
    "get_phone_list": lambda c, w: c.get_phone_list(w.sender, w.list),
    "list_profile_fields": lambda c, w: first(c.list_profile_fields(w.sender)),
    "get_profile_field": lambda c, w: c.get_profile_field(w.sender, w.field),
    "list_contacts": lambda c, w: first(
        c.list_contacts(
            w.sender,
            w.list,
            opted_out=False,
            start_subscribe_date="2000-01-01T00:00:00",
            end_subscribe_date="2099-01-01T00:00:00",
            count=2,
        )
    ),
    "get_contact": lambda c, w: c.get_contact(w.sender, w.phone),
    "create_contact": lambda c, w: c.create_contact(w.sender, w.list, w.new_contact),
    "update_contact": lambda c, w: c.update_contact(w.sender, w.contact),
    "list_opt_outs": lambda c, w: first(
        c.list_opt_outs(w.sender, start_date="2000-01-01T00:00:00", end_date="2099-01-01T00:00:00", count=2)
    ),
    "list_contact_subscriptions": lambda c, w: first(c.list_contact_subscriptions(w.sender, w.phone, count=100)),
    "subscribe_contact": lambda c, w: c.subscribe_contact(w.sender, w.phone, w.other_list),
    "unsubscribe_contact": lambda c, w: c.unsubscribe_contact(w.sender, w.leaver, w.list),
    "start_contact_import": lambda c, w: c.start_contact_import(w.sender, w.import_file),
    "get_contact_import": lambda c, w: c.get_contact_import(w.sender, w.import_id),
    "send_broadcast": lambda c, w: c.send_broadcast(w.sender, w.broadcast),
    "list_transactional_messages": lambda c, w: first(c.list_transactional_messages(w.sender, w.list)),
    "get_transactional_message": lambda c, w: c.get_transactional_message(w.sender, w.list, w.message_id),
    "send_transactional_message": lambda c, w: c.send_transactional_message(w.sender, w.list, w.message_id, w.message),
}
assert CALLS.keys() == OPERATIONS.keys()
