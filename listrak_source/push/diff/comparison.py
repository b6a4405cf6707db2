"""The difference between what a sync wants and what Listrak holds as far as is known: worked out in the warehouse.

Four tables are left, named after the sync: changes, creates, stops and rejected rows.
"""

from __future__ import annotations

from collections.abc import Iterable

from listrak_source.api import ConfigurationError
from listrak_source.push.diff import desired_state, known_state, refused_stops, rejects
from listrak_source.push.sync import phone_numbers
from listrak_source.push.sync.canonical import canonical, compare_form, fast_form, is_said, of_table
from listrak_source.push.sync.config import CREATE, OPTED_OUT, SUBSCRIBE, UNSUBSCRIBE, Sync
from listrak_source.push.sync.field_mapping import Target, clears
from listrak_source.push.warehouse import ledger
from listrak_source.push.warehouse.sql_client import Store


def changes_of(sync: Sync) -> str:
    """The table of changes.

    Its columns are ``row_key``, ``phone_number``, ``phone_number_raw`` (as Listrak writes it, where that is another
    form), and for each target ``n`` canonical values, ``before_n`` and ``after_n``. The latter is null where nothing
    changes, empty where the field is emptied.
    """
    return f"push_changes_{sync.name}"


def creates_of(sync: Sync) -> str:
    """The table of people to be created.

    Its columns are ``row_key``, ``phone_number``, ``phone_number_raw`` (null), and for each target ``after_n``.
    """
    return f"push_creates_{sync.name}"


def stops_of(sync: Sync) -> str:
    """The table of people who said stop and are not opted out at Listrak.

    Its columns are ``row_key``, ``phone_number``, ``phone_number_raw``, and ``is_known``: 1 for a contact, 0 for whom
    Listrak does not have as far as is known.
    """
    return f"push_stops_{sync.name}"


def rejected_of(sync: Sync) -> str:
    """The table of rows that are not sent: ``row_key``, ``column_name``, ``reason``."""
    return f"push_rejected_{sync.name}"


def any_of(targets: list[Target], kind: str) -> str:
    """SQL: a change of any target of a kind, as :class:`Target` tells them (``is_own``, ``is_profile``)."""
    return _or(f"after_{index} IS NOT NULL" for index, one in enumerate(targets) if getattr(one, kind))


def run(store: Store, sync: Sync, targets: list[Target]) -> None:
    """Make the four tables. Raises :class:`ConfigurationError` where nothing was pulled to compare with."""
    if "contacts" not in store.tables:
        raise ConfigurationError("the warehouse holds no contacts to compare with: run listrak pull first")
    ledger.prepare(store)
    compared = _compare(store, sync, targets)
    stop = next((index for index, one in enumerate(targets) if one.is_stop), None)
    bad = _or(f"bad_{index}" for index in range(len(targets)))
    good = f"first_key IS NULL AND NOT {bad}"
    # A stop is believed whatever else is wrong with its row, and whoever else has the same number. Of somebody whom no
    # pull has brought, only what was confirmed is known.
    confirmed = (
        f"SELECT p.phone_number FROM push_confirmed AS p WHERE p.sender_code_id = {sync.sender_code_id} "
        f"AND p.target = '{OPTED_OUT}' AND p.confirmed_value = '1'"
    )
    store.make(
        stops_of(sync),
        f"SELECT MIN(row_key) AS row_key, COALESCE(phone_number, phone) AS phone_number, "
        "MAX(phone_number_raw) AS phone_number_raw, MAX(CASE WHEN phone_number IS NULL THEN 0 ELSE 1 END) AS is_known "
        f"FROM {compared} "
        "WHERE says_stop AND phone IS NOT NULL AND NOT COALESCE(opted_out, FALSE) "
        f"AND NOT (phone_number IS NULL AND phone IN ({confirmed})) "
        "GROUP BY COALESCE(phone_number, phone)",
    )
    others = [index for index in range(len(targets)) if index != stop]
    befores = "".join(f", before_{index}, {_consented(targets[index], index)} AS after_{index}" for index in others)
    changed = _or(f"after_{index} IS NOT NULL" for index in others)
    store.make(
        changes_of(sync),
        f"SELECT * FROM (SELECT row_key, phone_number, phone_number_raw{befores} FROM {compared} "
        f"WHERE phone_number IS NOT NULL AND {good}) AS changed WHERE {changed}",
    )
    on_a_list = _or(f"COALESCE(after_{index}, '') = '1'" for index, one in enumerate(targets) if one.is_list)
    may_create = (
        f"phone_number IS NULL AND phone IS NOT NULL AND NOT says_stop AND {good} AND {on_a_list} "
        f"AND NOT {phone_numbers.is_nobodys('phone')}"
    )
    if CREATE not in sync.modes:
        may_create = "FALSE"
    # Who said stop and is gone at Listrak is not made anew there.
    on_record = f"phone IN ({_on_record(store, sync)})"
    afters = "".join(f", {_wanted_anew(targets[index], index)} AS after_{index}" for index in others)
    store.make(
        creates_of(sync),
        f"SELECT row_key, phone AS phone_number, phone_number_raw{afters} FROM {compared} "
        f"WHERE {may_create} AND NOT {on_record}",
    )
    rejects.make(store, rejected_of(sync), compared, targets, may_create=may_create, on_record=on_record)
    if stop is not None:
        refused_stops.again(store, sync, targets[stop].column.name, stops_of(sync), rejected_of(sync))
    tables = {"changes": changes_of(sync), "creates": creates_of(sync), "stops": stops_of(sync)}
    rejects.tried(store, sync, targets, rejected_of(sync), **tables)
    store.run(f"DELETE FROM {changes_of(sync)} WHERE NOT {changed}")
    store.run(f"DROP TABLE {compared}")


def _on_record(store: Store, sync: Sync) -> str:
    """SQL for the numbers of everybody who is known to have said stop to the sender code, at any time."""
    told = {"contacts": "opted_out", "push_changes": f"operation = '{ledger.STOP}' AND status = '{ledger.CONFIRMED}'"}
    if "opt_outs" in store.tables:
        told["opt_outs"] = "TRUE"
    number = f"COALESCE({phone_numbers.plain('phone_number')}, phone_number)"
    return " UNION ".join(
        f"SELECT {number} FROM {table} WHERE sender_code_id = {sync.sender_code_id} AND phone_number IS NOT NULL "
        f"AND {condition}"
        for table, condition in told.items()
    )


def _consented(target: Target, index: int) -> str:
    """Nobody who said stop is put on a list."""
    if not target.is_list:
        return f"after_{index}"
    return f"CASE WHEN after_{index} = '1' AND (opted_out OR says_stop) THEN NULL ELSE after_{index} END"


def _wanted_anew(target: Target, index: int) -> str:
    """Somebody new has nothing to be emptied, and is on no list to be taken off."""
    return f"NULLIF(after_{index}, {repr('0') if target.is_list else repr('')})"


def _compare(store: Store, sync: Sync, targets: list[Target]) -> str:
    """The table of all rows with which something is to be done, by name.

    It has rows as ``desired_state`` tells them, who they are at Listrak (``phone_number``, ``phone_number_raw``,
    ``opted_out``; null where nobody is), ``says_stop``, for each target ``n`` whether what it says does not fit
    (``bad_n``), and ``before_n`` and ``after_n`` where they differ.
    """
    table = f"push_compared_{sync.name}"
    rows, twins = desired_state.make(store, sync, targets)
    stop = next((index for index, one in enumerate(targets) if one.is_stop), None)
    others = [index for index in range(len(targets)) if index != stop]
    held = "".join(f", k.held_{index}" for index in others)
    odd = ", w.odd" if stop is not None else ""  # asked for only of a stop
    joined = (
        f"SELECT w.row_key, w.phone{odd}, t.first_key, t.last_key, k.phone_number, k.phone_number_raw, k.opted_out"
        f"{desired_state.said(store, rows, targets)}{held} FROM {rows} AS w "
        f"LEFT JOIN ({known_state.of(store, sync, targets)}) AS k ON k.phone = w.phone "
        f"LEFT JOIN {twins} AS t ON t.phone = w.phone"
    )
    # Each is told once, not in each place that asks for it.
    told = "".join(f", {_differs(targets[index], index)} AS differs_{index}" for index in others)
    joined = f"SELECT *{told} FROM ({joined}) AS joined"
    valued = "".join(_valued(targets[index], index) for index in others)
    says_stop = (
        f"COALESCE({canonical(f'said_{stop}', targets[stop].kind)} = '1', FALSE)" if stop is not None else "FALSE"
    )
    if stop is not None:
        unread = f"{canonical(f'said_{stop}', targets[stop].kind)} IS NULL"
        valued += f", {is_said(f'said_{stop}')} AND {unread} AS bad_{stop}"
    who = f"row_key, phone{odd and ', odd'}, first_key, last_key, phone_number, phone_number_raw, opted_out"
    afters = "".join(
        f", before_{index}, {_after(sync, targets[index], index)} AS after_{index}, bad_{index}" for index in others
    ) + (f", bad_{stop}" if stop is not None else "")
    matters = _or(
        [
            *("phone IS NULL", "phone_number IS NULL", "first_key IS NOT NULL", "says_stop AND NOT opted_out"),
            *(f"after_{index} IS NOT NULL" for index in others),
            *(f"bad_{index}" for index in range(len(targets))),
        ]
    )
    store.make(
        table,
        f"SELECT * FROM (SELECT {who}, says_stop{afters} FROM (SELECT {who}, {says_stop} AS says_stop{valued} "
        f"FROM ({joined}) AS told) AS valued) AS compared WHERE {matters}",
        for_now=True,
    )
    rejects.let_ask_again(store, sync, targets, rows)
    store.run(f"DROP TABLE {rows}")
    store.run(f"DROP TABLE {twins}")
    return table


def _differs(target: Target, index: int) -> str:
    """Whether the texts differ of what the column says, as Listrak would write it, and what is held."""
    said = fast_form(f"said_{index}", target.kind) if target.is_profile else f"said_{index}"
    return f"{said} IS DISTINCT FROM held_{index}"


def _valued(target: Target, index: int) -> str:
    """Canonical forms of both sides, made only where the texts differ: of most rows they do not."""
    said, held = f"said_{index}", f"held_{index}"
    differs = f"differs_{index}"
    value = of_table(said, target.kind)
    return (
        f", CASE WHEN {differs} THEN {value} END AS value_{index}"
        f", CASE WHEN {differs} THEN {canonical(held, target.kind)} END AS before_{index}"
        f", CASE WHEN {said} IS NOT NULL AND {differs} THEN {rejects.is_unfit(target, said, value)} "
        f"ELSE FALSE END AS bad_{index}"
    )


def _after(sync: Sync, target: Target, index: int) -> str:
    value, before = f"value_{index}", f"before_{index}"
    if target.is_list:
        ways = {
            CREATE: f"WHEN phone_number IS NULL AND {value} = '1' THEN '1'",
            SUBSCRIBE: f"WHEN phone_number IS NOT NULL AND {value} = '1' AND {before} = '0' THEN '1'",
            UNSUBSCRIBE: f"WHEN {value} = '0' AND {before} = '1' THEN '0'",
        }
        return f"CASE {' '.join(way for mode, way in ways.items() if mode in sync.modes)} END"
    new = f"COALESCE({value}, '')" if clears(target) else value
    wanted, held = compare_form(value, target.kind), compare_form(before, target.kind)
    return f"CASE WHEN {wanted} IS DISTINCT FROM {held} THEN {new} END"


def _or(conditions: Iterable[str]) -> str:
    some = list(conditions)
    return f"({' OR '.join(some)})" if some else "FALSE"
