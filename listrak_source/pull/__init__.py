"""API pages into warehouse tables.

``listrak_source.pull`` is this room, and ``listrak_source.pull(pipeline)`` is a whole pull: whichever of the room's
modules was imported first, the package has one attribute of that name.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import dlt
    from dlt.common.pipeline import LoadInfo


class _Room(ModuleType):
    """A module that can be called, as the data model of Python has it (``__class__`` of a module)."""

    def __call__(self, pipeline: dlt.Pipeline, *tables: str, **options: Any) -> Iterator[LoadInfo]:
        """As :func:`listrak_source.pull.runner.pull`."""
        from listrak_source.pull.runner import pull  # noqa: PLC0415 - dlt and Arrow, only when something is pulled

        return pull(pipeline, *tables, **options)


sys.modules[__name__].__class__ = _Room
