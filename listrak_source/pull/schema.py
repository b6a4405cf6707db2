"""The schema of every table of the pull: columns, Arrow types, keys and descriptions, each stated once.

A column names the API field that it comes from, in the contract's spelling; a column without one is filled by the
reader. Phone numbers, postal codes and profile values are text, for they have leading zeros. Timestamps are UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

TEXT = pa.string()
INTEGER = pa.int64()
BOOLEAN = pa.bool_()
DATE = pa.date32()
TIMESTAMP = pa.timestamp("us", tz="UTC")

_DLT_TYPES = {TEXT: "text", INTEGER: "bigint", BOOLEAN: "bool", DATE: "date", TIMESTAMP: "timestamp"}


@dataclass(frozen=True)
class Column:
    """One column: where it comes from, what it holds, and whether it belongs to the key."""

    name: str
    type: pa.DataType
    description: str
    source: str | None = None
    key: bool = False
    ends: bool = False
    """It is a date that takes a consent back (see ``timestamps``)."""

    @property
    def arrow(self) -> pa.Field:
        """The Arrow field; a key is never null."""
        return pa.field(self.name, self.type, nullable=not self.key)


REMOVED_AT = Column("removed_at", TIMESTAMP, "When a complete walk no longer found the row; empty while it is there.")


@dataclass(frozen=True)
class Table:
    """One table of the warehouse, and what a merge of its rows must know."""

    name: str
    description: str
    columns: tuple[Column, ...]
    merge_key: tuple[str, ...] = ()
    """Rows that share these are replaced together: what is no longer among them goes."""
    written_once: bool = True
    """The reader hands over each row once, so that an empty warehouse can take them without a merge."""
    append_only: bool = False
    """A row with a known key is not written again: what was there first stays as it was."""
    merge_hints: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What else the merge must know, by column."""

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the columns, in their order."""
        return pa.schema([column.arrow for column in self.columns])

    @property
    def key(self) -> tuple[str, ...]:
        """The names of the key's columns."""
        return tuple(column.name for column in self.columns if column.key)

    def resource_hints(self) -> dict[str, Any]:
        """The arguments of ``dlt.resource`` and ``dlt.transformer``; how rows are written is known when they run."""
        columns: dict[str, dict[str, Any]] = {
            column.name: {
                "data_type": _DLT_TYPES[column.type],
                "nullable": not column.key,
                "description": column.description,
            }
            for column in self.columns
        }
        return {"name": self.name, "primary_key": list(self.key), "columns": columns}


def keyed(rows: pa.Table, table: Table) -> pa.Table:
    """The same rows, with a schema that says of the key that it is never null: dlt would warn of another."""
    fields = [field.with_nullable(field.nullable and field.name not in table.key) for field in rows.schema]
    schema = pa.schema(fields)
    return rows if schema == rows.schema.remove_metadata() else rows.cast(schema)


def _sender_code_id(source: str | None = None) -> Column:
    return Column("sender_code_id", INTEGER, "The sender code (the API's shortCodeId).", source, key=True)


def _phone_number(source: str | None = "phoneNumber") -> Column:
    what = "The phone number: eleven digits where it is a North American one, else as Listrak writes it."
    return Column("phone_number", TEXT, what, source, key=True)


PHONE_RAW = Column("phone_number_raw", TEXT, "The phone number as Listrak writes it; empty where that is phone_number.")


def _phone_list_id(source: str | None = None) -> Column:
    return Column("phone_list_id", INTEGER, "The list.", source, key=True)


def _field_id() -> Column:
    return Column("segmentation_field_id", INTEGER, "The profile field.", "segmentationFieldId", key=True)


RECORD_HASH = Column(
    "record_hash",
    INTEGER,
    "A hash of the record as a list showed it last: who has the same is not written. Empty: written when seen next.",
)
VALUES_HASH = Column(
    "values_hash",
    INTEGER,
    "The same of the contact's profile values; empty where they were not read, or not as a whole.",
)

SENDER_CODES = Table(
    "sender_codes",
    "The numbers that send text messages.",
    (
        _sender_code_id("shortCodeId"),
        Column("code", TEXT, "The sender code itself, for example 12345.", "code"),
        Column("country", TEXT, "ISO 3166-1 alpha-2 country code.", "country"),
        Column("merchant_name", TEXT, "The merchant that the sender code belongs to.", "merchantName"),
        Column("email_list_id", INTEGER, "The email list that is tied to it.", "emailListId"),
        Column("email_list_name", TEXT, "The name of that email list.", "emailListName"),
        Column("external_event_id", INTEGER, "The external event that is tied to it.", "externalEventId"),
        Column("external_event_name", TEXT, "The name of that external event.", "externalEventName"),
        *(
            Column(f"{prefix}_{suffix}", kind, f"Where the email list keeps the {what}: {part}.", f"{camel}{tail}")
            for prefix, camel, what in (
                ("phone_number_segmentation_field", "phoneNumberSegmentationField", "phone number"),
                ("acquisition_source_segmentation_field", "acquisitionSourceSegmentationField", "acquisition source"),
            )
            for suffix, tail, kind, part in (
                ("group_id", "GroupId", INTEGER, "id of the field group"),
                ("group_name", "GroupName", TEXT, "name of the field group"),
                ("id", "Id", INTEGER, "id of the field"),
                ("name", "Name", TEXT, "name of the field"),
            )
        ),
        REMOVED_AT,
    ),
)

LISTS = Table(
    "lists",
    "The lists that contacts subscribe to, active and inactive.",
    (
        _sender_code_id(),
        _phone_list_id("phoneListId"),
        Column("phone_list_name", TEXT, "The list's name.", "phoneListName"),
        Column("create_date", TIMESTAMP, "When the list was made.", "createDate"),
        Column("status", TEXT, "Active or inactive, in the API's words.", "status"),
        Column("sms_list_type", TEXT, "The type of list, in the API's words.", "smsListType"),
        Column("message_limit", INTEGER, "Deprecated by Listrak as of May 2021.", "messageLimit"),
        Column("message_limit_time_frame", TEXT, "Deprecated by Listrak as of May 2021.", "messageLimitTimeFrame"),
        Column("require_double_opt_in", BOOLEAN, "New contacts must confirm.", "requireDoubleOptIn"),
        Column("require_age_gate", BOOLEAN, "New contacts must state their age.", "requireAgeGate"),
        REMOVED_AT,
    ),
)

PROFILE_FIELDS = Table(
    "profile_fields",
    "The dictionary for contact_profile_values.",
    (
        _sender_code_id(),
        _field_id(),
        Column("segmentation_field_name", TEXT, "The field's name; names change, ids do not.", "segmentationFieldName"),
        Column("data_type", TEXT, "Text, Number, Checkbox or Date.", "dataType"),
        Column("max_length", INTEGER, "The most characters that a value may have.", "maxLength"),
        Column("status_flag", TEXT, "The field's status, in the API's words.", "statusFlag"),
        REMOVED_AT,
    ),
)

TRANSACTIONAL_MESSAGES = Table(
    "transactional_messages",
    "The messages that are sent to one contact at a time.",
    (
        _sender_code_id(),
        _phone_list_id(),
        Column("transactional_message_id", INTEGER, "The message.", "transactionalMessageId", key=True),
        Column("transactional_message_name", TEXT, "The message's name.", "transactionalMessageName"),
        Column("transactional_message_status", TEXT, "Its status, in the API's words.", "transactionalMessageStatus"),
        REMOVED_AT,
    ),
)

CONTACTS = Table(
    "contacts",
    "People by sender code and phone number: profile and opt-out state.",
    (
        _sender_code_id(),
        _phone_number(),
        PHONE_RAW,
        Column("email_address", TEXT, "Email address.", "emailAddress"),
        Column("first_name", TEXT, "First name.", "firstName"),
        Column("last_name", TEXT, "Last name.", "lastName"),
        Column("birthday", DATE, "Birthday, without a time.", "birthday"),
        Column("postal_code", TEXT, "Postal code, leading zeros kept.", "postalCode"),
        Column("opted_out", BOOLEAN, "Whether the contact said stop to this sender code.", "optedOut"),
        Column("subscribe_date", TIMESTAMP, "When the contact subscribed; known once looked up.", "subscribeDate"),
        Column(
            "unsubscribe_date",
            TIMESTAMP,
            "When the contact opted out; known once looked up.",
            "unsubscribeDate",
            ends=True,
        ),
        RECORD_HASH,
        VALUES_HASH,
        REMOVED_AT,
    ),
    # One load may see a contact on two lists, before and after a stop: the stop wins.
    merge_hints={"opted_out": {"dedup_sort": "desc"}},
)

CONTACT_PROFILE_VALUES = Table(
    "contact_profile_values",
    "Profile values, one row each; profile_fields names and types them.",
    (
        _sender_code_id(),
        _phone_number(None),
        _field_id(),
        Column("value", TEXT, "The value as the API's string.", "value"),
        Column("is_removed", BOOLEAN, "Always empty here: in transit it tells the merge what to delete."),
        REMOVED_AT,
    ),
    merge_key=("sender_code_id", "phone_number"),
    merge_hints={"is_removed": {"hard_delete": True}},
)

LIST_MEMBERSHIPS = Table(
    "list_memberships",
    "Who is on which list, and between which dates the subscription lies.",
    (
        _sender_code_id(),
        _phone_list_id(),
        _phone_number(),
        Column("subscribed_from", TIMESTAMP, "The subscription is not older (to the second); empty: any age."),
        Column("subscribed_before", TIMESTAMP, "The subscription is older (to the second); empty: up to the read."),
        REMOVED_AT,
    ),
)

OPT_OUTS = Table(
    "opt_outs",
    "Who said stop, when and how; kept when the API stops listing them.",
    (
        _sender_code_id(),
        _phone_number(),
        PHONE_RAW,
        Column("opt_out_date", TIMESTAMP, "When the contact opted out.", "optOutDate", key=True, ends=True),
        Column("opt_out_reason", TEXT, "How, in the API's words.", "optOutReason"),
        REMOVED_AT,
    ),
    written_once=False,
)

SUBSCRIPTIONS = Table(
    "subscriptions",
    "What a contact is to each list, with dates; for contacts that were looked up.",
    (
        _sender_code_id(),
        _phone_number(None),
        _phone_list_id("phoneListId"),
        Column("subscription_state", TEXT, "Subscribed, Unsubscribed …, in the API's words.", "subscriptionState"),
        Column("subscribe_date", TIMESTAMP, "When the contact subscribed to the list.", "subscribeDate"),
        Column("unsubscribe_date", TIMESTAMP, "When the contact left the list.", "unsubscribeDate", ends=True),
        Column("pending_date", TIMESTAMP, "When the subscription became pending.", "pendingDate"),
        Column("pending_double_opt_in", BOOLEAN, "Waits for the contact to confirm.", "pendingDoubleOptIn"),
        Column("pending_age_gate", BOOLEAN, "Waits for the contact to state an age.", "pendingAgeGate"),
        REMOVED_AT,
    ),
    written_once=False,
)  # fmt: skip

CONSENT_EVENTS = Table(
    "consent_events",
    "Every consent that was ever seen given, taken back or gone: rows are added, and none is changed or deleted.",
    (
        _sender_code_id(),
        Column("phone_list_id", INTEGER, "The list; 0 where the event is about the sender code as a whole.", key=True),
        _phone_number(None),
        Column("event", TEXT, "opted_out, opted_in, subscribed, unsubscribed, pending or removed.", key=True),
        Column("event_at", TIMESTAMP, "When it took effect, as far as known: effective_at, the start of the window that"
               " placed it, or observed_at.", key=True),
        Column("effective_at", TIMESTAMP, "When it took effect, by Listrak's own date; empty where it tells none."),
        Column("observed_at", TIMESTAMP, "The time of the pull that saw it first."),
        Column("reason", TEXT, "Why, in the API's words, where it tells."),
        Column("seen_in", TEXT, "Where it was seen: opt_outs, contacts, contact, subscriptions or complete walk."),
    ),
    append_only=True,
)  # fmt: skip

REJECTED_ROWS = Table(
    "rejected_rows",
    "Records that could not be kept as they are, set aside with the reason; the run says so.",
    (
        Column("rejected_id", TEXT, "A hash of table, reason and record: the same record is set aside once.", key=True),
        Column("table_name", TEXT, "The table that the record was for."),
        Column("reason", TEXT, "What does not fit, and in which field."),
        Column("record", TEXT, "The record as JSON; hashed and dropped as the columns of its table are."),
        Column("observed_at", TIMESTAMP, "The time of the pull that saw it first."),
    ),
    append_only=True,
)

WALKS = Table(
    "walks",
    "Complete walks that came to their end: one row for each list and half, and for each sender code's opt-outs.",
    (
        _sender_code_id(),
        Column("phone_list_id", INTEGER, "The list; 0 for the sender code's opt-outs.", key=True),
        Column("opted_out", BOOLEAN, "Which half of the list: who has said stop, or who can be reached.", key=True),
        Column("began_at", TIMESTAMP, "When the walk began, by Listrak's clock.", key=True),
        Column("ended_at", TIMESTAMP, "When it had read everything, by Listrak's clock."),
        Column("rows_seen", INTEGER, "How many different rows it has seen there."),
        Column("proved", BOOLEAN, "Whether it is known to have seen all of them."),
        Column("reason", TEXT, "Why it is not; empty where it is."),
        Column("tables", TEXT, "The tables that the walk was for."),
    ),
    append_only=True,
)  # fmt: skip

SEEN_KEYS = Table(
    "seen_keys",
    "What an unfinished pull has seen so far, and what the last complete walk did not find and did not mark; packed.",
    (
        Column("task", TEXT, "A digest of what the pull reads; unmarked: what a complete walk has left.", key=True),
        Column("load_id", TEXT, "The load that brought it.", key=True),
        Column("seen_in", TEXT, "Where it was seen; or why it is not marked, and in which table.", key=True),
        Column("part", INTEGER, "The number of the part.", key=True),
        Column("keys", TEXT, "Keys of eight bytes, sorted, as differences, compressed, in base64."),
        Column("is_removed", BOOLEAN, "Always empty here: in transit it tells the merge what to delete."),
    ),
    written_once=False,
    merge_hints={"is_removed": {"hard_delete": True}},
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        SENDER_CODES,
        LISTS,
        PROFILE_FIELDS,
        TRANSACTIONAL_MESSAGES,
        CONTACTS,
        CONTACT_PROFILE_VALUES,
        LIST_MEMBERSHIPS,
        OPT_OUTS,
        SUBSCRIPTIONS,
        CONSENT_EVENTS,
        REJECTED_ROWS,
        WALKS,
    )
}
"""Every table of the pull, by name, but for :data:`SEEN_KEYS`, which is a pull's own affair."""

OF_THE_PULL = (REJECTED_ROWS, WALKS, SEEN_KEYS)
"""The tables in which a pull tells of itself: they come with whichever tables are selected."""
