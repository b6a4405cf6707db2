"""Sends one operation to Listrak: the token, the time-outs, the retry policy, and errors that are safe to show."""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, TypeVar
from urllib.parse import quote, urlencode

import requests
from requests.auth import AuthBase

from listrak_source.api.auth import Access, AccessToken, TokenSource
from listrak_source.api.connections import Limits, TooLarge, new_session, read_body
from listrak_source.api.envelope import Nothing, Refusal, WrongCharset, as_utf8, status_of, told
from listrak_source.api.errors import (
    AnswerTooLarge,
    ListrakError,
    NothingTold,
    NotSent,
    RateLimitError,
    UnreadableAnswer,
    UnreadableCharset,
    UnsafeAddress,
    family,
)
from listrak_source.api.operations import OPERATIONS, Operation, Repeat
from listrak_source.api.pacing.retry import RetryPolicy, connection_failure, http_date, is_out_of_time, retry_after
from listrak_source.api.pacing.tally import Tally
from listrak_source.api.pacing.throttle import Slot, Throttle
from listrak_source.api.redaction import guard_logs, redact
from listrak_source.api.tracing import span

T = TypeVar("T")


_SHORT = 2_000
"""Bytes of a body that may be an error's."""


class _Bearer(AuthBase):
    """Puts the token on a request. As an ``auth``, because requests lets a .netrc replace a plain header."""

    def __init__(self, token: AccessToken) -> None:
        self._value = token.value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._value}"
        return request


@dataclass(frozen=True)
class _Request:
    """What is sent, however often."""

    name: str
    operation: Operation
    url: str
    body: bytes | BinaryIO | None
    start: int
    """Where an open file stood."""
    number: int
    """Its place in the queue for turns."""
    tries: Iterator[int] = field(default_factory=itertools.count)
    """Numbers of the times that it is sent, from 0 on."""

    def kind(self, headers: Mapping[str, str]) -> tuple[str, int] | None:
        """Return what answers it can be compared with in latency: those to the same read, of about the same size."""
        length = _length(headers)
        size = int(length).bit_length() // 3 if length < math.inf else 0
        return (self.name, size) if self.operation.repeat is Repeat.ALWAYS else None


@dataclass(frozen=True)
class _Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None
    broken: Exception | None
    """Why there is no body. The status is known and counts all the same: a 429 whose body is cut is a refusal."""
    slot: Slot
    paced_by: int
    """The status that the pace was told."""


class Transport:
    """Sends operations. Threads share it."""

    def __init__(
        self,
        base_url: str,
        tokens: TokenSource,
        *,
        workers: int,
        timeout: tuple[float, float],
        retry_policy: RetryPolicy,
        limits: Limits,
    ) -> None:
        """Take a checked ``base_url``; ``timeout`` is to connect and to read, in seconds.

        At most ``workers`` requests are under way at once, whoever sends them.
        """
        guard_logs()
        self.base_url = base_url
        self._tokens = tokens
        self._timeout = timeout
        self._retry_policy = retry_policy
        self._access = Access(tokens, retry_policy.max_attempts)
        self._limits = limits
        self._session = new_session(base_url, workers, limits)
        # Readers of lists and lookups run side by side, each on threads of their own: together they keep to one pace.
        self._throttle = Throttle(workers, unit=retry_policy.first_wait, max_wait=retry_policy.max_wait)
        self._lock = threading.Lock()
        self._server_time: datetime | None = None
        self._answers, self._seconds = 0, 0.0
        self.tally: Tally = Tally()
        """What was sent."""

    @property
    def server_time(self) -> datetime | None:
        """The latest moment (UTC) that a ``Date`` header of the API told; None before the first answer."""
        return self._server_time

    @property
    def latency(self) -> float | None:
        """How long an answer took so far, in seconds, on average; None before the first."""
        return self._seconds / self._answers if self._answers else None

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def send(
        self,
        name: str,
        path: Mapping[str, object],
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | BinaryIO | None = None,
        parse: Callable[[bytes], T],
    ) -> T:
        """Send the operation ``name`` of ``OPERATIONS`` and return what ``parse`` makes of the answer's body.

        ``body`` is JSON text, or an open binary file of it, which is streamed (and rewound to where it stood, should it
        have to be sent again). ``parse`` raises ``ValueError`` for a body that it cannot read; a read is then repeated.
        Raises ``ListrakError``; which failures are tried again first is the operation's ``repeat``.
        """
        operation = OPERATIONS[name]
        try:
            url = self.base_url + fill(operation.path, path)
            if query:
                url += "?" + urlencode(query, quote_via=quote)
        except UnicodeEncodeError:  # half a character, in a cursor or from a program
            raise NotSent("its address would hold what is no text", operation=name) from None
        start = body.tell() if body is not None and not isinstance(body, bytes) else 0
        request = _Request(name, operation, url, body, start, self._throttle.number())

        def attempt() -> T:
            token, refused = self._tokens.token(), 0
            while True:
                began = time.monotonic()
                try:
                    answer = self._attempt(request, token, parse)
                except ListrakError as error:
                    refused += 1
                    # A 401 has not acted, so anything may be sent once more with a new token.
                    other = self._access.again(name, token, refused) if error.status == 401 else None
                    if other is None:
                        raise
                    token = other
                else:
                    self._access.granted(name, token, began)
                    return answer

        with span(f"listrak {name}", method=operation.method, path=operation.path) as note:
            try:
                return self._retry_policy.run(name, attempt, is_paced=True)
            except RateLimitError:
                self._throttle.give_up()
                raise
            finally:
                note({"requests": next(request.tries)})

    def _attempt(self, request: _Request, token: AccessToken, parse: Callable[[bytes], T]) -> T:  # noqa: C901 - one error each
        name, acts = request.name, request.operation.repeat is Repeat.IF_NOT_ACTED
        failure: ListrakError
        try:
            answer = self._exchange(request, token)
        except requests.RequestException as error:
            failure = connection_failure(error, name, self._limits, acts=acts)
        else:
            refusal, kind, why = None, *_broken(answer.broken, self._limits)
            if not 200 <= answer.status < 300:
                refusal = told(answer.body or b"", answer.status)
            elif answer.body is not None:
                try:
                    return parse(as_utf8(answer.body, answer.headers.get("Content-Type", "")))
                except Refusal as said:
                    refusal = said
                    if answer.paced_by != said.status:
                        answer.slot.answered(said.status, retry_after(answer.headers), None)
                except Nothing:
                    kind, why = NothingTold, "tells nothing of what was asked for"
                except WrongCharset as error:
                    kind, why = UnreadableCharset, str(error)
                except ValueError as error:
                    # The kind only: the error's text may quote the body, and that is about people.
                    why = f"does not parse ({type(error).__name__}, {len(answer.body)} bytes)"
            if refusal is not None:
                failure = _error_of(refusal, name, answer.headers, token.value, acts=acts)
            else:
                failure = kind(f"the answer's body {why}", status=answer.status, operation=name, may_have_acted=acts)
        if isinstance(failure, RateLimitError):
            self.tally.refused()
        # Raised out here so that it carries no context: the original's text holds the URL, and that a phone number.
        raise failure

    @contextmanager
    def _slot(self, request: _Request) -> Iterator[Slot]:
        """Wait for a request's turn, and count it."""
        with self._throttle.slot(request.number) as slot:
            self.tally.sent(again=next(request.tries) > 0)
            yield slot

    def _exchange(self, request: _Request, token: AccessToken) -> _Answer:
        """Send one request when it is its turn."""
        headers = {}
        if request.body is not None:
            headers["Content-Type"] = "application/json"
            if not isinstance(request.body, bytes):
                request.body.seek(request.start)
        with (
            self._slot(request) as slot,
            self._session.request(
                request.operation.method,
                request.url,
                data=request.body,
                headers=headers,
                auth=_Bearer(token),
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            status = response.status_code
            # A refusal in the body is short. A long body is not waited for: the others' pace depends on this one.
            is_short = _length(response.headers) <= _SHORT
            body, broken = self._body(response) if is_short else (None, None)
            paced_by = status_of(body, status) if body and status < 300 else status
            slot.answered(paced_by, retry_after(response.headers), request.kind(response.headers))
            self._note_time(response.headers.get("Date"))
            if not is_short:
                body, broken = self._body(response)
            with self._lock:
                self._answers += 1
                self._seconds += time.monotonic() - slot.sent.at
            return _Answer(status, response.headers, body, broken, slot, paced_by)

    def _body(self, response: requests.Response) -> tuple[bytes | None, Exception | None]:
        try:
            return read_body(response, self._limits), None
        except (requests.RequestException, TooLarge) as error:
            return None, error

    def _note_time(self, header: str | None) -> None:
        moment = http_date(header)
        if moment is not None:
            with self._lock:
                self._server_time = moment if self._server_time is None else max(self._server_time, moment)


def _broken(error: Exception | None, limits: Limits) -> tuple[type[ListrakError], str]:
    """Return what it means that an answer has no body, or none that parses: the kind of error, and why."""
    if isinstance(error, TooLarge):
        return AnswerTooLarge, f"has more than {limits.answer:,} bytes, the limit that max_answer_bytes sets"
    if error is not None and is_out_of_time(error):
        return UnreadableAnswer, f"was not whole after {limits.seconds:g} s, the limit that max_request_seconds sets"
    return UnreadableAnswer, "is cut"


def _length(headers: Mapping[str, str]) -> float:
    length = headers.get("Content-Length", "")
    return float(length) if length.isdecimal() else math.inf


def _error_of(refusal: Refusal, operation: str, headers: Mapping[str, str], token: str, *, acts: bool) -> ListrakError:
    """Return the error for an answer that is no success."""
    status, code = refusal.status, refusal.code
    if 300 <= status < 400:
        return UnsafeAddress(
            "the API answered with a redirect, which is not followed: check base_url",
            status=status,
            operation=operation,
        )
    kind = family(status, code)
    message = redact(refusal.message, token) or ("Listrak refused it" if code else "Listrak gave no reason")
    if status == 401:
        asked = "is the integration active, its access wide enough, this IP allowed?"
        message = f"{message.rstrip('.')}. A new token was refused as well: {asked}"
    return kind(
        message[:500],
        status=status,
        code=code,
        operation=operation,
        may_have_acted=acts and kind.transient and status != 429,
        retry_after=retry_after(headers),
    )


def fill(template: str, values: Mapping[str, object]) -> str:
    """Return a path with its placeholders filled in, percent-encoded: no value can reach beyond its own segment."""
    for name, value in values.items():
        if isinstance(value, bool) or not (isinstance(value, str) or hasattr(value, "__index__")):
            raise NotSent(f"{name} is to be a whole number or a text, and is {type(value).__name__}")
        text = str(value)
        if text in ("", ".", ".."):
            raise NotSent(f"{name} is empty" if not text else f"{name} is {text!r}, which is none")
        template = template.replace("{" + name + "}", quote(text, safe=""))
    return template
