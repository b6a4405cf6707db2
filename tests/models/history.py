"""What the models should hold, reckoned from the sandbox's world alone: from what it holds at each pull, in Python.

Each pull is a complete walk that looks everybody up, so each sees all that the world tells at that moment; what was
undone between two of them nobody can know.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from listrak_source.sandbox import World

ZONE = ZoneInfo("America/New_York")
WHOLE = 0
CLASSES = {
    "Campaign": "person",
    "Workflow": "person",
    "DeliveryFailure": "carrier",
    "Deactivated": "carrier",
    "PermanentError": "carrier",
    "Admin": "admin",
    "Import": "import",
    "API": "import",
}
_WEIGHT = ("opted_in", "subscribed", "pending", "unsubscribed", "removed", "opted_out")
"""Of one moment, what comes later counts."""

Person = tuple[int, str]
Place = tuple[int, int, str]


def day_of(moment: datetime) -> date:
    return moment.astimezone(ZONE).date()


def month_of(day: date) -> date:
    return day.replace(day=1)


def months_between(first: date, last: date) -> int:
    return (last.year - first.year) * 12 + last.month - first.month


def percent(part: int, whole: int) -> Decimal:
    return (Decimal(part * 100) / whole).quantize(Decimal("0.01"), rounding="ROUND_HALF_UP")


@dataclass(frozen=True)
class Told:
    """One thing that a pull has learnt."""

    sender: int
    phone_list: int
    phone: str
    event: str
    at: datetime
    is_exact: bool
    seen_at: datetime
    reason: str | None = None

    @property
    def key(self) -> tuple[int, int, str, str, datetime]:
        return self.sender, self.phone_list, self.phone, self.event, self.at

    @property
    def precision(self) -> str:
        return "exact" if self.is_exact else "window" if self.at < self.seen_at else "pull"

    @property
    def order(self) -> tuple[datetime, datetime, int, int]:
        return self.at, self.seen_at, _WEIGHT.index(self.event), self.phone_list


@dataclass
class Stand:
    """How a person stands to a list, as things come."""

    state: str | None = None
    stopped: bool = False
    ever_stopped: bool = False
    ever_reached: bool = False
    last: Told | None = None

    @property
    def reached(self) -> bool:
        return self.state == "subscribed" and not self.stopped

    def take(self, told: Told) -> str | None:
        """What one thing changes."""
        before = self.reached
        self.last = told
        if told.phone_list == WHOLE:
            self.stopped = told.event == "opted_out"
            self.ever_stopped |= self.stopped
        else:
            self.state = told.event
        change = None
        if self.reached and not before:
            change = "came_back" if self.ever_reached or self.ever_stopped else "joined"
        elif before and not self.reached:
            change = "stopped" if self.stopped else "left"
        self.ever_reached |= self.reached
        return change


@dataclass
class History:
    """A world that is looked at, pull by pull."""

    told: dict[tuple[int, int, str, str, datetime], Told] = field(default_factory=dict)
    opt_outs: dict[tuple[int, str, datetime], str] = field(default_factory=dict)
    pulls: list[datetime] = field(default_factory=list)
    truth: dict[str, Any] = field(default_factory=dict)
    members: set[Place] = field(default_factory=set)

    def look(self, world: World) -> None:
        """Take in what the world holds now, as a pull does."""
        now, truth = world.clock.now().astimezone(timezone.utc), world.truth()
        self.pulls.append(now)
        before = self.stands()
        people = truth["contacts"] | truth["unlisted_contacts"]
        for (sender, phone), stop in truth["opt_outs"].items():
            self._tell(sender, WHOLE, phone, "opted_out", stop["opt_out_date"], now, stop["reason"])
            self.opt_outs[sender, phone, stop["opt_out_date"]] = stop["reason"]
        for (sender, phone), contact in people.items():
            if (sender, phone) in truth["contacts"] and not contact["opted_out"] and contact["subscribe_date"]:
                self._tell(sender, WHOLE, phone, "opted_in", contact["subscribe_date"], now)
        for (sender, phone, phone_list), what in truth["subscriptions"].items():
            if (sender, phone) not in truth["contacts"]:
                continue
            stop = truth["opt_outs"].get((sender, phone))
            if what["subscribe_date"]:
                self._tell(sender, phone_list, phone, "subscribed", what["subscribe_date"], now)
            if what["unsubscribe_date"] and not (stop and stop["opt_out_date"] == what["unsubscribe_date"]):
                self._tell(sender, phone_list, phone, "unsubscribed", what["unsubscribe_date"], now)
            if what["pending_date"]:
                self._tell(sender, phone_list, phone, "pending", what["pending_date"], now)
        members = set(truth["list_memberships"])
        for (sender, phone_list, phone), listed in truth["list_memberships"].items():
            if before.get((sender, phone_list, phone), Stand()).state == "subscribed":
                continue
            at = listed["subscribed_at"]
            # A first pull reads lists before it looks anybody up; of what is new since, a window tells the day.
            if len(self.pulls) == 1 or at is None:
                self._tell(sender, phone_list, phone, "subscribed", now, now, exact=False)
            elif at > self.pulls[-2]:
                day = datetime.combine(day_of(at), time(), ZONE).astimezone(timezone.utc)
                self._tell(sender, phone_list, phone, "subscribed", day, now, exact=False)
        for sender, phone_list, phone in self.members - members:
            self._tell(sender, phone_list, phone, "removed", now, now, exact=False)
        self.members, self.truth = members, truth

    def _tell(
        self,
        sender: int,
        phone_list: int,
        phone: str,
        event: str,
        at: datetime,
        now: datetime,
        reason: str | None = None,
        *,
        exact: bool = True,
    ) -> None:
        told = Told(sender, phone_list, phone, event, at, exact, now, reason)
        self.told.setdefault(told.key, told)

    # -- what follows ------------------------------------------------------------------------------------------------

    def timelines(self) -> Iterator[tuple[Place, list[Told]]]:
        """By person and list: what was told of it, and of the sender code, in order."""
        of_lists: dict[Person, dict[int, list[Told]]] = defaultdict(lambda: defaultdict(list))
        for told in self.told.values():
            of_lists[told.sender, told.phone][told.phone_list].append(told)
        for (sender, phone), lists in of_lists.items():
            for phone_list, own in lists.items():
                both = own if phone_list == WHOLE else [*own, *lists.get(WHOLE, [])]
                yield (sender, phone_list, phone), sorted(both, key=lambda told: told.order)

    def stands(self) -> dict[Place, Stand]:
        """How everybody stands."""
        found = {}
        for place, timeline in self.timelines():
            stand = found[place] = Stand()
            for told in timeline:
                stand.take(told)
        return found

    def changes(self) -> list[tuple[Place, Told, str]]:
        """Who became reachable on a list, and who ceased to be."""
        found = []
        for place, timeline in self.timelines():
            stand = Stand()
            for told in timeline:
                if (change := stand.take(told)) and place[1] != WHOLE:
                    found.append((place, told, change))
        return found

    @property
    def last_day(self) -> date:
        return max(max(day_of(told.at), day_of(told.seen_at)) for told in self.told.values())

    def growth(self) -> dict[tuple[int, int, date], dict[str, int]]:
        """By list and day."""
        by_day: dict[tuple[int, int], dict[date, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        for (sender, phone_list, _), told, change in self.changes():
            of_day = by_day[sender, phone_list][day_of(told.at)]
            if told.precision == "pull":
                of_day["undated"] += 1 if change in ("joined", "came_back") else -1
            else:
                of_day[change] += 1
        found, last = {}, self.last_day
        for (sender, phone_list), days in by_day.items():
            closing, day = 0, min(days)
            while day <= last:
                counts = days.get(day, Counter())
                net = counts["joined"] + counts["came_back"] - counts["left"] - counts["stopped"]
                opening = closing + counts["undated"]
                closing = opening + net
                found[sender, phone_list, day] = {
                    "is_observed": day >= day_of(self.pulls[0]),
                    "undated": counts["undated"],
                    "opening": opening,
                    "joined": counts["joined"],
                    "came_back": counts["came_back"],
                    "left_list": counts["left"],
                    "stopped": counts["stopped"],
                    "net": net,
                    "closing": closing,
                }
                day += timedelta(days=1)
        return found

    def health(self, days: int = 30) -> dict[tuple[int, int], dict[str, Any]]:
        """By list: how large it is, by the world's own books, and how it has changed."""
        stopped = set(self.truth["opt_outs"])
        growth, stands, first, found = self.growth(), self.stands(), self.last_day - timedelta(days=days), {}
        for sender, phone_list in self.truth["lists"]:
            members = [phone for one, its, phone in self.members if (one, its) == (sender, phone_list)]
            reachable = sum((sender, phone) not in stopped for phone in members)
            some = [
                row for (one, its, day), row in growth.items() if (one, its) == (sender, phone_list) and day > first
            ]
            sums = {
                name: sum(row[name] for row in some) for name in ("joined", "came_back", "left_list", "stopped", "net")
            }
            opening = reachable - sums["net"]
            lost = sums["left_list"] + sums["stopped"]
            record = self.truth["lists"][sender, phone_list]
            found[sender, phone_list] = {
                "phone_list_name": record["phone_list_name"],
                "status": record["status"],
                "is_removed": False,
                "members": len(members),
                "opted_out_members": len(members) - reachable,
                "reachable": reachable,
                # Nobody tells that somebody is gone who had not confirmed.
                "pending": sum(
                    stand.state == "pending" and not stand.stopped
                    for place, stand in stands.items()
                    if place[:2] == (sender, phone_list)
                ),
                "period_days": days,
                "opening": opening,
                **sums,
                "delta_percent": percent(sums["net"], opening) if opening > 0 else None,
                "churn_percent": percent(lost, opening) if opening > 0 else None,
            }
        return found

    def reasons(self) -> dict[tuple[int, date, str], dict[str, Any]]:
        """Opt-outs by month and reason."""
        counts: Counter[tuple[int, date, str]] = Counter()
        for (sender, _, at), reason in self.opt_outs.items():
            counts[sender, month_of(day_of(at)), reason] += 1
        totals: Counter[tuple[int, date]] = Counter()
        for (sender, month, _), count in counts.items():
            totals[sender, month] += count
        return {
            key: {
                "is_dated": True,
                "reason_class": CLASSES[key[2]],
                "opt_outs": count,
                "share_percent": percent(count, totals[key[:2]]),
            }
            for key, count in counts.items()
        }

    def cohorts(self) -> dict[tuple[int, date, int], dict[str, Any]]:
        """Who joined in a month, and how many of them are reachable when each later month ends."""
        by_person: dict[Person, list[tuple[datetime, int, str, str]]] = defaultdict(list)
        for (sender, _, phone), told, change in self.changes():
            step = 1 if change in ("joined", "came_back") else -1
            by_person[sender, phone].append((told.at, step, change, told.precision))
        cohorts: dict[tuple[int, date], list[list[tuple[date, int]]]] = defaultdict(list)
        for (sender, _), steps in by_person.items():
            steps.sort()
            first = [step for step in steps if step[0] == steps[0][0]]
            dated = any(precision != "pull" for *_, precision in first)
            if (
                not dated
                or not any(change == "joined" for _, _, change, _ in first)
                or sum(one[1] for one in first) <= 0
            ):
                continue
            lists, course = 0, []
            for at, step, *_ in steps:
                lists += step
                course.append((day_of(at), lists))
            cohorts[sender, month_of(course[0][0])].append(course)
        found, last = {}, self.last_day
        for (sender, joined), courses in cohorts.items():
            for months in range(months_between(joined, last) + 1):
                consenting = 0
                for course in courses:
                    so_far = [lists for day, lists in course if months_between(joined, day) <= months]
                    consenting += so_far[-1] > 0
                found[sender, joined, months] = {
                    "is_observed": joined > day_of(self.pulls[0]),
                    "people": len(courses),
                    "consenting": consenting,
                    "consenting_percent": percent(consenting, len(courses)),
                }
        return found

    def suppressions(self) -> dict[Person, dict[str, Any]]:
        """Everybody who ever said stop, and whether that is in force."""
        found: dict[Person, dict[str, Any]] = {}
        for sender, phone, at in sorted(self.opt_outs, key=lambda key: key[2]):
            back = [
                told.at
                for told in self.told.values()
                if (told.sender, told.phone, told.event) == (sender, phone, "opted_in") and told.at > at
            ]
            # Whoever is gone may come anew: as long as nobody tells of a return, the stop is in force.
            is_back = bool(back) and (sender, phone) not in self.truth["opt_outs"]
            reason = self.opt_outs[sender, phone, at]
            found[sender, phone] = {
                "stopped_at": at,
                "stopped_on": day_of(at),
                "reason": reason,
                "reason_class": CLASSES[reason],
                "is_in_force": not is_back,
                "came_back_at": max(back) if is_back else None,
            }
        return found

    def contacts(self) -> dict[Person, dict[str, Any]]:
        """Live contacts, with their profile values as their types say."""
        stands, found = self.stands(), {}
        fields = {
            (sender, number): (f"field_{_slug(record['segmentation_field_name'])}", record["data_type"])
            for (sender, number), record in self.truth["profile_fields"].items()
        }
        lists: dict[Person, list[Stand]] = defaultdict(list)
        for (sender, phone_list, phone), stand in stands.items():
            if phone_list != WHOLE:
                lists[sender, phone].append(stand)
        for (sender, phone), record in self.truth["contacts"].items():
            values = {
                fields[one, number]: value
                for (one, its, number), value in self.truth["contact_profile_values"].items()
                if (one, its) == (sender, phone)
            }
            birthday = record["birthday"]
            reached = sum(stand.reached for stand in lists[sender, phone])
            found[sender, phone] = {
                "email_address": record["email_address"],
                "first_name": record["first_name"],
                "last_name": record["last_name"],
                "birthday": date.fromisoformat(str(birthday)[:10]) if birthday else None,
                "postal_code": record["postal_code"],
                "is_opted_out": record["opted_out"],
                "subscribed_at": record["subscribe_date"],
                "unsubscribed_at": record["unsubscribe_date"],
                "lists_on": sum(stand.state == "subscribed" for stand in lists[sender, phone]),
                "lists_reached": reached,
                "is_reachable": reached > 0 and not record["opted_out"],
                "values_filled": len(values),
                **{column: None for column, _ in fields.values()},
                **{column: typed(value, kind) for (column, kind), value in values.items()},
            }
        return found


def typed(value: str, kind: str) -> Any:
    """A profile value as the type of its field says."""
    if kind == "Number":
        return Decimal(value)
    if kind == "Checkbox":
        return value == "1"
    return datetime.strptime(value, "%m/%d/%Y").date() if kind == "Date" else value


def _slug(name: str) -> str:
    return "_".join("".join(one if one.isascii() and one.isalnum() else " " for one in name.lower()).split())
