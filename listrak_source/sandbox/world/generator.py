"""Making a world out of a seed: the account, then its people and where they are. Same seed, same bytes."""

from __future__ import annotations

import gc
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import compress, cycle
from random import Random

from listrak_source.sandbox.world import names, population
from listrak_source.sandbox.world.account import Account
from listrak_source.sandbox.world.clock import DAY, SECOND
from listrak_source.sandbox.world.model import OPT_OUT_REASONS, OptOut, PhoneList, SenderCode, Subscription
from listrak_source.sandbox.world.timeline import NEVER, Dates, Timeline

_AGE = 9 * 365 * DAY


@dataclass(frozen=True)
class Shape:
    """How large a world is, and of what form."""

    seed: int = 7
    contacts: int = 2000
    """How many people."""
    sender_codes: int = 3
    """With three or more, the last is disabled."""
    lists: int | None = None
    """Active lists on each sender code; by default a believable mix with inactive, empty and double opt-in ones."""
    values_per_contact: int | None = None
    """Profile values of each person; by default it varies."""

    def __post_init__(self) -> None:
        if not 0 <= self.contacts <= population.PHONES * 9 // 10:
            raise ValueError(f"contacts must be between 0 and {population.PHONES * 9 // 10:,}")
        if self.sender_codes < 1:
            raise ValueError("a world has at least one sender code")
        if self.lists is not None and self.lists < 1:
            raise ValueError("lists must be at least 1 (or None for a believable mix)")
        if self.values_per_contact is not None and not 0 <= self.values_per_contact <= 50:
            raise ValueError("Listrak allows at most 50 profile fields")


def populate(world: Account, shape: Shape) -> None:
    """Fills an empty world."""
    with _without_garbage_collection():
        _open_account(world, shape)
        if shape.contacts:
            _settle(world, shape)
            if shape.lists is None:
                _trouble(world, Random(f"{shape.seed} trouble"))


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Millions of small tuples come and none is garbage: looking for some doubles the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _open_account(world: Account, shape: Shape) -> None:
    born = world.clock.ticks() // (3600 * SECOND) * 3600 * SECOND - _AGE
    wanted = shape.values_per_contact or 0
    for name, data_type, max_length, _ in names.FIELDS:
        world.add_profile_field(name, data_type, max_length=max_length)
    for number in range(len(names.FIELDS), wanted):
        world.add_profile_field(f"Custom {number + 1}", "Text", max_length=100)
    if wanted + len(names.DEAD_FIELDS) <= 50:
        for name, data_type, max_length, status in names.DEAD_FIELDS:
            world.add_profile_field(name, data_type, max_length=max_length, status=status)
    for number in range(shape.sender_codes):
        disabled = shape.sender_codes >= 3 and number == shape.sender_codes - 1
        merchant = names.MERCHANTS[number % len(names.MERCHANTS)]
        sender_code_id = world.add_sender_code(
            merchant, country="CA" if number % 3 == 1 else "US", enabled=not disabled
        )
        for turn, (name, active, double_opt_in) in enumerate(_lists(shape.lists)):
            created = born + turn * 11 * DAY + (turn * 1_234_567 if turn % 2 else 0)
            list_id = world.add_list(
                sender_code_id, name, active=active, double_opt_in=double_opt_in, age_gate=turn == 3, created=created
            )
            if turn < 2:
                for title, status in names.MESSAGES:
                    world.add_transactional_message(sender_code_id, list_id, title, status)


def _lists(wanted: int | None) -> list[tuple[str, bool, bool]]:
    if wanted is None:
        return [(name, active, double_opt_in) for name, _, active, double_opt_in in names.LISTS]
    return [(f"List {number + 1}", True, False) for number in range(wanted)]


def _settle(world: Account, shape: Shape) -> None:
    """The people, the lists they are on since when, and who of them opted out."""
    now = world.clock.ticks()
    phones = population.phone_numbers(shape.seed, 0, shape.contacts)
    fields = [field for field in world.fields.values() if field.status == "Active"]
    world.rows = population.rows(shape.seed, phones, fields, shape.values_per_contact)
    world.people = dict(zip(phones, range(len(phones)), strict=True))
    for sender in world.sender_codes.values():
        sender.since = Dates(shape.contacts)
    dates = population.moments(shape.seed, shape.contacts, now)
    homes = [(sender, phone_list) for sender in world.sender_codes.values() for phone_list in sender.lists.values()]
    random = Random(f"{shape.seed} places")
    places = _places(random, shape, homes)
    leaving = _leaving(random)

    members = [array("i") for _ in homes]
    since = [array("q") for _ in homes]
    for person, date, place, leave in zip(range(shape.contacts), dates, cycle(places), cycle(leaving), strict=False):
        last = date
        for home, delay in place:
            joined = date
            if delay and date + delay < now:
                joined = population.awake(date + delay)
                last = max(last, joined)
            members[home].append(person)
            since[home].append(joined)
        if leave is not None:
            share, reason = leave
            # Behind every date of the person: whoever subscribes after an opt-out is no longer opted out.
            _stop(homes[place[0][0]][0], person, last + int((now - last) * share), reason)
    for (sender, phone_list), who, when in zip(homes, members, since, strict=True):
        _fill(sender, phone_list, who, when, shape.contacts)
    for sender in world.sender_codes.values():
        order = sorted((stopped.ticks, person) for person, stopped in sender.opt_outs.items())
        sender.opt_out_order = Timeline([ticks for ticks, _ in order], [person for _, person in order])


def _places(
    random: Random, shape: Shape, homes: list[tuple[SenderCode, PhoneList]]
) -> list[tuple[tuple[int, int], ...]]:
    """Who is on which lists: tuples of (home, ticks after the person's own date). Every list with a share gets some."""
    if shape.lists is None:
        shares = [share for _, share, _, _ in names.LISTS]
    else:
        shares = [1 / (number + 1) for number in range(shape.lists)]
    weights = [share * 0.3**turn for turn in range(shape.sender_codes) for share in shares]
    several = [home for home, weight in enumerate(weights) if weight]
    places: list[tuple[tuple[int, int], ...]] = [((home, 0),) for home in several]
    if len(several) > 1:
        places += [((home, 0), (several[turn - 1], 3 * DAY)) for turn, home in enumerate(several)]
    while len(places) < 1013:
        first = random.choices(range(len(homes)), weights)[0]
        others = [home for home in random.choices(several, k=random.choice((0, 0, 0, 0, 0, 1, 1, 2))) if home != first]
        delays = ((home, random.randrange(400 * DAY) // SECOND * SECOND) for home in dict.fromkeys(others))
        places.append(((first, 0), *delays))
    return places


def _leaving(random: Random) -> list[tuple[float, str] | None]:
    """Who opts out: about five in a hundred, when in their time, and why. Every reason comes early."""
    found: list[tuple[float, str] | None] = [None] * 1019
    for turn, reason in enumerate(OPT_OUT_REASONS):
        found[turn * 5 + 3] = (random.random(), reason)
    for at in random.sample(range(45, 1019), 43):
        found[at] = (random.random(), random.choice(("Campaign", "Campaign", "Campaign", *OPT_OUT_REASONS)))
    return found


def _stop(sender: SenderCode, person: int, ticks: int, reason: str) -> None:
    """Opts out, with or without a fraction of a second in the date."""
    sender.opt_outs[person] = OptOut(
        population.awake(ticks - ticks % (SECOND // 100 if person % 2 else SECOND)), reason
    )


def _fill(sender: SenderCode, phone_list: PhoneList, who: array[int], when: array[int], people: int) -> None:
    """Puts many people on a list at once. They come in their own order, which the sort by date keeps among equals."""
    order = sorted(range(len(when)), key=when.__getitem__)
    members, ticks = array("i", map(who.__getitem__, order)), array("q", map(when.__getitem__, order))
    stopped = [person in sender.opt_outs for person in members]
    stayed = [not gone for gone in stopped]
    phone_list.reachable = Timeline(array("q", compress(ticks, stayed)), array("i", compress(members, stayed)))
    phone_list.opted_out = Timeline(array("q", compress(ticks, stopped)), array("i", compress(members, stopped)))
    phone_list.since = Dates(people)
    phone_list.since.fill(members, ticks)
    first = sender.since
    for person, date in zip(who, when, strict=True):
        if not first[person] or date < first[person]:
            first[person] = date


def _trouble(world: Account, random: Random) -> None:
    """Pending, gone, banned and suspended people: a few of each, in every world."""
    now = world.clock.ticks()
    for sender in world.sender_codes.values():
        confirmed_only = next(item for item in sender.lists.values() if item.double_opt_in)
        here = [person for person in sender.since.people() if person not in sender.opt_outs]
        few = random.sample(here, min(len(here), 12 + len(here) // 200))
        for turn, person in enumerate(few):
            since, when = sender.since[person], now - random.randrange(1, 40) * DAY // SECOND * SECOND
            if turn % 4 == 0 and not confirmed_only.since[person]:
                confirmed_only.aside[person] = Subscription(
                    "Pending Double Opt-In", pending=population.awake(max(when, since))
                )
            elif turn % 4 == 1:
                _leave(sender, person, population.awake(max(when, since)), everywhere=turn % 8 == 1)
            elif turn % 8 == 2:
                sender.banned.add(world.phone(person))
            elif turn % 8 == 6:
                world.suspended.add(world.phone(person))
    if people := [person for sender in world.sender_codes.values() for person in sender.since.people()][:1]:
        world.suspended.add(world.phone(people[0]))
    _pending_only(world, random)


def _leave(sender: SenderCode, person: int, when: int, *, everywhere: bool) -> None:
    listing = [item for item in sender.lists.values() if item.since[person]]
    for phone_list in listing if everywhere else listing[:1]:
        since = phone_list.since[person]
        phone_list.listed(person in sender.opt_outs).remove(since, person)
        phone_list.since[person] = 0
        phone_list.aside[person] = Subscription("Unsubscribed", since, max(when, since))


def _pending_only(world: Account, random: Random) -> None:
    """Two people on the first sender code who never confirmed anything: contacts that no list shows."""
    sender = next(iter(world.sender_codes.values()))
    confirmed_only = next(item for item in sender.lists.values() if item.double_opt_in)
    strangers = [person for person in range(len(world.rows)) if not sender.since[person]]
    for person in random.sample(strangers, min(2, len(strangers))):
        sender.since[person] = NEVER
        when = population.awake(world.clock.ticks() - random.randrange(1, 300) * DAY // SECOND * SECOND)
        confirmed_only.aside[person] = Subscription("Pending Double Opt-In", pending=when)
