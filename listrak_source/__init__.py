"""Listrak SMS for dlt: a source, a destination, and a client for everything else."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any
from warnings import warn

if TYPE_CHECKING:
    from listrak_source.api import ListrakClient, ListrakError
    from listrak_source.pull.resources import where
    from listrak_source.pull.runner import pull
    from listrak_source.pull.source import listrak_sms
    from listrak_source.push.destination.contact_import import contact_import

__all__ = ["ListrakClient", "ListrakError", "contact_import", "listrak_sms", "pull", "where"]

_WHERE = {
    "ListrakClient": "listrak_source.api",
    "ListrakError": "listrak_source.api",
    "contact_import": "listrak_source.push.destination.contact_import",
    "listrak_sms": "listrak_source.pull.source",
    "where": "listrak_source.pull.resources",
}


def __getattr__(name: str) -> Any:
    # The client alone needs neither dlt nor Arrow, and starts in a fraction of their time. The command needs nothing of
    # all that until it heeds signals.
    if name == "__version__":
        return import_module("listrak_source.api.version").version()
    if name == "pull":  # the room, which is called as its function of that name: see there
        return import_module("listrak_source.pull")
    if name == "load":
        warn("listrak_source.load is listrak_source.pull now", DeprecationWarning, stacklevel=2)
        return import_module("listrak_source.pull.runner").pull
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
