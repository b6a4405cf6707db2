"""Connections to Listrak: to which addresses, and one HTTP session as this package wants it.

An address may be given the secret and the token only where nobody can listen. In a session nothing is repeated, and no
answer is without end.
"""

from __future__ import annotations

import io
import socket
import time
from dataclasses import dataclass
from functools import partial
from http import client
from http.cookiejar import DefaultCookiePolicy
from ipaddress import AddressValueError, IPv4Address, IPv4Network, ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from listrak_source.api.errors import UnsafeAddress
from listrak_source.api.version import version

_LOOPBACK = IPv4Network("127.0.0.0/8")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def check_address(setting: str, url: str) -> str:
    """Return ``url`` without a trailing slash, if it is HTTPS, or plain HTTP to this machine itself.

    Raises ``UnsafeAddress``, naming ``setting``, for anything else.
    """
    if not isinstance(url, str) or any(char.isspace() or char == "\\" or ord(char) < 32 for char in url):
        raise UnsafeAddress(f"{setting} is not a web address")
    try:
        parts = urlsplit(url)
        origin(parts)
    except ValueError:
        parts = SplitResult("", "", "", "", "")
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise UnsafeAddress(f"{setting} must begin with https:// and name a host")
    if "@" in parts.netloc:
        raise UnsafeAddress(f"{setting} must not hold a user name or password")
    if parts.query or parts.fragment:
        raise UnsafeAddress(f"{setting} must not hold a query or a fragment")
    if parts.scheme == "http" and not is_loopback(url):
        raise UnsafeAddress(
            f"{setting} must be https: plain http is allowed to this machine only, not to {parts.hostname}"
        )
    return url.rstrip("/")


def is_loopback(url: str) -> bool:
    """Tell whether ``url`` leads to this machine itself: 127.0.0.0/8, ::1 or localhost."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except (AddressValueError, ValueError):
        return False
    return address in _LOOPBACK if isinstance(address, IPv4Address) else str(address) == "::1"


def origin(parts: SplitResult) -> tuple[str, str, int | None]:
    """Return scheme, host and port, defaults filled in: two addresses are one server only where these are equal."""
    return parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme)


_CHUNK = 1 << 20
"""Bytes to read at a time. requests' own 10 kB would have each page wait for the interpreter's lock a hundred times."""
_PACKED_CHUNK = 1 << 16
"""The same of a body that comes compressed: a byte may become a thousand, and some urllib3 unpack all that was read."""


@dataclass(frozen=True)
class Limits:
    """What one request may take."""

    seconds: float = 600.0
    """In all, from its first byte to the answer's last."""
    answer: int = 100_000_000
    """Bytes that an answer has when it is unpacked."""


class OutOfTime(TimeoutError):  # noqa: N818 - it ends up as a cause of requests' own error
    """A request takes longer than it may, although something arrives now and then."""


class TooLarge(Exception):  # noqa: N818
    """An answer has more bytes than it may."""


def new_session(url: str, pool: int, limits: Limits) -> requests.Session:
    """Return a session for requests to ``url``, with ``pool`` connections kept alive.

    Threads share it: urllib3's pools are thread-safe, and the session holds nothing else that changes (no cookies).
    """
    session = requests.Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    # Neither requests nor urllib3 may repeat anything on its own: the policy is per operation, in the transport.
    adapter = _Adapter(limits.seconds, pool)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    # A proxy from the environment would be shown the token of plain loopback requests.
    session.trust_env = not is_loopback(url)
    session.headers["User-Agent"] = f"listrak-source/{version()}"
    session.headers["Accept"] = "application/json"
    return session


def read_body(response: requests.Response, limits: Limits) -> bytes:
    """Read the body of an answer that was asked for with ``stream``.

    Raises :class:`TooLarge` as soon as it is, and requests' errors for one that breaks off or takes too long.
    """
    size, pieces = 0, []
    for piece in response.iter_content(_PACKED_CHUNK if "Content-Encoding" in response.headers else _CHUNK):
        size += len(piece)
        if size > limits.answer:
            raise TooLarge
        pieces.append(piece)
    return b"".join(pieces)


class _Adapter(HTTPAdapter):
    """requests' adapter, on connections that give each request so many seconds."""

    def __init__(self, seconds: float, pool: int) -> None:
        plain = type("_Plain", (_Bounded, HTTPConnection), {"seconds": seconds})
        secure = type("_Secure", (_Bounded, HTTPSConnection), {"seconds": seconds})
        self._pools = {
            "http": type("_PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("_SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }
        super().__init__(pool_connections=2, pool_maxsize=pool, max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **options: Any) -> ProxyManager:
        manager: ProxyManager = super().proxy_manager_for(proxy, **options)
        if type(manager) is ProxyManager:  # a SOCKS proxy has pools of its own
            manager.pool_classes_by_scheme = self._pools
        return manager


class _Bounded(HTTPConnection):
    """A connection on which each request has an end. A time-out alone is none: it begins anew with every byte."""

    seconds: float
    _until = 0.0

    def request(self, *args: Any, **options: Any) -> None:
        self._until = time.monotonic() + self.seconds
        super().request(*args, **options)

    def send(self, data: Any) -> None:
        _check(self._until)
        super().send(data)

    def getresponse(self) -> Any:
        self.response_class = partial(_Answer, until=self._until)  # type: ignore[assignment]
        return super().getresponse()


class _Answer(client.HTTPResponse):
    """An answer whose headers and body are there by a moment, or not at all."""

    def __init__(self, sock: socket.socket, *args: Any, until: float, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp: Any = io.BufferedReader(_Until(self.fp.detach(), until))


class _Until(io.RawIOBase):
    """A stream that may be read until a moment."""

    def __init__(self, stream: io.RawIOBase, until: float) -> None:
        self._stream, self._moment = stream, until

    def readinto(self, buffer: Any) -> int | None:
        _check(self._moment)
        return self._stream.readinto(buffer)

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()

    def close(self) -> None:
        self._stream.close()
        super().close()


def _check(moment: float) -> None:
    if time.monotonic() > moment:
        raise OutOfTime("the request takes too long")
