"""What ``listrak push plan`` does, set up as the command is: check, compare, build files. Writes the plan as JSON."""

from __future__ import annotations

import sys
from pathlib import Path

from listrak_source.cli.process.memory import keep_flat

if __name__ == "__main__":
    keep_flat()
    from listrak_source.cli.commands.push import FILE, session
    from listrak_source.cli.warehouse import Warehouse

    with session("bench", FILE, Warehouse()) as opened:
        Path(sys.argv[1]).write_text(opened.plan().as_json(), encoding="utf-8")
