"""Listrak SMS for dlt: a source, a destination, and a client for everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from listrak_source.api import ListrakClient, ListrakError

if TYPE_CHECKING:
    from listrak_source.pull.run import load
    from listrak_source.pull.source import listrak_sms
    from listrak_source.push.destination import contact_import

__all__ = ["ListrakClient", "ListrakError", "contact_import", "listrak_sms", "load"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from listrak_source.api.version import version

        return version()
    # The client alone needs neither dlt nor Arrow, and starts in a fraction of their time.
    if name == "listrak_sms":
        from listrak_source.pull.source import listrak_sms

        return listrak_sms
    if name == "load":
        from listrak_source.pull.run import load

        return load
    if name == "contact_import":
        from listrak_source.push.destination import contact_import

        return contact_import
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
