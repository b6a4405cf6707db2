"""Rows that are not sent, each with the reason. They stop no other row, and are looked at anew by each plan."""

from __future__ import annotations

from time import time

from listrak_source.push import ledger, phones
from listrak_source.push.store import Store, text
from listrak_source.push.sync import Sync
from listrak_source.push.targets import CREATED, Target

NO_PHONE = "not a phone number"
UNREAD = "says neither stop nor none"
UNREAD_WHO = "says stop, and not a phone number"
UNKNOWN = "Listrak has no such contact, as far as the last pull knows"
STOPPED = "opted out at Listrak, and nothing here opts anyone in"
GONE = "said stop before, and is gone at Listrak: nothing here opts anyone in"
TRIED = "tried: "


def make(store: Store, table: str, compared: str, targets: list[Target], *, may_create: str, on_record: str) -> None:
    """The table of rejected rows: ``row_key``, ``column_name``, ``reason``; of the rows that ``diff`` has compared."""
    stops = any(one.is_stop for one in targets)
    unread_who = f"says_stop AND {phones.may_be_one('odd')}" if stops else "FALSE"
    other = "CASE WHEN row_key = first_key THEN last_key ELSE first_key END"
    reasons = [
        ("phone", f"CASE WHEN {unread_who} THEN {text(UNREAD_WHO)} ELSE {text(NO_PHONE)} END", "phone IS NULL"),
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
        reasons.append((target.column.name, text(UNREAD if target.is_stop else unfit), f"bad_{index}"))
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


def unread_stops(store: Store, table: str) -> int:
    """The rows of a table of rejected rows that are stops, as far as anybody knows, and were not understood."""
    return int(store.one(f"SELECT COUNT(*) FROM {table} WHERE {ledger.among('reason', (UNREAD, UNREAD_WHO))}"))


def tried(store: Store, sync: Sync, targets: list[Target], table: str, changes: str, creates: str, stops: str) -> None:
    """Set aside what was sent as it is and did not come to be, until the row changes or a pull brings its contact."""
    of_sender = f"sender_code_id = {sync.sender_code_id}"
    store.run(
        f"DELETE FROM push_tried WHERE {of_sender} AND EXISTS (SELECT 1 FROM contacts AS c WHERE c.{of_sender} "
        "AND c.phone_number = push_tried.phone_number AND CAST(c._dlt_load_id AS DOUBLE) > push_tried.tried_at)"
    )
    if not store.one(f"SELECT COUNT(*) FROM push_tried WHERE {of_sender}"):
        return

    def set_aside(source: str, column: str, one: str, value: str, among: dict[str, str]) -> str:
        """Note the rows of a table whose change was tried, with all that goes in the same request: ``among``, by target
        what is wanted now. Gives the condition that they fulfil."""
        same = f"{{0}}.{of_sender} AND {{0}}.phone_number = {source}.phone_number"
        met = f"{same.format('t')} AND t.target = {text(one)} AND t.tried_value = {value}"
        others = " OR ".join(
            f"(u.target = {text(target)} AND u.tried_value IS DISTINCT FROM {wanted})"
            for target, wanted in among.items()
            if target != one
        )
        if others:
            met += f" AND NOT EXISTS (SELECT 1 FROM push_tried AS u WHERE {same.format('u')} AND ({others}))"
        store.run(
            f"INSERT INTO {table} SELECT {source}.row_key, {text(column)}, {text(TRIED)} || t.status "
            f"FROM {source} JOIN push_tried AS t ON {met}"
        )
        return f"EXISTS (SELECT 1 FROM push_tried AS t WHERE {met})"

    wanted = {one.id: f"after_{index}" for index, one in enumerate(targets) if not one.is_stop}
    own = {one.id: f"{changes}.{wanted[one.id]}" for one in targets if one.is_own}
    gone = []
    for index, one in enumerate(targets):
        if one.is_stop:
            store.run(f"DELETE FROM {stops} WHERE {set_aside(stops, one.column.name, one.id, repr('1'), {})}")
        else:
            together = own if one.is_own else {}
            known = set_aside(changes, one.column.name, one.id, f"{changes}.after_{index}", together)
            gone.append(f"after_{index} = CASE WHEN {known} THEN NULL ELSE after_{index} END")
    if gone:
        store.run(f"UPDATE {changes} SET {', '.join(gone)}")
    row = {target: f"{creates}.{value}" for target, value in wanted.items()}
    store.run(f"DELETE FROM {creates} WHERE {set_aside(creates, sync.phone, CREATED, repr('1'), row)}")


def remember(store: Store, run_id: str) -> None:
    """Keep what a run has sent and did not come to be, for :func:`tried`."""
    # A stop is sent again and again, unless there is nobody to stop.
    lasting = f"(c.operation <> '{ledger.STOP}' OR c.status = '{ledger.NOT_FOUND}')"
    failed = f"c.run_id = {text(run_id)} AND {ledger.among('c.status', ledger.FAILED)} AND {lasting}"
    # A request that was made anew says anew what came of all that it holds.
    same = (
        "c.phone_number = push_tried.phone_number AND (c.target = push_tried.target "
        f"OR (c.operation = '{ledger.UPDATE}' AND push_tried.operation = '{ledger.UPDATE}'))"
    )
    store.run(
        "DELETE FROM push_tried WHERE EXISTS (SELECT 1 FROM push_changes AS c WHERE "
        f"c.run_id = {text(run_id)} AND c.sender_code_id = push_tried.sender_code_id AND {same})"
    )
    store.run(
        "INSERT INTO push_tried SELECT c.sender_code_id, c.phone_number, c.target, c.after_value, c.status, "
        f"c.operation, {time()!r} FROM push_changes AS c WHERE {failed}"
    )


def forget(store: Store, sender_code_id: int) -> None:
    """Have everything of a sender code tried again."""
    store.run(f"DELETE FROM push_tried WHERE sender_code_id = {sender_code_id}")


def withdraw(store: Store, sync_name: str, stops: str) -> None:
    """Of what earlier plans are still to do, opt nobody in who stands in the table ``stops`` now."""
    store.run(
        f"UPDATE push_changes SET status = '{ledger.OPTED_OUT}' WHERE operation IN ('{ledger.CREATE}', "
        f"'{ledger.SUBSCRIBE}') AND status IN ('{ledger.PLANNED}', '{ledger.SENDING}') "
        f"AND phone_number IN (SELECT phone_number FROM {stops}) AND run_id IN (SELECT run_id FROM push_runs "
        f"WHERE sync_name = {text(sync_name)} AND status = '{ledger.RUNNING}')"
    )
