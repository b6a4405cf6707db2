"""Reading back: what Listrak holds now of what was sent. Acceptance is not success, and Listrak reports no row.

What is read goes to the warehouse as it came, and is compared there, in the same canonical form as the plan's values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from time import time
from typing import Any

from listrak_source.api import ListrakClient, NotFoundError
from listrak_source.push import ledger
from listrak_source.push.ledger import CONFIRMED, MISMATCHED, NOT_FOUND
from listrak_source.push.store import Store, text
from listrak_source.push.targets import Target
from listrak_source.push.values import canonical

OWN = {
    "email_address": "emailAddress", "first_name": "firstName", "last_name": "lastName", "birthday": "birthday",
    "postal_code": "postalCode", "opted_out": "optedOut",
}  # fmt: skip
"""What a contact holds besides profile values: our names, and the API's."""
TOGETHER = 500
"""Contacts whose reading is kept at once."""
_READ = ("run_id", "phone_number", "target", "read_value")


def value_of(contact: dict[str, Any], target: Target) -> str | None:
    """What a contact, as Listrak tells it, holds of a target."""
    if target.field_id is None:
        value = contact.get(OWN[target.id])
        return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    values = contact.get("segmentationFieldValues") or ()
    return next((str(one.get("value")) for one in values if one.get("segmentationFieldId") == target.field_id), None)


def read_back(
    store: Store,
    client: ListrakClient,
    run: ledger.Run,
    targets: list[Target],
    phones: Sequence[str],
    where: str,
    *,
    workers: int,
    renew: Callable[[], None],
) -> None:
    """Look people up, and settle their changes that fulfil ``where``: confirmed, mismatched or not found."""
    numbers = iter(phones)
    while some := list(islice(numbers, TOGETHER)):
        renew()
        store.run(f"DELETE FROM push_read WHERE run_id = {text(run.run_id)}")
        rows: list[tuple[str, str, str, str | None]] = []
        missing = []
        for phone, contact in _looked_up(client, run.sender_code_id, some, workers):
            if contact is None:
                missing.append(phone)
            else:
                rows += [(run.run_id, phone, one.id, value_of(contact, one)) for one in targets]
        store.insert("push_read", _READ, rows)
        settle(store, run, targets, where)
        ledger.mark_changes(store, run.run_id, NOT_FOUND, f"({where}) AND {ledger.among('phone_number', missing)}")


def settle(store: Store, run: ledger.Run, targets: list[Target], where: str) -> None:
    """Compare what was read with what was sent, and keep what is confirmed for the next diff."""
    forms = " ".join(f"WHEN r.target = {text(one.id)} THEN {canonical('r.read_value', one.kind)}" for one in targets)
    same = f"COALESCE(CASE {forms} END, '') = push_changes.after_value"
    met = (
        "EXISTS (SELECT 1 FROM push_read AS r WHERE r.run_id = push_changes.run_id "
        "AND r.phone_number = push_changes.phone_number AND r.target = push_changes.target"
    )
    ledger.mark_changes(store, run.run_id, CONFIRMED, f"({where}) AND {met} AND {same})")
    ledger.mark_changes(store, run.run_id, MISMATCHED, f"({where}) AND status <> '{CONFIRMED}' AND {met})")
    store.run(f"DELETE FROM push_read WHERE run_id = {text(run.run_id)}")
    keep(store, run)


def keep(store: Store, run: ledger.Run) -> None:
    """Make what a run has confirmed the base of the next diff."""
    known = f"run_id = {text(run.run_id)} AND status IN ('{CONFIRMED}', '{ledger.ASSUMED}') AND note IS NULL"
    store.run(
        "DELETE FROM push_confirmed WHERE EXISTS (SELECT 1 FROM push_changes AS c WHERE "
        f"c.run_id = {text(run.run_id)} AND c.status IN ('{CONFIRMED}', '{ledger.ASSUMED}') AND c.note IS NULL "
        "AND c.sender_code_id = push_confirmed.sender_code_id AND c.phone_number = push_confirmed.phone_number "
        "AND c.target = push_confirmed.target)"
    )
    store.run(
        "INSERT INTO push_confirmed SELECT sender_code_id, phone_number, target, after_value, "
        f"{time()!r} FROM push_changes WHERE {known}"
    )
    store.run(f"UPDATE push_changes SET note = 'kept' WHERE {known}")


def _looked_up(
    client: ListrakClient, sender_code_id: int, phones: list[str], workers: int
) -> Iterator[tuple[str, dict[str, Any] | None]]:
    def ask(phone: str) -> dict[str, Any] | None:
        try:
            return dict(client.get_contact(sender_code_id, phone))
        except NotFoundError:
            return None

    with ThreadPoolExecutor(workers) as pool:
        yield from zip(phones, pool.map(ask, phones), strict=True)
