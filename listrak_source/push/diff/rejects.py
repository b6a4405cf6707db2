"""Rows that are not sent, each with the reason. They stop no other row, and are looked at anew by each plan."""

from __future__ import annotations

from collections.abc import Iterable
from time import time

from listrak_source.push.diff import desired_state
from listrak_source.push.sync import phone_numbers
from listrak_source.push.sync.canonical import canonical, is_said
from listrak_source.push.sync.config import Sync
from listrak_source.push.sync.field_mapping import CREATED, Target
from listrak_source.push.warehouse import ledger
from listrak_source.push.warehouse.sql_client import Store, text

NO_PHONE = "not a phone number"
UNREAD = "says neither stop nor none"
UNREAD_WHO = "says stop, and not a phone number"
UNKNOWN = "Listrak has no such contact, as far as the last pull knows"
STOPPED = "opted out at Listrak, and nothing here opts anyone in"
GONE = "said stop before, and is gone at Listrak: nothing here opts anyone in"
TRIED = "tried: "
TWIN = f"{text(ledger.SAME)} || CASE WHEN row_key = first_key THEN last_key ELSE first_key END"
"""SQL for the reason of who has two rows, which names the other."""


def make(store: Store, table: str, compared: str, targets: list[Target], *, may_create: str, on_record: str) -> None:
    """The table of rejected rows: ``row_key``, ``column_name``, ``reason``; of the rows that were compared."""
    stops = any(one.is_stop for one in targets)
    unread_who = f"says_stop AND {phone_numbers.may_be_one('odd')}" if stops else "FALSE"
    unknown = f"CASE WHEN {phone_numbers.is_nobodys('phone')} THEN {text(NO_PHONE)} ELSE {text(UNKNOWN)} END"
    reasons = [
        ("phone", f"CASE WHEN {unread_who} THEN {text(UNREAD_WHO)} ELSE {text(NO_PHONE)} END", "phone IS NULL"),
        ("phone", TWIN, "first_key IS NOT NULL"),
        ("phone", unknown, f"phone IS NOT NULL AND phone_number IS NULL AND NOT says_stop AND NOT ({may_create})"),
        ("phone", text(GONE), f"{may_create} AND {on_record}"),
    ]
    for index, target in enumerate(targets):
        reasons.append((target.column.name, text(UNREAD if target.is_stop else unfit(target)), f"bad_{index}"))
        if target.is_list:
            reasons.append((target.column.name, text(STOPPED), f"after_{index} = '1' AND opted_out"))
    collect(store, table, compared, reasons)


def unfit(target: Target) -> str:
    """Why a value is not sent that its field does not take."""
    limit = f", {target.max_length} characters at the most" if target.max_length else ""
    return f"does not fit: {target.title} is a {target.kind.value}{limit}"


def is_unfit(target: Target, said: str, value: str) -> str:
    """SQL: a column says something that its field does not take; ``value`` is the canonical form of what it says."""
    too_long = f" OR LENGTH({value}) > {target.max_length}" if target.max_length else ""
    return f"{is_said(said)} AND ({value} IS NULL{too_long})"


def collect(store: Store, table: str, rows: str, reasons: Iterable[tuple[str, str, str]]) -> None:
    """Make a table of rejected rows of the table ``rows``.

    Each reason is a column, the SQL that tells it, and a condition.
    """
    store.make(
        table,
        " UNION ALL ".join(
            f"SELECT row_key, CAST({text(column)} AS TEXT) AS column_name, CAST({reason} AS TEXT) AS reason "
            f"FROM {rows} WHERE {condition}"
            for column, reason, condition in reasons
        ),
    )


def unread_stops(store: Store, table: str) -> int:
    """The rows of a table of rejected rows that are stops, as far as anybody knows, and were not understood."""
    return int(store.one(f"SELECT COUNT(*) FROM {table} WHERE {ledger.among('reason', (UNREAD, UNREAD_WHO))}"))


def tried(
    store: Store, sync: Sync, targets: list[Target], table: str, *, changes: str, creates: str, stops: str
) -> None:
    """Set aside what was sent as it is and did not come to be, until the row changes or a pull brings its contact.

    Who was asked to confirm is not asked again for what a pull brings.
    """
    of_sender = f"sender_code_id = {sync.sender_code_id}"
    store.run(
        f"DELETE FROM push_tried WHERE {of_sender} AND status NOT IN ('{ledger.PENDING}', '{ledger.AGAIN}') "
        f"AND EXISTS (SELECT 1 FROM contacts AS c WHERE c.{of_sender} "
        "AND c.phone_number = push_tried.phone_number AND CAST(c._dlt_load_id AS DOUBLE) > push_tried.tried_at)"
    )
    if not store.one(f"SELECT COUNT(*) FROM push_tried WHERE {_asked_or('push_tried', sync)}"):
        return
    _seen_again(store, sync)

    def set_aside(source: str, column: str, one: str, value: str, among: dict[str, str], *, status: str = "") -> str:
        """Note the rows of a table whose change was tried, with all that goes in the same request.

        ``among`` says by target what is wanted now. Returns the condition that they fulfil.
        """
        same = f"{{0}}.phone_number = {source}.phone_number AND {{1}}"
        met = f"{same.format('t', _asked_or('t', sync))} AND t.target = {text(one)} AND t.tried_value = {value}"
        if status:
            met += f" AND t.status = '{status}'"
        others = " OR ".join(
            f"(u.target = {text(target)} AND u.tried_value IS DISTINCT FROM {now})"
            for target, now in among.items()
            if target != one
        )
        if others:
            its = same.format("u", _asked_or("u", sync))
            met += f" AND NOT EXISTS (SELECT 1 FROM push_tried AS u WHERE {its} AND ({others}))"
        store.run(
            f"INSERT INTO {table} SELECT {source}.row_key, {text(column)}, "
            f"{text(TRIED)} || REPLACE(t.status, '_', ' ') FROM {source} JOIN push_tried AS t ON {met}"
        )
        return f"EXISTS (SELECT 1 FROM push_tried AS t WHERE {met})"

    after = {one.id: f"after_{index}" for index, one in enumerate(targets) if not one.is_stop}
    own = {one.id: f"{changes}.{after[one.id]}" for one in targets if one.is_own}
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
    for index, one in enumerate(targets):
        if one.is_list:
            asked = set_aside(creates, one.column.name, one.id, f"{creates}.after_{index}", {}, status=ledger.PENDING)
            store.run(f"DELETE FROM {creates} WHERE {asked}")
    row = {target: f"{creates}.{value}" for target, value in after.items()}
    store.run(f"DELETE FROM {creates} WHERE {set_aside(creates, sync.phone, CREATED, repr('1'), row)}")


def _seen_again(store: Store, sync: Sync) -> None:
    """Have a stop tried again whose contact was not there, and is in the warehouse after a pull.

    That pull may have seen it, and have left its row as it was, with its load id.
    """
    alive = " AND c.removed_at IS NULL" if "removed_at" in store.tables["contacts"] else ""
    latest = store.one("SELECT MAX(CAST(load_id AS DOUBLE)) FROM _dlt_loads WHERE status = 0")
    store.run(
        f"DELETE FROM push_tried WHERE sender_code_id = {sync.sender_code_id} AND operation = '{ledger.STOP}' "
        f"AND tried_at < {float(latest or 0.0)!r} AND EXISTS (SELECT 1 FROM contacts AS c WHERE c.sender_code_id = "
        f"push_tried.sender_code_id AND c.phone_number = push_tried.phone_number{alive})"
    )


def remember(store: Store, run_id: str) -> None:
    """Keep what a run has sent and did not come to be, for :func:`tried`."""
    # A stop is sent again and again, unless there is nobody to stop.
    lasting = f"c.operation <> '{ledger.CLEAR}' AND (c.operation <> '{ledger.STOP}' OR c.status = '{ledger.NOT_FOUND}')"
    failed = f"c.run_id = {text(run_id)} AND {ledger.among('c.status', ledger.FAILED)} AND {lasting}"
    # A request that was made anew says anew what came of all that it holds.
    same = (
        "c.phone_number = push_tried.phone_number AND (c.target = push_tried.target "
        f"OR (c.operation = '{ledger.UPDATE}' AND push_tried.operation = '{ledger.UPDATE}'))"
    )
    store.run(
        "DELETE FROM push_tried WHERE EXISTS (SELECT 1 FROM push_changes AS c WHERE "
        f"c.run_id = {text(run_id)} AND c.status <> '{ledger.SKIPPED}' "
        f"AND c.sender_code_id = push_tried.sender_code_id AND {same}) "
        f"AND (COALESCE(sync_name, ({_sync_of(run_id)})) = ({_sync_of(run_id)}) "
        f"OR status IN ('{ledger.PENDING}', '{ledger.AGAIN}'))"
    )
    store.run(
        "INSERT INTO push_tried (sender_code_id, phone_number, target, tried_value, status, operation, tried_at, "
        "sync_name) SELECT c.sender_code_id, c.phone_number, c.target, c.after_value, c.status, "
        f"c.operation, {time()!r}, ({_sync_of(run_id)}) FROM push_changes AS c WHERE {failed}"
    )


def _sync_of(run_id: str) -> str:
    """SQL for the sync of a run."""
    return f"SELECT MAX(sync_name) FROM push_runs WHERE run_id = {text(run_id)}"


def waiting(store: Store, run_id: str) -> int:
    """How many changes of a run did not come to be, and are set aside by :func:`tried`."""
    return int(
        store.one(
            f"SELECT COUNT(*) FROM push_changes AS c WHERE c.run_id = {text(run_id)} "
            f"AND {ledger.among('c.status', ledger.BAD)} AND EXISTS (SELECT 1 FROM push_tried AS t "
            f"WHERE t.sync_name = ({_sync_of(run_id)}) AND t.sender_code_id = c.sender_code_id "
            "AND t.phone_number = c.phone_number AND t.target = c.target AND t.tried_value = c.after_value)"
        )
    )


def forget(store: Store, sync: Sync) -> None:
    """Have everything of a sync tried again, and nothing of another's."""
    of_sync = _of_sync("push_tried", sync)
    store.run(f"DELETE FROM push_tried WHERE {of_sync} AND status NOT IN ('{ledger.PENDING}', '{ledger.AGAIN}')")
    _let_ask(store, f"{of_sync} AND status = '{ledger.PENDING}'")


def _of_sync(table: str, sync: Sync) -> str:
    """SQL: what a sync has tried. A ledger of an earlier version does not know which one it was."""
    of_sender = f"{table}.sender_code_id = {sync.sender_code_id}"
    return f"{of_sender} AND COALESCE({table}.sync_name, {text(sync.name)}) = {text(sync.name)}"


def _asked_or(table: str, sync: Sync) -> str:
    """SQL: the same, and who was asked to confirm, whichever sync it was."""
    asked = f"{table}.status IN ('{ledger.PENDING}', '{ledger.AGAIN}')"
    return f"({_of_sync(table, sync)} OR ({table}.sender_code_id = {sync.sender_code_id} AND {asked}))"


def let_ask_again(store: Store, sync: Sync, targets: list[Target], rows: str) -> None:
    """Let those be asked again to confirm whose row does not want it any more, and may want it anew some day.

    It looks at the table ``rows``, as ``desired_state`` makes it. A row that is gone lets nobody be asked.
    """
    of_sender = f"push_tried.sender_code_id = {sync.sender_code_id} AND push_tried.status = '{ledger.PENDING}'"
    if not store.one(f"SELECT COUNT(*) FROM push_tried WHERE {of_sender}"):
        return
    phone = f"COALESCE({phone_numbers.plain('push_tried.phone_number')}, push_tried.phone_number)"
    told = f"SELECT phone{desired_state.said(store, rows, targets)} FROM {rows}"
    for index, one in enumerate(targets):
        if one.is_list:
            said = f"SELECT 1 FROM ({told}) AS w WHERE w.phone = {phone}"
            wants = f"COALESCE({canonical(f'w.said_{index}', one.kind)}, '') = '1'"
            _let_ask(
                store,
                f"{of_sender} AND push_tried.target = {text(one.id)} AND EXISTS ({said}) "
                f"AND NOT EXISTS ({said} AND {wants})",
            )


def _let_ask(store: Store, where: str) -> None:
    store.run(f"UPDATE push_tried SET status = '{ledger.AGAIN}', tried_value = '' WHERE {where}")


def withdraw(store: Store, sync_name: str, stops: str) -> None:
    """Of what earlier plans are still to do, opt nobody in who stands in the table ``stops`` now."""
    store.run(
        f"UPDATE push_changes SET status = '{ledger.OPTED_OUT}' WHERE operation IN ('{ledger.CREATE}', "
        f"'{ledger.SUBSCRIBE}') AND status IN ('{ledger.PLANNED}', '{ledger.SENDING}') "
        f"AND phone_number IN (SELECT phone_number FROM {stops}) AND run_id IN (SELECT run_id FROM push_runs "
        f"WHERE sync_name = {text(sync_name)} AND status = '{ledger.RUNNING}')"
    )
