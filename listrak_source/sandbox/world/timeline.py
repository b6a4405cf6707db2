"""Members in the order of their dates: what a date filter cuts and a cursor walks along."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Sequence

Key = tuple[int, int]
"""A place in a timeline: (ticks, member)."""


NEVER = -1
"""In place of ticks: no subscribe date. Such a member comes before all others, and no date filter finds it."""


class Timeline:
    """Members sorted by (ticks, member), in two flat arrays: 12 bytes for each.

    A place is a key and not an offset, so that nothing is skipped or repeated when others come and go.
    """

    __slots__ = ("members", "ticks")

    def __init__(self, ticks: Sequence[int] = (), members: Sequence[int] = ()) -> None:
        self.ticks: array[int] = array("q", ticks)
        self.members: array[int] = array("i", members)

    def __len__(self) -> int:
        return len(self.members)

    def _before(self, ticks: int, member: int) -> int:
        low = bisect_left(self.ticks, ticks)
        return bisect_left(self.members, member, low, bisect_right(self.ticks, ticks, low))

    def add(self, ticks: int, member: int) -> None:
        """Puts a member where its time belongs."""
        at = self._before(ticks, member)
        self.ticks.insert(at, ticks)
        self.members.insert(at, member)

    def remove(self, ticks: int, member: int) -> None:
        """Takes a member out; ``KeyError`` if it is not at that date."""
        at = self._before(ticks, member)
        if at == len(self) or self.ticks[at] != ticks or self.members[at] != member:
            raise KeyError((ticks, member))
        del self.ticks[at]
        del self.members[at]

    def cut(self, start: int | None, end: int | None, *, inclusive: bool) -> tuple[int, int]:
        """The offsets (low, high) between two dates."""
        low, high = 0, len(self)
        if start is not None or end is not None:
            low = bisect_right(self.ticks, NEVER)
        if start is not None:
            low = max(low, (bisect_left if inclusive else bisect_right)(self.ticks, start))
        if end is not None:
            high = (bisect_right if inclusive else bisect_left)(self.ticks, end)
        return low, max(low, high)

    def after(self, place: Key) -> int:
        """The offset of the first member behind a place."""
        return self._before(place[0], place[1] + 1)

    def key(self, offset: int) -> Key:
        """The key of the member at an offset."""
        return self.ticks[offset], self.members[offset]


class Dates:
    """One date for each person: ticks, or 0 for none. Grows as people come."""

    __slots__ = ("_ticks",)

    def __init__(self, people: int = 0) -> None:
        self._ticks = array("q", bytes(8 * people))

    def __getitem__(self, person: int) -> int:
        return self._ticks[person] if person < len(self._ticks) else 0

    def __setitem__(self, person: int, ticks: int) -> None:
        if person >= len(self._ticks):
            self._ticks.extend([0] * (person + 1 - len(self._ticks)))
        self._ticks[person] = ticks

    def fill(self, members: Sequence[int], ticks: Sequence[int]) -> None:
        """Dates for many people at once, who must be among the number that this began with."""
        deque(map(self._ticks.__setitem__, members, ticks), maxlen=0)

    def people(self) -> list[int]:
        """Everyone who has a date."""
        return [person for person, date in enumerate(self._ticks) if date]
