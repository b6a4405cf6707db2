"""Rows that are not sent, each with the reason. They stop no other row, and are looked at anew by each plan."""

from __future__ import annotations

from time import time

from listrak_source.push import ledger
from listrak_source.push.store import Store, text
from listrak_source.push.sync import Sync
from listrak_source.push.targets import CREATED, Target

NO_PHONE = "not a phone number"
UNKNOWN = "Listrak has no such contact, as far as the last pull knows"
STOPPED = "opted out at Listrak, and nothing here opts anyone in"
GONE = "said stop before, and is gone at Listrak: nothing here opts anyone in"
TRIED = "tried: "


def make(store: Store, table: str, compared: str, targets: list[Target], *, may_create: str, on_record: str) -> None:
    """The table of rejected rows: ``row_key``, ``column_name``, ``reason``; of the rows that ``diff`` has compared."""
    other = "CASE WHEN row_key = first_key THEN last_key ELSE first_key END"
    reasons = [
        ("phone", text(NO_PHONE), "phone IS NULL"),
        ("phone", f"{text(ledger.SAME)} || {other}", "first_key IS NOT NULL"),
        (
            "phone",
            text(UNKNOWN),
            f"phone IS NOT NULL AND phone_number IS NULL AND NOT says_stop AND NOT ({may_create})",
        ),
        ("phone", text(GONE), f"{may_create} AND {on_record}"),
    ]
    for index, target in enumerate(targets):
        limit = f", {target.max_length} characters at the most" if target.max_length else ""
        unfit = f"does not fit: {target.title} is a {target.kind.value}{limit}"
        reasons.append((target.column.name, text(unfit), f"bad_{index}"))
        if target.is_list:
            reasons.append((target.column.name, text(STOPPED), f"after_{index} = '1' AND opted_out"))
    store.make(
        table,
        " UNION ALL ".join(
            f"SELECT row_key, CAST({text(column)} AS TEXT) AS column_name, CAST({reason} AS TEXT) AS reason "
            f"FROM {compared} WHERE {condition}"
            for column, reason, condition in reasons
        ),
    )


def tried(store: Store, sync: Sync, targets: list[Target], table: str, changes: str, creates: str, stops: str) -> None:
    """Set aside what was sent as it is and did not come to be, until the row changes or a pull brings its contact."""
    of_sender = f"sender_code_id = {sync.sender_code_id}"
    store.run(
        f"DELETE FROM push_tried WHERE {of_sender} AND EXISTS (SELECT 1 FROM contacts AS c WHERE c.{of_sender} "
        "AND c.phone_number = push_tried.phone_number AND CAST(c._dlt_load_id AS DOUBLE) > push_tried.tried_at)"
    )
    if not store.one(f"SELECT COUNT(*) FROM push_tried WHERE {of_sender}"):
        return

    def set_aside(source: str, column: str, target: str, value: str) -> str:
        """Note the rows of a table whose change was tried; gives the condition that they fulfil."""
        met = (
            f"t.{of_sender} AND t.target = {text(target)} AND t.phone_number = {source}.phone_number "
            f"AND t.tried_value = {value}"
        )
        store.run(
            f"INSERT INTO {table} SELECT {source}.row_key, {text(column)}, {text(TRIED)} || t.status "
            f"FROM {source} JOIN push_tried AS t ON {met}"
        )
        return f"EXISTS (SELECT 1 FROM push_tried AS t WHERE {met})"

    for index, one in enumerate(targets):
        if one.is_stop:
            store.run(f"DELETE FROM {stops} WHERE {set_aside(stops, one.column.name, one.id, repr('1'))}")
        else:
            known = set_aside(changes, one.column.name, one.id, f"{changes}.after_{index}")
            store.run(f"UPDATE {changes} SET after_{index} = NULL WHERE {known}")
    store.run(f"DELETE FROM {creates} WHERE {set_aside(creates, sync.phone, CREATED, repr('1'))}")


def remember(store: Store, run_id: str) -> None:
    """Keep what a run has sent and did not come to be, for :func:`tried`."""
    # A stop is sent again and again, unless there is nobody to stop.
    lasting = f"(c.operation <> '{ledger.STOP}' OR c.status = '{ledger.NOT_FOUND}')"
    failed = f"c.run_id = {text(run_id)} AND {ledger.among('c.status', ledger.FAILED)} AND {lasting}"
    same = "c.phone_number = push_tried.phone_number AND c.target = push_tried.target"
    store.run(
        "DELETE FROM push_tried WHERE EXISTS (SELECT 1 FROM push_changes AS c WHERE "
        f"c.run_id = {text(run_id)} AND c.sender_code_id = push_tried.sender_code_id AND {same})"
    )
    store.run(
        "INSERT INTO push_tried SELECT c.sender_code_id, c.phone_number, c.target, c.after_value, c.status, "
        f"r.sync_name, {time()!r} FROM push_changes AS c JOIN push_runs AS r ON r.run_id = c.run_id WHERE {failed}"
    )


def forget(store: Store, sync_name: str) -> None:
    """Have everything tried again."""
    store.run(f"DELETE FROM push_tried WHERE sync_name = {text(sync_name)}")
