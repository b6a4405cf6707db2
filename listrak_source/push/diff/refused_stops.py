"""Stops that Listrak refuses: each run sends and tells them, until they are carried out or a person waives them.

They are kept by sender code, whatever becomes of the row or the sync that has asked for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from time import time

from listrak_source.api.redaction import redact
from listrak_source.push.sync.config import Sync
from listrak_source.push.sync.phone_numbers import masked
from listrak_source.push.warehouse import ledger
from listrak_source.push.warehouse.ledger import CONFIRMED, MISMATCHED, NOT_FOUND, REFUSED, STOP
from listrak_source.push.warehouse.sql_client import Store, text

TABLE = "push_refused_stops"
WAIVED = "waived"
_SHOWN = 10


@dataclass(frozen=True)
class RefusedStop:
    """A stop that is not carried out."""

    sync_name: str
    row_key: str
    phone_number: str
    reason: str
    refused_at: float
    """When it was refused first."""


def refused(store: Store, sender_code_id: int) -> list[RefusedStop]:
    """The stops of a sender code that are not carried out, and that nobody has waived."""
    found = store.rows(
        f"SELECT sync_name, row_key, phone_number, reason, refused_at FROM {TABLE} "
        f"WHERE sender_code_id = {sender_code_id} AND waived_at IS NULL ORDER BY refused_at, row_key, phone_number"
    )
    return [RefusedStop(*row) for row in found]


def told(stops: Sequence[RefusedStop]) -> str:
    """A sentence about such stops; nothing where there are none."""
    if not stops:
        return ""
    each = [
        f"row {redact(one.row_key)} of {one.sync_name} ({masked(one.phone_number)}, since "
        f"{datetime.fromtimestamp(one.refused_at, timezone.utc):%Y-%m-%d}): {redact(one.reason).rstrip('.')}"
        for one in stops[:_SHOWN]
    ]
    more = f"; and {len(stops) - _SHOWN:,} more" if len(stops) > _SHOWN else ""
    are, it, are_it = "1 stop is", "it", "it is"
    if len(stops) > 1:
        are, it, are_it = f"{len(stops):,} stops are", "them", "they are"
    return (
        f"{are} not carried out, for Listrak does not take {it}: {'; '.join(each)}{more}. Each run sends {it} again, "
        f"until {are_it} carried out, or waived by listrak push waive {stops[0].sync_name} ROW"
    )


def settle(store: Store, run: ledger.Run) -> None:
    """Keep the stops of a run that were refused, and forget those that came to an end."""
    of_run = f"c.run_id = {text(run.run_id)} AND c.operation = '{STOP}'"
    same = f"c.sender_code_id = {TABLE}.sender_code_id AND c.phone_number = {TABLE}.phone_number"
    bad = f"c.status IN ('{REFUSED}', '{MISMATCHED}')"
    why = "COALESCE(MAX(c.reason), 'not as it was sent')"
    store.run(
        f"DELETE FROM {TABLE} WHERE EXISTS (SELECT 1 FROM push_changes AS c WHERE {of_run} AND {same} "
        f"AND c.status IN ('{CONFIRMED}', '{NOT_FOUND}'))"
    )
    store.run(
        f"UPDATE {TABLE} SET reason = (SELECT {why} FROM push_changes AS c WHERE {of_run} AND {same} AND {bad}) "
        f"WHERE EXISTS (SELECT 1 FROM push_changes AS c WHERE {of_run} AND {same} AND {bad})"
    )
    store.run(
        f"INSERT INTO {TABLE} (sender_code_id, phone_number, phone_number_raw, sync_name, row_key, reason, refused_at) "
        "SELECT c.sender_code_id, c.phone_number, MAX(c.phone_number_raw), "
        f"CAST({text(run.sync_name)} AS TEXT), MIN(c.row_key), {why}, {time()!r} FROM push_changes AS c "
        f"WHERE {of_run} AND {bad} AND NOT EXISTS (SELECT 1 FROM {TABLE} WHERE {same}) "
        "GROUP BY c.sender_code_id, c.phone_number"
    )


def again(store: Store, sync: Sync, column: str, stops: str, rejected: str) -> None:
    """Put refused stops into the table ``stops`` of a sync again, and take waived ones out.

    Those go into the table ``rejected``. A waiver lasts as long as its row says stop; a stop that a pull has found
    carried out, or its contact gone, is forgotten.
    """
    of_sender = f"{TABLE}.sender_code_id = {sync.sender_code_id}"
    # Listrak has answered for a contact that it refuses after a walk has missed it: that one is there.
    gone = f" OR (c.removed_at IS NOT NULL AND CAST(c._dlt_load_id AS DOUBLE) > {TABLE}.refused_at)"
    ended = f"(c.opted_out{gone if 'removed_at' in store.tables['contacts'] else ''})"
    same = f"{TABLE}.phone_number = {stops}.phone_number"
    waived = f"FROM {TABLE} WHERE {of_sender} AND waived_at IS NOT NULL AND {same}"
    store.run(
        f"DELETE FROM {TABLE} WHERE {of_sender} AND (EXISTS (SELECT 1 FROM contacts AS c WHERE c.sender_code_id = "
        f"{TABLE}.sender_code_id AND c.phone_number = {TABLE}.phone_number AND {ended}) OR (waived_at IS NOT NULL "
        f"AND sync_name = {text(sync.name)} AND NOT EXISTS (SELECT 1 FROM {stops} WHERE {same})))"
    )
    store.run(
        f"INSERT INTO {rejected} SELECT row_key, {text(column)}, '{WAIVED}' FROM {stops} "
        f"WHERE EXISTS (SELECT 1 {waived})"
    )
    store.run(f"DELETE FROM {stops} WHERE EXISTS (SELECT 1 {waived})")
    store.run(
        f"INSERT INTO {stops} (row_key, phone_number, phone_number_raw) SELECT row_key, phone_number, phone_number_raw "
        f"FROM {TABLE} WHERE {of_sender} AND waived_at IS NULL AND NOT EXISTS (SELECT 1 FROM {stops} WHERE {same})"
    )


def waive(store: Store, sync: Sync, row_key: str) -> int:
    """A person has the stops of a row sent and told no more; gives how many these are."""
    those = [
        one.phone_number
        for one in refused(store, sync.sender_code_id)
        if (one.sync_name, one.row_key) == (sync.name, row_key)
    ]
    of_sender = f"sender_code_id = {sync.sender_code_id}"
    store.update(TABLE, {"waived_at": time()}, f"{of_sender} AND {ledger.among('phone_number', those)}")
    return len(those)
