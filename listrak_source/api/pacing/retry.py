"""How long to be patient, and what a broken connection means."""

from __future__ import annotations

import logging
import random
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urlsplit

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from listrak_source.api.connections import Limits, OutOfTime
from listrak_source.api.errors import CertificateError, ConnectionFailed, ListrakError, RateLimitError

log: logging.Logger = logging.getLogger(__name__)
T = TypeVar("T")

_SECONDS = re.compile(r"\d+(\.\d*)?", re.ASCII)
_A_DAY = 86_400.0
_RATE_LIMIT_FACTOR = 5.0
"""Sister APIs count requests per 10 seconds and per minute: after a 429 without Retry-After, wait this much longer."""


@dataclass(frozen=True)
class RetryPolicy:
    """How often to try, and how long to wait in between. Times are seconds."""

    max_attempts: int = 6
    first_wait: float = 1.0
    """The wait after the first failure; it doubles with each further one, and varies by up to half."""
    max_wait: float = 60.0
    """The longest single wait, whatever the server asks for."""
    max_rate_limited_seconds: float = 900.0
    """How long one request may be refused for haste (429), again and again, where the pace is what makes it wait."""

    def run(self, operation: str, attempt: Callable[[], T], *, is_paced: bool = False) -> T:
        """Call ``attempt`` until it succeeds, fails with an error that is not ``retriable``, or patience ends.

        An error of another operation ends it too: the token's has had its own attempts. If ``attempt`` waits for its
        turn by itself, a refusal for haste is no failed attempt; ``max_rate_limited_seconds`` of them are an error.
        """

        def again(error: BaseException) -> bool:
            if not isinstance(error, ListrakError) or error.operation != operation:
                return False
            return error.retriable and not (is_paced and isinstance(error, RateLimitError))

        retrying = Retrying(
            stop=stop_after_attempt(self.max_attempts),
            retry=retry_if_exception(again),
            wait=self._wait,
            before_sleep=_tell,
            reraise=True,
        )
        return retrying(self._despite_haste(operation, attempt) if is_paced else attempt)

    def _despite_haste(self, operation: str, attempt: Callable[[], T]) -> Callable[[], T]:
        refused_at: float | None = None

        def until_let_through() -> T:
            nonlocal refused_at
            while True:
                try:
                    return attempt()
                except RateLimitError as error:
                    now = time.monotonic()
                    refused_at = now if refused_at is None else refused_at
                    if error.operation != operation:
                        raise
                    if now - refused_at >= self.max_rate_limited_seconds:
                        raise _out_of_patience(error, now - refused_at) from None

        return until_let_through

    def pause(self, failures: int, factor: float = 1.0) -> float:
        """Return how long to wait after so many failures in a row."""
        wait = self.first_wait * 2.0 ** min(failures - 1, 30) * factor
        return min(wait, self.max_wait) * random.uniform(0.5, 1.0)

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        wait = self.pause(state.attempt_number, _RATE_LIMIT_FACTOR if isinstance(error, RateLimitError) else 1.0)
        asked = error.retry_after if isinstance(error, ListrakError) else None
        if asked:
            wait = asked + random.uniform(0, min(1.0, asked / 10))
        return min(wait, self.max_wait)


def _tell(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.info("%s; attempt %d in %.1f s", error, state.attempt_number + 1, state.upcoming_sleep)


def _out_of_patience(error: RateLimitError, seconds: float) -> RateLimitError:
    return RateLimitError(
        f"Listrak has refused this for {max(seconds / 60, 1):.0f} min because of too many requests: does something else"
        " use up the account's rate limit? Try again later",
        status=error.status,
        code=error.code,
        operation=error.operation,
        retry_after=error.retry_after,
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, a day at the most; None if it cannot be read.

    It may be a number or an HTTP date.
    """
    asked = headers.get("Retry-After", "").strip()
    if not asked:
        return None
    if _SECONDS.fullmatch(asked):
        return min(float(asked), _A_DAY)
    moment = http_date(asked)
    # The server's own clock is what its date is meant by, where it tells it.
    now = http_date(headers.get("Date")) or datetime.now(timezone.utc)
    return None if moment is None else min(max(0.0, (moment - now).total_seconds()), _A_DAY)


def http_date(header: str | None) -> datetime | None:
    """Return the UTC moment of an HTTP date header, None if there is none or it cannot be read."""
    try:
        moment = parsedate_to_datetime(header or "")
        moment = moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)
    except (TypeError, ValueError, OverflowError):
        return None
    # The last year that a datetime can hold leaves no room to reckon with.
    return moment if moment.year < datetime.max.year else None


def _where(error: requests.RequestException) -> str:
    """The server's name; nothing more of the address, for its path may hold a phone number."""
    host = urlsplit(str(getattr(error.request, "url", "") or "")).netloc
    return f" to {host}" if host else ""


def is_out_of_time(error: BaseException) -> bool:
    """Tell whether it is the request's own time that is over."""
    return any(isinstance(cause, OutOfTime) for cause in _causes(error))


def connection_failure(error: requests.RequestException, operation: str, limits: Limits, *, acts: bool) -> ListrakError:
    """Return the error of ours for a request that got no answer.

    A write (``acts``) is safe to repeat only when no connection was made. A connection that was made and then dropped,
    also one kept alive from an earlier request, may have carried the request: it may have acted.
    """
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return CertificateError("the server's certificate is not trusted", operation=operation)
    if any(isinstance(cause, (NewConnectionError, ConnectTimeoutError)) for cause in causes):
        return ConnectionFailed(f"no connection could be made{_where(error)}", operation=operation)
    # The error's own text holds the URL, and that may hold a phone number: the kind of failure is all that is told.
    if is_out_of_time(error):
        why = f"no whole answer after {limits.seconds:g} s, the limit that max_request_seconds sets"
        return ConnectionFailed(why, operation=operation, may_have_acted=acts)
    what = "no answer in time" if isinstance(error, requests.Timeout) else "the connection broke"
    return ConnectionFailed(f"{what} ({type(error).__name__})", operation=operation, may_have_acted=acts)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield ``error`` and every exception inside it: requests and urllib3 wrap theirs as arguments and reasons."""
    waiting: list[BaseException] = [error]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        hidden = (getattr(current, name, None) for name in ("reason", "original_error", "__cause__", "__context__"))
        inside = (*current.args, *hidden)
        waiting += [cause for cause in inside if isinstance(cause, BaseException)]
