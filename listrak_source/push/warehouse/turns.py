"""Who may do what at a time, on whatever machines: leases in the warehouse.

One run of a sync goes on at a time (:class:`Lock`). Of all syncs of a warehouse one at a time writes single contacts
(:class:`Turn`): such a write replaces a whole contact, on all sender codes, and would undo what another has written to
it since it was read. A turn is short, so that nobody waits long, and who has stops to send is next in line.
"""

from __future__ import annotations

import random
import time
from contextlib import nullcontext

from listrak_source.lease import TABLE, Connect, Other, SqlLease, TakenError, taken
from listrak_source.push.warehouse import ledger
from listrak_source.push.warehouse.sql_client import Store
from listrak_source.sql import Sql, text

LockedError = TakenError
"""Another apply of the same sync is under way."""

TURN = 20.0
"""Seconds after which a turn begins no other contact."""
PATIENCE = 900.0
"""Seconds to wait for a turn, at the most: a request of another's may be refused for as long."""
_HOLDS, _STOPS, _WAITS = "holds", "stops", "waits"
_LINE = (_HOLDS, _STOPS, _WAITS)
"""What a place in the line is, first things first."""


class Lock(SqlLease):
    """One run of a sync. Held as a context."""

    def __init__(self, store: Store, sync_name: str) -> None:
        connect, beats = _connection(store)
        what = f"another apply of {sync_name}"
        super().__init__(connect, "push", sync_name, what=what, beats=beats, waits=True)


class Turn(SqlLease):
    """One batch of single writes, of whatever sync. Held as a context: it waits until it is its turn."""

    def __init__(self, store: Store, *, stops: bool = False) -> None:
        connect, beats = _connection(store)
        super().__init__(connect, "push turn", _HOLDS, what="another push to this account", beats=beats)
        self._waits_as = _STOPS if stops else _WAITS

    def _take(self, sql: Sql) -> None:
        """As any lease: who has written down that it holds the turn looks again, and gives way to another."""
        self._announce(sql)
        until = time.monotonic() + PATIENCE
        while before := self._before_us(sql):
            self._become(sql, self._waits_as)
            while before := self._before_us(sql):
                if time.monotonic() > until:
                    raise taken(self.what, before[0].host, before[0].process, before[0].began)
                time.sleep(random.uniform(0.05, 0.25))
                self._say(sql)
            self._become(sql, _HOLDS)

    def _before_us(self, sql: Sql) -> list[Other]:
        """Whose turn is, or comes before ours."""
        began = sql.one(f"SELECT began FROM {TABLE} WHERE {self._mine}")
        if began is None:  # nothing was heard of this one for so long that it was taken out
            self._announce(sql)
            return self._before_us(sql)
        ours = (_LINE.index(self._waits_as), float(began), self.owner)
        return [
            other
            for other in self._others(sql)
            if other.name == _HOLDS or (_LINE.index(other.name), other.began, other.owner) < ours
        ]

    def _meets(self, name: str, parts: list[int] | None) -> bool:  # noqa: ARG002 - there is one line
        return True

    def _become(self, sql: Sql, name: str) -> None:
        self.name = name
        sql.run(f"UPDATE {TABLE} SET scope = {text(self._scope)} WHERE {self._mine}")


def prepare(store: Store) -> None:
    """Make the ledger's tables, where some are not there yet: one process at a time."""
    if not ledger.is_prepared(store):
        with Turn(store):
            ledger.prepare(store)


def _connection(store: Store) -> tuple[Connect, bool]:
    """A lease works over connections of its own, and its heart beats by itself.

    In DuckDB it has the store's, which keeps all other processes from the file.
    """
    if store.dialect == "duckdb" or store.another is None:
        return (lambda: nullcontext(store)), False
    return store.another, True
