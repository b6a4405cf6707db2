"""Units of reading: a list's contacts in one opt-out state and one window, or a sender code's opt-outs in a window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import pyarrow as pa

from listrak_source.api import ListrakClient, Page
from listrak_source.pull.extract.date_windows import Window
from listrak_source.pull.records.coerce import record_schema
from listrak_source.pull.records.decode import page_decoder
from listrak_source.pull.records.quarantine import Rejects
from listrak_source.pull.schema import CONTACTS, OPT_OUTS, Table
from listrak_source.pull.state.streams import Stream


@dataclass(frozen=True)
class ContactPartition:
    """The contacts of one list, in one opt-out state, who subscribed within one window."""

    sender_code_id: int
    phone_list_id: int
    opted_out: bool
    window: Window
    table: ClassVar[Table] = CONTACTS
    """The table that its records are for."""

    @property
    def stream(self) -> str:
        """The stream whose watermark this unit moves."""
        return str(Stream(self.table.name, self.sender_code_id, self.phone_list_id))

    @property
    def name(self) -> str:
        """This unit's name within its stream, the same whenever the same unit is read."""
        return f"{'out' if self.opted_out else 'in'} {self.window.name}"

    @property
    def title(self) -> str:
        """What is read, for people."""
        return (
            f"{'opted-out' if self.opted_out else 'reachable'} contacts of list {self.phone_list_id}, "
            f"sender code {self.sender_code_id}"
        )

    @property
    def no_records(self) -> pa.Table:
        """A table without rows, of what is read."""
        return record_schema(CONTACTS).empty_table()

    def pages(
        self, client: ListrakClient, count: int, cursor: str | None = None, rejects: Rejects | None = None
    ) -> Iterator[Page[pa.Table]]:
        """The pages from ``cursor`` on; None is the beginning. Records that do not fit go to ``rejects``."""
        return client.list_contacts(
            self.sender_code_id,
            self.phone_list_id,
            opted_out=self.opted_out,
            start_subscribe_date=self.window.ask_from,
            end_subscribe_date=self.window.ask_to,
            count=count,
            cursor=cursor,
            decode=page_decoder(CONTACTS, rejects, {"sender_code_id": self.sender_code_id}),
        )


@dataclass(frozen=True)
class OptOutPartition:
    """The opt-outs of one sender code within one window."""

    sender_code_id: int
    window: Window
    table: ClassVar[Table] = OPT_OUTS

    @property
    def stream(self) -> str:
        """The stream whose watermark this unit moves."""
        return str(Stream(self.table.name, self.sender_code_id))

    @property
    def name(self) -> str:
        """This unit's name within its stream."""
        return "opt-outs"

    @property
    def title(self) -> str:
        """What is read, for people."""
        return f"opt-outs of sender code {self.sender_code_id}"

    @property
    def no_records(self) -> pa.Table:
        """A table without rows, of what is read."""
        return record_schema(OPT_OUTS).empty_table()

    def pages(
        self, client: ListrakClient, count: int, cursor: str | None = None, rejects: Rejects | None = None
    ) -> Iterator[Page[pa.Table]]:
        """The pages from ``cursor`` on; None is the beginning. Records that do not fit go to ``rejects``."""
        return client.list_opt_outs(
            self.sender_code_id,
            start_date=self.window.ask_from,
            end_date=self.window.ask_to,
            count=count,
            cursor=cursor,
            decode=page_decoder(OPT_OUTS, rejects, {"sender_code_id": self.sender_code_id}),
        )


Unit = ContactPartition | OptOutPartition
AnyUnit = TypeVar("AnyUnit", ContactPartition, OptOutPartition)


def place_of(unit: Unit) -> str:
    """A unit's name among all units."""
    return f"{unit.stream} {unit.name}"
