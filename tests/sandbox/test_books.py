"""Whatever happens, in whatever order, the world's books agree with each other."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from random import Random

import pytest

from listrak_source.sandbox import Refused, World
from listrak_source.sandbox.world.model import OPT_OUT_REASONS


def check(world: World) -> None:
    alive = {person for person, row in enumerate(world.rows) if row}
    assert alive == set(world.people.values())
    for sender in world.sender_codes.values():
        assert set(sender.since.people()) <= alive
        assert set(sender.opt_out_order.members) == set(sender.opt_outs) <= set(sender.since.people())
        for phone_list in sender.lists.values():
            inside, outside = set(phone_list.reachable.members), set(phone_list.opted_out.members)
            assert not inside & outside
            assert inside | outside == set(phone_list.since.people()) <= set(sender.since.people())
            assert outside == set(phone_list.since.people()) & set(sender.opt_outs)
            assert not set(phone_list.aside) & (inside | outside)
            for line in (phone_list.reachable, phone_list.opted_out):
                keys = list(zip(line.ticks, line.members, strict=True))
                assert keys == sorted(keys)
                assert all(phone_list.since[person] == ticks for ticks, person in keys)


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_verbs(seed: int) -> None:
    random = Random(seed)
    world = World(seed=seed, contacts=40, sender_codes=2)
    check(world)
    places = [(sender, item) for sender, code in world.sender_codes.items() for item in code.lists]
    phones = [*list(world.people)[:20], *(f"1212555{number:04d}" for number in range(20))]
    field = next(iter(world.fields))
    for _ in range(4000):
        (sender, phone_list), phone = random.choice(places), random.choice(phones)
        value = [{"segmentationFieldId": field, "value": str(random.randrange(9))}]
        verb = random.choice(
            (
                lambda: world.subscribe(sender, phone_list, phone),  # noqa: B023 - called at once
                lambda: world.confirm(sender, phone_list, phone),  # noqa: B023
                lambda: world.resubscribe(sender, phone),  # noqa: B023
                lambda: world.import_undated(sender, phone_list, phone) if random.random() < 0.2 else None,  # noqa: B023
                lambda: world.opt_out(sender, phone, random.choice(OPT_OUT_REASONS)),  # noqa: B023
                lambda: world.leave_list(sender, phone_list, phone),  # noqa: B023
                lambda: world.edit(phone, {"segmentationFieldValues": value}),  # noqa: B023
                lambda: world.put(sender, {"phoneNumber": phone, "firstName": "Ann"}),  # noqa: B023
                lambda: world.vanish(phone) if random.random() < 0.2 else None,  # noqa: B023
                lambda: world.clock.advance(timedelta(seconds=random.randrange(3))),
            )
        )
        with suppress(Refused):
            verb()
    check(world)
    kinds = {event.kind for event in world.journal}
    assert len(kinds) == 9, kinds


@pytest.mark.parametrize("contacts", [0, 1, 3, 17])
@pytest.mark.parametrize("sender_codes", [1, 4])
@pytest.mark.parametrize("lists", [None, 1, 3])
def test_tiny_worlds_live_too(contacts: int, sender_codes: int, lists: int | None) -> None:
    world = World(contacts=contacts, sender_codes=sender_codes, lists=lists)
    check(world)
    world.live(2)
    check(world)


def test_a_larger_world_lives_well() -> None:
    world = World(seed=11, contacts=5000)
    world.live(5)
    check(world)
