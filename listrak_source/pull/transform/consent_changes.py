"""Which consent events a pull tells: where what it sees says something else than the events so far."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from listrak_source.pull.extract.date_windows import EVERYTHING
from listrak_source.pull.extract.partitions import ContactPartition
from listrak_source.pull.keys.dedupe import Dedupe, stops_of
from listrak_source.pull.load.warehouse import by_group, columns_of
from listrak_source.pull.plan import Plan
from listrak_source.pull.records.batching import Batch
from listrak_source.pull.records.row_keys import keys_of, phone_keys
from listrak_source.pull.schema import CONSENT_EVENTS, CONTACTS, SUBSCRIPTIONS, TIMESTAMP
from listrak_source.pull.transform import consent_events
from listrak_source.pull.transform.known_consents import KnownConsents, stops_among

_LOOKUPS = "consent events of lookups"
"""The group of the events that lookups have told."""


class ConsentChanges:
    """The consent events of one pull, of rows that are written."""

    def __init__(self, plan: Plan, once: Dedupe, consents: KnownConsents) -> None:
        self._plan = plan
        self._once = once
        self._consents = consents
        self._tells = CONSENT_EVENTS.name in plan.wanted
        self._has_events = bool(columns_of(CONSENT_EVENTS))
        """Whether events may be there: also those of a pull that began and never came to its end."""
        self._asks_few = not (self._has_events or plan.state.looked_up() or plan.asks_everyone)
        """Whether this is a first pull, which looks nobody up but who stands among the opt-outs and is reachable."""

    def of_opt_outs(self, rows: pa.Table) -> pa.Table:
        """Events of rows of ``opt_outs``, but for those that a lookup has told: it may be ahead of the collection."""
        told = consent_events.of_opt_outs(rows, self._plan.now)
        if self._once.is_empty(_LOOKUPS):
            return told
        known = self._once.has_keys(_LOOKUPS, keys_of(told.select(CONSENT_EVENTS.key)))
        return told.filter(pc.invert(known))

    def of_memberships(self, unit: ContactPartition, rows: pa.Table) -> pa.Table:
        """Events of rows of ``list_memberships`` that nobody else tells of."""
        if not self._tells:
            return consent_events.none()
        told = self._new_on_list(unit, rows)
        # One pull tells a fact once: a lookup may have told that somebody is on the list now, or be about to.
        told = self._once.unseen(_by_lookup(unit.stream), told)
        undated = told.filter(told["subscribed_from"].is_null())
        if self._asks_few:
            # Opt-outs are read before lists; of everybody else no lookup will tell, and a key of each takes memory.
            undated = self._once.seen(stops_of(unit.sender_code_id), undated)
        self._once.add(_by_list(unit.stream), phone_keys(undated["phone_number"]))
        return consent_events.of_memberships(told, self._plan.now)

    def of_lookups(self, batch: Batch) -> pa.Table:
        """Events of contacts and subscriptions that were looked up."""
        subscriptions, contacts = batch[SUBSCRIPTIONS.name], batch.get(CONTACTS.name)
        if not self._tells:
            return consent_events.none()
        now = self._plan.now
        told = [consent_events.of_subscriptions(_ended_alone(subscriptions, contacts), now)]
        for key, rows in [] if contacts is None else by_group(contacts, ["sender_code_id"]):
            sender = int(key[0])
            stopped = self._once.unseen(stops_of(sender), rows.filter(rows["opted_out"]))
            reachable = rows.filter(pc.invert(rows["opted_out"]))
            latest = self._consents.latest_among(sender, reachable["phone_number"])
            told += [
                consent_events.of_dated_contacts(stopped, now, consent_events.OPTED_OUT),
                consent_events.of_dated_contacts(reachable, now, consent_events.OPTED_IN),
                self._came_back(reachable, latest),
                self._back_on_lists(subscriptions, sender, latest),
            ]
        # Two of them may be one fact: a contact subscribed just when the pull began.
        return self._once.first(_LOOKUPS, consent_events.together(told), CONSENT_EVENTS.key)

    def _new_on_list(self, unit: ContactPartition, rows: pa.Table) -> pa.Table:
        """The memberships that no event tells of. A later window has only what is new in it."""
        if not self._has_events:
            return rows
        if self._plan.catalog.settings.full or unit.window.start is None:
            known = self._consents.subscribed(unit.sender_code_id, unit.phone_list_id, rows["phone_number"])
            rows = rows.filter(pc.invert(known))
        return self._after_the_latest(unit, rows) if unit.window.start and rows.num_rows else rows

    def _after_the_latest(self, unit: ContactPartition, rows: pa.Table) -> pa.Table:
        """Memberships in a window, without those that a later event tells of already.

        Where a later event tells of an end, nobody knows when in the window they began anew: no start of it is told.
        """
        latest = self._consents.latest_among(unit.sender_code_id, rows["phone_number"])
        latest = latest.filter(pc.equal(latest["phone_list_id"], unit.phone_list_id)).drop_columns("phone_list_id")
        joined = rows.join(latest, keys="phone_number", join_type="left outer")
        later = pc.fill_null(pc.greater_equal(joined["event_at"], joined["subscribed_from"]), False)
        start = pc.if_else(later, pa.scalar(None, TIMESTAMP), joined["subscribed_from"])
        told = pc.and_(later, pc.equal(joined["event"], consent_events.SUBSCRIBED))
        joined = joined.set_column(joined.schema.get_field_index("subscribed_from"), "subscribed_from", start)
        return joined.filter(pc.invert(pc.fill_null(told, False))).select(rows.column_names)

    def of_contacts(self, unit: ContactPartition, rows: pa.Table) -> pa.Table:
        """Events of contacts that a list shows in another state than is known: nobody else tells of them."""
        if not self._tells or rows.num_rows == 0:
            return consent_events.none()
        now = self._plan.now
        if unit.opted_out:
            rows = self._once.unseen(stops_of(unit.sender_code_id), rows)
        if not self._has_events:
            return (
                consent_events.of_contacts(rows, now, consent_events.OPTED_OUT)
                if unit.opted_out
                else consent_events.none()
            )
        if unit.window.start is None:
            stopped = self._consents.opted_out(unit.sender_code_id, rows["phone_number"])
        else:
            among = self._consents.opted_out_among(unit.sender_code_id, rows["phone_number"])
            stopped = pc.is_in(rows["phone_number"], value_set=among["phone_number"].combine_chunks())
        sender = unit.sender_code_id
        if unit.opted_out:
            # Whom the other half has shown as well has said stop all the same: of one moment, that is what counts.
            again = self._once.has(_back(sender), rows["phone_number"])
            return consent_events.of_contacts(
                rows.filter(pc.or_(pc.invert(stopped), again)), now, consent_events.OPTED_OUT
            )
        # Whose stop this pull has seen as well is not back because a list says so.
        back = self._once.unseen(stops_of(sender), rows.filter(stopped))
        self._once.add(_back(sender), phone_keys(back["phone_number"]))
        return consent_events.of_contacts(back, now, consent_events.OPTED_IN)

    def _came_back(self, rows: pa.Table, latest: pa.Table) -> pa.Table:
        """Events of contacts who are reachable though their last known stop is later than their subscribe date."""
        stopped = stops_among(latest)
        if stopped.num_rows == 0:
            return consent_events.none()
        both = rows.select(["sender_code_id", "phone_number", "subscribe_date"]).join(
            stopped, keys="phone_number", join_type="inner"
        )
        later = pc.fill_null(pc.greater_equal(both["event_at"], both["subscribe_date"]), True)
        return consent_events.of_contacts(both.filter(later), self._plan.now, consent_events.OPTED_IN)

    def _back_on_lists(self, rows: pa.Table, sender_code_id: int, latest: pa.Table) -> pa.Table:
        """Events of subscriptions that hold since no date that Listrak tells.

        They are known to have ended later than they began (who comes back on one list is back on the others too, since
        their old dates), or have no date.
        """
        here = pc.and_(
            pc.equal(rows["sender_code_id"], sender_code_id), pc.equal(rows["subscription_state"], "Subscribed")
        )
        some = rows.filter(here).select(["sender_code_id", "phone_number", "phone_list_id", "subscribe_date"])
        both = some.join(latest, keys=["phone_number", "phone_list_id"], join_type="left outer")
        dates = both["subscribe_date"]
        later = pc.fill_null(pc.greater_equal(both["event_at"], dates), dates.is_null())
        on = pc.fill_null(pc.equal(both["event"], consent_events.SUBSCRIBED), False)
        parts = [both.slice(0, 0)]
        for (phone_list,), part in by_group(both.filter(pc.and_not(later, on)), ["phone_list_id"]):
            stream = ContactPartition(sender_code_id, int(phone_list), False, EVERYTHING).stream
            untold = self._once.unseen(_by_list(stream), part)
            parts.append(self._once.first(_by_lookup(stream), untold, ("phone_number",)))
        return consent_events.of_returns(pa.concat_tables(parts), self._plan.now)


def _back(sender_code_id: int) -> str:
    """The group of those of whom a list has told that they are reachable again."""
    return f"back, by lists of {sender_code_id}"


def _by_list(stream: str) -> str:
    """The group of those of whom a list has told that they are on it now."""
    return f"told by {stream}"


def _by_lookup(stream: str) -> str:
    """The group of those of whom a lookup has told that they are on a list now."""
    return f"told by a lookup, of {stream}"


def _ended_alone(subscriptions: pa.Table, contacts: pa.Table | None) -> pa.Table:
    """Subscriptions without an end that is the contact's stop: that ends none of them, and has an event of its own."""
    if contacts is None or subscriptions.num_rows == 0:
        return subscriptions
    key = ["sender_code_id", "phone_number"]
    stops = contacts.filter(contacts["opted_out"]).select([*key, "unsubscribe_date"])
    both = subscriptions.join(stops.rename_columns([*key, "stopped_at"]), keys=key, join_type="left outer")
    by_stop = pc.fill_null(pc.equal(both["unsubscribe_date"], both["stopped_at"]), False)
    ends = pc.if_else(by_stop, pa.scalar(None, TIMESTAMP), both["unsubscribe_date"])
    return both.set_column(both.schema.get_field_index("unsubscribe_date"), "unsubscribe_date", ends)
