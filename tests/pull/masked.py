"""Pulls that mask, and what files give away all the same."""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from listrak_source.sandbox import World
from tests.pull.warehouse import Warehouse

KEY = "a key that nobody knows"
MASKS: dict[str, Any] = {
    "hash_columns": ["phone_number", "email_address", "last_name"],
    "drop_columns": ["first_name", "birthday", "postal_code"],
    "hash_key": KEY,
}
_DIGITS = re.compile(rb"(?=(\d{10}))")
_EMAIL_ENDS = b"@example.com"
_PACKED = re.compile(rb"[A-Za-z0-9+/]{40,}={0,2}")
_ORDINARY = {"optedOut", '"optedOut":false'}
"""Names that are also words of the API."""


class Private(Warehouse):
    """A warehouse whose pulls mask."""

    def options(self) -> dict[str, Any]:
        return super().options() | MASKS


class Secrets:
    """Whom a world has ever known, and what of them a file gives away."""

    def __init__(self, world: World) -> None:
        self.phones: set[bytes] = set()
        self.emails: set[bytes] = set()
        self.words: set[bytes] = {KEY.encode()}
        self._clean: set[tuple[Path, int, int]] = set()
        self.note(world)

    def note(self, world: World) -> None:
        told = world.truth(subscriptions=False)
        people = [*told["contacts"].values(), *told["unlisted_contacts"].values()]
        self.phones |= {row["phone_number"][-10:].encode() for row in people}
        self.emails |= {row["email_address"].encode() for row in people if row["email_address"]}
        names = {row[name] for row in people for name in ("first_name", "last_name")}
        # Shorter ones are found anywhere by chance.
        long = {name for name in names - _ORDINARY - {None} if len(name.encode()) >= 6}
        self.words |= {form.encode() for name in long for form in (name, json.dumps(name)[1:-1])}

    def in_folder(self, folder: Path) -> set[tuple[str, bytes]]:
        """What the files of a folder give away: the file's ending, and the secret."""
        found = set()
        for path in (path for path in folder.rglob("*") if path.is_file()):
            state = path, path.stat().st_size, path.stat().st_mtime_ns
            if state in self._clean:
                continue
            here = {secret for part in _readings(path) for secret in self.within(part)}
            found |= {(path.suffix, secret) for secret in here}
            self._clean |= set() if here else {state}
        return found

    def within(self, part: bytes) -> set[bytes]:
        words = {word for word in self.words if word in part}
        before = (start[-40:] for start in part.split(_EMAIL_ENDS)[:-1])
        emails = {re.split(rb"[^\w.+-]", start)[-1] + _EMAIL_ENDS for start in before}
        return words | (self.phones & set(_DIGITS.findall(part))) | (self.emails & emails)


def _readings(path: Path) -> Iterator[bytes]:
    """A file's bytes in every form in which somebody could read them."""
    raw = path.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        raw = gzip.decompress(raw)
    yield raw
    if path.suffix == ".parquet":
        yield b"\n".join(map(_unpacked, _cells(pq.read_table(path).to_pylist())))
    elif path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as connection:
            tables = connection.execute("SELECT schema_name || '.' || table_name FROM duckdb_tables()").fetchall()
            for (name,) in tables:
                rows = connection.execute(f"SELECT * FROM {name}").fetchall()
                yield b"\n".join(map(_unpacked, _cells(rows)))
    else:
        yield b"\n".join(map(_unpacked, _PACKED.findall(raw)))


def _cells(value: Any) -> Iterator[bytes]:
    if isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _cells(part)
    elif value is not None:
        yield str(value).encode()


def _unpacked(cell: bytes) -> bytes:
    """State and schemas are kept as zlib in base64."""
    try:
        return zlib.decompress(base64.b64decode(cell, validate=True))
    except (ValueError, zlib.error):
        return cell
