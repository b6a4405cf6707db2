"""One HTTP session as this package wants it."""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version

import requests
from requests.adapters import HTTPAdapter

from listrak_source.api.address import is_loopback


def new_session(url: str, pool: int) -> requests.Session:
    """Return a session for requests to ``url``, with ``pool`` connections kept alive.

    Threads share it: urllib3's pools are thread-safe, and the session holds nothing else that changes (no cookies).
    """
    session = requests.Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    # Neither requests nor urllib3 may repeat anything on its own: the policy is per operation, in the transport.
    adapter = HTTPAdapter(pool_connections=2, pool_maxsize=pool, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    # A proxy from the environment would be shown the token of plain loopback requests.
    session.trust_env = not is_loopback(url)
    session.headers["User-Agent"] = f"listrak-source/{_version()}"
    session.headers["Accept"] = "application/json"
    return session


def _version() -> str:
    try:
        return version("listrak-source")
    except PackageNotFoundError:
        return "dev"
