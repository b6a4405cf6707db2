"""One pull of a sender code into one warehouse at a time: which lease there is for that, by destination."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, cast

import dlt
from dlt.destinations.impl.filesystem.filesystem import FilesystemClient
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.destinations.sql_client import SqlClientBase

from listrak_source.api import ConfigurationError
from listrak_source.lease import TABLE as LEASES
from listrak_source.lease import Connect, FileLease, Lease, LostError, NoLease, SqlLease, held, in_rows
from listrak_source.pull import run_record
from listrak_source.pull.load.foreign_tables import check_keys
from listrak_source.pull.load.lake_catalog import DUCKLAKE, catalog_file, catalog_rows
from listrak_source.pull.schema import OF_THE_PULL, TABLES
from listrak_source.pull.state.pipelines import check_alike
from listrak_source.sql import opened

_DUCKDB = "dlt.destinations.duckdb"
_VERSIONS = "_dlt_version"


@contextmanager
def alone(pipeline: dlt.Pipeline, sender_codes: list[int] | None, tables: Collection[str] = TABLES) -> Iterator[None]:
    """Hold the lease on some sender codes, or all of them, in the pipeline's warehouse, to write ``tables``.

    It is looked at again before each load. Raises :class:`~listrak_source.lease.TakenError` where somebody else has it,
    or has taken over, and :class:`~listrak_source.api.ConfigurationError` where the lease would be the first thing of
    ours in a dataset whose tables of those names are somebody else's.
    """
    with held(_lease_of(pipeline, sender_codes, tables)) as lease, _before_each_load(pipeline, lease):
        yield


def is_empty(pipeline: dlt.Pipeline) -> bool:
    """Whether nothing was ever loaded into the dataset. A lease alone is nothing, nor is a table of somebody else.

    What dlt keeps there may be gone: where one of our tables is there all the same, its rows are.
    """
    with pipeline.destination_client() as client:
        if not client.is_storage_initialized():
            return True
        if not isinstance(client, SqlJobClientBase):
            return False
        if client.get_storage_table(_VERSIONS)[0]:
            return False
        there = client.get_storage_tables([table.name for table in TABLES.values() if table not in OF_THE_PULL])
        # As the database spells them: in Snowflake in capitals.
        columns = {name: {column.lower() for column in found} for name, found in there}
        return not any(columns[name] and columns[name].issuperset(TABLES[name].key) for name in columns)


def _lease_of(pipeline: dlt.Pipeline, sender_codes: list[int] | None, tables: Collection[str]) -> Lease:
    client = pipeline.destination_client()
    what = f"another pull into {client.config}"
    if file := _file_of(pipeline, client):
        return FileLease(file.with_name(f"{file.name}.lease"), what)
    is_lake = pipeline.destination.destination_type == DUCKLAKE
    connect: Connect | None = catalog_rows(client.config) if is_lake else partial(opened, pipeline)
    if connect is None or not (is_lake or in_rows(client.capabilities.sqlglot_dialect)):
        return NoLease()
    # A catalogue is one for all datasets of its lake.
    kind = f"pull into {pipeline.dataset_name}" if is_lake else "pull"
    _prepare(pipeline, tables)
    parts = tuple(sender_codes) if sender_codes else None
    # A pipeline's state is one for all of its sender codes.
    return SqlLease(connect, kind, pipeline.pipeline_name, parts, what)


def _file_of(pipeline: dlt.Pipeline, client: Any) -> Path | None:
    """What on this machine's disk is the warehouse: a DuckDB file, a folder of files, the catalogue of a lake."""
    if pipeline.destination.destination_type == _DUCKDB:
        credentials = client.config.credentials
        if credentials.external_conn() is not None or credentials.database.startswith(":"):
            return None
        return Path(credentials.database).resolve()
    if pipeline.destination.destination_type == DUCKLAKE:
        return catalog_file(client.config)
    if isinstance(client, FilesystemClient) and client.config.is_local_filesystem:
        return Path(client.dataset_path).resolve()
    return None


def _prepare(pipeline: dlt.Pipeline, tables: Collection[str]) -> None:
    """Make the dataset that the lease's row is in, or see that it may be written to."""
    with pipeline.destination_client() as opened_client:
        client = cast("SqlJobClientBase", opened_client)
        if client.sql_client.has_dataset():
            if not client.get_storage_table(LEASES)[0]:
                check_keys(
                    pipeline.dataset_name, map(TABLES.__getitem__, tables), dict(client.get_storage_tables(tables))
                )
            return
        if not pipeline.first_run:
            # It was dropped: dlt then forgets what this machine remembers of it, but only while it is not there.
            pipeline.sync_destination()
        try:
            client.sql_client.create_dataset()
        except Exception:
            if not client.sql_client.has_dataset():  # somebody else was faster
                raise


@contextmanager
def _kept_open(pipeline: dlt.Pipeline) -> Iterator[SqlClientBase[Any] | None]:
    """While dlt loads into a DuckDB file, it is opened once, and nobody else gets in between.

    dlt itself opens and writes it out for each step.
    """
    if pipeline.destination.destination_type != _DUCKDB:
        yield None
        return
    with pipeline.sql_client() as client:
        yield client


def _turn(pipeline: dlt.Pipeline, lease: Lease) -> Lease:
    """The lease on loading: pulls of other sender codes read side by side, and load one after the other.

    So who comes first makes the tables, and nobody's merge waits for another's lock or collides with it.
    """
    if not isinstance(lease, SqlLease) or lease.parts is None:
        return NoLease()
    return SqlLease(lease.connect, "load", str(pipeline.dataset_name), what="another load", queues=True)


@contextmanager
def _before_each_load(pipeline: dlt.Pipeline, lease: Lease) -> Iterator[None]:
    """Look at the lease when a package has been extracted and normalized, and is about to be loaded.

    What may not be loaded is given up, with the state that goes with it.
    """
    load = pipeline.load

    def checked(*arguments: Any, **named: Any) -> Any:
        with held(_turn(pipeline, lease)) as turn:
            try:
                lease.renew()
                if isinstance(turn, SqlLease):
                    check_alike(pipeline)
            except (LostError, ConfigurationError):
                del vars(pipeline)["load"]
                with suppress(Exception):
                    pipeline.abort_packages()
                raise
            with _kept_open(pipeline) as client:
                info = load(*arguments, **named)
                run_record.loaded(pipeline, info, client)
                return info

    vars(pipeline)["load"] = checked
    try:
        yield
    finally:
        vars(pipeline).pop("load", None)
