"""The tap and the target of Singer, each from an environment of its own, joined by a pipe as its specification says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def main(database: str, tap_python: str, target: str) -> int:
    """Run both in the present folder; the worse of their exit codes."""
    names = ("base_url", "token_url", "client_id", "client_secret")
    settings = {name: os.environ[f"SOURCES__LISTRAK__{name.upper()}"] for name in names}
    Path("tap.json").write_text(json.dumps(settings))
    Path("target.json").write_text(json.dumps({"path": database, "default_target_schema": "peer"}))
    tap = Path(__file__).with_name("singer_tap.py")
    with subprocess.Popen([tap_python, tap, "--config", "tap.json"], stdout=subprocess.PIPE) as source:
        loaded = subprocess.run([target, "--config", "target.json"], stdin=source.stdout, check=False)
    return max(source.returncode, loaded.returncode, key=abs)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
