"""Which changes travel in one import file.

A blank cell changes nothing at Listrak, and a cell with what was known before would undo what somebody has edited
there meanwhile. So no row carries a value that it does not change: rows that change the same fields share a file. To
keep files few, only the :data:`MOST` largest such groups do; of the other rows each field goes in a file of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from listrak_source.push.diff.comparison import changes_of
from listrak_source.push.sync.config import Sync
from listrak_source.push.sync.field_mapping import Target
from listrak_source.push.warehouse.sql_client import Store

MOST = 16
"""Files for rows that change several fields together."""


@dataclass(frozen=True)
class Group:
    """The rows of one import file, or of several where one would be too large."""

    number: int
    targets: tuple[int, ...]
    """The fields, by number of the target."""
    condition: str
    """SQL: which rows of the changes."""
    contacts: int


def grouped(store: Store, sync: Sync, targets: list[Target]) -> list[Group]:
    """The groups of a sync's changes, the largest first."""
    profile = [index for index, target in enumerate(targets) if target.is_profile]
    if not profile:
        return []
    changed = {index: f"after_{index} IS NOT NULL" for index in profile}
    pattern = " || ".join(f"CASE WHEN {changed[index]} THEN '1' ELSE '0' END" for index in profile)
    found = store.rows(
        f"SELECT pattern, COUNT(*) FROM (SELECT {pattern} AS pattern FROM {changes_of(sync)}) AS patterns "
        f"WHERE pattern LIKE '%1%' GROUP BY pattern ORDER BY 2 DESC, 1"
    )
    groups: list[Group] = []
    own = found[:MOST]
    for marks, contacts in own:
        some = tuple(index for index, mark in zip(profile, marks, strict=True) if mark == "1")
        groups.append(Group(len(groups), some, f"({pattern}) = '{marks}'", int(contacts)))
    if rest := found[MOST:]:
        others = f"({pattern}) NOT IN ({', '.join(repr(marks) for marks, _ in own)})"
        for place, index in enumerate(profile):
            contacts = sum(int(count) for marks, count in rest if marks[place] == "1")
            if contacts:
                groups.append(Group(len(groups), (index,), f"{others} AND {changed[index]}", contacts))
    return groups
