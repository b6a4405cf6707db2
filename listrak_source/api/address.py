"""Which addresses may be given the client secret and the token."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv4Network, ip_address
from urllib.parse import SplitResult, urlsplit

from listrak_source.api.errors import UnsafeAddress

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
