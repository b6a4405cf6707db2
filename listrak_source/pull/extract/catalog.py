"""What there is to read: sender codes, their lists, profile fields and transactional messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property, partial
from typing import Any

from listrak_source.api import (
    ConfigurationError,
    InactiveError,
    ListrakClient,
    ListrakError,
    NotFoundError,
    Page,
    each_record,
    json_elements,
)
from listrak_source.pull.extract.parallel import side_by_side
from listrak_source.pull.extract.partitions import Unit
from listrak_source.pull.keys.record_hash import Hasher
from listrak_source.pull.records.coerce import with_keys
from listrak_source.pull.records.masking import NO_MASKS, Masks
from listrak_source.pull.records.quarantine import Rejects
from listrak_source.pull.schema import (
    CONTACTS,
    LISTS,
    OPT_OUTS,
    PROFILE_FIELDS,
    SENDER_CODES,
    TRANSACTIONAL_MESSAGES,
    Table,
)
from listrak_source.pull.state.streams import Stream
from listrak_source.pull.state.unread import Unread
from listrak_source.settings import Settings

_SMALL = (PROFILE_FIELDS.name, TRANSACTIONAL_MESSAGES.name)
Record = dict[str, Any]
Keyed = tuple[int, list[Record]]


@dataclass
class Catalog:
    """One look at the account at the start of a pull; each part is asked for once, and only when it is needed."""

    client: ListrakClient
    settings: Settings
    rejects: Rejects = field(default_factory=Rejects)
    """Where records go that do not fit."""
    masks: Masks = NO_MASKS
    """What is written of personal columns."""
    skipped: set[int] = field(default_factory=set)
    """Sender codes that the API refuses to read because they are disabled."""
    known: Mapping[int, Set[int]] = field(default_factory=dict)
    """The sender codes that were read before, with their lists."""
    our_now: datetime | None = None
    """What our own clock said when :attr:`now` was asked for."""

    def __post_init__(self) -> None:
        self.failures: Unread = Unread(self.client)
        """What else could not be read."""
        self.hasher: Hasher = Hasher(self.masks.salt)
        """By what a record is known again."""

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
        found = self._records(self.client.list_sender_codes(decode=json_elements), SENDER_CODES, "shortCodeId", {})
        missing = [(sender,) for sender in sorted(self.known.keys() - {record["shortCodeId"] for record in found})]
        found += self._by_themselves(missing, self.client.get_sender_code, SENDER_CODES, {})
        if self.known and not self.known.keys() & {record["shortCodeId"] for record in found}:
            raise ConfigurationError(
                "Listrak knows none of the sender codes that were read into this dataset before: are these the"
                " credentials of another account? Nothing was read. Pull another account into a dataset of its own"
            )
        return _allowed(found, "shortCodeId", self.settings.sender_codes, "sender_codes")

    @property
    def sender_code_ids(self) -> list[int]:
        """Their ids, but for those that the API has refused."""
        return [int(code["shortCodeId"]) for code in self.sender_codes if code["shortCodeId"] not in self.skipped]

    @cached_property
    def now(self) -> datetime:
        """The time at which this pull ends its windows: the API's clock, for ours may be wrong."""
        _ = self.sender_codes
        self.our_now = datetime.now(timezone.utc)
        return self.client.server_time or self.our_now

    @cached_property
    def lists(self) -> dict[int, list[Record]]:
        """The lists that the settings allow, active and inactive, by sender code."""

        def read(sender_code_id: int) -> Iterator[Page[Any]]:
            for status in ("active", "inactive"):
                yield from self.client.list_phone_lists(
                    sender_code_id, status=status, count=self.settings.page_size, decode=json_elements
                )

        found = self._by_sender_code(read, LISTS, "phoneListId", "lists")
        for sender, records in found.items():
            missing = sorted(self.known.get(sender, set()) - {record["phoneListId"] for record in records})
            keys, given = [(sender, item) for item in missing], {"sender_code_id": sender}
            records.extend(self._by_themselves(keys, self.client.get_phone_list, LISTS, given))
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
        read = partial(self.client.list_profile_fields, decode=json_elements)
        return self._by_sender_code(read, PROFILE_FIELDS, "segmentationFieldId", "profile fields")

    @cached_property
    def transactional_messages(self) -> dict[tuple[int, int], list[Record]]:
        """The transactional messages by sender code and list."""
        keys = [(sender, item["phoneListId"]) for sender, items in self.lists.items() for item in items]

        def reader(key: tuple[int, int]) -> Callable[[], Iterator[tuple[tuple[int, int], list[Record]]]]:
            pages = self.client.list_transactional_messages(*key, decode=json_elements)
            given = {"sender_code_id": key[0], "phone_list_id": key[1]}
            sender, phone_list = key
            what = f"the transactional messages of list {phone_list}, sender code {sender}, be read"

            def run() -> Iterator[tuple[tuple[int, int], list[Record]]]:
                try:
                    yield key, self._records(pages, TRANSACTIONAL_MESSAGES, "transactionalMessageId", given)
                except ListrakError as error:
                    if not self.failures.skips(f"{TRANSACTIONAL_MESSAGES.name}/{sender}/{phone_list}", what, error):
                        raise

            return run

        return dict(sorted(side_by_side([reader(key) for key in keys], self.settings.workers)))

    def skips(self, unit: Unit, error: ListrakError) -> bool:
        """Whether only ``unit`` has failed; what else its stream has is not read either."""
        return self.failures.skips(unit.stream, f"the {unit.title} be read", error)

    def answers(self, _: Unit, error: ListrakError) -> bool:
        """Whether Listrak answers other questions, so that another one may do."""
        return self.client.fails_alone(error)

    def doubts(self) -> dict[str, str]:
        """What was not read, or set aside, and why: tables, and streams that stand for a whole sender code."""
        doubts = dict.fromkeys(self.rejects.in_doubt(), "records are set aside in rejected_rows")
        for name in self.failures.errors:
            stream = Stream.of(name)
            # Streams are named as they are; without a sender code's lists, nothing is known of who is on them.
            named = name
            if stream and stream.table == LISTS.name:
                named = str(Stream(CONTACTS.name, stream.sender_code_id))
            elif stream and stream.table in _SMALL:
                named = stream.table
            doubts[named] = "Listrak did not let it be read"
        for disabled in self.skipped:
            of_it = (str(Stream(table.name, disabled)) for table in (CONTACTS, OPT_OUTS))
            doubts |= dict.fromkeys(of_it, "the sender code is disabled")
        return doubts

    def _by_sender_code(
        self, read: Callable[[int], Iterator[Page[Any]]], table: Table, key: str, title: str
    ) -> dict[int, list[Record]]:
        def reader(sender_code_id: int) -> Callable[[], Iterator[Keyed]]:
            def run() -> Iterator[Keyed]:
                try:
                    given = {"sender_code_id": sender_code_id}
                    yield sender_code_id, self._records(read(sender_code_id), table, key, given)
                except InactiveError:
                    self._skip(sender_code_id)
                except ListrakError as error:
                    what = f"the {title} of sender code {sender_code_id} be read"
                    if not self.failures.skips(f"{table.name}/{sender_code_id}", what, error):
                        raise

            return run

        return dict(sorted(side_by_side([reader(code) for code in self.sender_code_ids], self.settings.workers)))

    def _records(self, pages: Iterator[Page[Any]], table: Table, key: str, given: dict[str, int]) -> list[Record]:
        """The records of all pages, each key once: a page that comes twice, a list that changes its status meanwhile.

        What has no key that can be read is set aside.
        """
        found = with_keys(each_record(pages), table, self.rejects, given)
        return list({record[key]: dict(record) for record in found}.values())

    def _by_themselves(
        self, keys: Iterable[tuple[int, ...]], get: Callable[..., Any], table: Table, given: dict[str, int]
    ) -> list[Record]:
        """What was read before and is not shown: for a moment only, where it still answers when it is asked for."""
        found = []
        for one in keys:
            try:
                found.append(get(*one))
            except (NotFoundError, InactiveError):
                continue
            except ListrakError as error:
                what = f"{table.name} {one[-1]} be found"
                if not self.failures.skips(f"{table.name}/{'/'.join(map(str, one))}", what, error):
                    raise
        return [dict(record) for record in with_keys(found, table, self.rejects, given)]

    def _skip(self, sender_code_id: int) -> None:
        self.skipped.add(sender_code_id)


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
