"""What a sync's table wants: its rows as they are now, their phone numbers told, and who stands in it twice."""

from __future__ import annotations

from listrak_source.push import phones
from listrak_source.push.store import Store, name
from listrak_source.push.sync import Sync
from listrak_source.push.targets import Target, given

_ODD = "push_phones"
_TOGETHER = 10_000
"""Odd phone numbers that are in memory at once."""


def make(store: Store, sync: Sync, targets: list[Target]) -> tuple[str, str]:
    """Two tables, by name: the rows, and who has more than one.

    Of each row ``row_key``, ``phone`` (digits for comparing, null where it is no number) and for each target ``n`` what
    the column says, ``said_n``; of each such person ``phone``, ``first_key`` and ``last_key``. The table is read once,
    so that all of a plan is about one state of it.
    """
    rows, twins = f"push_wanted_{sync.name}", f"push_twins_{sync.name}"
    texts = ", ".join(f"CAST({name(one.column.name)} AS TEXT) AS text_{index}" for index, one in enumerate(targets))
    said = ", ".join(f"{given(one, f'text_{index}')} AS said_{index}" for index, one in enumerate(targets))
    store.make(
        rows,
        f"SELECT row_key, given, {phones.plain('given', 'digits')} AS phone, {said} FROM ("
        f"SELECT *, {phones.stripped('given')} AS digits FROM ("
        f"SELECT COALESCE(CAST({name(sync.key)} AS TEXT), '(none)') AS row_key, "
        f"TRIM(CAST({name(sync.phone)} AS TEXT)) AS given, {texts} FROM {sync.relation} AS source"
        ") AS texts) AS told",
    )
    _tell_odd(store, rows)
    store.make(
        twins,
        f"SELECT phone, MIN(row_key) AS first_key, MAX(row_key) AS last_key FROM {rows} "
        "WHERE phone IS NOT NULL GROUP BY phone HAVING COUNT(*) > 1",
    )
    return rows, twins


def _tell_odd(store: Store, rows: str) -> None:
    """Fill in the phone numbers that SQL alone cannot tell."""
    odd = f"SELECT DISTINCT given FROM {rows} WHERE phone IS NULL AND given <> ''"
    store.run(f"DROP TABLE IF EXISTS {_ODD}")
    store.run(f"CREATE TABLE {_ODD} (given TEXT, phone TEXT)")
    for some in store.stream(odd, "given", _TOGETHER):
        told = phones.numbers(some["given"].to_pylist())
        store.insert(_ODD, ["given", "phone"], [(raw, phone) for raw, phone in told.items() if phone])
    if store.one(f"SELECT COUNT(*) FROM {_ODD}"):
        store.run(
            f"UPDATE {rows} SET phone = (SELECT MAX(o.phone) FROM {_ODD} AS o WHERE o.given = {rows}.given) "
            f"WHERE given IN (SELECT given FROM {_ODD})"
        )
    store.run(f"DROP TABLE {_ODD}")
