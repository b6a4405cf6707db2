"""The seven operations that write. The two that send only remember what they would have sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from listrak_source.sandbox.errors import Refused
from listrak_source.sandbox.http import import_routes
from listrak_source.sandbox.http.get_routes import number
from listrak_source.sandbox.http.import_routes import ImportFile
from listrak_source.sandbox.http.responses import Answer, Call, receipt
from listrak_source.sandbox.world.account import Account
from listrak_source.sandbox.world.profile import normal_phone

MAX_TITLE = 50
"""Characters of a broadcast's title, as the contract says."""

_AS = {
    "unnamed": "ERROR_INVALID_PARAMETER",
    "not_found": "ERROR_PHONE_NUMBER_NOT_FOUND",
    "failure": "ERROR_UNHANDLED_EXCEPTION",
}
_OF_VALUES = {
    "ERROR_BIRTHDAY_FIELD_NULL", "ERROR_INVALID_EMAIL_ADDRESS", "ERROR_INVALID_SEGMENTATION_FIELD_ID",
    "ERROR_SEGMENTATION_FIELD_DISABLED", "ERROR_SEGMENTATION_MAX_LENGTH",
}  # fmt: skip
"""How a value of a contact is refused."""


class Writes:
    """Each method carries out the operation of its name, through the world's verbs."""

    def __init__(
        self, world: Account, import_files: dict[int, ImportFile], start: Callable[[ImportFile], None]
    ) -> None:
        self.world = world
        self.import_files = import_files
        self.start = start
        """Sets an accepted import going, in the background."""

    def create_contact(self, call: Call) -> Answer:
        """Creates a contact who is subscribed to a list."""
        sender_code_id, phone_list_id = number(call, "senderCodeId"), number(call, "phoneListId")
        phone = normal_phone(call.body.get("phoneNumber"))
        if self.world.contact(sender_code_id, phone) is not None:
            self.world.writable(sender_code_id, phone_list_id)
            raise Refused("ERROR_PHONE_NUMBER_FOUND")
        self.world.subscribe(sender_code_id, phone_list_id, phone, call.body)
        return receipt(201, phone)

    def update_contact(self, call: Call) -> Answer:
        """Replaces a contact's profile."""
        quirks = call.quirks
        if quirks.hidden_limit and any(
            len(str(one.get("value"))) > quirks.hidden_limit for one in call.body.get("segmentationFieldValues") or ()
        ):
            raise Refused("ERROR_SEGMENTATION_MAX_LENGTH")
        try:
            return receipt(200, self.world.put(number(call, "senderCodeId"), call.body))
        except Refused as refused:
            if quirks.value_refusals != "named" and refused.code in _OF_VALUES:
                raise Refused(_AS[quirks.value_refusals]) from None
            raise

    def subscribe_contact(self, call: Call) -> Answer:
        """Subscribes a contact to a list."""
        sender_code_id, phone_list_id = number(call, "senderCodeId"), number(call, "phoneListId")
        phone = normal_phone(call.path["phoneNumber"])
        self.world.writable(sender_code_id, phone_list_id)
        self.world.known(sender_code_id, phone)
        self.world.subscribe(sender_code_id, phone_list_id, phone)
        return receipt(201, phone_list_id)

    def unsubscribe_contact(self, call: Call) -> Answer:
        """Takes a contact off a list."""
        phone = call.path["phoneNumber"]
        self.world.leave_list(number(call, "senderCodeId"), number(call, "phoneListId"), phone)
        return receipt(200)

    def start_contact_import(self, call: Call) -> Answer:
        """Accepts an import, which runs by itself."""
        one_row = call.quirks.one_row_imports == "refused"
        job = import_routes.accept(self.world, number(call, "senderCodeId"), call.body, refuse_one_row=one_row)
        self.import_files[job.import_file_id] = job
        self.start(job)
        return receipt(201, job.import_file_id)

    def send_broadcast(self, call: Call) -> Answer:
        """Sends a message to a list, or plans to."""
        sender_code_id, body = number(call, "senderCodeId"), call.body
        self.world.writable(sender_code_id, body.get("phoneListId"))
        content, title = _text(body, "messageContent"), _text(body, "messageTitle")
        if not content.strip() or not 1 <= len(title) <= MAX_TITLE:
            raise Refused("ERROR_INVALID_PARAMETER", "messageContent or messageTitle is missing or too long.")
        field_id = _checkbox_id(body.get("segmentationFieldId"))
        return receipt(201, self.world.broadcast(sender_code_id, body["phoneListId"], content, title, field_id))

    def send_transactional_message(self, call: Call) -> Answer:
        """Sends a transactional message to one person."""
        ids = [number(call, name) for name in ("senderCodeId", "phoneListId", "transactionalMessageId")]
        content = _text(call.body, "messageContent")
        return receipt(201, self.world.send(ids[0], ids[1], ids[2], call.body.get("phoneNumber"), content))


def _text(body: Any, name: str) -> str:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise Refused("ERROR_INVALID_PARAMETER", f"{name} must be a string.")
    return value or ""


def _checkbox_id(given: object) -> int | None:
    """The contract types this one identifier as a string."""
    if given is None or given == "":
        return None
    if isinstance(given, str) and given.isascii() and given.isdigit():
        return int(given)
    raise Refused("ERROR_INVALID_SEGMENTATION_FIELD_ID")
