"""Consent events: what rows of other tables tell about who consented to what, and since when.

Where Listrak gives a date, no part of an event's key changes from pull to pull. So a fact that is seen again is the
same event, and the warehouse keeps the first.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from listrak_source.pull.records.normalize import NO_DATE
from listrak_source.pull.schema import CONSENT_EVENTS, LIST_MEMBERSHIPS, REMOVED_AT, TIMESTAMP, Table

SUBSCRIBED, UNSUBSCRIBED, PENDING = "subscribed", "unsubscribed", "pending"
"""What a contact is to a list."""
OPTED_OUT, OPTED_IN = "opted_out", "opted_in"
"""What a contact is to the sender code as a whole."""
REMOVED = "removed"
"""A complete walk no longer found the membership. A contact that is gone has no event: its stop stays known."""

WHOLE_SENDER_CODE = 0
"""The list of an event that is about the sender code as a whole."""

_LONG = timedelta(hours=26)
"""Windows are longer than a day, a change of the clocks included."""
_NO_DATE = pa.scalar(NO_DATE, TIMESTAMP)


def none() -> pa.Table:
    """No events."""
    return CONSENT_EVENTS.schema.empty_table()


def of_opt_outs(rows: pa.Table, now: datetime) -> pa.Table:
    """Events of rows of ``opt_outs``. One without a date took effect before any other event."""
    dates = rows["opt_out_date"]
    effective = pc.if_else(pc.equal(dates, _NO_DATE), pa.scalar(None, TIMESTAMP), dates)
    reasons = rows["opt_out_reason"]
    return _events(rows, now, OPTED_OUT, "opt_outs", effective_at=effective, event_at=dates, reason=reasons)


def of_memberships(rows: pa.Table, now: datetime) -> pa.Table:
    """Events of rows of ``list_memberships``: the list tells who is subscribed, and at best since which window.

    A day counts from its beginning. Of a longer window only its end is sure not to be before the consent.
    """
    start, end = rows["subscribed_from"], rows["subscribed_before"]
    at = pa.scalar(now, TIMESTAMP)
    long = pc.greater(pc.subtract(end, start), pa.scalar(_LONG, pa.duration("us")))
    at = pc.if_else(pc.fill_null(long, False), pc.if_else(pc.greater(end, at), at, end), pc.coalesce(start, at))
    return _events(rows, now, SUBSCRIBED, "contacts", phone_list_id=rows["phone_list_id"], event_at=at)


def of_subscriptions(rows: pa.Table, now: datetime) -> pa.Table:
    """Events of rows of ``subscriptions``: each of its dates tells one."""
    parts = []
    for event, name in ((SUBSCRIBED, "subscribe_date"), (UNSUBSCRIBED, "unsubscribe_date"), (PENDING, "pending_date")):
        dated = rows.filter(rows[name].is_valid())
        lists, dates = dated["phone_list_id"], dated[name]
        parts.append(_events(dated, now, event, "subscriptions", phone_list_id=lists, effective_at=dates))
    return pa.concat_tables(parts)


def of_returns(rows: pa.Table, now: datetime) -> pa.Table:
    """Events of rows of ``subscriptions`` that hold again since no date that Listrak tells."""
    return _events(rows, now, SUBSCRIBED, "subscriptions", phone_list_id=rows["phone_list_id"])


def of_dated_contacts(rows: pa.Table, now: datetime, event: str) -> pa.Table:
    """Events of rows of ``contacts`` that were looked up: opted in or out, where the contact tells when."""
    dates = rows["unsubscribe_date" if event == OPTED_OUT else "subscribe_date"]
    dated = rows.filter(dates.is_valid())
    return _events(dated, now, event, "contact", effective_at=dates.drop_null())


def of_contacts(rows: pa.Table, now: datetime, event: str) -> pa.Table:
    """Events of contacts that a list shows in another state than is known, without a date."""
    return _events(rows, now, event, "contacts")


def of_removed(table: Table, rows: pa.Table, now: datetime) -> pa.Table:
    """Events of rows that are marked, since a complete walk that began then no longer found them."""
    if table is not LIST_MEMBERSHIPS:
        return none()
    lists, since = rows["phone_list_id"], rows[REMOVED_AT.name]
    return _events(rows, now, REMOVED, "complete walk", phone_list_id=lists, event_at=since)


def together(parts: Iterable[pa.Table]) -> pa.Table:
    """All of the events."""
    return pa.concat_tables([none(), *parts])


def _events(
    rows: pa.Table,
    now: datetime,
    event: str,
    seen_in: str,
    *,
    phone_list_id: Any = WHOLE_SENDER_CODE,
    effective_at: Any = None,
    event_at: Any = None,
    reason: Any = None,
) -> pa.Table:
    known_at = effective_at if event_at is None else event_at
    values = {
        "sender_code_id": rows["sender_code_id"],
        "phone_list_id": phone_list_id,
        "phone_number": rows["phone_number"],
        "event": event,
        "event_at": now if known_at is None else known_at,
        "effective_at": effective_at,
        "observed_at": now,
        "reason": reason,
        "seen_in": seen_in,
    }
    columns = []
    for field in CONSENT_EVENTS.schema:
        value = values[field.name]
        if not isinstance(value, pa.Array | pa.ChunkedArray):
            value = pa.repeat(pa.scalar(value, field.type), rows.num_rows)
        columns.append(value)
    return pa.table(columns, schema=CONSENT_EVENTS.schema)
