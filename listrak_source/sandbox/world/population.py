"""Dealing a crowd of people fast: a million in a few seconds.

Every column is a short table of ready-made pieces, mixed by the seed and dealt in turn. The lengths of the tables have
no common divisor, so a combination returns only after billions. The first pieces of a table are its showpieces, so
that a world of two hundred has them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import cycle
from random import Random
from typing import Any, TypeVar

from listrak_source.sandbox.world import names
from listrak_source.sandbox.world.clock import DAY, HOUR, QUIET_HOURS, SECOND
from listrak_source.sandbox.world.profile import ProfileField, dumps

PHONES = 8_000_000
"""How many phone numbers there are: 800 area codes with the fictional exchange 555."""

T = TypeVar("T")

_PLAIN = {
    "Text": ("a", "b", "c"),
    "Number": ("1", "2", "3.5"),
    "Checkbox": ("1", "0"),
    "Date": ("01/02/2020", "12/31/2020"),
}
_YEARS = 8
_GRAINS = (SECOND, SECOND // 10, SECOND // 100, SECOND // 1000, 10, 1, SECOND // 100)
"""Fractions of a second with 0, 1, 2, 3, 6 and 7 digits."""


def phone_numbers(seed: int, start: int, count: int) -> list[str]:
    """The phone numbers of people ``start`` to ``start + count``: each once, in an order that the seed mixes."""
    random = Random(f"{seed} phones")
    # Odd and not a multiple of five: it has no common divisor with 8,000,000.
    step, offset = random.randrange(400_000, 4_000_000) * 10 + 3, random.randrange(PHONES)
    numbers = [(step * person + offset) % PHONES for person in range(start, start + count)]
    return [f"1{200 + number // 10000}555{number % 10000:04d}" for number in numbers]


def moments(seed: int, count: int, end: int) -> list[int]:
    """Subscribe dates in ticks over the eight years before ``end``, ever more of them, in order."""
    random = Random(f"{seed} moments")
    noise = cycle([random.randrange(2 * HOUR) for _ in range(1009)])
    grains = cycle(_GRAINS)
    span, first = _YEARS * 365 * DAY, end - _YEARS * 365 * DAY
    return sorted(
        awake((raw := first + int(span * ((person + 0.5) / count) ** 0.7) - extra) - raw % grain)
        for person, extra, grain in zip(range(count), noise, grains, strict=False)
    )


def awake(ticks: int) -> int:
    """The moment itself, or one on the evening before if everybody sleeps."""
    return ticks if ticks % DAY >= QUIET_HOURS * HOUR else ticks - QUIET_HOURS * HOUR


def rows(
    seed: int, phones: Sequence[str], fields: Sequence[ProfileField], values: int | None, first: int = 0
) -> list[bytes]:
    """The rendered profiles of the people from ``first`` on: the same bytes that ``profile.render`` gives.

    ``values`` is how many profile values each has; by default it varies, and some have none.
    """
    who, where, what = (_deal(table, first) for table in _tables(seed, tuple(fields), values))
    return [
        (
            f'{{"phoneNumber":"{phone}","emailAddress":{mail}{number if host else ""}{host}{name}{birth}'
            f'"optedOut":false,"segmentationFieldValues":[{before}{number if behind else ""}{behind}]}}'
        ).encode()
        for number, phone, (mail, host, name), birth, (before, behind) in zip(
            range(first + 1, first + len(phones) + 1), phones, who, where, what, strict=False
        )
    ]


@lru_cache(maxsize=8)
def _tables(seed: int, fields: tuple[ProfileField, ...], values: int | None) -> tuple[list[Any], list[Any], list[Any]]:
    """The pieces that people are made of. A world that is reset deals the same ones again."""
    random = Random(f"{seed} people")
    return (
        _identities(random, 2003),
        _birthdays_and_codes(random, 1999),
        _value_sets(random, 1997, fields, values),
    )


def _deal(table: list[T], first: int) -> Iterator[T]:
    """The pieces of a table in turn, over and over, from the piece of a person on."""
    at = first % len(table)
    return cycle(table[at:] + table[:at])


def _identities(random: Random, size: int) -> list[tuple[str, str, str]]:
    """What stands before and behind the number in an e-mail address, and the two names."""
    found: list[tuple[str | None, str | None, str | None]] = []
    for firsts, lasts, local in names.PEOPLE:
        found.append((firsts[0], lasts[0], local))
    found += names.ODD_PEOPLE
    while len(found) < size:
        firsts, lasts, local = names.PEOPLE[int(len(names.PEOPLE) * random.random() ** 2)]
        if random.random() < 0.06:
            found.append(random.choice(names.ODD_PEOPLE))
        else:
            found.append((random.choice(firsts), random.choice(lasts), local if random.random() < 0.9 else None))
    pieces = []
    for first, last, account in found:
        name = f',"firstName":{dumps(first)},"lastName":{dumps(last)},'
        if account is None:
            pieces.append(("null" if first is None else '""', "", name))
        else:
            pieces.append((f'"{account}.', '@example.com"', name))
    return pieces


def _birthdays_and_codes(random: Random, size: int) -> list[str]:
    found = [(birthday, code) for birthday in names.BIRTHDAYS for code in names.POSTAL_CODES]
    random.shuffle(found)
    while len(found) < size:
        day = f"{random.randrange(1940, 2009)}-{random.randrange(1, 13):02d}-{random.randrange(1, 29):02d}T00:00:00"
        birthday = day if random.random() < 0.6 else None
        found.append((birthday, f"{random.randrange(100_000):05d}" if random.random() < 0.8 else ""))
    return [f'"birthday":{dumps(birthday)},"postalCode":{dumps(code)},' for birthday, code in found]


def _value_sets(random: Random, size: int, fields: Sequence[ProfileField], values: int | None) -> list[tuple[str, str]]:
    """What stands before and behind the contact's number, which ends its loyalty id (the first field)."""
    fields = sorted(fields, key=lambda field: field.data_type != "Text")
    if not fields or fields[0].data_type != "Text":
        return [("", "")]
    samples = {field.field_id: samples_of(field) for field in fields}
    sets = []
    for turn in range(size):
        count = random.choice((0, 1, 2, 3, 3, 4, 6)) if values is None else values
        if values is None and turn < 6:
            count = (0, 3, 1, 5, 2, len(fields))[turn]
        count = min(count, len(fields))
        chosen = sorted(random.sample(range(1, len(fields)), max(count - 1, 0)))
        items = [
            f'{{"segmentationFieldId":{fields[at].field_id},"value":{dumps(random.choice(samples[fields[at].field_id]))}}}'
            for at in chosen
        ]
        loyalty = f'{{"segmentationFieldId":{fields[0].field_id},"value":"000'
        sets.append((loyalty, ",".join(['"}', *items])) if count else ("", ""))
    return sets


def samples_of(field: ProfileField) -> tuple[str, ...]:
    """Values that the field may hold, as the API reads them back."""
    for name, data_type, _, samples in names.FIELDS:
        if field.name == name and field.data_type == data_type:
            return samples
    return _PLAIN[field.data_type]
