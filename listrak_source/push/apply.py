"""Apply: a plan goes into the ledger, and from there to Listrak. A run that was cut short is finished from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import time
from uuid import uuid4

from listrak_source.api import ListrakClient, each_record
from listrak_source.push import diff, imports, ledger, updates
from listrak_source.push.ledger import IMPORT, PLANNED, SENDING, SENT, STOP, UPDATE, Run
from listrak_source.push.plan import Plan
from listrak_source.push.store import Store, text
from listrak_source.push.targets import of_ids

Say = Callable[[str], None]


@dataclass
class Outcome:
    """What came of a run."""

    run_id: str
    finished: bool = True
    """Whether nothing of it is still pending."""
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    """By operation and status: changes."""


def begin(store: Store, plan: Plan) -> Run:
    """Write a plan's intent into the ledger."""
    sync, run_id = plan.sync, f"{int(time())}-{uuid4().hex[:8]}"
    changes = diff.changes_of(sync)
    head = f"{text(run_id)}, '{{operation}}', {sync.sender_code_id}"

    def note(operation: str, target: str, before: str, after: str, number: str, source: str) -> None:
        store.run(
            "INSERT INTO push_changes (run_id, operation, sender_code_id, phone_number, row_key, file_number, target, "
            f"before_value, after_value, status) SELECT {head.format(operation=operation)}, phone_number, row_key, "
            f"{number}, {text(target)}, {before}, {after}, '{PLANNED}' FROM {source}"
        )

    for index, target in enumerate(plan.targets):
        pair = f"before_{index}", f"after_{index}"
        if target.is_stop:
            note(STOP, target.id, "'0'", "'1'", "NULL", diff.stops_of(sync))
        elif target.field_id is None:
            note(UPDATE, target.id, *pair, "NULL", f"{changes} WHERE after_{index} IS NOT NULL")
    for file in plan.files:
        placed = (
            f"(SELECT *, ROW_NUMBER() OVER (ORDER BY phone_number) AS place FROM {changes} "
            f"WHERE {file.group.condition}) AS placed "
            f"WHERE place > {file.first} AND place <= {file.first + file.contacts}"
        )
        for index in file.group.targets:
            note(IMPORT, plan.targets[index].id, f"before_{index}", f"after_{index}", str(file.number), placed)
        ledger.add_file(
            store,
            run_id,
            file.number,
            " ".join(plan.targets[index].id for index in file.group.targets),
            contacts=file.contacts,
            size=file.size,
            sha256=file.sha256,
        )
    store.run(
        f"INSERT INTO push_rejected SELECT {text(run_id)}, {text(sync.name)}, row_key, column_name, reason, {time()!r} "
        f"FROM {diff.rejected_of(sync)}"
    )
    rejected = int(store.one(f"SELECT COUNT(*) FROM {diff.rejected_of(sync)}"))
    run = Run(run_id, sync.name, plan.hash, sync.sender_code_id, ledger.RUNNING, time(), sync.read_back)
    # Last of all: what was written before it belongs to no run if the process is killed here.
    ledger.add_run(store, run, stops=plan.stops, updates=plan.updates, imports=plan.imports, rejected=rejected)
    return run


def finish(store: Store, client: ListrakClient, run: Run, lock: ledger.Lock, say: Say, *, workers: int = 8) -> Outcome:
    """Carry out what a run has not done yet: stops before everything else, then single updates, then files.

    Raises ``ListrakError`` where Listrak cannot be reached: the run stays unfinished, and the next start goes on.
    """
    fields = list(each_record(client.list_profile_fields(run.sender_code_id)))
    for operation, what in ((STOP, "opt-outs"), (UPDATE, "single updates")):
        of_run = f"run_id = {text(run.run_id)} AND operation = '{operation}'"
        open_ones = f"{of_run} AND status IN ('{PLANNED}', '{SENDING}', '{SENT}')"
        count = store.one(f"SELECT COUNT(DISTINCT phone_number) FROM push_changes WHERE {open_ones}")
        if count:
            say(f"Sending {count:,} {what}, each read before and after.")
            ids = [
                str(row[0]) for row in store.rows(f"SELECT DISTINCT target FROM push_changes WHERE {of_run} ORDER BY 1")
            ]
            updates.send(store, client, run, of_ids(ids, fields), operation, workers=workers, renew=lock.renew)
    finished = True
    for planned in ledger.files(store, run.run_id):
        file, some = planned, of_ids(planned.fields.split(), fields)
        if file.status in (PLANNED, SENDING):
            lock.renew()
            say(f"Sending file {file.number + 1}: {file.contacts:,} contacts, {file.size:,} bytes.")
            imports.send(store, client, run, file, some)
            file = _again(store, run, file)
        if file.status == SENT:
            say(f"Waiting for import {file.import_file_id}.")
            finished &= imports.wait(store, client, run, file, lock.renew)
            file = _again(store, run, file)
        if file.status == imports.ENDED:
            say(f"Reading back file {file.number + 1}.")
            imports.check(store, client, run, file, some, run.read_back, workers=workers, renew=lock.renew)
    if finished:
        ledger.end(store, run.run_id)
    return Outcome(run.run_id, finished, ledger.outcomes(store, run.run_id))


def _again(store: Store, run: Run, file: ledger.File) -> ledger.File:
    return next(one for one in ledger.files(store, run.run_id) if one.number == file.number)
