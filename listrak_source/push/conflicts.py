"""Syncs that want different values for one field of one sender code: each undoes what the other has sent, for ever."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import uuid4

from listrak_source.api import ListrakClient
from listrak_source.push.diff import desired_state
from listrak_source.push.sync.canonical import compare_form, of_table
from listrak_source.push.sync.config import CREATE, SUBSCRIBE, UNSUBSCRIBE, Sync
from listrak_source.push.sync.field_mapping import Target, clears
from listrak_source.push.validate import at_listrak
from listrak_source.push.warehouse.sql_client import Store


@dataclass(frozen=True)
class Shared:
    """Fields that two syncs write to."""

    other: Sync
    targets: list[tuple[Target, Target]]
    """This sync's and the other's, field by field."""

    def __str__(self) -> str:
        fields = ", ".join(ours.title for ours, _ in self.targets)
        return (
            f"Sync {self.other.name} writes to the same: {fields}. Where both have a row for one contact, and want "
            "different values, each undoes what the other has sent; plan says of how many contacts"
        )


@dataclass(frozen=True)
class Conflict:
    """Contacts of whom two syncs want different values now."""

    sync: str
    """The other one."""
    field: str
    contacts: int

    def __str__(self) -> str:
        return (
            f"Sync {self.sync} wants another value for {self.field} of {self.contacts:,} "
            f"contact{'s' if self.contacts > 1 else ''}: each undoes what the other has sent"
        )


def shared(client: ListrakClient, sync: Sync, targets: list[Target], others: Iterable[Sync]) -> Iterator[Shared]:
    """Which of the other syncs write to fields of this one's. A stop is no such field: nobody wants the opposite."""
    for other in others:
        if other.name == sync.name or other.sender_code_id != sync.sender_code_id:
            continue
        theirs = {one.id: one for one in at_listrak(client, other)[0] if not one.is_stop}
        both = [(ours, theirs[ours.id]) for ours in targets if ours.id in theirs]
        if both:
            yield Shared(other, both)


def found(store: Store, sync: Sync, both: Iterable[Shared]) -> list[Conflict]:
    """Where rows of two syncs are about one contact, and want different values.

    Another sync whose table cannot be read is left out: its own check says so.
    """
    conflicts: list[Conflict] = []
    for one in both:
        # Under names of their own: an apply of the other may be at work.
        ours, theirs = (replace(some, name=f"beside_{uuid4().hex[:8]}") for some in (sync, one.other))
        with suppress(Exception):  # each database tells by errors of its own
            conflicts += _compared(store, ours, theirs, one)
        for name in (ours.name, theirs.name):
            for table in ("wanted", "twins"):
                store.run(f"DROP TABLE IF EXISTS push_{table}_{name}")
    return conflicts


def _compared(store: Store, ours: Sync, theirs: Sync, both: Shared) -> Iterator[Conflict]:
    our_targets, their_targets = map(list, zip(*both.targets, strict=True))
    our_rows, _ = desired_state.make(store, ours, our_targets)
    their_rows, _ = desired_state.make(store, theirs, their_targets)
    we_say, they_say = (
        desired_state.said(store, our_rows, our_targets),
        desired_state.said(store, their_rows, their_targets),
    )
    met = (
        f"FROM (SELECT phone{we_say} FROM {our_rows} WHERE phone IS NOT NULL) AS o "
        f"JOIN (SELECT phone{they_say} FROM {their_rows} WHERE phone IS NOT NULL) AS t ON t.phone = o.phone"
    )
    for index, (our, their) in enumerate(both.targets):
        here, there = _wanted(ours, our, f"o.said_{index}"), _wanted(theirs, their, f"t.said_{index}")
        contacts = int(store.one(f"SELECT COUNT(DISTINCT o.phone) {met} WHERE {here} <> {there}"))
        if contacts:
            yield Conflict(both.other.name, our.title, contacts)


def _wanted(sync: Sync, target: Target, said: str) -> str:
    """SQL for what a row wants, for comparing; null where it wants nothing, empty where it empties the field."""
    value = compare_form(of_table(said, target.kind), target.kind)
    if target.is_list:
        wants = [one for one, modes in (("1", {CREATE, SUBSCRIBE}), ("0", {UNSUBSCRIBE})) if modes & sync.modes]
        return f"CASE WHEN {value} IN ({', '.join(map(repr, wants))}) THEN {value} END"
    return f"COALESCE({value}, '')" if clears(target) else value
