"""Landed rows on their way to Listrak: import files, the wait for their end, and what Listrak holds afterwards.

What was handed in is kept by its SHA-256, so another process goes on waiting where one was killed. A file whose answer
never came is sent again: it sets values, so twice is as once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from listrak_source.api import ListrakClient, ListrakError, NotFoundError, NothingTold
from listrak_source.push import imports
from listrak_source.push.diff import changes_of
from listrak_source.push.files import Written, by_key, of_group, write, write_body
from listrak_source.push.groups import grouped
from listrak_source.push.reading_back import TOGETHER, value_of
from listrak_source.push.store import Store, text
from listrak_source.push.sync import Sync
from listrak_source.push.targets import Target
from listrak_source.push.values import canonical

NOT_THERE = "Listrak has no such contact: an import leaves it out"
NOT_AS_SENT = "not as it was sent"
UNCONFIRMED = "unconfirmed"
"""The table of what was read back otherwise: ``row_key``, ``column_name``, ``reason``."""
_READ = "was_read"


class NotEndedError(ListrakError):
    """An import has not ended in time. It is at Listrak, and may end yet."""


class NotTakenError(ListrakError):
    """An import has ended, and of those who were looked up nobody holds what was sent."""


@dataclass(frozen=True)
class Delivery:
    """Rows of one load, as ``landing`` has left them, and where they go."""

    store: Store
    client: ListrakClient
    sync: Sync
    targets: list[Target]
    known: dict[str, dict[str, Any]]
    """By a file's SHA-256: how often it was about to be sent (``attempts``), and its ``import_file_id`` once known."""
    keep: Callable[[], None]
    """Makes ``known`` outlast the process."""
    workers: int

    def send(self, folder: Path, file_name: str) -> list[Written]:
        """Hand in a file for each group of rows; those that an earlier process has handed in stay as they are."""
        sent: list[Written] = []
        for group in grouped(self.store, self.sync, self.targets):
            some = [self.targets[index] for index in group.targets]
            for file in write(of_group(self.store, self.sync, self.targets, group), some, folder):
                note = self.known.setdefault(file.sha256, {"attempts": 0})
                if "import_file_id" not in note:
                    body = folder / "body.json"
                    write_body(file.path, f"{file_name}-{len(sent)}.csv", some, body)
                    note["attempts"] += 1
                    self.keep()
                    with body.open("rb") as content:
                        note["import_file_id"] = self.client.start_contact_import(self.sync.sender_code_id, content)
                    self.keep()
                file.path.unlink()
                sent.append(file)
        return sent

    def wait(self, sent: Iterable[Written]) -> None:
        """Wait until every import has an end date. Raises :class:`NotEndedError` where one has none in time."""
        began, pause = monotonic(), imports.PAUSE
        for file in sent:
            import_file_id = int(self.known[file.sha256]["import_file_id"])
            while not imports.has_ended(self.client.get_contact_import(self.sync.sender_code_id, import_file_id)):
                if monotonic() - began > imports.PATIENCE:
                    raise NotEndedError(
                        f"import {import_file_id} has not ended within {imports.PATIENCE:.0f} seconds; it is not sent "
                        "again, the next run goes on waiting"
                    )
                sleep(pause)
                pause = min(30.0, pause * 1.5)

    def read_back(self) -> tuple[int, int]:
        """Look up a sample of the contacts, or all, and make the table :data:`UNCONFIRMED`.

        Returns how many were looked up, and how many of them hold what was sent. Raises :class:`NotTakenError` where
        others are there, but none of those: all is sent again then, once.
        """
        indexes = range(len(self.targets))
        columns = ["phone_number", "is_there", *(f"read_{index}" for index in indexes)]
        types = ", ".join(f"{column} {'BOOLEAN' if column == 'is_there' else 'TEXT'}" for column in columns)
        self.store.run(f"CREATE TABLE {_READ} ({types})")
        for some in self._chosen():
            self.store.insert(_READ, columns, list(self._looked_up(some)))
        met = f"FROM {_READ} AS r JOIN {changes_of(self.sync)} AS c ON c.phone_number = r.phone_number"
        reasons = [(self.sync.phone, NOT_THERE, "NOT r.is_there")]
        for index, target in enumerate(self.targets):
            differs = f"{canonical(f'r.read_{index}', target.kind)} IS DISTINCT FROM c.after_{index}"
            condition = f"r.is_there AND c.after_{index} IS NOT NULL AND {differs}"
            reasons.append((target.column.name, NOT_AS_SENT, condition))
        self.store.make(
            UNCONFIRMED,
            " UNION ALL ".join(
                f"SELECT c.row_key, {text(column)} AS column_name, {text(reason)} AS reason {met} WHERE {condition}"
                for column, reason, condition in reasons
            ),
        )
        looked_up, there = self.store.rows(f"SELECT COUNT(*), COUNT(CASE WHEN is_there THEN 1 END) FROM {_READ}")[0]
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
        def ask(phone: str) -> tuple[Any, ...]:
            try:
                contact: Any = self.client.get_contact(self.sync.sender_code_id, phone)
            except NotFoundError:
                return (phone, False, *(None for _ in self.targets))
            except NothingTold:
                contact = {}
            return (phone, True, *(value_of(contact, {}, target) for target in self.targets))

        with ThreadPoolExecutor(self.workers) as pool:
            yield from pool.map(ask, phones)
