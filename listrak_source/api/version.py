"""Which version this is."""

from __future__ import annotations

from importlib import metadata


def version() -> str:
    """The installed version, as ``pyproject.toml`` has it; ``dev`` where nothing is installed."""
    try:
        return metadata.version("listrak-source")
    except metadata.PackageNotFoundError:
        return "dev"
