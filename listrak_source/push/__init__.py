"""Push: table differences become contact updates at Listrak, planned first, applied once, checked by reading back."""

from __future__ import annotations

from listrak_source.push.session import Session, sync_session
from listrak_source.push.sync.config import Sync, load

__all__ = ["Session", "Sync", "load", "sync_session"]
