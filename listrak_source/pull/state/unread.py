"""What could not be read though the rest could: one list that is refused for ever must not stop the others."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from listrak_source.api import ConnectionFailed, ListrakClient, ListrakError, UnreadableAnswer


@dataclass
class Unread:
    """What one pull could not read. Threads share it."""

    client: ListrakClient
    errors: dict[str, ListrakError] = field(default_factory=dict)
    """By stream, or another name of what was asked for."""
    lookups: int = 0
    """Contacts that could not be looked up."""
    _what: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def skips(self, name: str, what: str, error: ListrakError) -> bool:
        """Whether ``name`` alone has failed, and is left out from now on; False where the pull must stop.

        ``what`` says what Listrak did not let: the contacts of list 7 be read.
        """
        if not self.client.fails_alone(error):
            return False
        with self._lock:
            self.errors.setdefault(name, error)
            self._what.setdefault(name, what)
        return True

    def skips_lookup(self, sender_code_id: int, error: ListrakError) -> bool:
        """The same of one contact's lookup: the next pull asks again."""
        what = f"some contacts of sender code {sender_code_id} be looked up"
        skipped = self.skips(f"lookups/{sender_code_id}", what, error)
        with self._lock:
            self.lookups += skipped
        return skipped

    def told(self) -> dict[str, dict[str, Any]]:
        """By name: a sentence, and whether the failure may pass by itself. Plain values, for the state is JSON."""
        return {
            name: {"told": f"Listrak did not let {self._what[name]}: {_why(error)}.", "passes": _passes(error)}
            for name, error in self.errors.items()
        }


def _passes(error: ListrakError) -> bool:
    """A server that is busy or away, and not one that fails at this."""
    return isinstance(error, ConnectionFailed | UnreadableAnswer) or error.status in _BUSY


def _why(error: ListrakError) -> str:
    known = [f"HTTP {error.status}" if error.status and error.status >= _FAILED else "", error.code or ""]
    return " ".join(part for part in known if part) or error.message.rstrip(".")


_FAILED = 400
_BUSY = (408, 502, 503, 504)
