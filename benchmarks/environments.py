"""An environment for each peer, with the versions that its requirements file pins: made once, kept in ``_bench``."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent / "_bench"
PEERS = Path(__file__).with_name("peers")


class NotInstalledError(Exception):
    """A peer's environment cannot be made here."""


def environment(name: str) -> Path:
    """The folder of executables of the environment for ``peers/NAME.txt``; made where it is not there yet.

    Raises :class:`NotInstalledError` with pip's last words.
    """
    wanted = PEERS / f"{name}.txt"
    folder = HOME / "environments" / name
    mark, digest = folder / "ready", hashlib.sha256(wanted.read_bytes() + sys.version.encode()).hexdigest()
    if mark.exists() and mark.read_text() == digest:
        return folder / "bin"
    print(f"  setting up {name}: {' '.join(wanted.read_text().split())}; this happens once", flush=True)
    _do(name, sys.executable, "-m", "venv", "--clear", folder)
    pip = (folder / "bin" / "python", "-m", "pip", "--quiet", "--disable-pip-version-check")
    _do(name, *pip, "install", "--requirement", wanted)
    mark.write_text(digest)
    return folder / "bin"


def _do(name: str, *command: str | Path) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["pip said nothing"]
        errors = [line.removeprefix("ERROR: ") for line in said if line.startswith("ERROR")]
        raise NotInstalledError(f"{name} cannot be installed here: {(errors or said)[-1][:200]}")
