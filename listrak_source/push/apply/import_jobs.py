"""Imports of a sync: each file's intent, its request, the wait for its end, and what came of its rows.

A file may be sent again: it sets values, so twice is as once. That is why one whose answer never came is. How a file is
handed in, and when its import counts as ended, is the same for ``contact_import`` (see ``delivery``).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep, time

from listrak_source.api import ListrakClient, ListrakError
from listrak_source.api.dates import date_of
from listrak_source.api.models import ImportContactFileStatus
from listrak_source.push.apply.context import Work
from listrak_source.push.apply.readback import TOGETHER, read_back, record_confirmed
from listrak_source.push.apply.step_progress import Steps
from listrak_source.push.diff.import_files import Written, of_run, why_refused, write, write_body
from listrak_source.push.sync.field_mapping import Target, of_description
from listrak_source.push.warehouse import ledger
from listrak_source.push.warehouse.ledger import (
    ASSUMED,
    CONFIRMED,
    IMPORT,
    PENDING,
    PLANNED,
    REFUSED,
    SENDING,
    SENT,
    SKIPPED,
    File,
)
from listrak_source.push.warehouse.sql_client import Store, text

ENDED, SETTLED = "ended", "settled"
PATIENCE = 3600.0
"""Seconds that an import may take."""
GIVE_UP = 86_400.0
"""Seconds after which an import that has not ended is read back all the same: nothing waits for it for ever."""
PAUSE = 1.0
"""Seconds between the first two questions whether an import has ended; later ones are further apart."""
_NOT_THERE = 404


def carry_out(work: Work, file: File) -> bool:
    """Carry out what is not done yet of a file; False where its import has not ended within :data:`PATIENCE`."""
    store, run, targets = work.store, work.run, of_description(file.fields)
    if file.status in (PLANNED, SENDING):
        work.renew()
        work.say(f"Sending file {file.number + 1}: {file.contacts:,} contacts, {file.size:,} bytes.")
        send(store, work.client, run, file, targets)
        file = ledger.file(store, run.run_id, file.number)
    if file.status == SENT:
        work.say(f"Waiting for import {file.import_file_id}.")
        if not wait(store, work.client, run, file, work.renew):
            return False
        file = ledger.file(store, run.run_id, file.number)
    if file.status == ENDED:
        work.say(f"Reading back file {file.number + 1}.")
        check(work, file, targets)
    return True


def send(store: Store, client: ListrakClient, run: ledger.Run, file: File, targets: list[Target]) -> None:
    """Make a file anew from the ledger, and hand it in. It must be, to the byte, the file that was planned."""
    with TemporaryDirectory(prefix="listrak-push-") as folder:
        # As large as it was planned, whatever the settings say by now.
        (written,) = write(of_run(store, run.run_id, file.number, targets), targets, Path(folder), file.size)
        if written.sha256 != file.sha256:
            # Nothing but the plan is sent, and the run comes to its end: the next plan has these rows again.
            _refuse(store, run, file, "made anew, it was not the file that was planned", ledger.DROPPED)
            return
        note = "sent again: whether it arrived the first time is not known" if file.status == SENDING else ""
        ledger.mark_file(
            store, run.run_id, file, SENDING, attempts=file.attempts + 1, **({"note": note} if note else {})
        )
        try:
            name = f"{run.sync_name}-{run.plan_hash}-{file.number}.csv"
            import_file_id = hand_in(client, run.sender_code_id, written, name, targets)
        except ListrakError as error:
            if error.retriable or error.may_have_acted or error.status is None or error.status in (401, 403):
                raise
            _refuse(store, run, file, why_refused(error)[:500])
            return
        # The file last: where the process is killed in between, the file is sent again, and no change is left behind.
        ledger.mark_changes(store, run.run_id, SENT, f"{_of(file)} AND status = '{PLANNED}'")
        ledger.mark_file(store, run.run_id, file, SENT, import_file_id=import_file_id)


def hand_in(client: ListrakClient, sender_code_id: int, written: Written, name: str, targets: list[Target]) -> int:
    """Hand in a file, under a name of its own; gives the import's id. It is streamed from beside the file."""
    body = written.path.with_suffix(".json")
    write_body(written.path, name, targets, body)
    try:
        with body.open("rb") as content:
            return client.start_contact_import(sender_code_id, content)
    finally:
        body.unlink()


def wait(store: Store, client: ListrakClient, run: ledger.Run, file: File, renew: Callable[[], None]) -> bool:
    """Wait until a file's import has come to its end; False where :data:`PATIENCE` is over."""
    if file.import_file_id is None:
        raise RuntimeError(f"file {file.number} of run {run.run_id} has no import to wait for")
    note = until_ended(client, run.sender_code_id, file.import_file_id, file.changed_at, renew)
    if not note:
        ledger.mark_changes(store, run.run_id, PENDING, f"{_of(file)} AND status = '{SENT}'")
        return False
    ledger.mark_changes(store, run.run_id, SENT, f"{_of(file)} AND status = '{PENDING}'")
    ledger.mark_file(store, run.run_id, file, ENDED, **({"note": note} if note != ENDED else {}))
    return True


def until_ended(
    client: ListrakClient, sender_code_id: int, import_file_id: int, sent_at: float, renew: Callable[[], None]
) -> str:
    """Wait until an import counts as ended, and say why; nothing where :data:`PATIENCE` is over."""
    began, pause = monotonic(), PAUSE
    while monotonic() - began < PATIENCE:
        renew()
        if note := _ended(client, sender_code_id, import_file_id, sent_at):
            return note
        sleep(pause)
        pause = min(30.0, pause * 1.5)
    return ""


def _ended(client: ListrakClient, sender_code_id: int, import_file_id: int, sent_at: float) -> str:
    """Why an import counts as ended; nothing where it does not. Reading back tells what has come of it in any case."""
    try:
        if has_ended(client.get_contact_import(sender_code_id, import_file_id)):
            return ENDED
    except ListrakError as error:
        if error.status == _NOT_THERE:
            return "Listrak knows the import no more"
        if time() - sent_at <= GIVE_UP or not client.fails_alone(error):
            raise
    return "given up: it has not ended" if time() - sent_at > GIVE_UP else ""


def has_ended(record: ImportContactFileStatus) -> bool:
    """Whether an import has an end date. Year one is none, and so is what is no text."""
    told = record.get("endDate")
    return isinstance(told, str) and date_of(told) is not None


def check(work: Work, file: File, targets: list[Target]) -> None:
    """Read back a sample of a file's contacts; all of them where the sample shows anything but what was sent."""
    store, run, sample = work.store, work.run, work.run.read_back
    where = f"{_of(file)} AND status = '{SENT}'"
    of_file = f"FROM push_changes WHERE run_id = {text(run.run_id)} AND {where}"

    steps = Steps(work.say, file.contacts if sample is None else min(sample, file.contacts))

    def read(order: str, most: int) -> int:
        """Read so many people back, and say how many there were."""
        rows = store.rows(f"SELECT phone_number {of_file} GROUP BY phone_number ORDER BY {order} LIMIT {most}")
        phones = [str(row[0]) for row in rows]
        read_back(work, targets, phones, where)
        steps.done(len(phones))
        return len(phones)

    if sample is not None:
        read(f"MD5(phone_number || {text(run.run_id)})", sample)
    bad = store.one(
        f"SELECT COUNT(*) FROM push_changes WHERE run_id = {text(run.run_id)} AND {_of(file)} "
        f"AND {ledger.among('status', ledger.FAILED)}"
    )
    if bad and sample is not None:
        work.say(f"{bad:,} values of the sample are not as they were sent: all contacts of the file are read back.")
        steps = Steps(work.say, file.contacts - sample)
    if bad or sample is None:
        while read("phone_number", TOGETHER):
            pass
    # A sample of which Listrak tells nothing shows nothing.
    read_so_far = f"run_id = {text(run.run_id)} AND {_of(file)} AND status IN"
    known = store.one(f"SELECT COUNT(*) FROM push_changes WHERE {read_so_far} ('{CONFIRMED}')")
    untold = store.one(f"SELECT COUNT(*) FROM push_changes WHERE {read_so_far} ('{SKIPPED}')")
    ledger.mark_changes(store, run.run_id, ASSUMED if known or not untold else SKIPPED, where)
    record_confirmed(store, run)
    ledger.mark_file(store, run.run_id, file, SETTLED)


def _refuse(store: Store, run: ledger.Run, file: File, why: str, status: str = REFUSED) -> None:
    ledger.mark_changes(store, run.run_id, status, _of(file))
    ledger.mark_file(store, run.run_id, file, status, note=why)


def _of(file: File) -> str:
    return f"operation = '{IMPORT}' AND file_number = {file.number}"
