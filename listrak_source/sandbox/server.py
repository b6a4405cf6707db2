"""Running a sandbox: in a thread for tests and demos, or in the foreground for the command line. Loopback only."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from listrak_source.sandbox.faults import Faults
from listrak_source.sandbox.http.app import API_PATH, TOKEN_PATH, create_app
from listrak_source.sandbox.http.breakage import ABORT, CLOSE
from listrak_source.sandbox.http.control_routes import CONTROL_PATH
from listrak_source.sandbox.http.tokens import Tokens
from listrak_source.sandbox.quirks import Quirks
from listrak_source.sandbox.rate_limits import RateLimit
from listrak_source.sandbox.service import MAX_BODY, Service
from listrak_source.sandbox.traffic import Traffic
from listrak_source.sandbox.world.world import World

CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"  # noqa: S105 - opens nothing but a sandbox on loopback


class _Protocol(HttpToolsProtocol):
    """uvicorn's HTTP, with a way for a fault to end the connection."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        scope = cast("dict[str, object]", self.scope)
        scope[ABORT], scope[CLOSE] = self.transport.abort, self.transport.close


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it listens."""

    def __init__(self, config: uvicorn.Config, on_listen: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_listen = on_listen

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_listen()


class Sandbox:
    """A Listrak of our own on loopback.

    ``with Sandbox(World()) as sandbox:`` serves in a thread until the block ends. ``port`` 0 takes a free one. The
    addresses are known from the moment of construction, and so is ``control_key``, which requests to ``control_url``
    carry in the header ``X-Sandbox-Key``. Raises ``ValueError`` for a host that is not loopback, and
    ``OSError`` if the port is taken. ``token_lifetime``, ``delay`` and ``import_seconds`` are real seconds.
    """

    def __init__(
        self,
        world: World | None = None,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        quirks: Quirks | None = None,
        client_id: str = CLIENT_ID,
        client_secret: str = CLIENT_SECRET,
        token_lifetime: float = 3599,
        rate_limit: RateLimit | None = None,
        delay: float = 0.0,
        import_seconds: float = 0.2,
        max_body: int = MAX_BODY,
    ) -> None:
        self._socket = _bind(host, port)
        self.service: Service = Service(
            world or World(),
            Tokens(client_id, client_secret, token_lifetime),
            quirks or Quirks(),
            traffic=Traffic(rate_limit),
            delay=delay,
            import_seconds=import_seconds,
            max_body=max_body,
        )
        address, port = self._socket.getsockname()[:2]
        self.port: int = port
        origin = f"http://[{address}]:{self.port}" if ":" in address else f"http://{address}:{self.port}"
        self.base_url: str = origin + API_PATH
        self.token_url: str = origin + TOKEN_PATH
        self.control_url: str = origin + CONTROL_PATH
        self.control_key: str = self.service.control_key
        self.client_id = client_id
        self.client_secret = client_secret
        self._thread: threading.Thread | None = None
        self._server: _Server | None = None

    @property
    def world(self) -> World:
        """The account that is served."""
        return self.service.world

    @property
    def faults(self) -> Faults:
        """The faults that wait."""
        return self.service.faults

    @property
    def traffic(self) -> Traffic:
        """What was asked so far."""
        return self.service.traffic

    def run(self, on_listen: Callable[[], None] = lambda: None) -> None:
        """Serves in this thread until it is told to stop (or interrupted)."""
        config = uvicorn.Config(
            create_app(self.service),
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            date_header=False,
            server_header=False,
            timeout_graceful_shutdown=1,
            timeout_keep_alive=75,  # uvicorn's five seconds would close under a client that thinks for a moment
        )
        self._server = _Server(config, on_listen)
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()

    def start(self) -> Sandbox:
        """Serves in a thread; returns when it listens."""
        listening = threading.Event()
        self._thread = threading.Thread(target=self.run, args=(listening.set,), name="listrak-sandbox", daemon=True)
        self._thread.start()
        while not listening.wait(0.05):
            if not self._thread.is_alive():
                raise RuntimeError("the sandbox did not start")
        return self

    def stop(self) -> None:
        """Ends the serving; the world stays as it is. What still runs in the foreground closes its socket itself."""
        if self._server is None:
            self._socket.close()
        else:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"Sandbox({self.base_url})"


def serve(
    world: World | None = None,
    host: str = "127.0.0.1",
    port: int = 8088,
    on_listen: Callable[[Sandbox], None] | None = None,
    **settings: Any,
) -> None:
    """Serves in the foreground until interrupted. ``on_listen`` gets the sandbox once it listens; nothing is printed.

    ``settings`` are those of ``Sandbox``.
    """
    sandbox = Sandbox(world, port, host=host, **settings)
    try:
        sandbox.run(lambda: on_listen(sandbox) if on_listen else None)
    finally:
        sandbox.stop()


def _bind(host: str, port: int) -> socket.socket:
    """A socket on loopback and nowhere else: the sandbox has no secrets worth the name and does as it is told."""
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise ValueError(f"the sandbox binds loopback only (127.0.0.1, ::1, localhost), not {host!r}")
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named; left on, every answer waits 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((str(address), port))
    except OSError:
        bound.close()
        raise
    return bound
