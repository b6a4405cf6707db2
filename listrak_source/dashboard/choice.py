"""What is looked at: which sender codes, lists and days of a snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from listrak_source.api.errors import ConfigurationError
from listrak_source.dashboard.snapshot import Snapshot

DEFAULT_DAYS = 90
PERIODS = (("day", 45), ("week", 400))
"""Changes are told by day up to so many days, and by week up to so many; else by month."""
NAMED = "COALESCE(NULLIF(TRIM(phone_list_name), ''), 'list ' || phone_list_id)"
CODE = "COALESCE(NULLIF(TRIM(code), ''), CAST(sender_code_id AS TEXT))"
OF_CODE = "LEFT JOIN sender_codes USING (sender_code_id)"
"""SQL for the name of a list, and of a sender code."""
IDS = f"{CODE} || CASE WHEN NULLIF(TRIM(code), '') IS NULL THEN '' ELSE ' (' || sender_code_id || ')' END"
"""The same with the id, by which it is chosen."""
_SENDERS = " UNION ".join(
    f"SELECT sender_code_id FROM {table}" for table in ("sender_codes", "growth", "lists", "stops", "contacts")
)
_LISTS = "SELECT phone_list_id, sender_code_id FROM growth UNION SELECT phone_list_id, sender_code_id FROM lists"
_SOME = 10


@dataclass(frozen=True)
class Chosen:
    """What is looked at: a part of a snapshot."""

    sender_codes: tuple[int, ...]
    lists: tuple[int, ...]
    since: date
    until: date
    first_pull: date | None = None
    """Days before it are known only of those whom the first pull still found."""

    @property
    def days(self) -> int:
        """How many days."""
        return (self.until - self.since).days + 1

    @property
    def period(self) -> str:
        """What changes are added up by."""
        return next((name for name, most in PERIODS if self.days <= most), "month")

    @property
    def values(self) -> dict[str, Any]:
        """For the names in a query."""
        return {
            "senders": list(self.sender_codes),
            "lists": list(self.lists),
            "since": self.since,
            "until": self.until,
            "period": self.period,
            "a_year_since": min(self.since, _before(self.until, 366)).replace(day=1),
        }


def choose(
    snapshot: Snapshot,
    sender_codes: Sequence[int] = (),
    lists: Sequence[int] = (),
    since: date | None = None,
    until: date | None = None,
) -> Chosen:
    """What is looked at; all sender codes and lists, and the last 90 days since the first pull, where it is not said.

    Raises:
        ConfigurationError: There is no such sender code or list, or the days end before they begin.
    """
    known = sorted({row["sender_code_id"] for row in snapshot.rows(_SENDERS)})
    places = [(row["phone_list_id"], row["sender_code_id"]) for row in snapshot.rows(_LISTS)]
    senders = tuple(sender_codes) or tuple(known)
    there = sorted({phone_list for phone_list, sender in places if sender in senders})
    for what, wanted, found in (("sender code", senders, known), ("list", lists, there)):
        if missing := [one for one in wanted if one not in found]:
            raise ConfigurationError(f"there is no {what} {missing[0]} to be shown; there is {_some(found)}")
    days = snapshot.rows(
        "SELECT max(day) AS last, min(day) FILTER (is_observed) AS first FROM growth"
        " WHERE list_contains($senders, sender_code_id)",
        senders=list(senders),
    )[0]
    today = snapshot.at.astimezone(ZoneInfo(snapshot.timezone)).date()
    end = until or min(filter(None, (days["last"], today)))
    begin = since or max(_before(end, DEFAULT_DAYS - 1), min(end, days["first"] or end))
    if begin > end:
        known_to = "" if until else ", the last day that is known"
        raise ConfigurationError(f"the days end before they begin: {begin} is later than {end}{known_to}")
    return Chosen(senders, tuple(lists) or tuple(there), begin, end, days["first"])


def options_of(snapshot: Snapshot) -> dict[str, list[dict[str, Any]]]:
    """The sender codes and lists that there are to choose from: ids with names."""
    senders = f"SELECT sender_code_id AS id, {CODE} AS name FROM ({_SENDERS}) {OF_CODE} ORDER BY id"
    lists = f"""SELECT phone_list_id AS id, any_value({NAMED}) AS name FROM lists GROUP BY phone_list_id
        ORDER BY sum(reachable) DESC, id"""
    return {"senders": snapshot.rows(senders), "lists": snapshot.rows(lists)}


def _before(day: date, days: int) -> date:
    """So many days before a day; no calendar goes back beyond the year 1."""
    return date.fromordinal(max(day.toordinal() - days, 1))


def _some(ids: Sequence[int]) -> str:
    more = f" and {len(ids) - _SOME:,} more" if len(ids) > _SOME else ""
    return ", ".join(map(str, ids[:_SOME])) + more if ids else "none"
