"""A run that is carried out, and with what."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Protocol

from listrak_source.api import ListrakClient
from listrak_source.push.warehouse.ledger import Run
from listrak_source.push.warehouse.sql_client import Store


class TakesTurns(Protocol):
    """Waits until it is this run's turn to write single contacts, and holds it: ``stops`` are next in line."""

    def __call__(self, *, stops: bool) -> AbstractContextManager[Any]:
        """Hold the lock for the block; ``stops`` says whether it is for stops."""


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
    turns: TakesTurns
    workers: int = 8
    """Requests side by side, at the most."""
    writing: Lock = field(default_factory=Lock)
    """Held by the one of several threads that writes into the ledger."""
