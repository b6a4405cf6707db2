"""What a running sandbox consists of, beside the world that it serves."""

from __future__ import annotations

from dataclasses import dataclass, field
from secrets import token_urlsafe

from listrak_source.sandbox.faults import Faults
from listrak_source.sandbox.http.import_routes import ImportFile
from listrak_source.sandbox.http.tokens import Tokens
from listrak_source.sandbox.quirks import Quirks
from listrak_source.sandbox.traffic import Traffic
from listrak_source.sandbox.world.world import World

MAX_BODY = 250 * 1024 * 1024
"""Bytes of a request body. The contract says 250 MB and, for the file in it, "185 MB (195,000,000 bytes)": it means
mebibytes, since 195,000,000 bytes are 260,000,000 in base64."""


@dataclass
class Service:
    """Everything that the routes need. All of it may be changed while the server runs."""

    world: World
    tokens: Tokens
    quirks: Quirks = field(default_factory=Quirks)
    faults: Faults = field(default_factory=Faults)
    traffic: Traffic = field(default_factory=Traffic)
    import_files: dict[int, ImportFile] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds that every answer of the API waits; other requests go on meanwhile."""
    import_seconds: float = 0.2
    """About how long an import takes, in real seconds."""
    max_body: int = MAX_BODY
    control_key: str = field(default_factory=lambda: token_urlsafe(16))
    """What the control address asks for."""

    def __post_init__(self) -> None:
        self._first = self.quirks, self.delay, self.import_seconds, self.traffic.limit

    def reset(self) -> None:
        """The world's first moment and the first settings again; no faults, imports or counts. Tokens stay good."""
        self.quirks, self.delay, self.import_seconds, self.traffic.limit = self._first
        self.tokens.paused = False
        for job in self.import_files.values():
            job.cancelled = True
        self.world.reset()
        self.faults.clear()
        self.traffic.clear()
        self.import_files.clear()
