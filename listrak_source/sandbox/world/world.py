"""The world: a believable Listrak account whose contents follow from a seed alone."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from listrak_source.sandbox.world import activity
from listrak_source.sandbox.world.account import Account
from listrak_source.sandbox.world.clock import Clock
from listrak_source.sandbox.world.expected_tables import Table, truth
from listrak_source.sandbox.world.generator import Shape, populate

START = datetime(2026, 3, 2, 12, 0)
"""When a world begins, on its own wall clock, unless it is told otherwise."""


class World(Account):
    """Everything that a Listrak account holds, and everything that can happen to it.

    The same arguments give the same bytes on every machine. ``start`` is wall time in ``timezone`` when it has no
    offset. The clock stands still unless moved (``clock.advance``, ``live``); with ``ticking`` it runs along with real
    time. Events happen at the clock's present; the journal begins empty, whatever lies in the people's past.
    """

    def __init__(  # noqa: PLR0917 - numbers of things, from the large to the small
        self,
        seed: int = 7,
        contacts: int = 2000,
        sender_codes: int = 3,
        lists: int | None = None,
        values_per_contact: int | None = None,
        start: datetime = START,
        timezone: str = "America/New_York",
        *,
        ticking: bool = False,
    ) -> None:
        self.shape: Shape = Shape(seed, contacts, sender_codes, lists, values_per_contact)
        self.timezone = timezone
        self._start, self._ticking = start, ticking
        super().__init__(Clock(start, ZoneInfo(timezone), ticking=ticking))
        self._days = 0
        populate(self, self.shape)

    def live(self, days: int = 1) -> dict[str, int]:
        """Moves the world on by whole days in which people do what people do; see ``journal``.

        Returns how often each kind of event happened. The same days happen to the same world, in one call or in many.
        """
        first, self._days = self._days, self._days + days
        return activity.live(self, self.shape, first, days)

    def truth(self, *, subscriptions: bool = True) -> dict[str, Table]:
        """What a warehouse should hold now, table by table; see ``sandbox.truth``."""
        return truth(self, subscriptions=subscriptions)

    def reset(self) -> None:
        """Back to the first moment, as if nothing had happened."""
        with self.lock:
            self.clock: Clock = Clock(self._start, ZoneInfo(self.timezone), ticking=self._ticking)
            self.clear()
            self._days = 0
            populate(self, self.shape)
