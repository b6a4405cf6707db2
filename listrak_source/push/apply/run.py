"""Apply: a plan goes into the ledger, and from there to Listrak. A run that was cut short is finished from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import time
from uuid import uuid4

from listrak_source.api import each_record
from listrak_source.push.apply import contact_updates, import_jobs, list_membership, stops
from listrak_source.push.apply.context import Work
from listrak_source.push.apply.readback import record_confirmed
from listrak_source.push.apply.single_writes import carry_out
from listrak_source.push.diff import comparison, refused_stops, rejects
from listrak_source.push.diff.plan import Plan
from listrak_source.push.sync.field_mapping import CREATED, described, of_ids
from listrak_source.push.warehouse import ledger
from listrak_source.push.warehouse.ledger import (
    CREATE,
    IMPORT,
    PLANNED,
    SENDING,
    SENT,
    STOP,
    SUBSCRIBE,
    UNSUBSCRIBE,
    UPDATE,
    Run,
)
from listrak_source.push.warehouse.sql_client import Store, text

_SINGLE = {
    STOP: ("opt-outs", stops.stop),
    UNSUBSCRIBE: ("people to be taken off a list", list_membership.unsubscribe),
    CREATE: ("new contacts", list_membership.create),
    SUBSCRIBE: ("people to be put on a list", list_membership.subscribe),
    UPDATE: ("single updates", contact_updates.put),
}
"""What goes one by one, in order: stops before everything else."""


@dataclass
class Outcome:
    """What came of a run."""

    run_id: str
    finished: bool = True
    """Whether nothing of it is still pending."""
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    """By operation and status: changes."""


def begin(store: Store, plan: Plan, *, undoes: str | None = None, only_stops: bool = False) -> Run:
    """Write a plan's intent into the ledger; ``undoes`` is the run whose values it brings back.

    ``only_stops`` leaves the rest of it to a later plan.
    """
    sync, run_id = plan.sync, f"{int(time()):x}-{uuid4().hex[:6]}"
    changes, creates = comparison.changes_of(sync), comparison.creates_of(sync)

    def note(operation: str, target: str, before: str, after: str, source: str, *, number: str = "NULL") -> None:
        store.run(
            "INSERT INTO push_changes (run_id, operation, sender_code_id, phone_number, phone_number_raw, row_key, "
            f"file_number, target, before_value, after_value, status) SELECT {text(run_id)}, '{operation}', "
            f"{sync.sender_code_id}, phone_number, phone_number_raw, row_key, {number}, {text(target)}, {before}, "
            f"{after}, '{PLANNED}' FROM {source}"
        )

    if not only_stops:
        note(CREATE, CREATED, "'0'", "'1'", creates)
    for index, target in enumerate(plan.targets):
        before, after = f"before_{index}", f"after_{index}"
        if target.is_stop:
            note(STOP, target.id, "'0'", "'1'", comparison.stops_of(sync))
        if target.is_stop or only_stops:
            continue
        if target.is_own:
            note(UPDATE, target.id, before, after, f"{changes} WHERE {after} IS NOT NULL")
        if target.is_list:
            note(UNSUBSCRIBE, target.id, before, after, f"{changes} WHERE {after} = '0'")
            note(SUBSCRIBE, target.id, before, after, f"{changes} WHERE {after} = '1'")
            # A contact is created on the first of its lists, and joins the others as everybody does.
            first = _first_list(plan, index)
            note(CREATE, target.id, "'0'", after, f"{creates} WHERE {after} = '1' AND {first}")
            note(SUBSCRIBE, target.id, "'0'", after, f"{creates} WHERE {after} = '1' AND NOT ({first})")
        else:
            note(CREATE, target.id, "NULL", after, f"{creates} WHERE {after} IS NOT NULL")
    for file in plan.files:
        placed = (
            f"(SELECT *, ROW_NUMBER() OVER (ORDER BY phone_number) AS place FROM {changes} "
            f"WHERE {file.group.condition}) AS placed "
            f"WHERE place > {file.first} AND place <= {file.first + file.contacts}"
        )
        some = [plan.targets[index] for index in file.group.targets]
        for index, target in zip(file.group.targets, some, strict=True):
            note(IMPORT, target.id, f"before_{index}", f"after_{index}", placed, number=str(file.number))
        ledger.add_file(
            store, run_id, file.number, described(some), contacts=file.contacts, size=file.size, sha256=file.sha256
        )
    store.run(
        f"INSERT INTO push_rejected SELECT {text(run_id)}, {text(sync.name)}, row_key, column_name, reason, {time()!r} "
        f"FROM {comparison.rejected_of(sync)}"
    )
    run = Run(run_id, sync.name, plan.hash, sync.sender_code_id, ledger.RUNNING, time(), sync.read_back)
    # Last of all: what was written before it belongs to no run if the process is killed here.
    ledger.add_run(store, run, {**plan.counts, "rejected": sum(plan.rejected.values())}, undoes=undoes)
    return run


def finish(work: Work) -> Outcome:
    """Carry out what a run has not done yet: stops before everything else, then the other single writes, then files.

    Raises ``ListrakError`` where Listrak cannot be reached: the run stays unfinished, and the next start goes on.
    """
    store, run = work.store, work.run
    fields = list(each_record(work.client.list_profile_fields(run.sender_code_id)))
    for operation, (what, act) in _SINGLE.items():
        of_run = f"run_id = {text(run.run_id)} AND operation = '{operation}'"
        open_ones = f"{of_run} AND status IN ('{PLANNED}', '{SENDING}', '{SENT}')"
        count = store.one(f"SELECT COUNT(DISTINCT phone_number) FROM push_changes WHERE {open_ones}")
        if count:
            work.say(f"Sending {count:,} {what}, each read before and after.")
            ids = store.rows(f"SELECT DISTINCT target FROM push_changes WHERE {of_run} ORDER BY 1")
            carry_out(work, operation, of_ids([str(one) for (one,) in ids], fields), act(work, fields))
        if operation == STOP:
            stops.settle(work)
            refused_stops.settle(store, run)
    finished = True
    for file in ledger.files(store, run.run_id):
        finished &= import_jobs.carry_out(work, file)
    # Also what was confirmed right before the process was killed: or the next plan would have it once more.
    record_confirmed(store, run)
    if finished:
        rejects.remember(store, run.run_id)
        ledger.end(store, run.run_id)
    return Outcome(run.run_id, finished, ledger.outcomes(store, run.run_id))


def _first_list(plan: Plan, index: int) -> str:
    """SQL: no list before this one is wanted."""
    before = [f"after_{number} IS NULL" for number, one in enumerate(plan.targets[:index]) if one.is_list]
    return " AND ".join(before) or "TRUE"
