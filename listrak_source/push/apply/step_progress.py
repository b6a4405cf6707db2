"""How far something long is, told now and then."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

EVERY = 5.0
"""Seconds between two tellings."""


class Steps:
    """Contacts done, of so many."""

    def __init__(self, say: Callable[[str], None], of: int) -> None:
        self._say, self._of, self._done, self._told = say, of, 0, monotonic()

    def done(self, contacts: int) -> None:
        """So many more are done."""
        self._done += contacts
        if monotonic() - self._told >= EVERY and self._done < self._of:
            self._told = monotonic()
            self._say(f"  {self._done:,} of {self._of:,}")
