"""What a complete walk proves: of which rows it means something that they were not found.

That is so of a list, an opt-out collection or a sender code only where

- every unit was read to its end (see ``pages``),
- all that was seen of it is known, also where another process has gone on (see ``seen_keys``), and
- these credentials have shown the sender code.
"""

from __future__ import annotations

from dlt.common import logger

from listrak_source.pull.plan import Plan
from listrak_source.pull.schema import (
    CONTACT_PROFILE_VALUES,
    CONTACTS,
    LIST_MEMBERSHIPS,
    LISTS,
    OPT_OUTS,
    SENDER_CODES,
    SUBSCRIPTIONS,
    TABLES,
    TRANSACTIONAL_MESSAGES,
)
from listrak_source.pull.state.checkpoint import Checkpoint
from listrak_source.pull.state.streams import Stream
from listrak_source.pull.transform.reference_tables import SMALL
from listrak_source.settings import Settings

PEOPLE = (CONTACTS, CONTACT_PROFILE_VALUES, SUBSCRIPTIONS)
"""The tables that have rows of a contact as a whole."""
_BELOW = {
    SENDER_CODES.name: frozenset(TABLES),
    LISTS.name: frozenset(table.name for table in (*PEOPLE, LIST_MEMBERSHIPS, TRANSACTIONAL_MESSAGES)),
    CONTACTS.name: frozenset(table.name for table in PEOPLE),
}
"""By table: the others in which nothing is known to be gone while records of it could not be read."""


class Proof:
    """Of one complete walk."""

    def __init__(self, plan: Plan, pending: Checkpoint) -> None:
        self.plan = plan
        self.pending = pending
        self.settings: Settings = plan.catalog.settings
        self.doubts: dict[str, str] = self._doubts()
        """Streams and tables of which nothing is marked, and why."""

    def scopes(self) -> dict[str, str]:
        """By table, the condition for rows of which it counts that the walk did not write them."""
        bad = self.doubts
        for stream, reason in sorted(bad.items()):
            logger.warning(f"{stream}: nothing is marked as removed, for {reason}.")
        streams = [stream for stream in map(Stream.of, bad) if stream]
        of_lists = [stream for stream in streams if stream.table == CONTACTS.name]
        skipped = {stream.sender_code_id for stream in of_lists if stream.phone_list_id is None}
        bad_lists = {stream.sender_code_id for stream in of_lists}
        bad_stops = {stream.sender_code_id for stream in streams if stream.table == OPT_OUTS.name}
        scopes: dict[str, str] = {}
        if not self.settings.lists and not self.settings.sender_codes:
            scopes = {table.name: self._of_senders(skipped) for table in SMALL}
            scopes[SENDER_CODES.name] = self._of_account()
        # Lists before who is on them: with a list its memberships are gone, with a contact all that is its own.
        scopes[LIST_MEMBERSHIPS.name] = self._of_lists(bad, bad_lists)
        if not self.settings.lists:
            scopes |= {table.name: self._of_senders(bad_lists) for table in PEOPLE}
            if LIST_MEMBERSHIPS.name not in self.plan.wanted:
                # Who is on no list is gone, and only there is it known who is.
                del scopes[CONTACTS.name], scopes[CONTACT_PROFILE_VALUES.name]
        scopes[OPT_OUTS.name] = self._of_senders(bad_stops)
        if not self.plan.asks_subscriptions:
            scopes.pop(SUBSCRIPTIONS.name, None)  # the walk wrote none
        doubted = bad.keys() | {name for table in bad for name in _BELOW.get(table, ())}
        return {name: scope for name, scope in scopes.items() if name in self.plan.wanted - doubted}

    def _doubts(self) -> dict[str, str]:
        return self.pending.unproved | self.plan.catalog.doubts()

    def _of_account(self) -> str:
        """Sender codes; none of them where not one was known before: other credentials show another account."""
        known = self._senders & set(self.pending.senders)
        return "TRUE" if known else "FALSE"

    def _of_senders(self, bad: set[int]) -> str:
        """Of the sender codes that the walk has seen; of others nothing is known, whatever is not found of them."""
        good = sorted(sender for sender in self._senders if sender not in bad)
        return f"sender_code_id IN ({', '.join(map(str, good))})" if good else "FALSE"

    @property
    def _senders(self) -> set[int]:
        return {unit.sender_code_id for unit in self.plan.streams.values()}

    def _of_lists(self, bad: dict[str, str], bad_senders: set[int]) -> str:
        """Lists that were read; and those that are not there any more, where all of the others were."""
        parts = [] if self.settings.lists else [self._of_senders(bad_senders)]
        for stream in map(Stream.of, (name for name in self.pending.swept or () if name not in bad)):
            if (
                stream
                and stream.table == CONTACTS.name
                and (self.settings.lists or stream.sender_code_id in bad_senders)
            ):
                one = f"(sender_code_id = {stream.sender_code_id} AND phone_list_id = {stream.phone_list_id})"
                parts.append(one)
        return " OR ".join(parts) or "FALSE"
