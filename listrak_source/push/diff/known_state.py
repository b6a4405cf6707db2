"""What Listrak holds as far as is known: what the last pull brought, overlaid by what push has confirmed since."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from listrak_source.push.sync import phone_numbers
from listrak_source.push.sync.config import Sync
from listrak_source.push.sync.field_mapping import CREATED, Target
from listrak_source.push.warehouse.ledger import among
from listrak_source.push.warehouse.sql_client import Store, text


def of(store: Store, sync: Sync, targets: list[Target]) -> str:
    """SQL for one row per contact of the sender code.

    Its columns are ``phone_number``, ``phone_number_raw`` where Listrak writes it otherwise, ``phone`` for comparing,
    ``opted_out``, and for each target ``n`` but a stop what is held, ``held_n``: text, as it came.
    """
    pulled, joins = _pulled(store, sync, targets)
    columns = "".join(f", {sql} AS pulled_{index}" for index, sql in pulled.items())
    none = "".join(", CAST(NULL AS TEXT)" for _ in pulled)
    alive = _alive(store, "contacts", "c.")
    none_raw = "CAST(NULL AS TEXT)"
    raw = "c.phone_number_raw" if "phone_number_raw" in store.tables["contacts"] else none_raw
    of_sender = f"sender_code_id = {sync.sender_code_id}"
    contacts = (
        f"SELECT c.phone_number, {raw} AS phone_number_raw, {phone_numbers.plain('c.phone_number')} AS phone, "
        "c.opted_out, "
        f"CAST(c._dlt_load_id AS DOUBLE) AS pulled_at{columns} FROM contacts AS c{joins} WHERE c.{of_sender}{alive}"
    )
    created = (
        f"SELECT p.phone_number, {none_raw}, {phone_numbers.plain('p.phone_number')}, FALSE, 0.0{none} "
        f"FROM push_confirmed AS p WHERE p.{of_sender} AND p.target = '{CREATED}' "
        f"AND NOT EXISTS (SELECT 1 FROM contacts AS c WHERE c.{of_sender} "
        f"AND c.phone_number = p.phone_number{_or_newer(alive)})"
    )
    if not store.one(f"SELECT COUNT(*) FROM push_confirmed WHERE {of_sender}"):
        held = "".join(f", {_held(targets[index], f'pulled_{index}')} AS held_{index}" for index in pulled)
        return (
            "SELECT phone_number, phone_number_raw, COALESCE(phone, phone_number) AS phone, "
            f"COALESCE(opted_out, FALSE) AS opted_out{held} FROM ({contacts}) AS pulled"
        )
    since = _since(store, sync)
    confirmed = "".join(
        f", MAX(CASE WHEN p.target = {text(one.id)} AND {since(one)} THEN 1 END) AS is_confirmed_{index}"
        f", MAX(CASE WHEN p.target = {text(one.id)} AND {since(one)} THEN p.confirmed_value END) AS confirmed_{index}"
        for index, one in enumerate(targets)
    )
    overlaid = "".join(
        f", CASE WHEN b.is_confirmed_{index} = 1 THEN NULLIF(b.confirmed_{index}, '') "
        f"ELSE {_held(targets[index], f'a.pulled_{index}')} END AS held_{index}"
        for index in pulled
    )
    stop = next((f"OR COALESCE(b.confirmed_{index}, '') = '1'" for index, one in enumerate(targets) if one.is_stop), "")
    return (
        f"SELECT a.phone_number, a.phone_number_raw, COALESCE(a.phone, a.phone_number) AS phone, "
        f"(COALESCE(a.opted_out, FALSE) {stop}) AS opted_out{overlaid} "
        f"FROM ({contacts} UNION ALL {created}) AS a LEFT JOIN ("
        f"SELECT p.phone_number{confirmed} FROM push_confirmed AS p LEFT JOIN contacts AS c ON c.{of_sender} "
        f"AND c.phone_number = p.phone_number{alive} WHERE p.{of_sender} GROUP BY p.phone_number"
        ") AS b ON b.phone_number = a.phone_number"
    )


def _since(store: Store, sync: Sync) -> Callable[[Target], str]:
    """By target, SQL: what was confirmed (``p``) is newer than what a pull has brought of it with the contact (``c``).

    A load's id is the moment when it began. A table that a pull left out is as old as its own last load. Values that
    came with the contact have their hash in its row, also where there are none.
    """
    tables = {"is_profile": "contact_profile_values", "is_list": "list_memberships"}
    latest = {
        kind: store.one(f"SELECT MAX(_dlt_load_id) FROM {table} WHERE sender_code_id = {sync.sender_code_id}")
        for kind, table in tables.items()
        if table in store.tables
    }

    with_hash = "values_hash" in store.tables["contacts"]

    def of(target: Target) -> str:
        newer = "c._dlt_load_id IS NULL OR p.confirmed_at > CAST(c._dlt_load_id AS DOUBLE)"
        kind = next((kind for kind in tables if getattr(target, kind)), None)
        if kind:
            left_out = "c.values_hash IS NULL AND " if kind == "is_profile" and with_hash else ""
            newer += f" OR ({left_out}p.confirmed_at > {float(latest.get(kind) or 0.0)!r})"
        return f"({newer})"

    return of


def _held(target: Target, pulled: str) -> str:
    """Who is a contact is on a list, or is not."""
    return f"COALESCE({pulled}, '0')" if target.is_list else pulled


def brought(store: Store, sender_code_id: int, numbers: Sequence[str]) -> set[str]:
    """Those of some numbers that a pull has brought as a contact of the sender code, and found gone since by none."""
    found = store.rows(
        f"SELECT phone_number FROM contacts WHERE sender_code_id = {sender_code_id} "
        f"AND {among('phone_number', numbers)}{_alive(store, 'contacts')}"
    )
    return {str(phone) for (phone,) in found}


def _or_newer(alive: str) -> str:
    """Of a contact that is marked as gone, only what was created after that is there."""
    return f" AND (TRUE{alive} OR CAST(c._dlt_load_id AS DOUBLE) > p.confirmed_at)" if alive else ""


def _alive(store: Store, table: str, prefix: str = "") -> str:
    return f" AND {prefix}removed_at IS NULL" if "removed_at" in store.tables[table] else ""


def _pulled(store: Store, sync: Sync, targets: list[Target]) -> tuple[dict[int, str], str]:
    """By number of a target, SQL for what was pulled of it; and the joins to the contacts ``c`` that bring it."""
    pulled, joins = {}, ""
    profile = [index for index, one in enumerate(targets) if one.is_profile]
    lists = [index for index, one in enumerate(targets) if one.is_list]
    for index, one in enumerate(targets):
        if not one.is_stop:
            pulled[index] = f"CAST(c.{one.id} AS TEXT)" if one.is_own else "CAST(NULL AS TEXT)"
    if profile and "contact_profile_values" in store.tables:
        cells = {index: (f"segmentation_field_id = {targets[index].field_id}", "value") for index in profile}
        joins += _side(store, sync, "contact_profile_values", "v", cells)
        pulled |= {index: f"v.cell_{index}" for index in profile}
    if lists and "list_memberships" in store.tables:
        cells = {index: (f"phone_list_id = {targets[index].column.phone_list}", "'1'") for index in lists}
        joins += _side(store, sync, "list_memberships", "m", cells)
        pulled |= {index: f"m.cell_{index}" for index in lists}
    return pulled, joins


def _side(store: Store, sync: Sync, table: str, alias: str, cells: dict[int, tuple[str, str]]) -> str:
    """A join to a table of several rows a contact, as one row: by number, a condition and what it holds then."""
    columns = ", ".join(
        f"MAX(CASE WHEN {which} THEN {held} END) AS cell_{index}" for index, (which, held) in cells.items()
    )
    some = " OR ".join(which for which, _ in cells.values())
    return (
        f" LEFT JOIN (SELECT phone_number, {columns} FROM {table} WHERE sender_code_id = {sync.sender_code_id} "
        f"AND ({some}){_alive(store, table)} GROUP BY phone_number) AS {alias} "
        f"ON {alias}.phone_number = c.phone_number"
    )
