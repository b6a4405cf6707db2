"""Push: table differences become contact updates at Listrak, planned first, applied once, checked by reading back."""

from __future__ import annotations

from typing import Any
from warnings import warn

from listrak_source.push.session import Session, sync_session
from listrak_source.push.sync.config import Sync, load_syncs

__all__ = ["Session", "Sync", "load_syncs", "sync_session"]


def __getattr__(name: str) -> Any:
    if name == "load":
        warn("listrak_source.push.load is load_syncs now", DeprecationWarning, stacklevel=2)
        return load_syncs
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
