"""Streams: what is read on its own, and has a watermark. A list's contacts, or a sender code's opt-outs."""

from __future__ import annotations

from dataclasses import dataclass

from listrak_source.pull.schema import CONTACTS


@dataclass(frozen=True)
class Stream:
    """A table's records of one sender code, or of one of its lists.

    As text it is a key of dlt's state: ``contacts/1015/7``, ``opt_outs/1015``.
    """

    table: str
    sender_code_id: int
    phone_list_id: int | None = None
    """Of contacts alone; None stands for all lists of the sender code."""

    def __str__(self) -> str:
        """What the state has for it. Its form is promised: see the reference."""
        if self.table != CONTACTS.name:
            return f"{self.table}/{self.sender_code_id}"
        return f"{self.table}/{self.sender_code_id}/{'' if self.phone_list_id is None else self.phone_list_id}"

    @classmethod
    def of(cls, text: str) -> Stream | None:
        """The stream of such a text; None where it names a table, or another thing that was asked for."""
        table, *ids = text.split("/")
        if not ids:
            return None
        try:
            return cls(table, int(ids[0]), int(ids[1]) if ids[1:] and ids[1] else None)
        except ValueError:
            return None


def sender_code_of(text: str) -> str:
    """The sender code of such a text, as the state names it; empty where it names none."""
    known = Stream.of(text)
    return str(known.sender_code_id) if known else ""
