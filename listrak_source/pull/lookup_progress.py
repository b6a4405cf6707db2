"""How lookups come along: an estimate before the first, then a count of people, told to the pipeline's collector.

The collector is what a pipeline's ``progress`` is: a log, a bar, or the command's own. There the counter is
:data:`COUNTER`, and the estimate its message.
"""

from __future__ import annotations

from listrak_source.pull.extract.lookups import asked_for
from listrak_source.pull.extract.partitions import ContactPartition
from listrak_source.pull.load.warehouse import columns_of, is_loading, not_removed, running, select
from listrak_source.pull.plan import Plan
from listrak_source.pull.schema import CONTACTS, LIST_MEMBERSHIPS, SUBSCRIPTIONS, Table
from listrak_source.pull.transform.carry_forward import DATED

COUNTER = "Lookups"

_WORTH_TELLING = 10
"""Seconds. Lookups that take no longer begin without an estimate, unless it is everybody who is looked up."""


class LookupProgress:
    """The lookups of one pull."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        # Small answers so far, about as quick as a contact's; pages of 5,000 rows come later.
        self._latency = plan.catalog.client.latency or 0.0
        self._total: int | None = None
        self._done = 0
        self._has_begun = False
        self._collector = running().collector if is_loading() else None

    def begin(self, changed: int, asked: int = 0) -> None:
        """The first lookup is about to be sent.

        So many ``changed`` contacts are known already, and so many were ``asked`` about by another process.
        """
        if self._has_begun or self._collector is None:
            return
        self._has_begun = True
        plan = self._plan
        self._total = max(changed, (self._known() or 0) - asked, 0) or None
        if self._total is None:
            return
        requests = self._total * sum(asked_for(plan.wanted))
        workers = plan.catalog.settings.workers
        seconds = requests * self._latency / workers
        if plan.asks_everyone or seconds >= _WORTH_TELLING:
            sentence = (
                f"Looking up about {self._total:,} contacts: {requests:,} requests, about {spoken(seconds)}"
                f" with {workers} at a time."
            )
            self._collector.update(COUNTER, 0, total=self._total, message=sentence)

    def count(self, people: int) -> None:
        """So many more were asked about."""
        self._done += people
        if self._collector is not None and people:
            total = self._total and max(self._total, self._done)
            self._collector.update(COUNTER, people, total=total)  # type: ignore[arg-type]

    def _known(self) -> int | None:
        """Whom the warehouse knows that will be asked about; None where it cannot tell."""
        plan = self._plan
        if plan.asks_everyone:
            by_list = plan.catalog.settings.lists and columns_of(LIST_MEMBERSHIPS)
            some = [self._people(LIST_MEMBERSHIPS if by_list else CONTACTS, "TRUE")]
        elif plan.complete:
            some = [self._people(CONTACTS, DATED), self._people(SUBSCRIPTIONS, "TRUE")]
        else:
            return None
        union = " UNION ".join(query for query in some if query)
        if not union:
            return None
        found = list(select(f"SELECT count(*) AS people FROM ({union}) AS asked"))  # noqa: S608 - our own names
        return int(found[0]["people"][0].as_py()) if found else None

    def _people(self, table: Table, condition: str) -> str:
        units = [unit for unit in self._plan.streams.values() if isinstance(unit, ContactPartition)]
        if not columns_of(table) or not units:
            return ""
        scope = f"sender_code_id IN ({', '.join(sorted({str(unit.sender_code_id) for unit in units}))})"
        if table is LIST_MEMBERSHIPS:
            scope += f" AND phone_list_id IN ({', '.join(str(unit.phone_list_id) for unit in units)})"
        people = f"SELECT DISTINCT sender_code_id, phone_number FROM {table.name}"  # noqa: S608 - our own names
        return f"{people} WHERE {scope} AND {condition} AND {not_removed(table)}"


def spoken(seconds: float) -> str:
    """A duration as one says it: 40 s, 4 min, 2.5 h."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
