"""The command ``listrak doctor``: looks at all that a pull and a push need, and says of each part whether it is right.

It asks Listrak for a token and the sender codes, and leaves the warehouse as it was.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import dlt
import duckdb
import typer
from dlt.common.configuration.specs.base_configuration import is_secret_hint
from dlt.common.configuration.utils import get_resolved_traces
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.impl.filesystem.filesystem import FilesystemClient
from dlt.destinations.sql_client import SqlClientBase

from listrak_source import runs
from listrak_source.api import ConfigurationError, each_record
from listrak_source.api.redaction import redact
from listrak_source.cli import reports
from listrak_source.cli.errors import Exit, explain
from listrak_source.cli.options import AsJson, Dataset, Destination, example
from listrak_source.cli.output.console import cell, err, out
from listrak_source.cli.output.documents import document
from listrak_source.cli.output.logs import fail_with, is_json
from listrak_source.cli.reports import SOURCE
from listrak_source.cli.warehouse import NothingThereError, Warehouse
from listrak_source.forgotten import QUERY, check_key, key_of
from listrak_source.pull.load.foreign_tables import check_format
from listrak_source.pull.load.write_disposition import FILESYSTEM, chosen
from listrak_source.pull.records.masking import Masks
from listrak_source.pull.schema import TABLES
from listrak_source.pull.state.state import check_marks_of
from listrak_source.settings import Settings, client_of, resolve
from listrak_source.sql import one_connection, opened

app: typer.Typer = typer.Typer(add_completion=False)

_PATIENCE = {"max_attempts": 2, "timeout": 20.0, "max_request_seconds": 30.0}
"""Who asks what is wrong does not want to wait for long."""
_CLOCKS = timedelta(minutes=5)
"""Clocks that differ by more are worth a word."""
_RUNS = 20
"""The latest runs, among which one is looked for that has ended."""
_MOST = 5
"""Names that one sentence tells, at the most."""
_PREFIX = "SOURCES__LISTRAK__"
_UNSHOWN = ("client_id", "hash_key")
_TAKE_BACK = ("duckdb", "postgres", "redshift")
"""Dialects in which a transaction takes back what was made in it. Snowflake and MySQL keep it, whatever dlt says."""
_CATALOGS = {"postgres": "postgres_scanner", "mysql": "mysql_scanner", "sqlite": "sqlite_scanner"}
"""DuckDB's extensions for the catalog of a lake, by how its address begins."""
_STORES = {"s3": "httpfs", "gs": "httpfs", "gcs": "httpfs", "az": "azure", "abfss": "azure"}
"""The same for files elsewhere."""


_Found = tuple[str, str]
"""A sentence and a status."""
_OK, _WARNING, _FAILED = "ok", "warning", "failed"


@app.command(epilog=example("listrak doctor", "listrak doctor --destination postgres --dataset sms"))
def doctor(destination: Destination = "duckdb", dataset: Dataset = "listrak_sms", as_json: AsJson = False) -> None:
    """Say whether all that a pull needs is right: settings, Listrak, the warehouse. Nothing is loaded or changed.

    The exit code is 0 where nothing has failed, else that of the first failure.
    """
    with document("doctor", wanted=as_json) as told:
        checks: list[dict[str, str]] = []
        failed: list[Finding] = []
        for found in Doctor(Warehouse(destination, dataset)).findings():
            checks.append({"part": found.part, "status": found.status, "message": found.message})
            failed += [found] if found.status == "failed" else []
            line = f"{found.status:8} {found.part:12} {found.message}"
            if found.status == "failed" and (as_json or out.quiet or is_json()):
                fail_with(found.message)
            elif found.status == "failed":
                err.print(line, highlight=False, markup=False)
            elif not as_json:
                out.print(line, highlight=False, markup=False)
        told["checks"] = checks
        if failed:
            told.update({"status": "error", "message": failed[0].message})
            raise SystemExit(int(failed[0].code))


@dataclass(frozen=True)
class Finding:
    """What one look has found."""

    part: str
    message: str
    status: str
    """``ok``, ``warning`` or ``failed``."""
    code: Exit = Exit.DONE
    """What a command would end with that fails for it."""


@dataclass
class Doctor:
    """One examination. What an earlier look has found, later ones go by."""

    warehouse: Warehouse
    settings: Settings | None = None
    """As they were found; None while they do not fit."""
    _is_reached: bool = False
    _is_there: bool = False
    """Whether the place that is reached was made already."""

    def findings(self) -> Iterator[Finding]:
        """Look at one part after the other; each failure is one finding, and stops none of the others."""
        looks = {
            "settings": self._settings,
            "listrak": self._listrak,
            "destination": self._destination,
            "dataset": self._dataset,
        }
        for part, look in looks.items():
            try:
                yield from (Finding(part, *found) for found in look())
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what was looked for
                sentence, code = explain(error)
                yield Finding(part, sentence, _FAILED, code)

    # what is set

    def _settings(self) -> Iterator[_Found]:
        noted = get_resolved_traces().resolved_traces
        before = len(noted)
        settings = self.settings = resolve({})
        names: dict[str, list[str]] = defaultdict(list)
        for trace in [trace for trace in noted[before:] if trace.key in settings]:
            names[_place(trace.provider_name)].append(_shown(trace.key, settings))
        yield "; ".join(f"{', '.join(found)} from {place}" for place, found in names.items()) + ".", _OK
        for name in _unknown():
            yield f"{name} is no setting, and changes nothing: is it a misspelling?", _WARNING

    # Listrak

    def _listrak(self) -> Iterator[_Found]:
        if self.settings is None:
            yield "Listrak was not asked: the settings come first.", _WARNING
            return
        with client_of(_also(self.settings, **_PATIENCE)) as client:
            seen = {one["shortCodeId"]: one.get("code") for one in each_record(client.list_sender_codes())}
            behind = datetime.now(timezone.utc) - client.server_time if client.server_time else timedelta()
            took = client.latency or 0.0
        yield f"{self.settings.base_url} takes the credentials, and answers in {1000 * took:,.0f} ms.", _OK
        named = ", ".join(f"{code} (id {sender})" for sender, code in list(seen.items())[:_MOST])
        if not seen:
            yield "It shows no sender code, so a pull finds nothing: is the integration of the type SMS?", _WARNING
        elif lost := [str(one) for one in self.settings.sender_codes or () if one not in seen]:
            told = f"sources.listrak.sender_codes names {', '.join(lost)}; Listrak shows {named}"
            raise ConfigurationError(told)
        else:
            more = f" and {len(seen) - _MOST:,} more" if len(seen) > _MOST else ""
            yield f"It shows the sender code{'s' * (len(seen) != 1)} {named}{more}.", _OK
        yield _clocks(behind)

    # the warehouse

    def _destination(self) -> Iterator[_Found]:
        location = self.warehouse.location
        table_format = self.settings.table_format if self.settings else None
        yield from ((sentence, _WARNING) for sentence in _extensions(self.warehouse, table_format))
        self.warehouse.check_writable()
        with self.warehouse.looking() as pipeline:
            if self.settings is not None:
                kind = pipeline.destination.destination_type
                chosen(pipeline.destination.capabilities(), kind, _also(self.settings, compacted=True))
            client = pipeline.destination_client()
            place = self.warehouse.file or _folder_of(client) or _catalog_of(self.warehouse)
            if place is not None and not place.exists():
                yield _may_be_made(place), _OK
            else:
                with client:
                    yield f"{location} can be reached, and {_may_write(client)}.", _OK
                    self._is_there = client.is_storage_initialized()
        self._is_reached = True

    def _dataset(self) -> Iterator[_Found]:
        if not self._is_reached:
            yield "The dataset was not looked at: the destination comes first.", _WARNING
            return
        try:
            with self.warehouse.reading() as pipeline:
                yield from self._loaded(pipeline)
        except NothingThereError as error:
            if self._is_there:
                with self.warehouse.looking() as pipeline:
                    self.warehouse.check(pipeline)
            yield f"{error}.", _OK

    def _loaded(self, pipeline: dlt.Pipeline) -> Iterator[_Found]:
        there = self.warehouse.check(pipeline)
        with one_connection(pipeline):
            schema, last = pipeline.default_schema, reports.loads(pipeline, 1)
        when = f"The last load is of {cell(last[0].at)} (UTC)" if last else "It holds no load"
        yield f"{when}; dlt's schema has version {schema.version}.", _OK
        if unfinished := reports.pending(pipeline):
            yield f"A pull that began at {cell(unfinished.began)} (UTC) is not finished: run it again.", _WARNING
        yield from ((sentence, _OK) for sentence in _rate(pipeline))
        lacking = [name for name in TABLES if name not in there]
        none_of = f"; of {', '.join(lacking)} nothing was loaded yet, or it is gone" if lacking else ""
        yield f"{len(there)} of {len(TABLES)} tables are there{none_of}.", _OK
        yield from ((sentence, _WARNING) for sentence in reports.lost(schema, there))
        if self.settings is not None:
            if pipeline.destination.destination_type == FILESYSTEM:
                check_format(self.warehouse.dataset, cast("Any", schema.tables), self.settings.table_format)
            state = pipeline.state.get("sources", {}).get(SOURCE, {})
            check_marks_of(state, self.settings.timezone, Masks.of(self.settings).mark)
            check_key(key_of(self.settings), _marks_of_forgotten(pipeline))


def _marks_of_forgotten(pipeline: dlt.Pipeline) -> set[str]:
    """Marks of the keys with which people were forgotten."""
    if pipeline.destination.destination_type == FILESYSTEM:
        return set()
    with suppress(DatabaseUndefinedRelation), opened(pipeline) as sql:
        return {str(mark) for _, mark in sql.rows(QUERY)}
    return set()


def _rate(pipeline: dlt.Pipeline) -> Iterator[str]:
    """How fast the last pull was that has come to its end and asked for anything."""
    keeper = runs.keeper_of(pipeline, runs.PULL_RUNS)
    ended = [run for run in keeper.latest(_RUNS) if run["requests"] and run["ended_at"]] if keeper else []
    for run in ended[:1]:
        seconds = max((run["ended_at"] - run["began_at"]).total_seconds(), 0.1)
        refused = (
            f"{run['refusals']:,} of them refused for haste" if run["refusals"] else "none of them refused for haste"
        )
        yield f"The last pull sent {run['requests']:,} requests in {seconds:,.1f} s, {refused}."


def _also(settings: Settings, **more: object) -> Settings:
    return resolve({name: settings[name] for name in Settings.get_resolvable_fields()} | more)


def _shown(name: str, settings: Settings) -> str:
    if name in _UNSHOWN or is_secret_hint(Settings.get_resolvable_fields()[name]):
        return name
    return redact(f"{name} = {settings[name]}")


def _place(provider: str) -> str:
    return f".dlt/{provider}" if provider.endswith(".toml") else "the environment"


def _unknown() -> list[str]:
    """What is set under ``sources.listrak`` and is none of ours: dlt says nothing of it."""
    known = Settings.get_resolvable_fields()
    names = {name for name in os.environ if name.startswith(_PREFIX) and name[len(_PREFIX) :].lower() not in known}
    for provider in dlt.config.config_providers:
        if provider.name.endswith(".toml"):
            given, _ = provider.get_value("listrak", dict, "", "sources")
            names |= {f"sources.listrak.{name} in {_place(provider.name)}" for name in given or () if name not in known}
    return sorted(names)


def _clocks(behind: timedelta) -> _Found:
    """``behind`` is by how much Listrak's clock is."""
    if abs(behind) <= _CLOCKS:
        return f"Its clock and this machine's are {abs(behind.total_seconds()):.0f} s apart.", _OK
    side = "behind" if behind > timedelta() else "ahead of"
    minutes = abs(behind.total_seconds()) / 60
    return f"Its clock is {minutes:,.0f} minutes {side} this machine's: pulls go by Listrak's.", _WARNING


def _folder_of(client: Any) -> Path | None:
    """The folder on this machine that it is, if it is one."""
    is_local = isinstance(client, FilesystemClient) and client.config.is_local_filesystem
    return Path(client.bucket_path) if is_local else None


def _catalog_of(warehouse: Warehouse) -> Path | None:
    """The file that a lake's catalog is, if it is one: to open it would make it."""
    catalog = getattr(warehouse.credentials, "catalog", None)
    is_file = catalog is not None and str(catalog.drivername).partition("+")[0] in ("sqlite", "duckdb")
    return Path(str(catalog.database)) if catalog is not None and is_file and catalog.database else None


def _may_be_made(place: Path) -> str:
    """What is said of a file or folder that is not there. Raises :class:`ConfigurationError` if it cannot be made."""
    above = next(folder for folder in place.absolute().parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise ConfigurationError(f"{place} is not there, and {above} cannot be written to")
    return f"{place} is not there yet: the first pull makes it."


def _may_write(client: Any) -> str:
    """Try it, and leave nothing behind; returns what was found."""
    name = f"listrak_doctor_{uuid4().hex[:8]}"
    if isinstance(client, FilesystemClient):
        folder = client.bucket_path.rstrip("/")
        client.fs_client.pipe_file(f"{folder}/{name}", b"")
        client.fs_client.rm_file(f"{folder}/{name}")
        return "files may be written there"
    sql: SqlClientBase[Any] = client.sql_client
    table, is_there = sql.make_qualified_table_name(name), sql.has_dataset()
    if sql.capabilities.sqlglot_dialect in _TAKE_BACK:
        with suppress(_TakeBackError), sql.begin_transaction():
            if not is_there:
                sql.create_dataset()
            sql.execute_sql(f"CREATE TABLE {table} (looked INTEGER)")
            raise _TakeBackError
    elif is_there:
        try:
            sql.execute_sql(f"CREATE TABLE {table} (looked INTEGER)")
        finally:
            sql.execute_sql(f"DROP TABLE IF EXISTS {table}")
    else:
        return f"holds no dataset {sql.dataset_name} yet; whether one may be made was not tried"
    return "tables may be made there"


class _TakeBackError(Exception):
    """Ends a transaction so that nothing of it stays."""


def _extensions(warehouse: Warehouse, table_format: str | None) -> Iterator[str]:
    """What DuckDB has to fetch from the network before it can open the destination, or read it for a report."""
    kind, credentials = warehouse.destination.rpartition(".")[2], warehouse.credentials
    wanted = [kind] if kind in ("ducklake", "motherduck") else []
    if kind == "filesystem":
        wanted += [*filter(None, [table_format, _STORES.get(warehouse.location.partition("://")[0])])]
    if not wanted:
        return
    if catalog := getattr(credentials, "catalog", None):
        wanted += [name for begin, name in _CATALOGS.items() if str(catalog.drivername).startswith(begin)]
    if (storage := getattr(credentials, "storage", None)) and not storage.is_local_filesystem:
        wanted.append("httpfs")
    with duckdb.connect() as connection:
        found = connection.execute("SELECT extension_name FROM duckdb_extensions() WHERE installed").fetchall()
    if missing := [name for name in wanted if (name,) not in found]:
        yield f"DuckDB has to fetch its extension {', '.join(missing)} from the network: it is not on this machine."
