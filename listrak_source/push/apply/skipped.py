"""People whom Listrak does not answer for: they are skipped and named, and the next apply asks again."""

from __future__ import annotations

from listrak_source.api.redaction import redact
from listrak_source.push.sync.phone_numbers import masked
from listrak_source.push.warehouse.ledger import SKIPPED
from listrak_source.push.warehouse.sql_client import Store, text

_SHOWN = 10


def told(store: Store, run_id: str) -> str:
    """A sentence about those whom a run has skipped; nothing where there are none."""
    found = store.rows(
        "SELECT MIN(row_key), phone_number, MIN(reason) FROM push_changes "
        f"WHERE run_id = {text(run_id)} AND status = '{SKIPPED}' GROUP BY phone_number ORDER BY 1, 2"
    )
    if not found:
        return ""
    each = [
        f"row {redact(str(row))} ({masked(str(phone))}): {redact(str(why or 'no sample tells of it')).rstrip('.')}"
        for row, phone, why in found[:_SHOWN]
    ]
    more = f"; and {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
    are, them = ("1 contact is", "it") if len(found) == 1 else (f"{len(found):,} contacts are", "them")
    return (
        f"{are} skipped, for Listrak does not answer for {them}: {'; '.join(each)}{more}. Nothing is proved of {them}, "
        f"and the next apply tries {them} again"
    )
