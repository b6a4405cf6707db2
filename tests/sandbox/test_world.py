"""The world itself: what a seed makes, and what days of life do to it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import unicodedata
from collections import Counter
from datetime import datetime, timezone

import pytest

from listrak_source.sandbox import Fault, Sandbox, World
from listrak_source.sandbox.world.clock import to_text
from listrak_source.sandbox.world.model import OPT_OUT_REASONS
from listrak_source.sandbox.world.profile import parse, render, values_of

from .caller import Caller

KINDS = {"subscribed", "pending", "confirmed", "edited", "opted_out", "came_back", "left_list", "vanished"}

FINGERPRINT = """
import hashlib
from listrak_source.sandbox import World
world = World(seed=5, contacts=300)
world.live(2)
told = repr((world.rows, world.truth(), world.journal))
print(hashlib.sha256(told.encode()).hexdigest())
"""


def test_same_seed_same_bytes_whatever_the_hash_seed() -> None:
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", FINGERPRINT],
            env=os.environ | {"PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "2")
    ]
    first, second = [run.communicate()[0] for run in runs]
    assert len(first) == 65
    assert first == second


def answers(world: World) -> str:
    """A fingerprint of everything that an account answers."""
    found = hashlib.sha256()
    with Sandbox(world) as sandbox:
        caller = Caller(sandbox)
        for sender, code in world.sender_codes.items():
            for path in ("", "/PhoneList", "/PhoneList?status=inactive", "/SegmentationField", "/OptOut"):
                found.update(caller.get(f"/ShortCode/{sender}{path}").content)
            for phone_list in code.lists:
                for stopped in ("false", "true"):
                    path = f"/ShortCode/{sender}/PhoneList/{phone_list}/Contact"
                    found.update(caller.get(path, optedOut=stopped, count=50).content)
    return found.hexdigest()


def test_same_seed_same_answers() -> None:
    first = answers(World(seed=3, contacts=300))
    assert first == answers(World(seed=3, contacts=300))
    assert first != answers(World(seed=4, contacts=300))


def test_days_do_not_depend_on_how_they_are_lived() -> None:
    at_once, one_by_one = World(contacts=300), World(contacts=300)
    at_once.live(3)
    for _ in range(3):
        one_by_one.live(1)
    assert at_once.journal == one_by_one.journal
    assert at_once.rows == one_by_one.rows
    assert at_once.truth() == one_by_one.truth()


def test_a_small_world_has_everything() -> None:
    world = World(contacts=200)
    profiles = [parse(row) for row in world.rows]
    text = " ".join(f"{item['firstName']} {item['lastName']}" for item in profiles)
    scripts = {unicodedata.name(letter).split()[0] for letter in text if letter.isalpha()}
    assert {"LATIN", "CYRILLIC", "GREEK", "CJK", "HIRAGANA", "HANGUL", "ARABIC", "HEBREW", "DEVANAGARI"} <= scripts
    assert {'"', ",", "\\", "\n", "\r", "'", "🎸"} <= set(text)
    assert {item["birthday"] for item in profiles} >= {None, "0001-01-01T00:00:00", "2000-02-29T00:00:00"}
    assert any(item["postalCode"].startswith("0") for item in profiles if item["postalCode"])
    assert any(not item["firstName"] and not item["segmentationFieldValues"] for item in profiles)
    kinds = Counter(world.fields[field].data_type for item in profiles for field in values_of(item))
    assert set(kinds) == {"Text", "Number", "Checkbox", "Date"}
    assert {field.status for field in world.fields.values()} == {"Active", "Disabled", "Purged"}

    senders = list(world.sender_codes.values())
    assert [sender.enabled for sender in senders] == [True, True, False]
    sizes = [len(item.reachable) + len(item.opted_out) for item in senders[0].lists.values()]
    assert max(sizes) > 5 * min(size for size in sizes if size)
    assert 0 in sizes
    assert {(item.active, bool(item.since.people())) for item in senders[0].lists.values()} == {
        (True, True), (True, False), (False, True), (False, False),
    }  # fmt: skip
    assert {what.reason for sender in senders for what in sender.opt_outs.values()} == set(OPT_OUT_REASONS)
    assert any(sender.banned for sender in senders)
    assert world.suspended
    assert any(len([1 for sender in senders if sender.since[person]]) > 1 for person in range(200))
    states = Counter(what["subscription_state"] for what in world.truth()["subscriptions"].values())
    assert min(states.values()) >= 2
    assert len(states) == 4


def test_the_shape_for_benchmarks_is_exact() -> None:
    world = World(seed=1, contacts=5000, sender_codes=1, lists=10, values_per_contact=3)
    [sender] = world.sender_codes.values()
    assert len(sender.lists) == 10
    assert all(item.active and not item.double_opt_in and item.reachable for item in sender.lists.values())
    assert {len(values_of(parse(row))) for row in world.rows} == {3}
    assert len(world.truth()["contacts"]) == 5000 == len(world.people)
    assert 0.03 < len(sender.opt_outs) / 5000 < 0.07
    assert world.truth()["unlisted_contacts"] == {}


def test_one_huge_list() -> None:
    [sender] = World(contacts=3000, sender_codes=1, lists=1).sender_codes.values()
    [phone_list] = sender.lists.values()
    assert len(phone_list.reachable) + len(phone_list.opted_out) == 3000


@pytest.mark.parametrize("values", [0, 1, 12, 20, 50])
def test_any_number_of_values(values: int) -> None:
    world = World(contacts=60, values_per_contact=values)
    assert {len(values_of(parse(row))) for row in world.rows} == {values}
    assert len(world.fields) <= 50


@pytest.mark.parametrize(
    "wrong", [{"contacts": -1}, {"contacts": 10**8}, {"sender_codes": 0}, {"lists": 0}, {"values_per_contact": 51}]
)
def test_a_shape_that_cannot_be_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"at least|between|at most"):
        World(**wrong)  # type: ignore[arg-type]


def test_rows_are_as_a_change_would_write_them() -> None:
    world = World(contacts=3000)
    assert all(render(parse(row)) == row for row in world.rows)
    assert len(set(world.people)) == 3000
    assert all(len(phone) == 11 and phone[0] == "1" and phone[4:7] == "555" for phone in world.people)


def test_every_day_has_one_of_everything_even_in_a_small_world() -> None:
    world = World(contacts=200)
    for _ in range(3):
        happened = world.live(1)
        assert set(happened) >= KINDS - {"pending", "confirmed"}
    world.live(10)
    assert {event.kind for event in world.journal} == KINDS
    assert world.clock.now() == datetime(2026, 3, 15, 17, 0, tzinfo=timezone.utc)
    # Summer time began on the 8th: a day is 24 hours, and not from noon to noon.
    assert to_text(world.clock.ticks()) == "2026-03-15T13:00:00"


def test_the_journal_is_in_order_and_true() -> None:
    world = World(contacts=400)
    before = world.truth()
    world.live(4)
    after = world.truth()
    times = [event.at for event in world.journal]
    assert times == sorted(times)
    assert all(event.at.tzinfo is timezone.utc for event in world.journal)
    changed = {
        key for table in ("contacts", "unlisted_contacts") for key in before[table].keys() | after[table].keys()
        if before[table].get(key) != after[table].get(key)
    }  # fmt: skip
    touched = {event.phone_number for event in world.journal}
    assert {phone for _, phone in changed} <= touched
    stopped = {(event.sender_code_id, event.phone_number) for event in world.journal if event.kind == "opted_out"}
    assert after["opt_outs"].keys() - before["opt_outs"].keys() <= stopped


def test_people_who_came_years_ago_opt_out_too() -> None:
    world = World(contacts=1000)
    world.live(5)
    told = world.truth()
    stopped = [
        told["contacts"].get((event.sender_code_id, event.phone_number))
        for event in world.journal
        if event.kind == "opted_out"
    ]
    ages = [item["unsubscribe_date"] - item["subscribe_date"] for item in stopped if item and item["unsubscribe_date"]]
    assert max(ages).days > 3 * 365


def test_rates_are_those_of_a_real_account() -> None:
    world = World(contacts=20_000)
    happened = world.live(2)
    assert 150 <= happened["subscribed"] + happened["pending"] <= 400
    assert 100 <= happened["edited"] <= 140
    assert 30 <= happened["opted_out"] <= 50


def test_the_clock_stands_still_unless_it_ticks() -> None:
    still = World(contacts=0)
    assert still.clock.now() == still.clock.now() == datetime(2026, 3, 2, 17, 0, tzinfo=timezone.utc)
    ticking = World(contacts=0, ticking=True)
    first = ticking.clock.now()
    while ticking.clock.now() == first:
        pass
    with pytest.raises(ValueError, match="forward"):
        still.clock.advance(days=-1)


def test_another_zone_and_another_start() -> None:
    world = World(contacts=10, start=datetime(2025, 7, 1, 9, 30), timezone="Europe/Berlin")
    assert world.clock.now() == datetime(2025, 7, 1, 7, 30, tzinfo=timezone.utc)
    assert to_text(world.clock.ticks()) == "2025-07-01T09:30:00"


def test_writes_and_life_go_on_side_by_side() -> None:
    with Sandbox(World(contacts=500)) as sandbox:
        caller = Caller(sandbox)
        sandbox.faults.add(Fault("delay", seconds=0.01, times=None))
        before = len(sandbox.world.journal)
        caller.control("POST", "/live", {"days": 2}).raise_for_status()
        assert len(sandbox.world.journal) > before
