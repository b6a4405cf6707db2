"""Contacts looked up one by one: their dates on the sender code and what they are to each list.

No collection tells these, and each costs a call per contact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa

from listrak_source.api import ListrakClient, NotFoundError, each_record
from listrak_source.pull.gather import Batch
from listrak_source.pull.records import from_records, record_schema
from listrak_source.pull.shape import profile_values, shape
from listrak_source.pull.side_by_side import side_by_side
from listrak_source.pull.tables import CONTACT_PROFILE_VALUES, CONTACTS, SUBSCRIPTIONS
from listrak_source.settings import Settings

Person = tuple[int, str]
"""A sender code id and a phone number."""

_AT_ONCE = 10_000
"""People per batch that goes to the warehouse's load package."""


@dataclass(frozen=True)
class LookedUp:
    """What Listrak says of one contact; ``contact`` is None where it was not asked for."""

    person: Person
    contact: dict[str, Any] | None
    subscriptions: list[dict[str, Any]]


def look_up(
    people: Iterable[Person], client: ListrakClient, tables: frozenset[str], settings: Settings
) -> Iterator[Batch]:
    """Yield rows for the wanted ``tables`` about ``people``, read side by side. Who has vanished yields nothing."""
    details = bool({CONTACTS.name, CONTACT_PROFILE_VALUES.name} & tables)
    subscriptions = SUBSCRIPTIONS.name in tables

    def reader(person: Person) -> Callable[[], Iterator[LookedUp]]:
        return lambda: _ask(client, person, details, subscriptions)

    if not details and not subscriptions:
        return
    everyone = iter(people)
    while some := list(islice(everyone, _AT_ONCE)):
        yield _rows(list(side_by_side([reader(person) for person in some], settings.workers)), settings)


def _ask(client: ListrakClient, person: Person, details: bool, subscriptions: bool) -> Iterator[LookedUp]:
    try:
        # Under the number that the collections use, so that every table joins.
        contact = {**client.get_contact(*person), "phoneNumber": person[1]} if details else None
        lists = list(each_record(client.list_contact_subscriptions(*person))) if subscriptions else []
    except NotFoundError:
        return
    yield LookedUp(person, contact, [dict(item) for item in lists])


def _rows(found: list[LookedUp], settings: Settings) -> Batch:
    contacts, values = [], []
    for sender in sorted({one.person[0] for one in found}):
        details = [one.contact for one in found if one.contact is not None and one.person[0] == sender]
        records = from_records(details, record_schema(CONTACTS))
        contacts.append(shape(records, CONTACTS, settings.timezone, {"sender_code_id": sender}))
        values.append(profile_values(records, sender, into_empty=settings.into_empty))
    people = [one.person for one in found for _ in one.subscriptions]
    given = {
        "sender_code_id": pa.array([sender for sender, _ in people], pa.int64()),
        "phone_number": pa.array([phone for _, phone in people], pa.string()),
    }
    states = from_records([item for one in found for item in one.subscriptions], record_schema(SUBSCRIPTIONS))
    tables = {SUBSCRIPTIONS.name: shape(states, SUBSCRIPTIONS, settings.timezone, given)}
    if contacts:
        tables[CONTACTS.name] = pa.concat_tables(contacts, promote_options="default")
        tables[CONTACT_PROFILE_VALUES.name] = pa.concat_tables(values, promote_options="default")
    return tables
