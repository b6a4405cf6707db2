"""Undo: what a run has changed is wanted back as it was, where the API allows that. A plan like any other."""

from __future__ import annotations

from collections.abc import Mapping

from listrak_source.api import ConfigurationError, ListrakClient, each_record
from listrak_source.push.diff import comparison, plan
from listrak_source.push.diff.import_files import MAX_FILE
from listrak_source.push.diff.plan import Plan
from listrak_source.push.sync.canonical import canonical
from listrak_source.push.sync.config import CLEAR, SKIP, SUBSCRIBE, UNSUBSCRIBE, Column, Limit, Sync
from listrak_source.push.sync.field_mapping import CREATED, Target, of_ids
from listrak_source.push.warehouse.ledger import ASSUMED, CONFIRMED, CREATE, STOP, Run
from listrak_source.push.warehouse.ledger import CLEAR as CLEARED
from listrak_source.push.warehouse.sql_client import Store, name, text

NO_WAY_BACK = {
    "stop": "cannot be undone: nothing here opts anyone in",
    "created": "cannot be undone: a contact is not deleted; it is taken off its lists",
    "cleared": "cannot be undone: Listrak refuses it",
    "empty": "cannot be undone: it was empty, and nothing empties a profile field",
    "changed": "has been changed since, and stays as it is",
}
_PHONE = "phone_number"


def plan_of(
    store: Store, client: ListrakClient, run: Run, budget: Mapping[str, Limit], max_import_bytes: int = MAX_FILE
) -> Plan:
    """The plan that brings back what was before a run. Values that were changed since, as far as is known, stay.

    Raises :class:`ConfigurationError` where the run has confirmed nothing.
    """
    done = f"run_id = {text(run.run_id)} AND status IN ('{CONFIRMED}', '{ASSUMED}')"
    back = f"{done} AND operation <> '{CLEARED}'"
    ids = [str(row[0]) for row in store.rows(f"SELECT DISTINCT target FROM push_changes WHERE {back} ORDER BY 1")]
    if not ids:
        raise ConfigurationError(f"run {run.run_id} has confirmed nothing that could be undone")
    targets = [
        Target(_back(one), one.kind, one.field_id, title=one.title)
        for one in of_ids(ids, each_record(client.list_profile_fields(run.sender_code_id)))
        if not (one.is_stop or one.id == CREATED)
    ]
    sync = Sync(
        name=run.sync_name,
        relation=f"(SELECT {_PHONE}{_befores(targets)} FROM push_changes WHERE {back} GROUP BY {_PHONE})",
        phone=_PHONE,
        sender_code_id=run.sender_code_id,
        columns=tuple(one.column for one in targets),
        key=_PHONE,
        modes=frozenset({SUBSCRIBE, UNSUBSCRIBE}),
        budget=budget,
        read_back=run.read_back,
    )
    comparison.run(store, sync, targets)
    _keep_what_is_of_the_run(store, sync, targets, done)
    _name_what_stays(store, sync, targets, done)
    return plan.of_tables(store, sync, targets, max_import_bytes)


def _back(target: Target) -> Column:
    """What a contact holds itself can be emptied again; a profile field cannot."""
    column = target.column
    null = CLEAR if target.is_own else SKIP
    return Column(target.id, column.field, column.contact, column.phone_list, null)


def _befores(targets: list[Target]) -> str:
    return "".join(
        f", MAX(CASE WHEN target = {text(one.id)} THEN before_value END) AS {name(one.id)}" for one in targets
    )


def _keep_what_is_of_the_run(store: Store, sync: Sync, targets: list[Target], done: str) -> None:
    """Only what the run has written goes back, and only where it is still there."""
    changes, rejected = comparison.changes_of(sync), comparison.rejected_of(sync)
    for index, one in enumerate(targets):
        written = (
            f"FROM push_changes AS c WHERE c.{done} AND c.target = {text(one.id)} "
            f"AND c.phone_number = {changes}.phone_number AND c.operation <> '{CLEARED}'"
        )
        after = canonical("c.after_value", one.kind)  # what an earlier version has sent may be in an older form
        still = f"COALESCE({after}, '') = COALESCE({changes}.before_{index}, '')"
        store.run(
            f"INSERT INTO {rejected} SELECT row_key, {text(one.title)}, {text(NO_WAY_BACK['changed'])} FROM {changes} "
            f"WHERE after_{index} IS NOT NULL AND EXISTS (SELECT 1 {written} AND NOT {still})"
        )
        store.run(f"UPDATE {changes} SET after_{index} = NULL WHERE NOT EXISTS (SELECT 1 {written} AND {still})")
    nothing = " AND ".join(f"after_{index} IS NULL" for index in range(len(targets))) or "TRUE"
    store.run(f"DELETE FROM {changes} WHERE {nothing}")


def _name_what_stays(store: Store, sync: Sync, targets: list[Target], done: str) -> None:
    """What the API has no way back for."""
    ways = [("opted_out", "stop", f"operation = '{STOP}'"), ("phone", "created", f"target = '{CREATED}'")]
    ways += [
        (one.title, "empty", f"target = {text(one.id)} AND operation <> '{CREATE}' AND COALESCE(before_value, '') = ''")
        for one in targets
        if one.is_profile
    ]
    for column, way, which in ways:
        store.run(
            f"INSERT INTO {comparison.rejected_of(sync)} SELECT phone_number, {text(column)}, {text(NO_WAY_BACK[way])} "
            f"FROM push_changes WHERE {done} AND {which}"
        )
    store.run(
        f"INSERT INTO {comparison.rejected_of(sync)} SELECT phone_number, target, {text(NO_WAY_BACK['cleared'])} "
        f"FROM push_changes WHERE {done} AND operation = '{CLEARED}'"
    )
