"""Contacts looked up one by one: their dates on the sender code and what they are to each list.

No collection tells these, and each costs a call per contact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pyarrow as pa

from listrak_source.api import (
    ContactStateError,
    ContactValueError,
    InvalidRequestError,
    ListrakClient,
    ListrakError,
    NotFoundError,
    NothingTold,
    each_record,
    json_elements,
)
from listrak_source.api.phones import canonical, forms
from listrak_source.pull.extract.catalog import Catalog
from listrak_source.pull.extract.parallel import side_by_side
from listrak_source.pull.records.batching import Batch
from listrak_source.pull.records.coerce import as_phone, from_groups, from_records
from listrak_source.pull.records.normalize import last_of_each, profile_values, shape
from listrak_source.pull.records.phone_numbers import PHONE_FIELD, in_one_form
from listrak_source.pull.schema import CONTACT_PROFILE_VALUES, CONTACTS, SUBSCRIPTIONS, VALUES_HASH, Table


@dataclass(frozen=True)
class Person:
    """A contact of a sender code: the same one in whatever form a collection writes the number."""

    sender_code_id: int
    phone_number: str
    """As the tables have it: hashed, where it is."""
    ask_by: str = field(compare=False)
    """As the collection writes it where the person was found."""


AT_ONCE = 5_000
"""People who are asked before their rows are handed on."""


MOST_FAILURES = 20
"""Contacts that cannot be looked up, one after the other with all attempts, before no more are tried."""

_REFUSALS = (ContactStateError, ContactValueError, InvalidRequestError)
"""Answers that say no to one contact, and nothing about the others."""


@dataclass(frozen=True)
class LookedUp:
    """What Listrak says of one contact."""

    person: Person
    contact: dict[str, Any] | None
    """None where it was not asked for, or Listrak does not tell it."""
    subscriptions: list[Any]
    """As they came: what is no object is set aside."""
    refused: list[tuple[Table, str]]
    """Tables that Listrak does not tell of, and why, where there is a contact."""
    is_known: bool = True
    """Whether there is such a contact at all."""
    failed: bool = False
    """Whether it could not be looked up, or was not for so many others could not."""

    @property
    def is_whole(self) -> bool:
        """Whether all was told of this person."""
        return self.is_known and not self.refused and not self.failed


@dataclass(frozen=True)
class Answers:
    """What lookups of some people brought."""

    batch: Batch
    asked: list[Person]
    answered: list[Person]
    """Of whom there are rows, as far as a record fits."""
    again: list[Person]
    """Who is to be asked again by the next pull: not all of it was told."""


def asked_for(tables: frozenset[str]) -> tuple[bool, bool]:
    """Whether the wanted ``tables`` need a contact's details, and its subscriptions: each costs a request."""
    return bool({CONTACTS.name, CONTACT_PROFILE_VALUES.name} & tables), SUBSCRIPTIONS.name in tables


def look_up(
    people: Iterable[Person], catalog: Catalog, tables: frozenset[str], count: Callable[[int], None]
) -> Iterator[Answers]:
    """Yield rows for the wanted ``tables`` about ``people``, read side by side.

    ``count`` is told of so many more people who were asked about. Who is not there any more has no rows; whom Listrak
    refuses to tell of is set aside.
    """
    details, subscriptions = asked_for(tables)

    def reader(person: Person) -> Callable[[], Iterator[LookedUp]]:
        return lambda: _ask_unless_broken(catalog, person, details, subscriptions)

    if not details and not subscriptions:
        return
    everyone = iter(people)
    while some := list(islice(everyone, AT_ONCE)):
        found = []
        for one in side_by_side([reader(person) for person in some], catalog.settings.workers):
            found.append(one)
            count(1)
            for table, why in one.refused:
                who = {PHONE_FIELD: one.person.ask_by, "sender_code_id": one.person.sender_code_id}
                catalog.rejects.add(table, who, f"lookup: {why}")
        told = [one for one in found if one.contact is not None or (one.is_known and not details and not one.failed)]
        again = [one.person for one in found if not one.is_whole]
        yield Answers(_rows(told, catalog, tables), some, [one.person for one in told], again)


def _ask_unless_broken(catalog: Catalog, person: Person, details: bool, subscriptions: bool) -> Iterator[LookedUp]:
    """Look up, and let one contact's failure be its own. After some, nobody else is asked in this pull."""
    unanswered = LookedUp(person, None, [], [], failed=True)
    if catalog.failures.lookups >= MOST_FAILURES:
        yield unanswered
        return
    try:
        yield from list(_ask(catalog.client, person, details, subscriptions))
    except ListrakError as error:
        if not catalog.failures.skips_lookup(person.sender_code_id, error):
            raise
        yield unanswered


def _ask(client: ListrakClient, person: Person, details: bool, subscriptions: bool) -> Iterator[LookedUp]:
    """Ask for somebody in the form that Listrak has written; where it does not know that one, in the one form."""
    answers = []
    for phone in forms(person.ask_by):
        answers.append(_asked_by(client, person, phone, details, subscriptions))
        if answers[-1].is_whole:
            break
    # A refusal tells of somebody who may be there: that counts before a form that nobody has.
    yield next((answer for answer in reversed(answers) if answer.is_known), answers[-1])


def _asked_by(client: ListrakClient, person: Person, phone: str, details: bool, subscriptions: bool) -> LookedUp:
    sender = person.sender_code_id
    contact, lists, refused, is_known = None, [], [], True
    try:
        contact = _under(phone, dict(client.get_contact(sender, phone))) if details else None
    except (NotFoundError, NothingTold):
        is_known = False
    except _REFUSALS as error:
        refused.append((CONTACTS, _why(error)))
    if contact is not None and contact.get("optedOut") is None:
        # It tells less than the list does, and may not take a stop's place.
        contact, is_known = None, False
    try:
        if subscriptions and is_known and not refused:
            found = client.list_contact_subscriptions(sender, phone, decode=json_elements)
            lists = list(each_record(found))
    except NotFoundError as error:
        is_known = details
        refused += [(SUBSCRIPTIONS, _why(error))] if details else []
    except _REFUSALS as error:
        refused.append((SUBSCRIPTIONS, _why(error)))
    return LookedUp(person, contact, lists, refused, is_known)


def _under(phone: str, contact: dict[str, Any]) -> dict[str, Any]:
    """A contact under the number that was asked for, so that every table joins.

    It keeps its own form, if it is the same number.
    """
    written = as_phone(contact.get(PHONE_FIELD))
    same = written is not None and canonical(written) == canonical(phone)
    return {**contact, PHONE_FIELD: written if same else phone}


def _why(error: ListrakError) -> str:
    return error.code or f"HTTP {error.status}"


def _rows(found: list[LookedUp], catalog: Catalog, wanted: frozenset[str]) -> Batch:
    settings, masks, rejects = catalog.settings, catalog.masks, catalog.rejects
    contacts, values = [], []
    for sender in sorted({one.person.sender_code_id for one in found}):
        details = [one.contact for one in found if one.contact is not None and one.person.sender_code_id == sender]
        given = {"sender_code_id": sender}
        records = masks.records(in_one_form(from_records(details, CONTACTS, rejects, given)))
        with_values = CONTACT_PROFILE_VALUES.name in wanted
        hashes = {VALUES_HASH.name: catalog.hasher.of_values(sender, records) if with_values else None}
        contacts.append(shape(records, masks.table(CONTACTS), settings.timezone, given | hashes, rejects))
        values.append(profile_values(records, sender, into_empty=settings.into_empty, rejects=rejects))
    groups = [
        ({"sender_code_id": one.person.sender_code_id, "phone_number": one.person.phone_number}, one.subscriptions)
        for one in found
    ]
    states, owners = from_groups(groups, SUBSCRIPTIONS, rejects)
    rows = shape(masks.records(states), SUBSCRIPTIONS, settings.timezone, owners, rejects)
    tables = {SUBSCRIPTIONS.name: last_of_each(rows, list(SUBSCRIPTIONS.key))}
    if contacts:
        tables[CONTACTS.name] = pa.concat_tables(contacts, promote_options="default")
        tables[CONTACT_PROFILE_VALUES.name] = pa.concat_tables(values, promote_options="default")
    return tables
