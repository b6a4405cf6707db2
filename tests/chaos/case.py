"""A case: what is done to a pull or a push, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.chaos.ground import Ground

HARM = {
    "lost": "rows and events that were there, or that Listrak holds, and are not in the warehouse when all is healed",
    "doubled": "keys that a table has twice, and events that are told twice",
    "writes": "writes that Listrak got twice, of those that are not the same when they are repeated",
    "reached": "people who said stop and could be sent to",
    "leaked": "secrets, tokens and whole phone numbers in what a command has written",
    "hung": "cases that did not end in time",
    "tracebacks": "errors that are no sentence, and exit codes that are not documented",
}
"""What must not come of any case."""


@dataclass
class Verdict:
    """What came of a case."""

    harm: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    """What was seen, for whoever looks for the cause."""
    measured: list[str] = field(default_factory=list)
    """Figures, where a case is about them."""

    def find(self, harm: str, what: object, count: int = 1) -> None:
        """Book a harm."""
        assert harm in HARM, harm
        if count:
            self.harm[harm] += count
            self.notes.append(f"{harm}: {what}")


@dataclass(frozen=True)
class Case:
    """One of them, the same each time it is run."""

    part: str
    """A table of the page."""
    row: str
    """A line in it."""
    name: str
    """What tells it from the others of its row: it makes the seed, too."""
    run: Callable[[Ground, Verdict], None] = field(compare=False, repr=False)
    weight: float = 1.0
    """Seconds that it takes, about."""

    @property
    def id(self) -> str:
        return f"{self.part} / {self.row} / {self.name}"
