"""What ``listrak push plan`` does, set up as the command is: check, compare, build files. Writes the plan as JSON."""

from __future__ import annotations

import sys
from pathlib import Path

from pipelines.memory import keep_flat

if __name__ == "__main__":
    keep_flat()
    from pipelines.pushing import FILE, session
    from pipelines.warehouse import Warehouse

    with session("bench", FILE, Warehouse()) as opened:
        Path(sys.argv[1]).write_text(opened.plan().as_json(), encoding="utf-8")
