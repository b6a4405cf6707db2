"""The access token: one for all threads."""

from __future__ import annotations

import copy
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import requests

from listrak_source.api.connections import Limits, TooLarge, new_session, read_body
from listrak_source.api.envelope import Refusal, check
from listrak_source.api.errors import (
    AnswerTooLarge,
    AuthenticationError,
    ListrakError,
    RateLimitError,
    ServerError,
    UnreadableAnswer,
    UnsafeAddress,
    family,
)
from listrak_source.api.pacing.retry import RetryPolicy, connection_failure, retry_after
from listrak_source.api.redaction import redact

LEEWAY = 60.0
"""Seconds before its end at which a token is no longer used."""
_UNSTATED_LIFE = 600.0
_OPERATION = "token"
_CHECK = "check client_id and client_secret, that the integration is not paused, and its list of allowed IP addresses"


@dataclass(eq=False)
class AccessToken:
    """A token and the moment (monotonic seconds) at which to stop using it. Compared by identity."""

    value: str = field(repr=False)
    use_until: float
    since: float = field(default_factory=time.monotonic)
    good_at: float = 0.0
    """The latest moment at which a request was begun that it let through."""

    def is_fresh(self) -> bool:
        """Tell whether the token may still be sent."""
        return time.monotonic() < self.use_until


class Access:
    """How often a request that is refused (401) may come back with a new token. Threads share it.

    Another program that asks for a token with the same credentials may end ours, again and again: that passes. Access
    that does not reach so far does not, and no new token helps. What tells them apart is what other requests met.
    """

    def __init__(self, tokens: TokenSource, max_attempts: int) -> None:
        self._tokens = tokens
        self._max_attempts = max_attempts
        self._is_granted = False
        self._denied: set[str] = set()

    def granted(self, operation: str, token: AccessToken, began: float) -> None:
        """Note a request that was let through, and when it ``began`` (monotonic seconds)."""
        self._is_granted = True
        token.good_at = max(token.good_at, began)
        self._denied.discard(operation)

    def again(self, operation: str, token: AccessToken, refused: int) -> AccessToken | None:
        """Return the token with which a refused request comes back, or None if it is the access that is missing.

        The request was ``refused`` so many times, now with this one.

        It may come back once in any case, and more often only if this client was ever let through. Whoever is let
        through with the same token meanwhile proves that it is alive.
        """
        now = time.monotonic()
        if refused == 1:
            return self._tokens.refresh(token)
        if self._is_granted and operation not in self._denied and refused < self._max_attempts:
            other = self._tokens.refresh(token)
            if token.good_at <= now:
                return other
        self._denied.add(operation)
        return None


class TokenSource:
    """Fetches the token by client credentials and shares it between threads: no two threads ever fetch at once."""

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        token_url: str,
        *,
        timeout: tuple[float, float] = (10.0, 120.0),
        retry_policy: RetryPolicy | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Take the credentials; ``timeout`` is to connect and to read, in seconds. Nothing is sent yet."""
        self._form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        self._url = token_url
        self._timeout = timeout
        self._retry_policy = retry_policy or RetryPolicy()
        self._limits = limits or Limits()
        self._session = new_session(token_url, 1, self._limits)
        self._lock = threading.Lock()
        self._current: AccessToken | None = None
        self._short_lives = 0
        self._failures = 0
        self._failure: ListrakError | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._url!r})"

    def close(self) -> None:
        """Close the connection to the token endpoint."""
        self._session.close()

    def token(self) -> AccessToken:
        """Return a token that is good for a minute at least, from memory where possible.

        Raises ``AuthenticationError`` when the credentials are refused.
        """
        current = self._current
        return current if current is not None and current.is_fresh() else self._renew(current)

    def refresh(self, stale: AccessToken) -> AccessToken:
        """Return a token other than ``stale``, which the API has refused.

        Of all the threads that were refused with one token, the first fetches and the others get what it fetched.
        Where one token after the other is refused, it pauses before: another program that does the same gets its turn.
        """
        return self._renew(stale, is_refused=True)

    def _renew(self, stale: AccessToken | None, *, is_refused: bool = False) -> AccessToken:
        failures = self._failures
        with self._lock:
            if self._current is not None and self._current is not stale:
                return self._current
            if self._failure is not None and self._failures != failures:
                # It failed while this thread waited: the answer would be the same, and so would the long wait.
                raise copy.copy(self._failure)
            if is_refused and stale is not None:
                self._pause(stale)
            try:
                self._current = self._retry_policy.run(_OPERATION, self._fetch)
            except ListrakError as error:
                self._failures += 1
                self._failure = copy.copy(error)
                raise
            return self._current

    def _pause(self, refused: AccessToken) -> None:
        lived = time.monotonic() - refused.since
        self._short_lives = self._short_lives + 1 if lived < LEEWAY * self._retry_policy.first_wait else 0
        if self._short_lives > 1:
            time.sleep(self._retry_policy.pause(self._short_lives - 1))

    def _fetch(self) -> AccessToken:
        broken: ListrakError | None = None
        asked = time.monotonic()
        try:
            with self._session.post(
                self._url, data=self._form, timeout=self._timeout, allow_redirects=False, stream=True
            ) as response:
                body = read_body(response, self._limits)
        except requests.RequestException as error:
            broken = connection_failure(error, _OPERATION, self._limits, acts=False)
        except TooLarge:
            broken = AnswerTooLarge(f"the answer has more than {self._limits.answer:,} bytes", operation=_OPERATION)
        # Raised out here so that it carries no context: the original holds the request, and that the secret.
        if broken is not None:
            raise broken
        answer = _json_object(body)
        value, life = answer.get("access_token"), answer.get("expires_in")
        status = response.status_code
        if 200 <= status < 300 and not value:
            status = _said(answer)
        if status >= 300:
            self._refused(status, response.headers, answer)
        if not isinstance(value, str) or not value:
            raise UnreadableAnswer(
                "the answer holds no access_token", status=response.status_code, operation=_OPERATION
            )
        seconds = _seconds(life)
        # Counted from before the request, and never more leeway than half a life: a short token must still be used.
        return AccessToken(value, asked + seconds - min(LEEWAY, seconds / 2))

    def _refused(self, status: int, headers: Mapping[str, str], answer: dict[str, Any]) -> NoReturn:
        if status < 400:
            raise UnsafeAddress(
                "token_url answered with a redirect, which is not followed", status=status, operation=_OPERATION
            )
        said = redact(str(answer.get("error") or answer.get("message") or ""), self._form["client_secret"])[:200]
        kind = family(status, None)
        if kind not in (RateLimitError, ServerError):
            message = f"no token was granted: {_CHECK}; token_url is {self._url}"
            raise AuthenticationError(
                message + (f". Listrak says: {said}" if said else ""), status=status, operation=_OPERATION
            )
        raise kind(
            said or "the token endpoint failed",
            status=status,
            operation=_OPERATION,
            retry_after=retry_after(headers),
        )


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _said(answer: dict[str, Any]) -> int:
    """The status that a success without a token says in its body."""
    try:
        check(answer)
    except Refusal as refusal:
        return max(refusal.status, 400)
    return 400 if answer.get("error") else 200


def _seconds(life: object) -> float:
    try:
        return max(0.0, float(str(life)))
    except ValueError:
        return _UNSTATED_LIFE
