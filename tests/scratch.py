"""Where tests write: to memory, where the machine has a file system there. They open and close thousands of small
databases, and each of those waits for the disk.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
"""Linux has its file system in memory there."""
NEEDED = 6 * 1024**3
"""Bytes that must be free there: a run takes half of it at the most."""


def in_memory() -> None:
    """From now on temporary folders are made in memory, by started processes too; unless TMPDIR says where."""
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < NEEDED:
        return
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
