"""The command ``listrak report``: reads a warehouse's counts, and writes the page of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.job_client_impl import SqlJobClientBase

from listrak_source.api import ConfigurationError
from listrak_source.cli.looking import Opened, opened
from listrak_source.cli.options import AsJson, Dataset, Destination, example
from listrak_source.cli.output import console
from listrak_source.cli.output.console import out
from listrak_source.cli.output.documents import document
from listrak_source.cli.process.scratch import check_replaceable, replaced
from listrak_source.cli.runs import undisturbed
from listrak_source.cli.warehouse import Warehouse
from listrak_source.errors import StoppedError
from listrak_source.sql import Sql, text

if TYPE_CHECKING:
    from listrak_source.dashboard.snapshot import Snapshot

app: typer.Typer = typer.Typer(add_completion=False)

Senders = Annotated[list[int] | None, typer.Option("--sender-code", help="Only this sender code, by id; repeatable.")]
Lists = Annotated[list[int] | None, typer.Option("--list", help="Only this list, by id; repeatable.")]
Schema = Annotated[
    str | None, typer.Option("--schema", help="The schema that the models are built in; if not given, DATASET_models.")
]
_NEEDED = ("jinja2", "starlette", "uvicorn", "vl_convert")


@app.command(
    epilog=example(
        "listrak report --out report.html", "listrak report --out march.html --since 2026-03-01 --until 2026-03-31"
    )
)
def report(
    to: Annotated[Path, typer.Option("--out", help="The page to write: one file.")],
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    sender_codes: Senders = None,
    lists: Lists = None,
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The first day.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last day.")] = None,
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Write a page: growth, why people stop, audience, who stays, profile fields, pulls, what was set aside, pushes.

    It is one file that opens from disk and asks nobody for anything. It names no person. It shows what listrak models
    has built, and where nothing is built it works the same out. Nothing is asked of Listrak, and nothing is changed.
    """
    with document("report", wanted=as_json) as told:
        write_report(
            Warehouse(destination, dataset),
            told,
            to,
            {
                "sender_codes": sender_codes or (),
                "lists": lists or (),
                "since": since.date() if since else None,
                "until": until.date() if until else None,
            },
            schema,
            as_json=as_json,
        )


def check_installed() -> None:
    """Raise :class:`ConfigurationError` where the extra is not installed."""
    if any(find_spec(name) is None for name in _NEEDED):
        raise ConfigurationError('the page needs the extra dashboard: pip install "listrak-source[dashboard]"')


def write_report(
    warehouse: Warehouse,
    told: dict[str, Any],
    to: Path,
    wanted: Mapping[str, Any],
    schema: str | None,
    *,
    as_json: bool,
) -> None:
    """Write the page of what is wanted to a file."""
    check_installed()
    from listrak_source.dashboard.choice import choose
    from listrak_source.dashboard.report import BEGINS, page

    check_replaceable(to, BEGINS)
    snapshot = read(warehouse, schema)
    chosen = choose(snapshot, **wanted)
    made = page(snapshot, chosen)
    with replaced(to) as scratch:
        scratch.write_text(made, encoding="utf-8")
    told.update(
        {
            "destination": warehouse.location,
            "dataset": warehouse.dataset,
            "out": to,
            "since": chosen.since,
            "until": chosen.until,
            "models": snapshot.models,
            "doubts": snapshot.doubts,
        }
    )
    if not as_json:
        for sentence in snapshot.doubts:
            out.print(sentence, highlight=False, markup=False)
        out.print(f"Wrote {to}: {chosen.since} to {chosen.until}.", highlight=False, markup=False)


def read(warehouse: Warehouse, schema: str | None = None) -> Snapshot:
    """The counts of a dataset; those of its models, where they are built.

    Raises:
        StoppedError: They are not, and the database is none that the page can do without them in.
    """
    from listrak_source.dashboard.model_sql import DIALECTS, SOURCES, Definitions
    from listrak_source.dashboard.snapshot import LIVE, Snapshot, take

    # A pull that has the file would be disturbed.
    with undisturbed(warehouse):
        pass
    with opened(warehouse, read_only=True) as looking:
        store, wanted = looking.store, schema or f"{looking.client.dataset_name}_models"
        built = _built(looking, wanted)
        if not built and (schema or store.dialect not in DIALECTS):
            raise StoppedError(f"no models are built in {wanted}; listrak models build makes them")
        zone = str(looking.state.get("timezone", "UTC"))
        there = _tables(looking, SOURCES)
        definitions = Definitions(
            store.dialect,
            looking.client.fully_qualified_dataset_name(),
            there,
            zone,
            {name: place for name, place in built.items() if store.dialect not in DIALECTS or name not in LIVE},
        )
        try:
            tables = take(store, definitions)
        except DatabaseUndefinedRelation as error:
            if not built:
                raise
            raise StoppedError(
                f"the models in {wanted} are not those of this version; listrak models build makes them anew"
            ) from error
        doubts = [*looking.unread(), *(_older(looking, store, built) if built else ())]
        return Snapshot(
            tables,
            datetime.now(timezone.utc),
            warehouse.location,
            warehouse.dataset,
            zone,
            wanted if built else None,
            doubts,
            frozenset(SOURCES) - there.keys(),
        )


def _tables(looking: Opened, names: tuple[str, ...]) -> dict[str, set[str]]:
    with looking.pipeline.destination_client() as client:
        if not isinstance(client, SqlJobClientBase):
            return {name: set(looking.there[name]) for name in names if name in looking.there}
        found = dict(cast("Any", client).get_storage_tables(list(names)))
    return {name: {column.lower() for column in columns} for name, columns in found.items() if columns}


def _built(looking: Opened, schema: str) -> dict[str, str]:
    """The models that are built, by name, each as a statement names it."""
    client, found = looking.client, dict[str, str]()
    for name, like in {schema: "listrak__%", f"{schema}_staging": "%_listrak__%"}.items():
        query = (
            f"SELECT table_name FROM information_schema.tables WHERE table_schema = {text(name)}"  # noqa: S608 - quoted
            f" AND table_name LIKE {text(like)}"
        )
        with client.with_alternative_dataset_name(name):
            for (table,) in looking.store.rows(query):
                found[str(table).lower()] = client.make_qualified_table_name(str(table))
    return found


def _older(looking: Opened, store: Sql, built: dict[str, str]) -> Iterator[str]:
    """Whether pulls have come since the models were built, in a sentence."""
    if "pull_runs" not in _tables(looking, ("pull_runs",)) or "listrak__pull_health" not in built:
        return
    last = store.one("SELECT MAX(ended_at) FROM pull_runs WHERE loads > 0")
    known = store.one(f"SELECT MAX(ended_at) FROM {built['listrak__pull_health']}")  # noqa: S608 - our own name
    if last is not None and (known is None or last > known):
        yield (
            f"The last pull that brought something ended at {console.cell(last)} (UTC), after these models were "
            "built: listrak models build brings them up to it."
        )
