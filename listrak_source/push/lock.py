"""One apply of a sync at a time, on whatever machine: a row with an owner and a time, in the warehouse."""

from __future__ import annotations

from time import time
from uuid import uuid4

from listrak_source.push.store import Store, text

LEASE = 900.0
"""Seconds after which a lock that nobody renews counts as left behind by a killed process."""


class LockedError(Exception):
    """Another apply of the same sync is under way."""


class Lock:
    """Held as a context. Renewed while it works; a killed one's falls to the next. Needs the ledger's tables."""

    def __init__(self, store: Store, sync_name: str) -> None:
        self._store, self._sync, self._owner = store, sync_name, uuid4().hex

    def __enter__(self) -> Lock:
        where, now = f"sync_name = {text(self._sync)}", time()
        self._store.run(f"DELETE FROM push_locks WHERE {where} AND held_at < {now - LEASE!r}")
        self._store.run(
            f"INSERT INTO push_locks VALUES ({text(self._sync)}, {text(self._owner)}, {now!r}) ON CONFLICT DO NOTHING"
        )
        if self._store.one(f"SELECT owner FROM push_locks WHERE {where}") != self._owner:
            raise LockedError(f"another apply of {self._sync} is under way, or was killed less than {LEASE:.0f} s ago")
        return self

    def renew(self) -> None:
        """Still at it. Raises :class:`LockedError` if another one has taken over meanwhile."""
        mine = f"sync_name = {text(self._sync)} AND owner = {text(self._owner)}"
        self._store.run(f"UPDATE push_locks SET held_at = {time()!r} WHERE {mine}")
        if not self._store.one(f"SELECT COUNT(*) FROM push_locks WHERE {mine}"):
            raise LockedError(f"another apply of {self._sync} has taken over")

    def __exit__(self, *exception: object) -> None:
        self._store.run(f"DELETE FROM push_locks WHERE sync_name = {text(self._sync)} AND owner = {text(self._owner)}")
