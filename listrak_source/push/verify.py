"""Verify: read back again what a run has confirmed, for it may have been changed since."""

from __future__ import annotations

from uuid import uuid4

from listrak_source.api import each_record
from listrak_source.push import ledger
from listrak_source.push.ledger import ASSUMED, CLEAR, CONFIRMED, SENT
from listrak_source.push.reading_back import TOGETHER, read_back
from listrak_source.push.store import text
from listrak_source.push.targets import of_ids
from listrak_source.push.work import Work


def verify(work: Work, sample: int | None) -> dict[tuple[str, str], int]:
    """Look up a sample of a run's contacts, or all; what is not there any more is planned again next time.

    Returns the run's changes by operation and status.
    """
    store, client, run = work.store, work.client, work.run
    of_run = f"run_id = {text(run.run_id)}"
    known = f"status IN ('{CONFIRMED}', '{ASSUMED}') AND operation <> '{CLEAR}'"
    if store.forgotten:  # by a hash nobody is looked up
        known += f" AND NOT {ledger.among('phone_number', sorted(store.forgotten))}"
    # Each verify draws another sample.
    drawn = f" ORDER BY MD5(phone_number || {text(uuid4().hex)}) LIMIT {sample}" if sample is not None else ""
    phones = [
        str(row[0])
        for row in store.rows(
            f"SELECT phone_number FROM push_changes WHERE {of_run} AND {known} GROUP BY phone_number{drawn}"
        )
    ]
    ids = [
        str(row[0])
        for row in store.rows(f"SELECT DISTINCT target FROM push_changes WHERE {of_run} AND {known} ORDER BY 1")
    ]
    targets = of_ids(ids, each_record(client.list_profile_fields(run.sender_code_id)))
    for start in range(0, len(phones), TOGETHER):
        some = ledger.among("phone_number", phones[start : start + TOGETHER])
        # From here on nothing of these is known, until it is read.
        store.run(
            f"DELETE FROM push_confirmed WHERE {some} AND EXISTS (SELECT 1 FROM push_changes AS c WHERE c.{of_run} "
            "AND c.sender_code_id = push_confirmed.sender_code_id AND c.phone_number = push_confirmed.phone_number "
            "AND c.target = push_confirmed.target)"
        )
        store.run(f"UPDATE push_changes SET status = '{SENT}', note = NULL WHERE {of_run} AND {known} AND {some}")
        these = phones[start : start + TOGETHER]
        read_back(work, targets, these, f"status = '{SENT}'")
    return ledger.outcomes(store, run.run_id)
