"""Records that cannot be kept as they are: set aside with a reason, so that they neither stop a pull nor vanish."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from threading import Lock
from typing import Any

import pyarrow as pa
from dlt.common import logger

from listrak_source.pull.records.record_limits import Bounds
from listrak_source.pull.schema import CONTACTS, LIST_MEMBERSHIPS, REJECTED_ROWS, TIMESTAMP, Table

_MOST = 10_000
"""Characters of a record's JSON that are kept."""
_KEPT = ("phoneNumber", "phone_number", "sender_code_id", "phone_list_id")
"""What is kept beside them, so that one sees whose record it was."""
_BEGINNING = 16
"""Characters of an id that tell it from others: 64 bits."""
_PHONE = "phoneNumber"
_WITHHELD = "not kept, for columns are masked and it has no names"
Mask = Callable[[dict[str, Any]], dict[str, Any]]
"""What privacy leaves of a record; it knows fields by the API's names and by those of our columns."""


class Rejects:
    """What one pull sets aside; pages are decoded on several threads, and all of them may add."""

    def __init__(
        self,
        mask: Mask | None = None,
        without: Collection[str] = (),
        bounds: Bounds | None = None,
    ) -> None:
        """``bounds`` say what of a record is too much.

        Nothing is kept of ``without``, names of tables and of fields of records: who left them out may have to.
        """
        self.bounds: Bounds = bounds or Bounds()
        self._mask = mask
        self._without = without
        self._lock = Lock()
        self._seen: set[str] = set()
        self._waiting: list[tuple[str, str, str, str]] = []
        self._counts: Counter[tuple[str, str]] = Counter()
        self._told: Counter[tuple[str, str]] = Counter()

    def add(
        self,
        table: Table,
        record: Mapping[str, Any],
        reason: str,
        *,
        is_masked: bool = False,
        given: Mapping[str, Any] | None = None,
    ) -> None:
        """Set aside a ``record`` that was for ``table``. The same record with the same reason counts once.

        ``given`` is what is known of it besides, as the tables have it: it is not masked again. ``reason`` names the
        field and what was expected, and no value: it may be personal, and is logged.
        """
        if table.name in self._without:
            return
        record = {name: value for name, value in record.items() if name not in self._without}
        kept = self._mask(dict(record)) if self._mask and not is_masked else record
        text = as_json(whole := {**kept, **(given or {})})
        # Of what is kept, so that nothing that was masked can be guessed from its hash.
        digest = hashlib.sha256(as_json([table.name, reason, text]).encode()).hexdigest()
        with self._lock:
            if digest[:_BEGINNING] not in self._seen:
                self._seen.add(digest[:_BEGINNING])
                self._counts[table.name, reason] += 1
                self._waiting.append((digest, table.name, reason, _bounded(text, whole)))

    def named(self, element: Any) -> dict[str, Any]:
        """An element that is no object, as a record. Nobody knows what of it is personal, so no mask would fit it."""
        return {"record": element if self._mask is None else _WITHHELD}

    def drain(self, observed_at: datetime) -> pa.Table | None:
        """Rows of ``rejected_rows`` for what came since the last call; None if nothing did."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        if not waiting:
            return None
        columns = [pa.array(column, pa.string()) for column in zip(*waiting, strict=True)]
        times = pa.repeat(pa.scalar(observed_at, TIMESTAMP), len(waiting))
        return pa.table([*columns, times], schema=REJECTED_ROWS.schema)

    @property
    def counts(self) -> dict[tuple[str, str], int]:
        """How many records were set aside so far, by table and reason."""
        with self._lock:
            return dict(self._counts)

    def in_doubt(self) -> set[str]:
        """Tables of which nobody knows what should be in them, since records that tell of it could not be read."""
        doubted = set()
        for table, reason in self.counts:
            doubted.add(table)
            if table == CONTACTS.name and (f"{_PHONE}: missing" in reason or reason.startswith("record: ")):
                doubted.add(LIST_MEMBERSHIPS.name)
        return doubted

    def warn(self) -> None:
        """Log what was set aside since the last call: a line per table and reason."""
        for (table, reason), count in sorted(self.counts.items()):
            if count != self._told[table, reason]:
                self._told[table, reason] = count
                logger.warning(f"{table}: {count} set aside in {REJECTED_ROWS.name}: {reason}")


def _bounded(text: str, record: Mapping[str, Any]) -> str:
    """A record's JSON; of a long one its beginning, and how long it is."""
    if len(text) <= _MOST:
        return text
    known = {name: record[name] for name in _KEPT if len(str(record.get(name, ""))) in range(1, 100)}
    return as_json({**known, "beginning": text[:_MOST], "bytes": len(text.encode())})


def as_json(value: Any) -> str:
    """A value as JSON, keys sorted."""
    return well_formed(json.dumps(value, ensure_ascii=False, sort_keys=True, default=str))


def well_formed(text: str) -> str:
    """The text; half a surrogate pair, which no warehouse takes, is replaced, and so is NUL."""
    text = text.replace("\0", "\ufffd")
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
