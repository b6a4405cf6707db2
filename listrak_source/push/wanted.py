"""What a sync's table wants: its rows as they are now, their phone numbers told, and who stands in it twice."""

from __future__ import annotations

from listrak_source.push import phones
from listrak_source.push.store import Store, name
from listrak_source.push.sync import Sync
from listrak_source.push.targets import Target, given

_ODD = "push_phones"


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
    odd = store.rows(f"SELECT DISTINCT given FROM {rows} WHERE phone IS NULL AND given <> ''")
    told = [(raw, phone) for raw, phone in phones.numbers(str(row[0]) for row in odd).items() if phone]
    if not told:
        return
    store.run(f"DROP TABLE IF EXISTS {_ODD}")
    store.run(f"CREATE TABLE {_ODD} (given TEXT, phone TEXT)")
    store.insert(_ODD, ["given", "phone"], told)
    store.run(f"UPDATE {rows} SET phone = {_ODD}.phone FROM {_ODD} WHERE {_ODD}.given = {rows}.given")
    store.run(f"DROP TABLE {_ODD}")
