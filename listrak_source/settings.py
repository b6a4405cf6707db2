"""Every option of the source once: its name, type, default and meaning.

dlt fills them: arguments of :func:`listrak_source.listrak_sms` first, then ``SOURCES__LISTRAK__…`` in the environment,
then ``[sources.listrak]`` in ``.dlt/secrets.toml`` and ``.dlt/config.toml``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Optional
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dlt.common.configuration import configspec
from dlt.common.configuration.resolve import resolve_configuration
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.typing import TSecretStrValue

from listrak_source.api import ListrakClient
from listrak_source.api.client import BASE_URL, TOKEN_URL
from listrak_source.api.connections import check_address
from listrak_source.api.errors import ConfigurationError
from listrak_source.api.pagination import MAX_COUNT

MAX_IMPORT_BYTES = 195_000_000
"""Bytes of an import file before base64: its request then stays within the 250 MB of the contract."""

SHORTEST_KEY = 16
"""Characters that ``hash_key`` has at least."""

Lookups = Literal["changed", "all", "none"]


IN_ITS_PLACE = "the integration's client "
"""How a credential begins that stands in the template of listrak init."""


@configspec
class Settings(BaseConfiguration):
    """The options of the source. dlt reads types from here, so they are spelled as dlt understands them."""

    client_id: str = None  # type: ignore[assignment]
    """The client id of the integration (Listrak: Integrations, Integration Management, type SMS)."""
    client_secret: TSecretStrValue = None  # type: ignore[assignment]
    """The client secret of the integration."""
    base_url: str = BASE_URL
    """The API's base URI. HTTPS, or plain HTTP on this machine."""
    token_url: str = TOKEN_URL
    """Where access tokens come from."""
    timezone: str = "America/New_York"
    """The zone of the account's dates, which carry no offset. A wrong zone shifts dates, but loses no row. A dataset
    keeps to one; ``listrak timezone`` moves it to another."""
    start_date: Optional[str] = None  # noqa: UP045 - dlt reads the annotation
    """Read subscriptions from this date on (ISO, in ``timezone``). Everything when empty. Opt-outs are always read
    from the beginning."""
    overlap: float = 27.0
    """Hours that each window goes back before the last watermark: more than any two time zones are apart."""
    page_size: int = MAX_COUNT
    """Rows a page."""
    workers: int = 8
    """Requests side by side, at the most. Fewer while Listrak is slow or refuses some: the pace is learned from it."""
    sender_codes: Optional[list[int]] = None  # noqa: UP045
    """Read only these sender codes, by id. All when empty."""
    lists: Optional[list[int]] = None  # noqa: UP045
    """Read only these lists, by id. All when empty."""
    lookups: Lookups = "changed"
    """Who is looked up one by one, for dates and subscriptions: contacts that a later pull finds ``changed`` (newly
    subscribed or opted out), ``all`` of them (one or two calls per contact), or ``none``."""
    full: bool = False
    """A complete walk: every list and both opt-out states without a date filter, whatever was read before."""
    confirmations: int = 2_000
    """Questions that a complete walk asks, at the most, about rows that it did not find: is it gone, or was it only not
    shown? Of the others, those are marked as removed that two walks in a row did not find."""
    removal_rows: int = 10_000
    """Rows of one table that a complete walk may mark as removed without being asked."""
    removal_percent: float = 20.0
    """The same in per cent of the table; ten rows are always within it."""
    accept_removals: Optional[str] = None  # noqa: UP045
    """The hash of a set of rows over that budget: a complete walk marks exactly these, if they are still gone."""
    into_empty: bool = False
    """The warehouse holds nothing yet: rows are added without a search for older ones. Only for a caller that reads
    everything again, without this, when such a load is cut short. ``listrak pull`` sets it for a dataset that does not
    exist yet."""
    slices: Optional[int] = None  # noqa: UP045
    """Months. The first reading of a list goes by slices of so many months of subscribe dates, side by side: for one
    huge list. Contacts without a subscribe date are in no slice; a complete walk, which is never sliced, finds them."""
    chunk_rows: Optional[int] = None  # noqa: UP045
    """Contacts and opt-outs that one load takes, about; the next run of the source goes on. A contact that is looked up
    counts as 25. When empty, ``pull()`` and ``listrak pull`` take 500,000, and ``listrak_sms`` alone everything in one
    load."""
    hash_columns: Optional[list[str]] = None  # noqa: UP045
    """Personal columns that are written as a keyed hash: phone_number, email_address, first_name, last_name, birthday,
    postal_code. Needs ``hash_key``."""
    drop_columns: Optional[list[str]] = None  # noqa: UP045
    """Personal columns that are not written at all: any of those but phone_number."""
    hash_key: Optional[TSecretStrValue] = None  # noqa: UP045
    """The secret key of the hashes, 16 characters or more. The same key gives the same hashes: keep it. Where somebody
    was forgotten, every pull and push needs it."""
    compacted: bool = False
    """The caller calls ``compact`` of ``listrak_source.pull.load.parquet_compaction`` before and after each load
    (``listrak pull`` does): so plain Parquet files can be taken, which dlt only adds to."""
    table_format: Optional[str] = None  # noqa: UP045
    """How a destination of files keeps tables: ``delta``, or ``iceberg`` where it can merge that. Its own way when
    empty."""
    max_depth: int = 50
    """Levels of nesting that a record may have; one that has more is set aside in ``rejected_rows``."""
    max_record_bytes: int = 2_000_000
    """Bytes that a record may have, about; one that has more is set aside in ``rejected_rows``."""
    max_new_columns: int = 100
    """Fields beyond Listrak's contract that get a column of their own, by table; the others go together into
    ``other_fields``, as JSON."""
    timeout: float = 120.0
    """Seconds to wait for an answer."""
    max_attempts: int = 6
    """How often a read is tried before the run stops. Refusals for too many requests (429) do not count: they are
    waited out, for a quarter of an hour."""
    max_request_seconds: float = 600.0
    """Seconds that one request may take in all, however slowly its answer comes; also the upload of an import file."""
    max_answer_bytes: int = 100_000_000
    """Bytes that one answer may have, unpacked."""
    max_import_bytes: int = MAX_IMPORT_BYTES
    """Bytes that an import file of push may have, before base64. Less, where Listrak refuses files for their size."""
    max_idle_pages: int = 1000
    """Pages in a row that may bring nothing new (no rows, or rows of an earlier page) before the reading stops."""

    if TYPE_CHECKING:

        def __init__(self, **options: object) -> None: ...

    def on_resolved(self) -> None:
        """Check what types cannot. Raises :class:`ConfigurationError` with a sentence that names the setting."""
        for name in ("client_id", "client_secret"):
            given = str(getattr(self, name))
            if not given.strip():
                raise ConfigurationError(f"sources.listrak.{name} is empty")
            if given.startswith(IN_ITS_PLACE):
                raise ConfigurationError(
                    f"sources.listrak.{name} is what listrak init has written in its place: put the integration's own "
                    "into .dlt/secrets.toml"
                )
        check_address("sources.listrak.base_url", self.base_url)
        check_address("sources.listrak.token_url", self.token_url)
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ConfigurationError(
                f"sources.listrak.timezone: {self.timezone!r} is no time zone; give a name such as America/New_York"
            ) from error
        _within("page_size", self.page_size, 2, MAX_COUNT)
        _within("workers", self.workers, 1, 64)
        _within("overlap", self.overlap, 24.1, 24.0 * 365)
        _within("max_attempts", self.max_attempts, 1, 20)
        _within("timeout", self.timeout, 1, 3600)
        _within("confirmations", self.confirmations, 0, 10_000_000)
        _within("removal_rows", self.removal_rows, 0, 1_000_000_000)
        _within("removal_percent", self.removal_percent, 0, 100)
        _within("max_request_seconds", self.max_request_seconds, 1, 86_400)
        _within("max_answer_bytes", self.max_answer_bytes, 1_000_000, 10_000_000_000)
        _within("max_import_bytes", self.max_import_bytes, 1_000, MAX_IMPORT_BYTES)
        _within("max_idle_pages", self.max_idle_pages, 1, 1_000_000)
        _within("max_depth", self.max_depth, 5, 100)
        _within("max_record_bytes", self.max_record_bytes, 10_000, 100_000_000)
        _within("max_new_columns", self.max_new_columns, 0, 1000)
        if self.slices is not None:
            _within("slices", self.slices, 1, 120)
        if self.chunk_rows is not None:
            _within("chunk_rows", self.chunk_rows, 1, 1_000_000_000)
        if self.lookups not in ("changed", "all", "none"):
            raise ConfigurationError(f"sources.listrak.lookups: {self.lookups!r} is none of changed, all, none")
        if self.table_format not in (None, "", "delta", "iceberg"):
            raise ConfigurationError(f"sources.listrak.table_format: {self.table_format!r} is none of delta, iceberg")
        self.start()

    def start(self) -> datetime | None:
        """``start_date`` as a local time without an offset, None when everything is read."""
        if not self.start_date:
            return None
        try:
            start = datetime.fromisoformat(str(self.start_date))
        except ValueError as error:
            raise ConfigurationError(
                f"sources.listrak.start_date: {self.start_date!r} is no date; write it as 2026-01-31"
            ) from error
        return start.astimezone(ZoneInfo(self.timezone)).replace(tzinfo=None) if start.tzinfo else start


def resolve(options: dict[str, Any], section: str = "listrak") -> Settings:
    """The settings, with ``options`` before all else that dlt finds, in a section of ``sources``.

    Raises :class:`ConfigurationError` for an option that does not exist or does not fit, and dlt's
    ``ConfigFieldMissingException`` for one that is needed and found nowhere.
    """
    return resolve_configuration(Settings(), sections=("sources", section), explicit_value=given(options))


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options that a program gives, each of the type of its setting: dlt takes what is like it, and a text for a bool.

    What is iterated over is a list, so that it can be looked at twice. Raises :class:`ConfigurationError`, without the
    value, which may be a secret.
    """
    known = Settings.get_resolvable_fields()
    found: dict[str, Any] = {}
    for name, value in options.items():
        if name not in known:
            raise ConfigurationError(f"there is no option {name!r}; there are {', '.join(sorted(known))}")
        kind = next(one for one in _KINDS if name in one.names or known[name] in one.hints)
        try:
            found[name] = None if value is None else kind.of(value)
        except (TypeError, ValueError):
            raise ConfigurationError(
                f"sources.listrak.{name} is to be {kind.called}, and is {type(value).__name__}"
            ) from None
    return found


@dataclass(frozen=True)
class _Kind:
    """A type that a setting may have."""

    called: str
    of: Callable[[Any], Any]
    """The value as it is taken; raises TypeError or ValueError."""
    names: tuple[str, ...] = ()
    hints: tuple[Any, ...] = ()


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _number(value: Any) -> int | float:
    return operator.index(_no_bool(value)) if not isinstance(value, float) else value


def _no_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise TypeError
    return value


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _each(of: Callable[[Any], Any], values: Any) -> list[Any]:
    if isinstance(values, str | bytes | Mapping):
        raise TypeError
    return [of(value) for value in values]


_KINDS = (
    _Kind("a list of numbers", partial(_each, lambda one: operator.index(_no_bool(one))), ("sender_codes", "lists")),
    _Kind("a list of names", partial(_each, _text), ("hash_columns", "drop_columns")),
    _Kind("a date", lambda one: one.isoformat() if isinstance(one, date) else _text(one), ("start_date",)),
    _Kind("True or False", _bool, hints=(bool,)),
    _Kind("a whole number", lambda one: operator.index(_no_bool(one)), hints=(int, Optional[int])),  # noqa: UP045
    _Kind("a number", _number, hints=(float,)),
    _Kind(
        "a text", _text,
        hints=(str, Optional[str], TSecretStrValue, Optional[TSecretStrValue], Lookups),  # noqa: UP045
    ),
)  # fmt: skip
"""The first that fits a setting is its."""


def _within(name: str, value: float, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigurationError(f"sources.listrak.{name}: {value!r} is not a number")
    if not low <= value <= high:
        raise ConfigurationError(f"sources.listrak.{name}: {value:,} is not between {low:,} and {high:,}")


def client_of(settings: Settings) -> ListrakClient:
    """The client; whoever asks for it closes it."""
    return ListrakClient(
        settings.client_id,
        settings.client_secret,
        base_url=settings.base_url,
        token_url=settings.token_url,
        workers=settings.workers,
        timeout=settings.timeout,
        max_attempts=settings.max_attempts,
        max_request_seconds=settings.max_request_seconds,
        max_answer_bytes=settings.max_answer_bytes,
        max_idle_pages=settings.max_idle_pages,
    )
