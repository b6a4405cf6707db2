"""The command ``listrak models``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from listrak_source.cli.dbt.profile import profile
from listrak_source.cli.dbt.runner import FAILED, SKIPPED, WARNED, Dbt, Outcome, check_installed
from listrak_source.cli.errors import Exit
from listrak_source.cli.options import AsJson, Dataset, Destination, example
from listrak_source.cli.output import console
from listrak_source.cli.output.console import out
from listrak_source.cli.output.documents import document
from listrak_source.cli.output.logs import fail_with
from listrak_source.cli.process.scratch import check_replaceable, replaced
from listrak_source.cli.reports import SOURCE
from listrak_source.cli.warehouse import Warehouse
from listrak_source.errors import StoppedError

app: typer.Typer = typer.Typer(
    name="models",
    help="Tables for analysts, made by dbt of what was pulled: growth, consent, opt-outs, cohorts.",
    no_args_is_help=True,
    add_completion=False,
    epilog=example("listrak models build", "listrak models test", "listrak models docs --out models.html"),
)

Schema = Annotated[
    str | None,
    typer.Option("--schema", help="The schema to write the models to; that of the dataset with _models, if not given."),
]
FullRefresh = Annotated[
    bool, typer.Option("--full-refresh", help="Build incremental models anew, from the first event on.")
]
_PAGE = "<!doctype html"


@app.command(
    epilog=example("listrak models build", "listrak models build --destination postgres --dataset sms --full-refresh")
)
def build(
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    schema: Schema = None,
    full_refresh: FullRefresh = False,
    as_json: AsJson = False,
) -> None:
    """Build the models, and test each: into DATASET_models, or the schema that is given.

    Nothing is asked of Listrak. The exit code is 1 where a model cannot be built, or a test fails: the models before it
    stay. Of models with many rows only what is new is built.
    """
    with document("models build", wanted=as_json) as told:
        run(Warehouse(destination, dataset), "build", told, schema, full_refresh=full_refresh, as_json=as_json)


@app.command("test", epilog=example("listrak models test", "listrak models test --destination postgres --json"))
def check(
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Test models that were built; nothing is built. The exit code is 1 where a test fails."""
    with document("models test", wanted=as_json) as told:
        run(Warehouse(destination, dataset), "test", told, schema, as_json=as_json)


@app.command(epilog=example("listrak models docs --out models.html"))
def docs(
    to: Annotated[Path, typer.Option("--out", help="The page to write: one file.")],
    destination: Destination = "duckdb",
    dataset: Dataset = "listrak_sms",
    schema: Schema = None,
    as_json: AsJson = False,
) -> None:
    """Write dbt's page about the models: each model and column, what it means, and of what it is made."""
    with document("models docs", wanted=as_json) as told:
        check_installed()
        check_replaceable(to, _PAGE)
        warehouse = Warehouse(destination, dataset)
        with replaced(to) as scratch:
            dbt_of(warehouse, schema).run("docs generate", "--static", keep={"static_index.html": scratch})
        told.update({"destination": warehouse.location, "dataset": dataset, "out": to})
        if not as_json:
            out.print(f"Wrote {to}.", highlight=False, markup=False)


def run(
    warehouse: Warehouse,
    command: str,
    told: dict[str, Any],
    schema: str | None = None,
    *,
    full_refresh: bool = False,
    as_json: bool = False,
) -> None:
    """Build or test the models of a dataset, and say what came of it.

    Raises:
        SystemExit: A model or a test has failed.
        StoppedError: There are no models to test.
    """
    check_installed()
    dbt = dbt_of(warehouse, schema)
    outcomes = dbt.run(command, *(["--full-refresh"] if full_refresh else []))
    if command == "test" and all(one.status == FAILED and one.rows is None for one in outcomes):
        raise StoppedError(f"no models are built in {dbt.target['schema']}; listrak models build makes them")
    told.update(
        {
            "destination": warehouse.location,
            "dataset": warehouse.dataset,
            "schema": dbt.target["schema"],
            "results": [one.as_document() for one in outcomes],
        }
    )
    if not as_json:
        out.print(_summary(outcomes, str(dbt.target["schema"])), highlight=False, markup=False)
    for one in outcomes:
        if one.status == WARNED and not as_json:
            out.print(one.sentence, highlight=False, markup=False)
        elif one.status == FAILED:
            fail_with(one.sentence)
    if failed := [one for one in outcomes if one.status == FAILED]:
        told["message"] = failed[0].sentence
        raise SystemExit(int(Exit.FAILED))


def build_after_pull(warehouse: Warehouse, told: dict[str, Any], *, as_json: bool) -> None:
    """Build the models of what a pull has brought. What came of it stands in the pull's document, as ``models``."""
    told["models"] = {}
    try:
        run(warehouse, "build", told["models"], as_json=as_json)
    except SystemExit:
        told["message"] = told["models"]["message"]
        raise


def dbt_of(warehouse: Warehouse, schema: str | None = None) -> Dbt:
    """dbt, for the models of a dataset.

    Raises :class:`~listrak_source.cli.warehouse.NothingThereError` where nothing was pulled into it yet.
    """
    check_installed()
    with warehouse.reading() as pipeline:
        # dlt's connection is closed before dbt opens its own: a DuckDB file takes one process, and one set of settings.
        with pipeline.sql_client() as client:
            dataset, database = client.dataset_name, client.catalog_name()
        memory: Mapping[str, Any] = pipeline.state.get("sources", {}).get(SOURCE, {})
    variables = {"listrak_schema": dataset, "listrak_timezone": memory.get("timezone", "UTC")}
    if database:
        variables["listrak_database"] = database
    target = profile(warehouse.kind, warehouse.configuration, schema or f"{dataset}_models")
    return Dbt(target, variables)


def _summary(outcomes: list[Outcome], schema: str) -> str:
    by_kind = Counter((one.kind, one.status) for one in outcomes)
    models = sum(count for (kind, status), count in by_kind.items() if kind == "model" and status == "built")
    tests = sum(count for (kind, status), count in by_kind.items() if kind == "test" and status == "passed")
    parts = [f"{models} models are built in {schema}" if models else "", f"{tests} tests passed"]
    for status in (WARNED, FAILED, SKIPPED):
        if count := sum(one for (_, its), one in by_kind.items() if its == status):
            parts.append(f"{count} {status}")
    seconds = sum(one.seconds for one in outcomes)
    return f"{', '.join(filter(None, parts))} ({console.cell(round(seconds))} s)."
