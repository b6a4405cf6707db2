"""Who must not be reached, by sender code: everybody whose stop is in force, as far as the warehouse knows.

A stop counts wherever it was seen: among the opt-outs, in the consent events, in the contact itself, and in what push
was told to send. It is over only where Listrak has told of the return since: an ``opted_in`` event later than the stop.
Of a stop without a date nobody knows what is later, and one that was seen after the return may have a date that is
wrong. Such a one is over only where the contact is not opted out now, too.
Unknown is no permission.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from listrak_source.push.sync import phone_numbers
from listrak_source.push.warehouse.ledger import STOP

COLUMNS = ("sender_code_id", "phone_number", "stopped_at", "reason", "found_in")
"""Of :func:`query`."""
TELLING = ("opt_outs", "consent_events", "contacts")
"""The tables of a pull that tell of stops."""
_UNDATED = "TIMESTAMPTZ '1900-01-02 00:00:00+00:00'"
"""What is older stands for no date."""
_NO_TIME = "CAST(NULL AS TIMESTAMPTZ)"
_NO_TEXT = "CAST(NULL AS TEXT)"

Condition = Callable[[str], str]
"""By column: SQL for whom it is about."""


def everybody(column: str) -> str:
    """SQL for everybody with a number."""
    return f"{column} IS NOT NULL"


def query(there: Mapping[str, Collection[str]], whom: Condition = everybody) -> str:
    """SQL for one row per sender code and person whose stop is in force. ``there`` are the tables, with their columns.

    ``stopped_at`` is the date of the latest stop, null where none is known, ``found_in`` the tables that tell of one.
    """
    stops = " UNION ALL ".join(_stops(there, whom))
    who = "PARTITION BY sender_code_id, phone_number"
    tables = sorted({*TELLING, "push_changes", "push_refused_stops"} & there.keys())
    named = " || ".join(
        f"CASE WHEN MAX(CASE WHEN told_in = '{table}' THEN 1 ELSE 0 END) OVER ({who}) = 1 THEN '{table} ' ELSE '' END"
        for table in tables
    )
    return (
        f"WITH stops AS ({stops}), returned AS ({_returned(there, whom)}), free AS ({_free(there, whom)}), "
        "standing AS (SELECT s.sender_code_id, s.phone_number, s.stopped_at, s.reason, s.told_in FROM stops AS s "
        "LEFT JOIN returned AS r ON r.sender_code_id = s.sender_code_id AND r.phone_number = s.phone_number "
        "LEFT JOIN free AS f ON f.sender_code_id = s.sender_code_id AND f.phone_number = s.phone_number "
        "WHERE s.told_in = 'contacts' OR r.back_at IS NULL OR s.stopped_at >= r.back_at "
        "OR (f.phone_number IS NULL AND (s.stopped_at IS NULL OR s.seen_at > r.back_seen))) "
        "SELECT sender_code_id, phone_number, stopped_at, reason, REPLACE(TRIM(told), ' ', ', ') AS found_in FROM ("
        f"SELECT sender_code_id, phone_number, stopped_at, reason, {named} AS told, ROW_NUMBER() OVER ({who} ORDER BY "
        "CASE WHEN stopped_at IS NULL THEN 1 ELSE 0 END, stopped_at DESC, CASE WHEN reason IS NULL THEN 1 ELSE 0 END, "
        "told_in, reason) AS place FROM standing) AS placed WHERE place = 1"
    )


def _stops(there: Mapping[str, Collection[str]], whom: Condition) -> list[str]:
    found = []
    if "opt_outs" in there:
        reason = "opt_out_reason" if "opt_out_reason" in there["opt_outs"] else _NO_TEXT
        found.append(_stop("opt_outs", _dated("opt_out_date"), reason, "TRUE", whom))
    if "consent_events" in there:
        of_whole = "phone_list_id = 0 AND event = 'opted_out'"
        found.append(_stop("consent_events", _dated("event_at"), "reason", of_whole, whom, seen="observed_at"))
    if "contacts" in there:
        columns = there["contacts"]
        until = "unsubscribe_date" if "unsubscribe_date" in columns else _NO_TIME
        since = "subscribe_date" if "subscribe_date" in columns else _NO_TIME
        # Where it is not said whether somebody is opted out, a date of leaving without a later one of joining says it.
        left = f"opted_out IS NULL AND {until} IS NOT NULL AND ({since} IS NULL OR {since} <= {until})"
        found.append(_stop("contacts", until, _NO_TEXT, f"(opted_out OR ({left}))", whom))
    if {"push_changes", "push_runs"} <= there.keys():
        found.append(
            f"SELECT p.sender_code_id, {_number('p.phone_number')}, TO_TIMESTAMP(r.began_at), "
            f"'push of ' || r.sync_name, 'push_changes', {_NO_TIME} FROM push_changes AS p JOIN push_runs AS r "
            f"ON r.run_id = p.run_id WHERE p.operation = '{STOP}' AND {whom('p.phone_number')}"
        )
    if "push_refused_stops" in there:
        refused = "TO_TIMESTAMP(refused_at)"
        found.append(_stop("push_refused_stops", refused, "'push of ' || sync_name", "TRUE", whom))
    return found


def _stop(table: str, at: str, reason: str, condition: str, whom: Condition, *, seen: str = _NO_TIME) -> str:
    return (
        f"SELECT sender_code_id, {_number('phone_number')} AS phone_number, {at} AS stopped_at, {reason} AS reason, "
        f"'{table}' AS told_in, {seen} AS seen_at FROM {table} WHERE {condition} AND {whom('phone_number')}"
    )


def _returned(there: Mapping[str, Collection[str]], whom: Condition) -> str:
    """Who has come back, and when last."""
    number = _number("phone_number")
    if "consent_events" not in there:
        return _nobody(f"{_NO_TIME} AS back_at, {_NO_TIME} AS back_seen")
    return (
        f"SELECT sender_code_id, {number} AS phone_number, MAX(event_at) AS back_at, "
        "MAX(observed_at) AS back_seen FROM consent_events WHERE phone_list_id = 0 AND event = 'opted_in' "
        f"AND {whom('phone_number')} GROUP BY sender_code_id, {number}"
    )


def _free(there: Mapping[str, Collection[str]], whom: Condition) -> str:
    """Who is not opted out, in any row of theirs."""
    number = _number("phone_number")
    if "contacts" not in there:
        return _nobody("1 AS free")
    return (
        f"SELECT sender_code_id, {number} AS phone_number FROM contacts WHERE {whom('phone_number')} "
        f"GROUP BY sender_code_id, {number} HAVING MAX(CASE WHEN opted_out = FALSE THEN 0 ELSE 1 END) = 0"
    )


def _nobody(column: str) -> str:
    sender = "CAST(NULL AS BIGINT) AS sender_code_id"
    return f"SELECT {sender}, {_NO_TEXT} AS phone_number, {column} FROM (SELECT 1 AS one) AS no_row WHERE 1 = 0"


def _dated(column: str) -> str:
    return f"CASE WHEN {column} >= {_UNDATED} THEN {column} END"


def _number(column: str) -> str:
    """The one form of the number in a column: an older version has written others."""
    return f"COALESCE({phone_numbers.plain(column)}, {column})"
