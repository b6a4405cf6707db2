"""A run that is carried out, and with what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from listrak_source.api import ListrakClient
from listrak_source.push.ledger import Run
from listrak_source.push.store import Store


@dataclass(frozen=True)
class Work:
    """What the steps of an apply share."""

    store: Store
    client: ListrakClient
    run: Run
    renew: Callable[[], None]
    """Keeps the lock."""
    say: Callable[[str], None]
    """Tells a person, in a sentence."""
    workers: int = 8
    """Requests side by side, at the most."""
    writing: Lock = field(default_factory=Lock)
    """Held by the one of several threads that writes into the ledger."""
