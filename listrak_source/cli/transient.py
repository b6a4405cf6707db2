"""Which failures of a warehouse pass by themselves: it is down, busy, locked, cut off or out of time.

Each driver has its own errors. What is asked of them is the SQLSTATE where there is one, then the HTTP status, then the
kind of error, and the words only where there is nothing else.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Sequence
from typing import Any

from listrak_source.api.redaction import redact

_AGAIN = "Run the same command again later."
_STATES = {
    "08": "the connection was cut",
    "40": "another transaction stood in the way",
    "53200": "the server is out of memory",
    "53300": "the server takes no more connections",
    "55006": "another session uses what this one needs",
    "55P03": "another session has locked a table",
    "57014": "a statement took longer than the server allows, or was cancelled",
    "57P": "the server is shutting down or starting",
    "25P03": "the server ended an idle transaction",
    "25P04": "the server ended a long transaction",
}
"""By SQLSTATE or its beginning: what passes."""
_FULL = "53100"
_NUMBERS = {
    getattr(errno, name)
    for name in (
        "EAGAIN", "EBUSY", "ECONNABORTED", "ECONNREFUSED", "ECONNRESET", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN",
        "ENETRESET", "ENETUNREACH", "ETIMEDOUT",
    )
    if hasattr(errno, name)
}  # fmt: skip
_TOO_MANY, _SERVER_FAILS = 429, range(500, 600)
_UNREACHED = frozenset(
    (
        "EndpointConnectionError", "ConnectionClosedError", "ConnectTimeoutError", "ReadTimeoutError",
        "HTTPClientError", "ClientConnectionError", "ServiceRequestError", "ServiceResponseError", "TransportError",
    )
)  # fmt: skip
"""Errors of the clients of S3, Azure and Google where no answer came, by name: they need not be installed."""
_DATABASES = ("psycopg2", "adbc_driver_manager", "duckdb", "_duckdb", "deltalake", "_internal", "snowflake")
_PASSES = re.compile(
    r"connection (was |has been |is )?(refused|reset|closed|lost|timed out)|could not connect|unable to connect"
    r"|could not establish connection|closed the connection|tim(ed|e) ?out|temporary failure|broken pipe"
    r"|error sending request|unreachable|no route to host|eof detected|starting up|shutting down|recovery mode"
    r"|not yet accepting connections|too many (clients|connections)|connection slots|slow ?down",
    re.IGNORECASE,
)
_STAYS = re.compile(
    r"authentication|password|does not exist|pg_hba|certificate|permission denied|access denied|forbidden"
    r"|not known|invalid|unsupported|not support",
    re.IGNORECASE,
)
"""What no waiting mends: it weighs more than the words above."""
_LOCKED = re.compile(r"Could not set lock on file \"(?P<file>[^\"]+)\"(?:.*\(PID (?P<process>\d+)\))?", re.DOTALL)
_LOCKED_ON_WINDOWS = re.compile(r"open file \"(?P<file>[^\"]+)\".*used by another process", re.DOTALL)


def is_locked(error: BaseException) -> bool:
    """Whether another process has a DuckDB file open."""
    text = str(error)
    return _is_of(error, "duckdb", "_duckdb") and bool(_LOCKED.search(text) or _LOCKED_ON_WINDOWS.search(text))


def passing(chain: Sequence[BaseException]) -> str | None:
    """A sentence, where the errors from the outermost to the innermost cause tell of something that passes."""
    for error in chain:
        text = str(error)
        if _is_of(error, "duckdb", "_duckdb") and (found := _LOCKED.search(text) or _LOCKED_ON_WINDOWS.search(text)):
            process = found.groupdict().get("process")
            who = f"process {process}" if process else "a notebook, say"
            return (
                f"{found['file']} is open in another program ({who}): when that has ended, or has closed it, run the"
                " same command."
            )
        if is_full(error):
            return None
        if why := _why(error):
            return f"The warehouse did not let this run go on ({redact(why)}). {_AGAIN}"
    return None


def full(chain: Sequence[BaseException]) -> str | None:
    """A sentence, where a disk is full. It does not pass by itself: somebody must make room."""
    found = next((error for error in chain if is_full(error)), None)
    if found is None:
        return None
    return f"A disk is full ({redact(_first(found))}). Make room, then run the same command: it goes on."


def is_full(error: BaseException) -> bool:
    """Whether a disk is full, ours or the server's."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return _state(error) == _FULL or (_is_of(error, *_DATABASES) and "No space left on device" in str(error))


def _why(error: BaseException) -> str | None:  # noqa: PLR0911 - a question each, the surest first
    """Why it passes, in some words; None where it does not, or nobody knows."""
    if state := _state(error):
        return next((why for begin, why in _STATES.items() if state.startswith(begin)), None)
    if (status := _http_status(error)) is not None:
        return f"HTTP {status}" if status == _TOO_MANY or status in _SERVER_FAILS else None
    names = {kind.__name__ for kind in type(error).__mro__}
    # A pipe is our own output, whose reader has gone away.
    if isinstance(error, ConnectionError | TimeoutError) and not isinstance(error, BrokenPipeError):
        return _first(error)
    if names & _UNREACHED or (isinstance(error, OSError) and error.errno in _NUMBERS):
        return _first(error)
    if not _is_of(error, *_DATABASES):
        return None
    if "TransactionException" in names:
        return _STATES["40"]
    text = str(error)
    if _STAYS.search(text):
        return None
    # Before a connection stands, PostgreSQL's client knows no SQLSTATE. What it says itself is about the network; what
    # the server says begins with a word of its own.
    ours = _is_of(error, "psycopg2") and "OperationalError" in names and "FATAL" not in text
    return _first(error) if ours or _PASSES.search(text) else None


def _state(error: BaseException) -> str | None:
    """The SQLSTATE, as psycopg2 or ADBC tells it."""
    state = getattr(error, "pgcode", None) or getattr(error, "sqlstate", None)
    return state if isinstance(state, str) and len(state) == 5 else None


def _http_status(error: BaseException) -> int | None:
    response: Any = getattr(error, "response", None)
    if isinstance(response, dict):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        status = getattr(error, "status_code", None) or getattr(error, "code", None)
    return status if isinstance(status, int) and 400 <= status < 600 else None


def _is_of(error: BaseException, *packages: str) -> bool:
    return type(error).__module__.partition(".")[0] in packages


def _first(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
