"""Memory that stays flat: what is free goes back to the system, and DuckDB takes no more than it needs."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from typing import Any

_MMAP_THRESHOLD, _ARENA_MAX = -3, -8
"""glibc's names for these two, from ``malloc.h``."""
_LARGE = 4 * 1024 * 1024
"""Blocks from this size on are the system's own as soon as they are free. With smaller ones, the system clears memory
for each page and each of Arrow's buffers again: 0.7 s of 9 at 500,000 contacts, to save 20 MB."""
_DUCKDB = {"memory_limit": "160MB", "threads": 1, "preserve_insertion_order": False}
"""DuckDB's cache grows with the data otherwise, up to most of the machine's memory. Each thread needs a share of it;
dlt loads tables side by side on threads of its own, so DuckDB has none. Rows that keep no order need not wait for each
other."""


def keep_flat() -> None:
    """Set up this process to give memory back. Call it before pyarrow is imported, which looks once.

    Without it, arenas of threads and of Arrow's own allocator keep what they once had: a pull of 300,000 contacts
    peaked at 700 MB instead of 410.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    with suppress(AttributeError, OSError, TypeError):  # not glibc
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, _LARGE)
        mallopt(_ARENA_MAX, 2)


LOADED_TOGETHER = 2
"""Files that DuckDB loads side by side. Each takes memory beyond its limit, to read Parquet: with as many as there are
tables a pull of 1,000,000 contacts peaked at 447 MB instead of 370, and took as long on two cores."""
PLANNING: dict[str, Any] = {"memory_limit": "2GB", "threads": 2}
"""What DuckDB may take to compare whole tables: with less it spends more time on its own disk than on the work."""


def give_back() -> None:
    """Return to the system what is free in this process: what reading has used, loading cannot. Takes milliseconds."""
    with suppress(AttributeError, OSError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)


def limited(credentials: Any, **also: Any) -> dict[str, Any]:
    """DuckDB's resolved ``credentials``, within limits of ours unless they have a ``global_config`` of their own.

    ``also`` goes before what a load is given, as :data:`PLANNING` does.
    """
    given = {name: credentials[name] for name in credentials.get_resolvable_fields()}
    return given | {"global_config": given["global_config"] or _DUCKDB | also}
