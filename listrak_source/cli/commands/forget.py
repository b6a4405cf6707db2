"""The command ``listrak forget``: a plan, then what it shows and no more, in one transaction, and a receipt."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Annotated, Any, cast

import dlt
import typer
from dlt.destinations.job_client_impl import SqlJobClientBase

from listrak_source.api import ConfigurationError
from listrak_source.cli import reports
from listrak_source.cli.commands.person import written_number
from listrak_source.cli.looking import Opened, opened
from listrak_source.cli.options import AsJson, Dataset, Destination, example
from listrak_source.cli.output import console
from listrak_source.cli.output.console import out
from listrak_source.cli.output.documents import document
from listrak_source.cli.process.scratch import remove_load_files
from listrak_source.cli.warehouse import Warehouse
from listrak_source.errors import StoppedError
from listrak_source.forgotten import FORGETTING, TABLE, hash_of, key_of, mark_of
from listrak_source.person.forget import LISTED, Plan, plan, rows_by_sender, vouched_less
from listrak_source.person.numbers import Number
from listrak_source.person.record import There
from listrak_source.pull.one_at_a_time import alone
from listrak_source.pull.state.pipelines import keep_state, states_of
from listrak_source.push.warehouse.ledger_tables import LEDGER
from listrak_source.push.warehouse.sql_client import Store, name, text

app: typer.Typer = typer.Typer(add_completion=False)

NOT_REACHED = (
    "Listrak itself: it holds the person as before.",
    "Backups and copies of the warehouse, and what the database keeps until it is vacuumed or written anew.",
    "Files that were written: plans of push, lists of stops, records of persons, logs of other programs.",
    "Tables and models of yours that were made of these: build them anew. A sync's table that still names the person is"
    " not sent for them.",
)
"""What forgetting does not reach, in sentences."""

_PLAN = re.compile("[0-9a-f]{8,64}")


@app.command(epilog=example("listrak forget '+1 (555) 123-4567'", "listrak forget 5551234567 --apply 3f9a0c1d2b4e5f60"))
def forget(
    phone: Annotated[list[str], typer.Argument(help="The phone number, in any form; - reads it from standard input.")],
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    only: Annotated[
        str | None,
        typer.Option("--apply", metavar="HASH", help="Do it: what the plan of this hash shows, and no more."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what forgetting one phone number means, by table; --apply does it. Their stop stays, by a keyed hash.

    Every later pull knows them by the hash, and writes nothing else of them than what tells of consent. No push reaches
    them. Needs hash_key, with which all later pulls and pushes must run.
    """
    warehouse = Warehouse(destination, dataset)
    with document("forget", wanted=as_json) as told:
        if only is not None:
            warehouse.check_may_change()
        tell_forget(warehouse, written_number(phone), told, only, as_json=as_json)


def tell_forget(warehouse: Warehouse, written: str, told: dict[str, Any], only: str | None, *, as_json: bool) -> None:
    """Show the plan for a number, or apply it."""
    if only is not None and not _PLAN.fullmatch(only):
        raise ConfigurationError("--apply takes the hash that listrak forget PHONE shows")
    told.update({"destination": warehouse.location, "dataset": warehouse.dataset})
    with opened(warehouse) as looking:
        number = looking.number(written)
        if not number.is_whole:
            raise ConfigurationError("that is no whole phone number: nobody is forgotten by it")
        key = key_of(looking.settings())
        if not key:
            raise ConfigurationError(
                "set sources.listrak.hash_key, a secret of 16 characters or more: by it every later pull and push "
                "knows who was forgotten, and so it must stay the same"
            )
        if pending := reports.pending(looking.pipeline):
            raise StoppedError(
                f"a pull that began at {console.cell(pending.began)} (UTC) is not finished: run it again, then forget"
            )
        told["forgotten_before"] = hash_of(key, number.phone) in looking.forgotten()
        if only is None:
            found, done = _plan(looking, looking.store, number, key), False
        else:
            found, done = None, True
    if done:
        with warehouse.reading() as pipeline:
            found = _apply(warehouse, pipeline, written, key, str(only))
    assert found is not None  # noqa: S101 - one of both was done
    told.update(
        {
            "applied": done,
            "hash": found.digest,
            "results": [{"table": table, "rows": count} for table, count in found.counts.items()],
            "not_reached": list(NOT_REACHED),
            "forgotten_at": datetime.now(timezone.utc) if done else None,
        }
    )
    if not as_json:
        _say(told)


def _plan(looking: Opened, store: Store, number: Number, key: str) -> Plan:
    if store.dialect not in FORGETTING or not _is_database(looking.pipeline):
        raise ConfigurationError("only in DuckDB and PostgreSQL somebody can be forgotten: pull into a new dataset")
    hashed = number.hashed if looking.is_hashed() and number.hashed else hash_of(key, number.phone)
    working = _working(store, looking.pipeline)
    return plan(store, looking.there, working, number, hashed=hashed, key_mark=mark_of(key))


def _apply(warehouse: Warehouse, pipeline: dlt.Pipeline, written: str, key: str, only: str) -> Plan:
    """Do what the plan of a hash shows. Raises :class:`StoppedError` where it shows something else by now."""
    with alone(pipeline, None), opened(warehouse) as looking, looking.client.begin_transaction():
        store = looking.store
        number = looking.number(written)
        found = _plan(looking, store, number, key)
        if found.digest != only:
            raise StoppedError(
                f"the plan is {found.digest} now and not {only}: more or less is known of the person. Look at it again"
            )
        before = rows_by_sender(store, looking.there)
        for statement in found.statements:
            store.run(statement)
        states = states_of(looking.client)
        _empty_staging(looking, [state["pipeline_name"] for state, _ in states])
        after = rows_by_sender(store, looking.there)
        for state, load_id in states:
            vouched_less(state["sources"][reports.SOURCE], before, after)
            keep_state(looking.client, state, load_id)
    for scratch in warehouse.scratches:
        remove_load_files(scratch)
    return found


def _empty_staging(looking: Opened, pipelines: Sequence[str]) -> None:
    """Empty what dlt has staged for merges: the rows of each table's last load stay there until its next one."""
    own = str(looking.client.staging_dataset_name)
    for schema in (own, *(f"{own}_{pipeline}" for pipeline in pipelines)):
        query = f"SELECT table_name FROM information_schema.tables WHERE table_schema = {text(schema)}"  # noqa: S608
        for (table,) in looking.store.rows(f"{query} AND table_type = 'BASE TABLE'"):
            if not str(table).startswith("_dlt"):
                looking.store.run(f"DELETE FROM {name(schema)}.{name(str(table))}")  # noqa: S608 - quoted


def _is_database(pipeline: dlt.Pipeline) -> bool:
    with pipeline.destination_client() as client:
        return isinstance(client, SqlJobClientBase)


def _working(store: Store, pipeline: dlt.Pipeline) -> There:
    """The tables that plans of push have left, and lists of stops, with their columns."""
    with pipeline.sql_client() as client:
        schema = str(client.dataset_name)
    found: dict[str, set[str]] = {}
    query = f"SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = {text(schema)}"  # noqa: S608
    for table, column in cast("list[tuple[str, str]]", store.rows(query)):
        found.setdefault(table, set()).add(column)
    return {
        table: columns
        for table, columns in found.items()
        if (table.startswith("push_") and table not in LEDGER) or columns >= LISTED
    }


def _say(told: Mapping[str, Any]) -> None:
    rows = [(one["table"], one["rows"]) for one in told["results"]]
    console.table(out, "Rows that tell of the person", ["table", "rows"], rows)
    if told["forgotten_before"]:
        out.print("They were forgotten before: what stands there by their hash has no name.", highlight=False)
    if told["applied"]:
        out.print(f"Done. Their number stands in {TABLE} as a hash, and so does every stop of theirs.", highlight=False)
        out.print("Not reached from here:", highlight=False)
        for sentence in told["not_reached"]:
            out.print(f"- {sentence}", highlight=False, markup=False)
    else:
        out.print(f"Nothing was changed. Do it with: --apply {told['hash']}", highlight=False, markup=False)
