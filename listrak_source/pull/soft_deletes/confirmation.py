"""Is it gone? What a complete walk did not find is asked for by itself before it counts as gone.

That a row is in no answer proves nothing: an answer may be empty for a moment, a page may skip somebody, a list may
change its status between two questions. So Listrak is asked about the row itself. True is *gone*, false is *there*,
and null is *not known*: not asked, or not told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar, cast

import pyarrow as pa

from listrak_source.api import ContactValueError, ListrakError, NotFoundError, each_record, json_elements
from listrak_source.api.phones import forms
from listrak_source.forgotten import is_hash
from listrak_source.pull.extract.catalog import Catalog
from listrak_source.pull.extract.parallel import side_by_side
from listrak_source.pull.load.warehouse import among, columns_of, select
from listrak_source.pull.records.masking import PHONE
from listrak_source.pull.schema import (
    BOOLEAN,
    CONTACTS,
    LIST_MEMBERSHIPS,
    LISTS,
    OPT_OUTS,
    PHONE_RAW,
    PROFILE_FIELDS,
    SENDER_CODES,
    SUBSCRIPTIONS,
    TRANSACTIONAL_MESSAGES,
    Table,
)

K = TypeVar("K")
V = TypeVar("V")
Key = tuple[Any, ...]

_ON = ("subscribed",)
_OFF = ("unsubscribed", "pending")
"""How the states begin that tell for sure that somebody is on a list, or not. Any other one leaves it open: *Not
Subscribed* is also who is still listed, among those who stopped."""


@dataclass(frozen=True)
class _Standing:
    """What a contact is to the lists of its sender code."""

    on: frozenset[int] = frozenset()
    open: frozenset[int] = frozenset()
    """Lists of which the state leaves it open."""
    named: frozenset[int] = frozenset()
    """All lists that the answer names."""

    @property
    def is_gone(self) -> bool | None:
        """Whether the contact is on no list."""
        return False if self.on else None if self.open else True

    def has_left(self, phone_list_id: int) -> bool | None:
        return False if phone_list_id in self.on else None if phone_list_id in self.open else True

    def lacks(self, phone_list_id: int) -> bool | None:
        """Whether there is no subscription to a list any more."""
        return True if self.is_gone else phone_list_id not in self.named


class _Asked(Generic[K, V]):
    """Answers to one kind of question, each asked once."""

    def __init__(self, ask: Callable[[K], V | None]) -> None:
        self.ask = ask
        self.answers: dict[K, V | None] = {}

    def reader(self, key: K) -> Callable[[], Iterator[tuple[K, V | None]]]:
        return lambda: iter([(key, self.ask(key))])


class Confirmation:
    """The questions of one walk: so many at the most."""

    def __init__(self, catalog: Catalog, most: int) -> None:
        self._catalog, self._client, self._left = catalog, catalog.client, most
        # Who is written as a hash cannot be asked for: nobody knows the number any more.
        self._knows_people = PHONE not in catalog.masks.hashed
        self._things: dict[str, _Asked[Key, bool]] = {
            SENDER_CODES.name: _Asked(self._by(self._client.get_sender_code)),
            LISTS.name: _Asked(self._by(self._client.get_phone_list)),
            PROFILE_FIELDS.name: _Asked(self._by(self._client.get_profile_field)),
            TRANSACTIONAL_MESSAGES.name: _Asked(self._by(self._client.get_transactional_message)),
        }
        self._raw: dict[Key, str] = {}
        """Numbers that Listrak writes in another form than the tables have, by sender code and number."""
        self._standings = _Asked(self._standing)
        self._stops = _Asked(self._has_no_stop)

    def of(self, table: Table, rows: pa.Table) -> pa.Array:
        """Which of the rows are gone, as booleans; ``rows`` have the table's key."""
        if rows.num_rows == 0:
            return pa.array([], BOOLEAN)
        keys = list(zip(*(rows[name].to_pylist() for name in table.key), strict=True))
        if table.name in self._things:
            asked = self._things[table.name]
            self._answer(asked, keys)
            return pa.array([asked.answers.get(key) for key in keys], BOOLEAN)
        people = list(zip(rows["sender_code_id"].to_pylist(), rows[PHONE].to_pylist(), strict=True))
        if PHONE_RAW.name in rows.column_names:
            self._note_raw(people, rows[PHONE_RAW.name])
        if table is OPT_OUTS:
            self._answer(self._stops, people)
            return pa.array([self._stops.answers.get(one) for one in people], BOOLEAN)
        lists = rows["phone_list_id"].to_pylist() if "phone_list_id" in table.key else [0] * len(people)
        ended = self._things[LISTS.name].answers
        # With its list a membership is gone, whoever it is of.
        known = [
            table is LIST_MEMBERSHIPS and bool(ended.get((one[0], place)))
            for one, place in zip(people, lists, strict=True)
        ]
        self._answer(self._standings, [one for one, is_known in zip(people, known, strict=True) if not is_known])
        found = [
            True if is_known else _of_standing(table, self._standings.answers.get(one), place)
            for one, place, is_known in zip(people, lists, known, strict=True)
        ]
        return pa.array(found, BOOLEAN)

    def _answer(self, asked: _Asked[K, V], keys: Iterable[K]) -> None:
        """Ask what was not asked yet, while questions are left."""
        about_people = asked is self._standings or asked is self._stops
        if about_people and not self._knows_people:
            return
        unknown = (key for key in dict.fromkeys(keys) if key not in asked.answers)
        if about_people:  # nor can who was forgotten
            unknown = (key for key in unknown if not is_hash(str(cast("Key", key)[1])))
        new = list(islice(unknown, max(self._left, 0)))
        self._left -= len(new)
        if about_people:
            self._find_raw(new)
        workers = self._catalog.settings.workers
        for key, answer in side_by_side([asked.reader(key) for key in new], workers):
            asked.answers[key] = answer

    def _by(self, get: Callable[..., Any]) -> Callable[[Key], bool | None]:
        def ask(key: Key) -> bool | None:
            return self._told(lambda: get(*key) is None, gone=True)

        return ask

    def _standing(self, person: Key) -> _Standing | None:
        def ask() -> _Standing | None:
            return _standing_of(self._by_forms(person, self._subscriptions_of))

        return self._told(ask, gone=_Standing())

    def _subscriptions_of(self, sender_code_id: int, phone: str) -> list[Any]:
        return list(each_record(self._client.list_contact_subscriptions(sender_code_id, phone, decode=json_elements)))

    def _by_forms(self, person: Key, ask: Callable[[int, str], V]) -> V:
        """Ask for somebody as Listrak writes the number: it is not known only where it is known in no form."""
        sender_code_id, phone = person
        ways = forms(str(self._raw.get(person, phone)))
        for form in ways[:-1]:
            with suppress(NotFoundError, ContactValueError):
                return ask(sender_code_id, form)
        return ask(sender_code_id, ways[-1])

    def _find_raw(self, people: Sequence[Any]) -> None:
        """Look up in the warehouse how Listrak writes these people's numbers."""
        if PHONE_RAW.name not in columns_of(CONTACTS):
            return
        for some in among(str(phone) for _, phone in people):
            written = f"{PHONE_RAW.name} IS NOT NULL AND {some}"
            names = f"sender_code_id, {PHONE}, {PHONE_RAW.name}"
            for rows in select(f"SELECT {names} FROM {CONTACTS.name} WHERE {written}"):  # noqa: S608 - our own names
                known = zip(rows["sender_code_id"].to_pylist(), rows[PHONE].to_pylist(), strict=True)
                self._note_raw(known, rows[PHONE_RAW.name])

    def _note_raw(self, people: Iterable[Key], written: pa.ChunkedArray) -> None:
        self._raw |= {key: raw for key, raw in zip(people, written.to_pylist(), strict=True) if raw}

    def _has_no_stop(self, person: Key) -> bool | None:
        """Who is not there at all has taken no stop back."""
        stopped = self._told(lambda: self._by_forms(person, self._opted_out), gone=None)
        return {"false": True, "0": True, "true": False, "1": False}.get(stopped or "")

    def _opted_out(self, sender_code_id: int, phone: str) -> str:
        return str(self._client.get_contact(sender_code_id, phone).get("optedOut")).lower()

    def _told(self, ask: Callable[[], V | None], gone: V | None) -> V | None:
        try:
            return ask()
        except NotFoundError:
            return gone
        except ListrakError as error:
            if not self._client.fails_alone(error):
                raise
            return None


def _of_standing(table: Table, standing: _Standing | None, phone_list_id: int) -> bool | None:
    if standing is None:
        return None
    if table is LIST_MEMBERSHIPS:
        return standing.has_left(phone_list_id)
    return standing.lacks(phone_list_id) if table is SUBSCRIPTIONS else standing.is_gone


def _standing_of(records: list[Any]) -> _Standing | None:
    """None where a record cannot be read: nothing is known then."""
    found: dict[str, set[int]] = {"on": set(), "open": set(), "named": set()}
    for record in records:
        if not isinstance(record, dict) or isinstance(record.get("phoneListId"), bool):
            return None
        try:
            place = int(str(record.get("phoneListId")))
        except ValueError:
            return None
        state = str(record.get("subscriptionState") or "").strip().lower()
        found["named"].add(place)
        if state in _ON:
            found["on"].add(place)
        elif not state.startswith(_OFF):
            found["open"].add(place)
    return _Standing(**{name: frozenset(places) for name, places in found.items()})
