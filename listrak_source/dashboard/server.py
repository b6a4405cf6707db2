"""Serving the page on this machine, with a form to choose by."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta, timezone

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from listrak_source.api.errors import ConfigurationError
from listrak_source.dashboard.choice import choose
from listrak_source.dashboard.report import page, page_of_error
from listrak_source.dashboard.snapshot import Snapshot

_HOST = "127.0.0.1"
_FRESH = timedelta(minutes=1)
"""What was read of the warehouse is shown for so long."""
_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}


class Server:
    """The page of one dataset. Its address holds a token, without which nothing is answered."""

    def __init__(
        self, read: Callable[[], Snapshot], explain: Callable[[BaseException], str], first: Snapshot | None = None
    ) -> None:
        self._read = read
        self._explain = explain
        self._snapshot = first
        self._server: uvicorn.Server | None = None
        self._turn = threading.Lock()
        """One reads and draws at a time: DuckDB's connection in memory is one thread's."""
        self.token: str = secrets.token_urlsafe(24)

    @property
    def app(self) -> Starlette:
        """What answers."""
        return Starlette(
            routes=[Route("/{token}/", self._page), Route("/{token}", self._page)],
            # A page of somebody else's, whose name leads here, asks by that name.
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[_HOST, "localhost"])],
        )

    def run(self, port: int, on_listen: Callable[[str], None]) -> None:
        """Serve until it is interrupted. Raises ``OSError`` where the port is taken."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((_HOST, port))
            listening.listen()
            on_listen(f"http://{_HOST}:{listening.getsockname()[1]}/{self.token}/")
            config = uvicorn.Config(
                self.app, ws="none", lifespan="off", log_config=None, log_level="critical", access_log=False,
                server_header=False, timeout_graceful_shutdown=1,
            )  # fmt: skip
            self._server = uvicorn.Server(config)
            self._server.run(sockets=[listening])

    def stop(self) -> None:
        """Have :meth:`run` return."""
        if self._server:
            self._server.should_exit = True

    def _page(self, request: Request) -> Response:
        """Starlette runs it in a thread."""
        if not secrets.compare_digest(request.path_params["token"].encode(), self.token.encode()):
            return PlainTextResponse("There is nothing here.", 404, _HEADERS)
        with self._turn:
            try:
                made, status = self._made(request.query_params), 200
            except Exception as error:  # noqa: BLE001 - whoever looks is told what is wrong; the next look may do better
                status = 400 if isinstance(error, ConfigurationError) else 503
                made = page_of_error(self._explain(error))
        return HTMLResponse(made, status, _HEADERS)

    def _made(self, wanted: QueryParams) -> str:
        snapshot = self._fresh()
        chosen = choose(
            snapshot,
            _ids(wanted.getlist("sender_code")),
            _ids(wanted.getlist("list")),
            _day(wanted.get("since")),
            _day(wanted.get("until")),
        )
        return page(snapshot, chosen, has_form=True)

    def _fresh(self) -> Snapshot:
        """What was read not long ago. While a pull has a DuckDB file, what was read before it."""
        held = self._snapshot
        if held and datetime.now(timezone.utc) - held.at < _FRESH:
            return held
        try:
            self._snapshot = self._read()
        except Exception as error:
            if held is None:
                raise
            return held.with_doubt(
                f"This is as it was at {held.at:%Y-%m-%d %H:%M} (UTC), for the warehouse cannot be read now: "
                f"{self._explain(error)}"
            )
        return self._snapshot


def _ids(given: Sequence[str]) -> list[int]:
    try:
        return [int(one) for one in given if one]
    except ValueError as error:
        raise ConfigurationError("sender codes and lists are chosen by their numbers") from error


def _day(given: str | None) -> date | None:
    try:
        return date.fromisoformat(given) if given else None
    except ValueError as error:
        raise ConfigurationError(f"{given!r} is no day: write it as 2026-03-31") from error
