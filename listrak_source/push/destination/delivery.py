"""Landed rows on their way to Listrak: import files, the wait for their end, and what Listrak holds afterwards.

What was handed in is kept by its SHA-256, so another process goes on waiting where one was killed. A file whose answer
never came is sent again: it sets values, so twice is as once. Imports are handed in, waited for and read back as those
of a sync are (``import_jobs``, ``readback``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import time
from typing import Any

from dlt.common import logger

from listrak_source.api import ListrakClient, ListrakError
from listrak_source.push.apply import import_jobs
from listrak_source.push.apply.readback import TOGETHER, holds, looked_up, value_of
from listrak_source.push.diff.comparison import changes_of
from listrak_source.push.diff.import_files import Written, by_key, grouped, of_group, write
from listrak_source.push.sync.config import Sync
from listrak_source.push.sync.field_mapping import Target
from listrak_source.push.warehouse.sql_client import Store, text

NOT_THERE = "Listrak has no such contact: an import leaves it out"
NOT_AS_SENT = "not as it was sent"
NO_ANSWER = "Listrak does not answer for this contact"
UNCONFIRMED = "unconfirmed"
"""The table of what was read back otherwise: ``row_key``, ``column_name``, ``reason``."""
_READ = "was_read"


class NotEndedError(ListrakError):
    """An import has not ended in time. It is at Listrak, and may end yet."""


class NotTakenError(ListrakError):
    """An import has ended, and of those who were looked up nobody holds what was sent."""


@dataclass(frozen=True)
class Delivery:
    """Rows of one load, as ``staging`` has left them, and where they go."""

    store: Store
    client: ListrakClient
    sync: Sync
    targets: list[Target]
    known: dict[str, dict[str, Any]]
    """By a file's SHA-256: how often it was about to be sent (``attempts``); its ``import_file_id`` once known, and
    when that was (``sent_at``)."""
    keep: Callable[[], None]
    """Makes ``known`` outlast the process."""
    workers: int
    max_import_bytes: int

    def send(self, folder: Path, file_name: str) -> list[Written]:
        """Hand in a file for each group of rows; those that an earlier process has handed in stay as they are."""
        sent: list[Written] = []
        for group in grouped(self.store, self.sync, self.targets):
            some = [self.targets[index] for index in group.targets]
            rows = of_group(self.store, self.sync, self.targets, group)
            for file in write(rows, some, folder, self.max_import_bytes):
                note = self.known.setdefault(file.sha256, {"attempts": 0})
                if "import_file_id" not in note:
                    note["attempts"] += 1
                    self.keep()
                    name = f"{file_name}-{len(sent)}.csv"
                    note["import_file_id"] = import_jobs.hand_in(
                        self.client, self.sync.sender_code_id, file, name, some
                    )
                    note["sent_at"] = time()
                    self.keep()
                file.path.unlink()
                sent.append(file)
        return sent

    def wait(self, sent: Iterable[Written]) -> None:
        """Wait until every import counts as ended. Raises :class:`NotEndedError` where one does not in time."""
        for file in sent:
            note = self.known[file.sha256]
            if "sent_at" not in note:  # an earlier version has handed it in
                note["sent_at"] = time()
                self.keep()
            import_file_id, sent_at = int(note["import_file_id"]), float(note["sent_at"])
            why = import_jobs.until_ended(self.client, self.sync.sender_code_id, import_file_id, sent_at, lambda: None)
            if not why:
                raise NotEndedError(
                    f"import {import_file_id} has not ended within {import_jobs.PATIENCE:.0f} seconds; it is not sent "
                    "again, the next run goes on waiting"
                )
            if why != import_jobs.ENDED:
                logger.warning(f"import {import_file_id}: {why}; what has come of it is read back")

    def read_back(self) -> tuple[int, int]:
        """Look up a sample of the contacts, or all, and make the table :data:`UNCONFIRMED`.

        Returns how many were looked up, and how many of them hold what was sent. Raises :class:`NotTakenError` where
        others are there, but none of those: all is sent again then, once.
        """
        indexes = range(len(self.targets))
        columns = ["phone_number", "is_there", "is_told", *(f"read_{index}" for index in indexes)]
        types = ", ".join(f"{column} {'BOOLEAN' if column.startswith('is_') else 'TEXT'}" for column in columns)
        self.store.run(f"CREATE TABLE {_READ} ({types})")
        for some in self._chosen():
            self.store.insert(_READ, columns, list(self._looked_up(some)))
        met = f"FROM {_READ} AS r JOIN {changes_of(self.sync)} AS c ON c.phone_number = r.phone_number"
        reasons = [(self.sync.phone, NOT_THERE, "NOT r.is_there"), (self.sync.phone, NO_ANSWER, "NOT r.is_told")]
        for index, target in enumerate(self.targets):
            as_sent = holds(target, f"r.read_{index}", f"c.after_{index}")
            condition = f"r.is_there AND r.is_told AND c.after_{index} IS NOT NULL AND NOT {as_sent}"
            reasons.append((target.column.name, NOT_AS_SENT, condition))
        self.store.make(
            UNCONFIRMED,
            " UNION ALL ".join(
                f"SELECT c.row_key, {text(column)} AS column_name, {text(reason)} AS reason {met} WHERE {condition}"
                for column, reason, condition in reasons
            ),
        )
        answered = "COUNT(CASE WHEN is_there AND is_told THEN 1 END)"
        looked_up, there = self.store.rows(f"SELECT COUNT(*), {answered} FROM {_READ}")[0]
        bad = self.store.one(f"SELECT COUNT(DISTINCT row_key) FROM {UNCONFIRMED}")
        confirmed = int(looked_up) - int(bad)
        if there and not confirmed and any(note["attempts"] == 1 for note in self.known.values()):
            for note in self.known.values():
                note.pop("import_file_id", None)
            self.keep()
            raise NotTakenError(
                f"the import has ended, and none of the {looked_up:,} contacts that were looked up holds what was "
                "sent; the next run sends it once more"
            )
        return int(looked_up), confirmed

    def _chosen(self) -> Iterator[list[str]]:
        """The phone numbers of whoever is looked up, some at a time."""
        people = f"SELECT phone_number FROM {changes_of(self.sync)}"
        if self.sync.read_back is None:
            phones = (phone for rows in by_key(self.store, people) for phone in rows["phone_number"].to_pylist())
        else:
            drawn = self.store.rows(f"{people} ORDER BY MD5(phone_number) LIMIT {self.sync.read_back}")
            phones = (str(row[0]) for row in drawn)
        while some := list(islice(phones, TOGETHER)):
            yield some

    def _looked_up(self, phones: list[str]) -> Iterator[tuple[Any, ...]]:
        people = looked_up(self.client, self.sync.sender_code_id, phones, written={}, workers=self.workers)
        for phone, contact, _, why in people:
            told = contact or {}
            yield phone, contact is not None, not why, *(value_of(told, {}, target) for target in self.targets)
