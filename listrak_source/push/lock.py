"""One apply of a sync at a time, on whatever machine: a lease in the warehouse."""

from __future__ import annotations

from contextlib import nullcontext

from listrak_source.lease import SqlLease, TakenError
from listrak_source.push.store import Store

LockedError = TakenError
"""Another apply of the same sync is under way."""


class Lock(SqlLease):
    """Held as a context. It works over a connection of its own; in DuckDB over the store's, which keeps everybody else
    from the file.
    """

    def __init__(self, store: Store, sync_name: str) -> None:
        another = store.another if store.dialect != "duckdb" else None
        super().__init__(
            another or (lambda: nullcontext(store)),
            "push",
            sync_name,
            what=f"another apply of {sync_name}",
            beats=another is not None,
        )
