"""A warehouse that is looked at for what it knows of people, and how far that is to be believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import dlt
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.destinations.sql_client import SqlClientBase

from listrak_source.api import ConfigurationError
from listrak_source.cli import reports
from listrak_source.cli.output import console
from listrak_source.cli.process.memory import PLANNING
from listrak_source.cli.warehouse import Warehouse
from listrak_source.forgotten import TABLE as FORGOTTEN
from listrak_source.forgotten import check_columns, check_key, hash_of, is_hash, key_of
from listrak_source.person.numbers import Number
from listrak_source.person.record import OF_PEOPLE, PUSHED, There
from listrak_source.pull.records.masking import PHONE, Masks
from listrak_source.pull.schema import CONSENT_EVENTS, CONTACTS, LIST_MEMBERSHIPS, OPT_OUTS, SEEN_KEYS
from listrak_source.pull.state.state import check_masks_of
from listrak_source.push.warehouse.ledger_tables import LEDGER
from listrak_source.push.warehouse.sql_client import Store
from listrak_source.settings import Settings, resolve

WHERE_PEOPLE_ARE = (CONTACTS.name, LIST_MEMBERSHIPS.name, OPT_OUTS.name, CONSENT_EVENTS.name)
"""Without one of these, who is not found may be there all the same."""


@dataclass(frozen=True)
class Opened:
    """A warehouse that is looked at."""

    warehouse: Warehouse
    pipeline: dlt.Pipeline
    client: SqlClientBase[Any]
    store: Store
    there: There
    """The tables of pull and push that are there, with their columns."""

    @property
    def state(self) -> Mapping[str, Any]:
        """What the last pull has left."""
        found: Mapping[str, Any] = self.pipeline.state.get("sources", {}).get(reports.SOURCE, {})
        return found

    def is_hashed(self) -> bool:
        """Whether the phone numbers are hashed: all of a dataset's are, or none."""
        others = f"WHERE {PHONE} NOT IN (SELECT phone_hash FROM {FORGOTTEN})" if FORGOTTEN in self.there else ""  # noqa: S608
        for table in OF_PEOPLE:
            if table in self.there:
                some = self.store.rows(f"SELECT {PHONE} FROM {table} {others} LIMIT 1")  # noqa: S608 - our own names
                if some:
                    return is_hash(str(some[0][0]))
        return False

    def number(self, written: str) -> Number:
        """The number that a person has written, with every form in which the warehouse holds it.

        Raises :class:`ConfigurationError` where the warehouse has hashes and the settings another key than its pull.
        """
        number = Number.of(written)
        forgotten = self.forgotten()
        if self.is_hashed():
            masks = Masks.of(self.settings())
            if PHONE not in masks.hashed:
                raise ConfigurationError(
                    "the phone numbers of this dataset are hashed: give sources.listrak.hash_columns, drop_columns and "
                    "hash_key as its pull has them, so that a number can be found by its hash"
                )
            check_masks_of(self.state, masks.mark)
            number = number.hashed_by(masks)
        elif forgotten:
            key = key_of(self.settings())
            check_key(key, set(forgotten.values()))
            if (hashed := hash_of(key, number.phone)) in forgotten:
                number = number.with_hash(hashed)
        return number.looked_up(self.store, [table for table in (*OF_PEOPLE, *PUSHED) if table in self.there])

    @staticmethod
    def settings() -> Settings:
        """The settings. Nothing is asked of Listrak: no id and no secret is needed."""
        return resolve({"client_id": "none", "client_secret": "none"})

    def forgotten(self) -> dict[str, str]:
        """By the hash of a number that was forgotten: a mark of the key."""
        if FORGOTTEN not in self.there:
            return {}
        found = self.store.rows(f"SELECT phone_hash, key_mark FROM {FORGOTTEN}")  # noqa: S608 - our own name
        return {str(hashed): str(mark) for hashed, mark in found}

    def is_forgotten(self, number: Number) -> bool:
        """Whether this person was forgotten, in a dataset of hashes too."""
        forgotten = self.forgotten()
        return bool(forgotten) and hash_of(key_of(self.settings()), number.phone) in forgotten

    def unread(self) -> list[str]:
        """What was not read, in sentences: who is not found may be there."""
        told = []
        if pending := reports.pending(self.pipeline):
            began = console.cell(pending.began)
            told.append(f"A pull that began at {began} (UTC) is not finished: what it has not read yet is not here.")
        told += [*reports.unread(self.pipeline), *self.lost()]
        if lacking := [name for name in WHERE_PEOPLE_ARE if name not in self.there]:
            told.append(never_pulled(lacking))
        never = sorted(self.sender_codes() - {int(sender) for _, sender, *_ in reports.watermarks(self.pipeline)})
        if never:
            told.append(f"No contacts and no opt-outs were ever read of sender code {', '.join(map(str, never))}.")
        return told

    def lost(self) -> list[str]:
        """What loads have brought of people and is no more there, in sentences: somebody else has taken it away."""
        told = [
            sentence
            for sentence in reports.lost(self.pipeline.default_schema, self.there)
            if sentence.partition(" ")[0] in OF_PEOPLE
        ]
        for table in OF_PEOPLE:
            vouched = self.state.get("resources", {}).get(table, {}).get("vouched", {})
            if vouched and table in self.there:
                query = f"SELECT sender_code_id, COUNT(*) FROM {table} GROUP BY sender_code_id"  # noqa: S608 - our names
                rows = {str(sender): int(count) for sender, count in self.store.rows(query)}
                if any(rows.get(sender, 0) < count for sender, count in vouched.items()):
                    told.append(f"{table} has lost rows since the last pull: the next one reads it from its beginning.")
        return told

    def sender_codes(self) -> set[int]:
        """The sender codes that pulls have seen, or were begun for."""
        found = {int(sender) for _, sender, *_ in reports.watermarks(self.pipeline)}
        found |= set(reports.never_read(self.pipeline))
        if "sender_codes" in self.there:
            found |= {int(one) for (one,) in self.store.rows("SELECT sender_code_id FROM sender_codes")}
        return found


@contextmanager
def opened(warehouse: Warehouse, *, read_only: bool = False) -> Iterator[Opened]:
    """Open a warehouse to look at it. Raises :class:`ConfigurationError` where a table there is not ours."""
    with warehouse.reading(read_only=read_only, **PLANNING) as pipeline:
        there: dict[str, set[str]] = warehouse.check(pipeline)
        there |= _ledger(pipeline)
        with pipeline.sql_client() as client:
            yield Opened(warehouse, pipeline, client, Store(client, there), there)


def _ledger(pipeline: dlt.Pipeline) -> dict[str, set[str]]:
    """The tables of push, and those that only pulls read, that are there, with their columns; files have none."""
    with pipeline.destination_client() as client:
        if not isinstance(client, SqlJobClientBase):
            return {}
        found = dict(cast("Any", client).get_storage_tables([*LEDGER, FORGOTTEN, SEEN_KEYS.name]))
    there = {name: {column.lower() for column in columns} for name, columns in found.items() if columns}
    for name, columns in there.items():
        if name not in LEDGER:
            continue
        # An earlier version has made all but the last of them.
        if lost := [column for column in list(LEDGER[name].columns)[:2] if column not in columns]:
            raise ConfigurationError(
                f"the dataset {pipeline.dataset_name} is not as push makes it: its table {name} has no column "
                f"{', '.join(lost)}. Where the table is of somebody else, rename it"
            )
    if FORGOTTEN in there:
        check_columns(there[FORGOTTEN])
    return there


def never_pulled(tables: Sequence[str]) -> str:
    """A sentence about tables that are not there."""
    return f"{', '.join(tables)} {'was' if len(tables) == 1 else 'were'} never pulled into this dataset."
