"""What the warehouse's consent events tell so far: who is on which list, and who said stop.

Events are written where a pull sees something else than that.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from listrak_source.pull.keys.dedupe import Dedupe
from listrak_source.pull.load.warehouse import among, by_group, columns_of, select
from listrak_source.pull.records.row_keys import one_array, phone_keys
from listrak_source.pull.schema import CONSENT_EVENTS, INTEGER, TEXT, TIMESTAMP
from listrak_source.pull.transform.consent_events import OPTED_OUT, SUBSCRIBED, WHOLE_SENDER_CODE

LATEST = """
SELECT sender_code_id, phone_list_id, phone_number, event, event_at FROM (
    SELECT *, row_number() OVER (
        PARTITION BY sender_code_id, phone_list_id, phone_number
        ORDER BY event_at DESC, observed_at DESC, CASE WHEN event = 'opted_out' THEN 0 ELSE 1 END
    ) AS latest FROM consent_events {among}
) AS events WHERE latest = 1
"""
_FEW = 20_000
"""Of so many people the events are asked for by their numbers; of more, all are read."""


class KnownConsents:
    """The latest events in the warehouse; of all people read once, when they are needed."""

    def __init__(self) -> None:
        self._known = Dedupe()
        self._read: set[str] = set()

    def subscribed(self, sender_code_id: int, phone_list_id: int, phones: pa.ChunkedArray) -> pa.Array:
        """Who is known to be on a list, as booleans."""
        if SUBSCRIBED not in self._read and len(phones) <= _FEW:
            latest = self.latest_among(sender_code_id, phones)
            here = pc.and_(pc.equal(latest["phone_list_id"], phone_list_id), pc.equal(latest["event"], SUBSCRIBED))
            return one_array(pc.is_in(phones, value_set=one_array(latest["phone_number"].filter(here))))
        return self._all(SUBSCRIBED).has(_group(SUBSCRIBED, sender_code_id, phone_list_id), phones)

    def opted_out(self, sender_code_id: int, phones: pa.ChunkedArray) -> pa.Array:
        """Who is known to have said stop, as booleans."""
        return self._all(OPTED_OUT).has(_group(OPTED_OUT, sender_code_id, WHOLE_SENDER_CODE), phones)

    def latest_among(self, sender_code_id: int, phones: pa.ChunkedArray) -> pa.Table:
        """The latest events about some people: ``phone_list_id``, ``phone_number``, ``event`` and ``event_at``."""
        parts: list[pa.Table] = []
        if columns_of(CONSENT_EVENTS):
            for some in among(pc.unique(phones).to_pylist()):
                parts += select(LATEST.format(among=f"WHERE sender_code_id = {sender_code_id} AND {some}"))
        names = [("phone_list_id", INTEGER), ("phone_number", TEXT), ("event", TEXT), ("event_at", TIMESTAMP)]
        schema = pa.schema(names)
        return pa.concat_tables([schema.empty_table(), *(part.select(schema.names).cast(schema) for part in parts)])

    def opted_out_among(self, sender_code_id: int, phones: pa.ChunkedArray) -> pa.Table:
        """Those of some people who are known to have said stop: ``phone_number``, and since when (``event_at``)."""
        return stops_among(self.latest_among(sender_code_id, phones))

    def _all(self, event: str) -> Dedupe:
        """What is known where the latest event is this one."""
        if event not in self._read:
            self._read.add(event)
            of_whole = "=" if event == OPTED_OUT else "<>"
            query = LATEST.format(among=f"WHERE phone_list_id {of_whole} {WHOLE_SENDER_CODE}")
            for rows in select(f"{query} AND event = '{event}'") if columns_of(CONSENT_EVENTS) else ():
                for key, part in by_group(rows, ["event", "sender_code_id", "phone_list_id"]):
                    self._known.add(_group(*key), phone_keys(part["phone_number"]))
        return self._known


def _group(event: str | int, sender_code_id: str | int, phone_list_id: str | int) -> str:
    return f"{event} {sender_code_id} {phone_list_id}"


def stops_among(latest: pa.Table) -> pa.Table:
    """Those of the latest events that tell of a stop: ``phone_number`` and ``event_at``."""
    stop = pc.and_(pc.equal(latest["phone_list_id"], WHOLE_SENDER_CODE), pc.equal(latest["event"], OPTED_OUT))
    return latest.filter(stop).select(["phone_number", "event_at"])
