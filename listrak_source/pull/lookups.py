"""Contacts looked up one by one: their dates on the sender code and what they are to each list.

No collection tells these, and each costs a call per contact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import pyarrow as pa

from listrak_source.api import ListrakClient, NotFoundError, each_record, json_elements
from listrak_source.pull.directory import Directory
from listrak_source.pull.gather import Batch
from listrak_source.pull.records import from_groups, from_records
from listrak_source.pull.shape import profile_values, shape
from listrak_source.pull.side_by_side import side_by_side
from listrak_source.pull.tables import CONTACT_PROFILE_VALUES, CONTACTS, SUBSCRIPTIONS


class Person(NamedTuple):
    """A contact of a sender code."""

    sender_code_id: int
    phone_number: str
    """As the tables have it: hashed, where it is."""
    ask_by: str
    """As the collections write it."""


AT_ONCE = 5_000
"""People who are asked before their rows are handed on."""


@dataclass(frozen=True)
class LookedUp:
    """What Listrak says of one contact; ``contact`` is None where it was not asked for."""

    person: Person
    contact: dict[str, Any] | None
    subscriptions: list[Any]
    """As they came: what is no object is set aside."""


def asked_for(tables: frozenset[str]) -> tuple[bool, bool]:
    """Whether the wanted ``tables`` need a contact's details, and its subscriptions: each costs a request."""
    return bool({CONTACTS.name, CONTACT_PROFILE_VALUES.name} & tables), SUBSCRIPTIONS.name in tables


def look_up(
    people: Iterable[Person], directory: Directory, tables: frozenset[str], count: Callable[[int], None]
) -> Iterator[tuple[Batch, list[Person]]]:
    """Yield rows for the wanted ``tables`` about ``people``, read side by side, with the people that they are about
    or would be: who has vanished has no rows. ``count`` is told of so many more people who were asked about.
    """
    details, subscriptions = asked_for(tables)

    def reader(person: Person) -> Callable[[], Iterator[LookedUp]]:
        return lambda: _ask(directory.client, person, details, subscriptions)

    if not details and not subscriptions:
        return
    everyone = iter(people)
    while some := list(islice(everyone, AT_ONCE)):
        found = []
        for one in side_by_side([reader(person) for person in some], directory.settings.workers):
            found.append(one)
            count(1)
        count(len(some) - len(found))
        yield _rows(found, directory), some


def _ask(client: ListrakClient, person: Person, details: bool, subscriptions: bool) -> Iterator[LookedUp]:
    sender, phone = person.sender_code_id, person.ask_by
    try:
        # Under the number that the collections use, so that every table joins.
        contact = {**client.get_contact(sender, phone), "phoneNumber": phone} if details else None
        found = client.list_contact_subscriptions(sender, phone, decode=json_elements) if subscriptions else ()
        lists: list[Any] = list(each_record(found))
    except NotFoundError:
        return
    yield LookedUp(person, contact, lists)


def _rows(found: list[LookedUp], directory: Directory) -> Batch:
    settings, masks, rejects = directory.settings, directory.masks, directory.rejects
    contacts, values = [], []
    for sender in sorted({one.person.sender_code_id for one in found}):
        details = [one.contact for one in found if one.contact is not None and one.person.sender_code_id == sender]
        given = {"sender_code_id": sender}
        records = masks.records(from_records(details, CONTACTS, rejects, given))
        contacts.append(shape(records, masks.table(CONTACTS), settings.timezone, given, rejects))
        values.append(profile_values(records, sender, into_empty=settings.into_empty, rejects=rejects))
    names = ("sender_code_id", "phone_number")
    groups = [(dict(zip(names, one.person[:2], strict=True)), one.subscriptions) for one in found]
    states, owners = from_groups(groups, SUBSCRIPTIONS, rejects)
    tables = {SUBSCRIPTIONS.name: shape(masks.records(states), SUBSCRIPTIONS, settings.timezone, owners, rejects)}
    if contacts:
        tables[CONTACTS.name] = pa.concat_tables(contacts, promote_options="default")
        tables[CONTACT_PROFILE_VALUES.name] = pa.concat_tables(values, promote_options="default")
    return tables
