"""The 7 operations that write."""

from __future__ import annotations

from typing import BinaryIO

from listrak_source.api.calls import Calls, created, updated
from listrak_source.api.models import BroadcastMessage, ImportContactFile, SMSContact, TransactionalMessageContact


class Writing(Calls):
    """Writes. None is ever repeated once it may have acted; two of them send text messages to people.

    Where the outcome is unknown, the ``ListrakError`` has ``may_have_acted`` set.
    """

    def create_contact(self, sender_code_id: int, phone_list_id: int, contact: SMSContact) -> str:
        """Create a contact, subscribed to the list; return its resource id.

        Raises ``ContactStateError`` (``ERROR_PHONE_NUMBER_FOUND``) where the contact exists.
        """
        path = {"senderCodeId": sender_code_id, "phoneListId": phone_list_id}
        return self._write("create_contact", path, contact, created)

    def update_contact(self, sender_code_id: int, contact: SMSContact) -> str:
        """Replace a contact's data; return the resource id, empty where the receipt has none.

        A field left out may be cleared: read the contact, change it, send it whole. ``birthday`` is a date or None.
        ``optedOut`` goes one way: it can opt out, never in.
        """
        return self._write("update_contact", {"senderCodeId": sender_code_id}, contact, updated)

    def subscribe_contact(self, sender_code_id: int, phone_number: str, phone_list_id: int) -> str:
        """Subscribe a contact to a list; return the resource id."""
        path = {"senderCodeId": sender_code_id, "phoneNumber": phone_number, "phoneListId": phone_list_id}
        return self._write("subscribe_contact", path, None, created)

    def unsubscribe_contact(self, sender_code_id: int, phone_number: str, phone_list_id: int) -> None:
        """Take a contact off one list. Its opt-out state on the sender code stays as it is."""
        path = {"senderCodeId": sender_code_id, "phoneNumber": phone_number, "phoneListId": phone_list_id}
        self._write("unsubscribe_contact", path, None, updated)

    def start_contact_import(self, sender_code_id: int, import_file: ImportContactFile | BinaryIO) -> int:
        """Hand in an import of profile values; return its id. Acceptance is not success: see ``get_contact_import``.

        ``import_file`` is the record, or the same as JSON in an open, seekable binary file, which is streamed: a body
        may have up to 250 MB.
        """
        path = {"senderCodeId": sender_code_id}
        return self._write("start_contact_import", path, import_file, lambda answer: int(created(answer)))

    def send_broadcast(self, sender_code_id: int, broadcast: BroadcastMessage) -> str:
        """Send a text message to everyone on a list, now; return the resource id. It costs money."""
        return self._write("send_broadcast", {"senderCodeId": sender_code_id}, broadcast, created)

    def send_transactional_message(
        self,
        sender_code_id: int,
        phone_list_id: int,
        transactional_message_id: int,
        message: TransactionalMessageContact,
    ) -> str:
        """Send a text message to one contact, now; return the resource id. It costs money."""
        path = {
            "senderCodeId": sender_code_id,
            "phoneListId": phone_list_id,
            "transactionalMessageId": transactional_message_id,
        }
        return self._write("send_transactional_message", path, message, created)
