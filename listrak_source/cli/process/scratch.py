"""People's data on this machine's disk: nobody else reads it, and load files do not stay."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp

from listrak_source.api.errors import ConfigurationError

_OTHERS = 0o077
"""What whoever is not the owner may do with a file."""


def keep_private() -> None:
    """Have all that this process makes be its owner's alone: folders 0700, files 0600, DuckDB's and its log too.

    ``LISTRAK_UMASK``, an octal number, says otherwise: 027 lets the group read.
    """
    before = os.umask(_OTHERS)
    with suppress(ValueError):
        os.umask(int(os.environ.get("LISTRAK_UMASK", ""), 8) & 0o777)
        return
    os.umask(before | _OTHERS)


def write_private(path: Path, content: str) -> None:
    """Write a text that is about people to a file that nobody else reads, whoever made it and with what mode."""
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(opened, "w", encoding="utf-8") as file:
        if stat.S_ISREG(os.fstat(opened).st_mode) and hasattr(os, "fchmod"):
            os.fchmod(opened, 0o600)
        file.write(content)


def check_replaceable(path: Path, begins: str) -> None:
    """Raise :class:`ConfigurationError` where ``path`` cannot be written, or is no older file of the same kind.

    Such a one ``begins`` with this text: somebody's letter does not, and neither does a warehouse.
    """
    if not path.parent.is_dir():
        raise ConfigurationError(f"{path}: there is no folder {path.parent}")
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise ConfigurationError(f"{path} is no plain file: name one to be written")
    if path.exists():
        with path.open("rb") as file:
            is_ours = file.read(len(begins.encode())) == begins.encode()
        if not is_ours:
            raise ConfigurationError(f"{path} is there, and this command has not written it: give another name")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise ConfigurationError(f"{path}: nothing can be written in {path.parent}")


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Yield a file to write beside ``path``, which takes its place at a good end. Nobody else reads it.

    Whoever reads ``path`` meanwhile has all of the old one, or all of the new one.
    """
    made, name = mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(made)
    scratch = Path(name)
    try:
        yield scratch
        scratch.chmod(0o600)
        with scratch.open("rb+") as file:
            os.fsync(file.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def remove_load_files(folder: Path) -> None:
    """Remove from dlt's working directory what it was about to load, or has loaded: rows, and errors that quote them.

    State, schemas and traces stay, for dlt's own commands.
    """
    for pattern in ("*_jobs/*", ".exceptions/*"):
        for path in folder.rglob(pattern):
            with suppress(OSError):  # a reader on Windows
                path.unlink()
