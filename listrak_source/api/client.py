"""The client: one method per operation of the contract."""

from __future__ import annotations

from datetime import datetime
from types import TracebackType

from listrak_source.api.address import check_address
from listrak_source.api.auth import TokenSource
from listrak_source.api.errors import ConfigurationError
from listrak_source.api.reading import Reading
from listrak_source.api.retry import Patience
from listrak_source.api.session import Limits
from listrak_source.api.tally import Tally
from listrak_source.api.transport import Transport
from listrak_source.api.writing import Writing

BASE_URL = "https://api.listrak.com/sms/v1"
TOKEN_URL = "https://auth.listrak.com/OAuth2/Token"  # noqa: S105 - an address, not a secret


class ListrakClient(Reading, Writing):
    """A client of the Listrak SMS REST API. Threads may share it; it is its own context manager.

    >>> with ListrakClient("my id", "my secret") as listrak:  # doctest: +SKIP
    ...     for sender_code in each_record(listrak.list_sender_codes()):
    ...         print(sender_code["shortCodeId"], sender_code["merchantName"])
    """

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        *,
        base_url: str = BASE_URL,
        token_url: str = TOKEN_URL,
        workers: int = 8,
        timeout: float = 120.0,
        connect_timeout: float = 10.0,
        max_attempts: int = 6,
        first_wait: float = 1.0,
        max_wait: float = 60.0,
        max_refused: float = 900.0,
        max_request_seconds: float = 600.0,
        max_answer_bytes: int = 100_000_000,
        max_idle_pages: int = 1000,
    ) -> None:
        """Set up; nothing is sent before the first call.

        At most ``workers`` requests are under way at once, and fewer while Listrak is in trouble. In seconds:
        ``timeout`` is how long an answer may be silent, ``connect_timeout`` how long a connection may take,
        ``first_wait`` the pause after the first failed attempt, ``max_wait`` the longest pause after any. Refusals for
        haste (429) do not count as attempts: ``max_refused`` is how long they may go on for one request.
        ``max_request_seconds`` is how long one request may take in all, ``max_answer_bytes`` how large its unpacked
        answer may be, ``max_idle_pages`` how many pages in a row may bring nothing new. Raises ``ConfigurationError``.
        """
        for setting, value in (("client_id", client_id), ("client_secret", client_secret)):
            if not isinstance(value, str) or not value.strip():
                raise ConfigurationError(f"{setting} is empty")
        base_url = check_address("base_url", base_url)
        token_url = check_address("token_url", token_url)
        patience = Patience(
            max_attempts=max_attempts, first_wait=first_wait, max_wait=max_wait, max_refused=max_refused
        )
        timeouts = (connect_timeout, timeout)
        limits = Limits(max_request_seconds, max_answer_bytes)
        self._max_idle_pages = max_idle_pages
        self._tokens = TokenSource(
            client_id, client_secret, token_url, timeout=timeouts, patience=patience, limits=limits
        )
        self._transport = Transport(
            base_url, self._tokens, workers=workers, timeout=timeouts, patience=patience, limits=limits
        )

    @property
    def server_time(self) -> datetime | None:
        """The API's clock (UTC) as its answers last told it; None before the first answer."""
        return self._transport.server_time

    @property
    def latency(self) -> float | None:
        """How long an answer took so far, in seconds, on average; None before the first."""
        return self._transport.latency

    @property
    def tally(self) -> Tally:
        """How many requests were sent."""
        return self._transport.tally

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()
        self._tokens.close()

    def __enter__(self) -> ListrakClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._transport.base_url!r})"
