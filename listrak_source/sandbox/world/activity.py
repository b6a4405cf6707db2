"""Days of life: what people do to an account while nobody looks. Deterministic, day by day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

from listrak_source.sandbox.errors import Refused
from listrak_source.sandbox.world import population
from listrak_source.sandbox.world.account import Account
from listrak_source.sandbox.world.clock import NO_DATE, QUIET_HOURS
from listrak_source.sandbox.world.generator import Shape
from listrak_source.sandbox.world.model import OPT_OUT_REASONS, PhoneList, SenderCode
from listrak_source.sandbox.world.profile import parse, values_of

RATES = {
    "subscribe": 0.005,
    "join": 0.001,
    "edit": 0.003,
    "opt_out": 0.001,
    "come_back": 0.0002,
    "leave": 0.0003,
    "vanish": 0.0001,
}
"""How much of the crowd does a thing in a day; at least one person does each. Pending double opt-ins come on top: a
third of them is confirmed each day."""

_TRIES = 64


class Day:
    """One day. Its random is its own, so that a day does not depend on how it was reached."""

    def __init__(self, world: Account, shape: Shape, number: int) -> None:
        self.world = world
        self.shape = shape
        self.random: Random = Random(f"{shape.seed} day {number}")
        self.acts: dict[str, Callable[[int], None]] = {
            "subscribe": self.subscribe,
            "join": self.join,
            "edit": self.edit,
            "opt_out": self.opt_out,
            "come_back": self.come_back,
            "leave": self.leave,
            "vanish": self.vanish,
            "confirm": self.confirm,
        }

    def live(self) -> None:
        """Everything that happens in the next 24 hours, in order. Ends with the clock a day on."""
        world, start = self.world, self.world.clock.now()
        plan = {name: max(1, round(rate * len(world.people))) for name, rate in RATES.items()}
        plan["confirm"] = -(-len(self.pending()) // 3)
        self.newcomers: list[tuple[str, dict[str, Any]]] = self.strangers(plan["subscribe"])
        acts = [(self.moment(start), name, turn) for name, count in plan.items() for turn in range(count)]
        for at, name, turn in sorted(acts):
            with world.lock:
                world.clock.advance(max(at - world.clock.now(), timedelta()))
                try:
                    self.acts[name](turn)
                except Refused:
                    continue  # a test may have banned or disabled what this day had in mind
        world.clock.advance(max(start + timedelta(days=1) - world.clock.now(), timedelta()))

    def moment(self, start: datetime) -> datetime:
        """A moment of the day from ``start`` on, after the quiet hours."""
        while True:
            at = start + timedelta(milliseconds=self.random.randrange(86_400_000))
            if at.astimezone(self.world.clock.zone).hour >= QUIET_HOURS:
                return at

    # -- what people do ---------------------------------------------------------------------------------------------

    def subscribe(self, turn: int) -> None:
        """A newcomer subscribes to a list, a large one more likely."""
        lists = [(sender, item) for sender in self.senders() for item in sender.lists.values() if item.active]
        sizes = [len(item.reachable) for _, item in lists]
        if not any(sizes):
            sizes = [1] * len(lists)
        if lists and turn < len(self.newcomers):
            sender, phone_list = self.random.choices(lists, sizes)[0]
            phone, profile = self.newcomers[turn]
            self.world.subscribe(sender.sender_code_id, phone_list.list_id, phone, profile)

    def join(self, _: int) -> None:
        """Somebody joins one more list."""
        person = self.pick(lambda person: bool(self.elsewhere(person)))
        if person is not None:
            sender, phone_list = self.random.choice(self.elsewhere(person))
            self.world.subscribe(sender.sender_code_id, phone_list.list_id, self.world.phone(person))

    def edit(self, turn: int) -> None:
        """Somebody's profile changes."""
        person = self.pick(lambda person: any(sender.since[person] for sender in self.senders()))
        if person is None:
            return
        sender = next(sender for sender in self.senders() if sender.since[person])
        changes = self.changes(parse(self.world.rows[person]), turn)
        self.world.edit(self.world.phone(person), changes, sender.sender_code_id)

    def opt_out(self, turn: int) -> None:
        """Somebody says stop."""
        # The first of the day goes back to the oldest quarter: years may lie between a subscription and its end.
        place = self.reachable_place(oldest=turn == 0)
        if place:
            sender, _, person = place
            self.world.opt_out(sender.sender_code_id, self.world.phone(person), self.random.choice(OPT_OUT_REASONS))

    def come_back(self, _: int) -> None:
        """Somebody who said stop comes back."""
        senders = [sender for sender in self.senders() if sender.opt_outs]
        if not senders:
            return
        sender = self.random.choice(senders)
        person = self.random.choice(sender.opt_out_order.members)
        lists = [item for item in sender.lists.values() if item.active and not item.double_opt_in]
        known = [item for item in lists if item.since[person]] or lists
        if known:
            phone_list = self.random.choice(known)
            self.world.subscribe(sender.sender_code_id, phone_list.list_id, self.world.phone(person))

    def leave(self, _: int) -> None:
        """Somebody leaves one list."""
        place = self.reachable_place()
        if place:
            sender, phone_list, person = place
            self.world.leave_list(sender.sender_code_id, phone_list.list_id, self.world.phone(person))

    def vanish(self, _: int) -> None:
        """Somebody is deleted, and leaves no trace."""
        person = self.pick(lambda person: any(sender.since[person] for sender in self.senders()))
        if person is not None:
            self.world.vanish(self.world.phone(person))

    def confirm(self, _: int) -> None:
        """Somebody answers a double opt-in."""
        pending = self.pending()
        if pending:
            sender, phone_list, person = self.random.choice(pending)
            self.world.confirm(sender.sender_code_id, phone_list.list_id, self.world.phone(person))

    # -- who and what -----------------------------------------------------------------------------------------------

    def senders(self) -> list[SenderCode]:
        """The sender codes that are enabled."""
        return [sender for sender in self.world.sender_codes.values() if sender.enabled]

    def pick(self, fits: Callable[[int], bool], *, oldest: bool = False) -> int | None:
        """Somebody who fits; null if nobody does, or in a large world hardly anybody."""
        rows = self.world.rows
        count = (len(rows) + 3) // 4 if oldest else len(rows)
        candidates = [self.random.randrange(count) for _ in range(_TRIES if count else 0)]
        if len(rows) < 10 * _TRIES:
            candidates += range(len(rows))
        return next((person for person in candidates if rows[person] and fits(person)), None)

    def reachable_place(self, *, oldest: bool = False) -> tuple[SenderCode, PhoneList, int] | None:
        """Somebody on an active list who has not said stop, and that list."""
        person = self.pick(lambda person: bool(self.reached(person)), oldest=oldest)
        return None if person is None else (*self.random.choice(self.reached(person)), person)

    def reached(self, person: int) -> list[tuple[SenderCode, PhoneList]]:
        """The lists on which somebody can be reached, with their sender codes."""
        return [
            (sender, item)
            for sender in self.senders()
            if sender.since[person] and person not in sender.opt_outs
            for item in sender.lists.values()
            if item.active and item.since[person]
        ]

    def elsewhere(self, person: int) -> list[tuple[SenderCode, PhoneList]]:
        """Active lists in use that the person could join, on sender codes that may reach it."""
        return [
            (sender, item)
            for sender in {sender.sender_code_id: sender for sender, _ in self.reached(person)}.values()
            for item in sender.lists.values()
            if item.active and len(item.reachable) and not item.since[person]
        ]

    def pending(self) -> list[tuple[SenderCode, PhoneList, int]]:
        """Who has not answered a double opt-in yet: sender code, list and person."""
        return [
            (sender, item, person)
            for sender in self.senders()
            for item in sender.lists.values()
            if item.active
            for person, what in item.aside.items()
            if what.is_pending
        ]

    def strangers(self, count: int) -> list[tuple[str, dict[str, Any]]]:
        """New phone numbers with profiles, the next ones that the seed deals."""
        world, first = self.world, len(self.world.rows)
        fields = [field for field in world.fields.values() if field.status == "Active"]
        phones = population.phone_numbers(self.shape.seed, first, count)
        profiles = map(parse, population.rows(self.shape.seed, phones, fields, self.shape.values_per_contact, first))
        found = []
        for phone, profile in zip(phones, profiles, strict=True):
            if profile["birthday"] == NO_DATE:
                profile["birthday"] = None  # only old records read the sentinel, and no write may give it
            if phone not in world.people:
                found.append((phone, profile))
        return found

    def changes(self, profile: dict[str, Any], turn: int) -> dict[str, Any]:
        """A real change: of a profile value as a rule, else of a system field."""
        fields = [field for field in self.world.fields.values() if field.status == "Active"]
        values = values_of(profile)
        if fields and turn % 3:
            field = self.random.choice(fields)
            old = values.get(field.field_id, "")
            others = [
                text
                for text in (*population.samples_of(field), "" if old else None)
                if text is not None and text != old
            ]
            value = self.random.choice(others)
            return {"segmentationFieldValues": [{"segmentationFieldId": field.field_id, "value": value}]}
        name = self.random.choice(("firstName", "lastName", "postalCode", "emailAddress"))
        mark = self.random.randrange(100_000)
        new = {"postalCode": f"{mark:05d}", "emailAddress": f"moved.{mark}@example.com"}.get(name, f"Née {mark}")
        return {name: new if new != profile[name] else None}


def live(world: Account, shape: Shape, first_day: int, days: int) -> dict[str, int]:
    """Lives through some days and returns what happened, by kind of event."""
    before = len(world.journal)
    for number in range(first_day, first_day + days):
        Day(world, shape, number).live()
    return dict(sorted(Counter(event.kind for event in world.journal[before:]).items()))
