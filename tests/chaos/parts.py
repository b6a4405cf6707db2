"""All cases, part by part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

from tests.chaos import calls, kills, pulls, pushes, together, warehouses, workers, years
from tests.chaos.case import Case

PARTS = {
    "calls": calls.cases,
    "pulls": pulls.cases,
    "pushes": pushes.cases,
    "kills": kills.cases,
    "warehouses": warehouses.cases,
    "together": together.cases,
    "workers": workers.cases,
    "years": years.cases,
}


def cases(names: tuple[str, ...] = (), rounds: range = range(1)) -> Iterator[Case]:
    """The cases of some parts, or of all."""
    for name, of in PARTS.items():
        if not names or name in names:
            yield from of(rounds)


def by_id() -> Callable[[str], Case]:
    """Find a case by its id."""

    @cache
    def of_round(number: int) -> dict[str, Case]:
        return {case.id: case for case in cases(rounds=range(number, number + 1))}

    def find(wanted: str) -> Case:
        return of_round(int(wanted.rpartition(" ")[2]))[wanted]

    return find
