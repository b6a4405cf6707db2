"""Units of reading: a list's contacts in one opt-out state and one window, or a sender code's opt-outs in a window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import pyarrow as pa
from dlt.common import logger

from listrak_source.api import InactiveError, ListrakClient
from listrak_source.pull.decode import page_decoder
from listrak_source.pull.tables import CONTACTS, OPT_OUTS
from listrak_source.pull.windows import Window

_CONTACT_PAGE = page_decoder(CONTACTS)
_OPT_OUT_PAGE = page_decoder(OPT_OUTS)


@dataclass(frozen=True)
class ContactUnit:
    """The contacts of one list, in one opt-out state, who subscribed within one window."""

    sender_code_id: int
    phone_list_id: int
    opted_out: bool
    window: Window

    @property
    def stream(self) -> str:
        """The stream whose watermark this unit moves."""
        return f"contacts/{self.sender_code_id}/{self.phone_list_id}"

    @property
    def name(self) -> str:
        """This unit's name within its stream, the same whenever the same unit is read."""
        return f"{'out' if self.opted_out else 'in'} {self.window.name}"

    def pages(self, client: ListrakClient, count: int) -> Iterator[pa.Table]:
        pages = client.list_contacts(
            self.sender_code_id,
            self.phone_list_id,
            opted_out=self.opted_out,
            start_subscribe_date=self.window.ask_from,
            end_subscribe_date=self.window.ask_to,
            count=count,
            decode=_CONTACT_PAGE,
        )
        return (page.data for page in pages if page.rows)


@dataclass(frozen=True)
class OptOutUnit:
    """The opt-outs of one sender code within one window."""

    sender_code_id: int
    window: Window

    @property
    def stream(self) -> str:
        return f"opt_outs/{self.sender_code_id}"

    @property
    def name(self) -> str:
        return "opt-outs"

    def pages(self, client: ListrakClient, count: int) -> Iterator[pa.Table]:
        pages = client.list_opt_outs(
            self.sender_code_id,
            start_date=self.window.ask_from,
            end_date=self.window.ask_to,
            count=count,
            decode=_OPT_OUT_PAGE,
        )
        return (page.data for page in pages if page.rows)


Unit = ContactUnit | OptOutUnit
AnyUnit = TypeVar("AnyUnit", ContactUnit, OptOutUnit)

_PAGES = 5
"""Pages that are handed over together: fewer, and each costs more than it carries; more, and memory grows."""


def reader(
    unit: AnyUnit, client: ListrakClient, count: int, refused: Callable[[Unit], object]
) -> Callable[[], Iterator[tuple[AnyUnit, pa.Table]]]:
    """A reader for ``side_by_side``: it yields the unit with the records of some pages at a time.

    ``refused`` is told of a unit that the API does not read because its sender code or list is inactive.
    """

    def read() -> Iterator[tuple[AnyUnit, pa.Table]]:
        pages = unit.pages(client, count)
        try:
            while some := list(islice(pages, _PAGES)):
                yield unit, pa.concat_tables(some, promote_options="default")
        except InactiveError as error:
            refused(unit)
            logger.warning(f"{unit.stream} is not read: {error}")

    return read
