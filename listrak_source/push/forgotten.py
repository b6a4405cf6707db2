"""Who was forgotten in the warehouse is not reached by a push, though a sync's table still names them.

Their rows are told as such that name no phone number, and by the hash: nothing is sent for them, and one that says stop
is said aloud.
"""

from __future__ import annotations

from dlt.destinations.exceptions import DatabaseUndefinedRelation

from listrak_source.forgotten import FORGETTING, QUERY, TABLE, check_columns, check_key, hash_of, key_of
from listrak_source.push.warehouse.sql_client import Store, text
from listrak_source.settings import Settings

_WITHHELD = "forgotten 0"
"""Stands in the place of such a number. It has a digit, as what may have been a number has."""
_TOGETHER = 100_000


def note(store: Store, settings: Settings) -> None:
    """Have the store know who was forgotten.

    Raises :class:`~listrak_source.api.ConfigurationError` for another key, and for a table that is somebody else's.
    """
    try:
        rows = store.rows(QUERY)
    except DatabaseUndefinedRelation:
        return
    except Exception:
        # Elsewhere nobody can have been forgotten, and each database has an error of its own for what is not there.
        if store.dialect in FORGETTING:
            check_columns(store.columns(TABLE))
            raise
        return
    check_key(key_of(settings), {str(mark) for _, mark in rows})
    store.hash_key, store.forgotten = key_of(settings), frozenset(str(hashed) for hashed, _ in rows)


def withhold(store: Store, rows: str) -> None:
    """Have the rows of the table ``rows`` that are about somebody who was forgotten name no number."""
    if not store.forgotten:
        return
    numbers = f"{rows}_numbers"
    store.make(numbers, f"SELECT DISTINCT phone AS given FROM {rows} WHERE phone IS NOT NULL")
    found = [
        (phone, hashed)
        for some in store.stream(f"SELECT given FROM {numbers}", "given", _TOGETHER)
        for phone in map(str, some["given"].to_pylist())
        if (hashed := hash_of(store.hash_key, phone)) in store.forgotten
    ]
    store.run(f"DROP TABLE {numbers}")
    for phone, hashed in found:
        # The key of a row may be the number itself.
        values = f"row_key = {text(hashed)}, phone = NULL, odd = {text(_WITHHELD)}"
        store.run(f"UPDATE {rows} SET {values} WHERE phone = {text(phone)}")
