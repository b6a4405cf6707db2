"""What there is to read: sender codes, their lists, profile fields and transactional messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from typing import Any

from dlt.common import logger

from listrak_source.api import ConfigurationError, InactiveError, ListrakClient, Page, each_record
from listrak_source.pull.side_by_side import side_by_side
from listrak_source.pull.tables import OPT_OUTS, PROFILE_FIELDS, SENDER_CODES, TRANSACTIONAL_MESSAGES
from listrak_source.settings import Settings

Record = dict[str, Any]
Keyed = tuple[int, list[Record]]


@dataclass
class Directory:
    """One look at the account at the start of a pull; each part is asked for once, and only when it is needed."""

    client: ListrakClient
    settings: Settings
    skipped: set[int] = field(default_factory=set)
    """Sender codes that the API refuses to read because they are disabled."""

    def load(self, tables: frozenset[str]) -> None:
        """Ask now for what the wanted tables need."""
        _ = self.now
        if PROFILE_FIELDS.name in tables:
            _ = self.profile_fields
        if TRANSACTIONAL_MESSAGES.name in tables:
            _ = self.transactional_messages
        if tables - {SENDER_CODES.name, PROFILE_FIELDS.name, OPT_OUTS.name}:
            _ = self.lists

    @cached_property
    def sender_codes(self) -> list[Record]:
        """The sender codes that the settings allow."""
        found = _records(self.client.list_sender_codes(), "shortCodeId")
        return _allowed(found, "shortCodeId", self.settings.sender_codes, "sender_codes")

    @property
    def sender_code_ids(self) -> list[int]:
        """Their ids, but for those that the API has refused."""
        return [int(code["shortCodeId"]) for code in self.sender_codes if code["shortCodeId"] not in self.skipped]

    @cached_property
    def now(self) -> datetime:
        """The time at which this pull ends its windows: the API's clock, for ours may be wrong."""
        _ = self.sender_codes
        return self.client.server_time or datetime.now(timezone.utc)

    @cached_property
    def lists(self) -> dict[int, list[Record]]:
        """The lists that the settings allow, active and inactive, by sender code."""

        def read(sender_code_id: int) -> Iterator[Page[Any]]:
            for status in ("active", "inactive"):
                yield from self.client.list_phone_lists(sender_code_id, status=status, count=self.settings.page_size)

        found = self._by_sender_code(read, "phoneListId")
        flat = [record | {"sender": sender} for sender, records in found.items() for record in records]
        allowed = _allowed(flat, "phoneListId", self.settings.lists, "lists")
        return {
            sender: [
                {name: value for name, value in record.items() if name != "sender"}
                for record in allowed
                if record["sender"] == sender
            ]
            for sender in found
        }

    @cached_property
    def profile_fields(self) -> dict[int, list[Record]]:
        """The profile fields by sender code."""
        return self._by_sender_code(self.client.list_profile_fields, "segmentationFieldId")

    @cached_property
    def transactional_messages(self) -> dict[tuple[int, int], list[Record]]:
        """The transactional messages by sender code and list."""
        keys = [(sender, item["phoneListId"]) for sender, items in self.lists.items() for item in items]

        def reader(key: tuple[int, int]) -> Callable[[], Iterator[tuple[tuple[int, int], list[Record]]]]:
            pages = self.client.list_transactional_messages(*key)
            return lambda: iter([(key, _records(pages, "transactionalMessageId"))])

        return dict(sorted(side_by_side([reader(key) for key in keys], self.settings.workers)))

    def _by_sender_code(self, read: Callable[[int], Iterator[Page[Any]]], key: str) -> dict[int, list[Record]]:
        def reader(sender_code_id: int) -> Callable[[], Iterator[Keyed]]:
            def run() -> Iterator[Keyed]:
                try:
                    yield sender_code_id, _records(read(sender_code_id), key)
                except InactiveError:
                    self._skip(sender_code_id)

            return run

        return dict(sorted(side_by_side([reader(code) for code in self.sender_code_ids], self.settings.workers)))

    def _skip(self, sender_code_id: int) -> None:
        if sender_code_id not in self.skipped:
            logger.warning(f"Sender code {sender_code_id} is disabled at Listrak: only its own row is read.")
            self.skipped.add(sender_code_id)


def _records(pages: Iterator[Page[Any]], key: str) -> list[Record]:
    """The records of all pages, each key once: a page that comes twice, or a list that changes its status meanwhile."""
    return list({record.get(key): dict(record) for record in each_record(pages)}.values())


def _allowed(records: list[Record], key: str, wanted: Iterable[int] | None, setting: str) -> list[Record]:
    """The records that an allow-list names. Raises ConfigurationError for an id that Listrak does not have."""
    if not wanted:
        return records
    missing = set(wanted) - {record[key] for record in records}
    if missing:
        raise ConfigurationError(
            f"sources.listrak.{setting}: Listrak has no {', '.join(map(str, sorted(missing)))} for these credentials"
        )
    return [record for record in records if record[key] in set(wanted)]
