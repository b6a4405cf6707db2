"""The record of one person: everything that the tables of pull and push hold of a number, and what nobody can know.

It is made of plain values (texts, numbers, lists), so that it is the same as JSON, and its digest can be worked out
again by whoever has it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timezone
from typing import Any

from listrak_source.person import suppressed
from listrak_source.person.numbers import Number
from listrak_source.pull.records.normalize import NO_DATE
from listrak_source.pull.schema import TABLES, TIMESTAMP
from listrak_source.push.warehouse.sql_client import Store, text
from listrak_source.utc import tellable

Row = dict[str, Any]
There = Mapping[str, Collection[str]]
"""The tables that are there, with their columns."""

EXACT, WINDOW, PULL, NONE = "exact", "window", "pull", "none"
"""How well a date is known: by Listrak's own; by the window that placed it; only that a pull saw it; not at all."""
OF_PEOPLE = tuple(name for name, table in TABLES.items() if "phone_number" in table.schema.names)
"""The tables of a pull that tell of people."""
PUSHED = ("push_changes", "push_confirmed", "push_tried", "push_refused_stops")
"""The tables of push that tell of people."""
_LEFT_OUT = ("record_hash", "values_hash", "is_removed")
_MARKS = " ().-+"

CANNOT_BE_KNOWN = (
    "The wording of a consent, and the form, keyword, page or address by which it was given: Listrak's API tells none "
    "of them.",
    "By which channel somebody joined. Of a stop, only the reason that Listrak tells.",
    "Which messages were sent to this number, when, what they said, and whether any came after a stop: Listrak's API "
    "tells of no message to a person.",
    "A stop that was taken back between two pulls, and what was before the first pull, but for what Listrak still told "
    "then.",
    "When exactly something happened whose date is not exact: of precision window it is the day, month or slice of "
    "that date, of precision pull only that a pull saw it then.",
    "What Listrak holds at this moment: this is what the warehouse held, as far as it was read.",
)


def record_of(store: Store, there: There, number: Number) -> Row:
    """All that is known of a number, by sender code, and what push has sent."""
    found = {name: _rows(store, there, name, number.among()) for name in (*OF_PEOPLE, *PUSHED)}
    stands = _stands(store, there, number)
    names = _Names(store, there)
    senders = sorted({int(row["sender_code_id"]) for rows in (*found.values(), stands) for row in rows})
    events = found["consent_events"]
    set_aside = rejected(store, there, number)
    return {
        "phone_number": number.phone,
        "phone_number_hash": number.hashed,
        "found": bool(senders or set_aside),
        "found_as": sorted({str(row["phone_number"]) for rows in found.values() for row in rows}),
        "first_seen": _first(events),
        "sender_codes": [_of_sender(sender, found, stands, names) for sender in senders],
        "not_known_to": [names.sender(one) for one in sorted(names.senders.keys() - set(senders))],
        "push": _push(store, there, number, found, names),
        "rejected_rows": set_aside,
        "tables_that_are_not_there": [name for name in OF_PEOPLE if name not in there],
        "cannot_be_known": list(CANNOT_BE_KNOWN),
    }


def loads_of(record: Any) -> set[str]:
    """The loads that anything of a record came with."""
    if isinstance(record, dict):
        own = {record["load_id"]} if record.get("load_id") else set()
        return own | loads_of(list(record.values()))
    return {one for part in record for one in loads_of(part)} if isinstance(record, list) else set()


def digest(record: Row) -> str:
    """SHA-256 of the record as JSON: keys sorted, no blanks between, UTF-8."""
    return hashlib.sha256(canonical(record).encode()).hexdigest()


def canonical(record: Row) -> str:
    """The text that the digest is of."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def plain(value: Any) -> Any:
    """A value as JSON has it; moments in UTC."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, datetime):
        known = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return known.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else str(value)


def precision(event: Row) -> str:
    """How well the date of a consent event is known, of its moments as they come from the warehouse."""
    if event["effective_at"] is not None:
        return EXACT
    if event["event_at"] is None or event["event_at"] <= NO_DATE:
        return NONE
    return WINDOW if event["observed_at"] and event["event_at"] < event["observed_at"] else PULL


class _Names:
    """What ids stand for."""

    def __init__(self, store: Store, there: There) -> None:
        self.senders: dict[int, tuple[Any, ...]] = {}
        self._lists: dict[tuple[int, int], Any] = {}
        self._fields: dict[tuple[int, int], Any] = {}
        if "sender_codes" in there:
            found = store.rows("SELECT sender_code_id, code, merchant_name FROM sender_codes")
            self.senders = {int(one): tuple(more) for one, *more in found}
        if "lists" in there:
            found = store.rows("SELECT sender_code_id, phone_list_id, phone_list_name FROM lists")
            self._lists = {(int(sender), int(one)): name for sender, one, name in found}
        if "profile_fields" in there:
            found = store.rows(
                "SELECT sender_code_id, segmentation_field_id, segmentation_field_name FROM profile_fields"
            )
            self._fields = {(int(sender), int(one)): name for sender, one, name in found}

    def sender(self, sender: int) -> Row:
        code, merchant = self.senders.get(sender, (None, None))
        return {"sender_code_id": sender, "code": code, "merchant_name": merchant}

    def phone_list(self, row: Row) -> Any:
        return self._lists.get((row["sender_code_id"], row["phone_list_id"]))

    def field(self, row: Row) -> Any:
        return self._fields.get((row["sender_code_id"], row["segmentation_field_id"]))

    def target(self, sender: int, target: str) -> str:
        """What push changes, as a person knows it."""
        if target.isdigit():
            return str(self._fields.get((sender, int(target))) or f"profile field {target}")
        kind, _, number = target.partition(":")
        if kind == "list" and number.isdigit():
            return f"list {self._lists.get((sender, int(number))) or number}"
        return target


def _of_sender(sender: int, found: Mapping[str, list[Row]], stands: list[Row], names: _Names) -> Row:
    def of(table: str) -> list[Row]:
        return [row for row in found[table] if row["sender_code_id"] == sender]

    stop = next((row for row in stands if row["sender_code_id"] == sender), None)
    return {
        **names.sender(sender),
        "stop_in_force": stop is not None,
        "stop": stop and {name: plain(stop[name]) for name in ("stopped_at", "reason", "found_in")},
        "profile": [_told(row) for row in of("contacts")],
        "profile_values": [_told(row, field=names.field(row)) for row in of("contact_profile_values")],
        "lists": [_told(row, phone_list=names.phone_list(row)) for row in of("list_memberships")],
        "subscriptions": [_told(row, phone_list=names.phone_list(row)) for row in of("subscriptions")],
        "opt_outs": [_opt_out(row) for row in of("opt_outs")],
        "consent_events": [_event(row, names) for row in of("consent_events")],
    }


def _told(row: Row, **named: Any) -> Row:
    return {
        name: plain(value)
        for name, value in {**named, **row}.items()
        if name != "sender_code_id" and name not in _LEFT_OUT
    }


def _opt_out(row: Row) -> Row:
    known = row["opt_out_date"] is not None and row["opt_out_date"] > NO_DATE
    return _told({**row, "opt_out_date": row["opt_out_date"] if known else None})


def _event(row: Row, names: _Names) -> Row:
    known = precision(row)
    hours = (
        (row["observed_at"] - row["effective_at"]).total_seconds() / 3600
        if known == EXACT and row["observed_at"]
        else None
    )
    told = {**row, "event_at": None if known == NONE else row["event_at"]}
    return _told(
        told,
        phone_list=names.phone_list(row),
        precision=known,
        hours_until_known=None if hours is None else round(hours, 1),
    )


def _first(events: Iterable[Row]) -> Row | None:
    """Where and when a pull saw the number first, and the load that brought it."""
    first = min(events, key=lambda row: (_place(row["observed_at"]), row["load_id"], row["event"]), default=None)
    if first is None:
        return None
    return {name: plain(first[name]) for name in ("observed_at", "seen_in", "event", "sender_code_id", "load_id")}


def _stands(store: Store, there: There, number: Number) -> list[Row]:
    if not set(suppressed.TELLING) & there.keys():
        return []
    found = tellable(store.arrow(suppressed.query(there, number.among))).to_pylist()
    # The same person in two forms that no rule brings together is one here.
    latest: dict[int, Row] = {}
    for row in found:
        known = latest.setdefault(row["sender_code_id"], row)
        if row["stopped_at"] and (not known["stopped_at"] or row["stopped_at"] > known["stopped_at"]):
            latest[row["sender_code_id"]] = row
    return list(latest.values())


def _push(store: Store, there: There, number: Number, found: Mapping[str, list[Row]], names: _Names) -> Row:
    """What push was told to send, when, and what Listrak has answered."""
    runs: dict[str, Row] = {}
    if ids := sorted({str(row["run_id"]) for row in found["push_changes"]}):
        where = f"run_id IN ({', '.join(map(text, ids))})"
        runs = {str(row["run_id"]): row for row in _rows(store, there, "push_runs", where)}
    changes = [_change(row, runs.get(str(row["run_id"]), {}), names) for row in found["push_changes"]]
    changes.sort(key=lambda row: (row["run_began_at"] or "", row["run_id"], row["operation"], row["target"]))
    keys = {(row["sync"], str(row["row_key"])) for row in changes if row["row_key"]}
    keys |= {(None, form) for form in number.forms}
    rejected: list[Row] = []
    if "push_rejected" in there:
        some = ", ".join(text(key) for key in sorted({key for _, key in keys}))
        rejected = [
            {**row, "rejected_at": _moment(row.get("rejected_at"))}
            for row in _rows(store, there, "push_rejected", f"row_key IN ({some})")
            if (row["sync_name"], row["row_key"]) in keys or (None, row["row_key"]) in keys
        ]
    return {
        "ledger_is_there": "push_changes" in there,
        "changes": changes,
        "confirmed": [_state(row, names, "confirmed_at") for row in found["push_confirmed"]],
        "not_sent_again": [_state(row, names, "tried_at") for row in found["push_tried"]],
        "refused_stops": [_state(row, names, "refused_at", "waived_at") for row in found["push_refused_stops"]],
        "rejected": rejected,
    }


def _change(row: Row, run: Row, names: _Names) -> Row:
    return {
        "run_id": row["run_id"],
        "sync": run.get("sync_name"),
        "run_began_at": _moment(run.get("began_at")),
        "run_ended_at": _moment(run.get("ended_at")),
        "run_status": run.get("status"),
        "sender_code_id": row["sender_code_id"],
        "row_key": row.get("row_key"),
        "operation": row["operation"],
        "target": names.target(int(row["sender_code_id"]), str(row["target"])),
        "before_value": plain(row.get("before_value")),
        "after_value": plain(row.get("after_value")),
        "status": row["status"],
        "reason": row.get("reason"),
        "note": row.get("note"),
    }


def _state(row: Row, names: _Names, *moments: str) -> Row:
    told = {name: plain(value) for name, value in row.items()}
    if "target" in row:
        told["target"] = names.target(int(row["sender_code_id"]), str(row["target"]))
    return told | {name: _moment(row.get(name)) for name in moments}


def _moment(seconds: Any) -> Any:
    """A moment of the ledger."""
    return None if seconds is None else plain(datetime.fromtimestamp(float(seconds), timezone.utc))


def rejected(store: Store, there: There, number: Number) -> list[Row]:
    """Records that were set aside and name the number, in whatever form."""
    if "rejected_rows" not in there:
        return []
    bare = "record"
    for mark in _MARKS:
        bare = f"REPLACE({bare}, {text(mark)}, '')"
    digits = "".join(one for one in number.phone if one.isdigit())
    wanted = [number.hashed] if number.hashed else []
    if number.is_whole:
        wanted.append(digits[1:] if len(digits) == 11 and digits[0] == "1" else digits)
    if not wanted:
        return []
    like = " OR ".join(f"{bare} LIKE {text(f'%{one}%')}" for one in wanted)
    found = _rows(store, there, "rejected_rows", f"({like})", order="observed_at, rejected_id")
    return [{name: plain(value) for name, value in row.items()} for row in found]


def _rows(store: Store, there: There, table: str, where: str, order: str = "") -> list[Row]:
    """Rows of a table, in an order that is always the same; none where it is not there."""
    if table not in there:
        return []
    found = tellable(
        store.arrow(f"SELECT * FROM {table} WHERE {where}{f' ORDER BY {order}' if order else ''}")
    ).to_pylist()
    rows = [
        {
            ("load_id" if name.lower() == "_dlt_load_id" else name.lower()): value
            for name, value in row.items()
            if name.lower() != "_dlt_id"
        }
        for row in found
    ]
    for row in rows:
        for column in TABLES[table].columns if table in TABLES else ():
            if column.key or column.type == TIMESTAMP:  # somebody may have dropped it
                row.setdefault(column.name, None)
        for name, value in row.items():
            if isinstance(value, datetime) and value.tzinfo is None:
                row[name] = value.replace(tzinfo=timezone.utc)
    if table == "consent_events":
        rows.sort(
            key=lambda row: (*map(_place, (row["event_at"], row["observed_at"])), row["phone_list_id"], row["event"])
        )
    elif not order:
        rows.sort(key=lambda row: [str(row[name]) for name in sorted(row)])
    return rows


def _place(moment: datetime | None) -> datetime:
    """Where an event stands among the others: one whose moment cannot be told comes last."""
    return moment or datetime.max.replace(tzinfo=timezone.utc)
