"""How each table is written, given what the destination can: asked of dlt, when the pull starts to read.

Four ways, best first; whatever the way, a key stands once in the warehouse when a load has ended:

- *delete-insert*, where dlt has it. It is the one strategy that drops staged duplicates in SQL: a load that is killed
  may stage a file twice. Tables that rows are only added to take *insert-only*, or where that is missing
  (Redshift, ClickHouse), delete-insert of the rows that the destination does not hold yet.
- *upsert* (Delta). It replaces row by row; what replaces a set of rows as a whole is worked out by
  :mod:`~listrak_source.pull.load.merge_fallbacks`.
- *append, then compaction* (plain Parquet), for a caller that calls
  :func:`~listrak_source.pull.load.parquet_compaction.compact` after each load. dlt itself would append there
  without a word.
- Otherwise the pull is refused, before anything is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, cast

import dlt
import pyarrow as pa
from dlt.common.configuration.container import Container
from dlt.common.destination import AnyDestination, DestinationCapabilitiesContext
from dlt.common.schema.typing import TTableSchema
from dlt.destinations.exceptions import DatabaseException
from dlt.extract import DltResource

from listrak_source.api import ConfigurationError
from listrak_source.pull.load import merge_fallbacks
from listrak_source.pull.load.warehouse import is_loading, running
from listrak_source.pull.schema import CONTACT_PROFILE_VALUES, CONTACTS, Table
from listrak_source.settings import Settings

FILESYSTEM = "dlt.destinations.filesystem"
POSTGRES = "dlt.destinations.postgres"
_PACKAGES = {"delta": "dlt.common.libs.deltalake", "iceberg": "dlt.common.libs.pyiceberg"}
"""By table format of files: what dlt imports to write it, only when everything has been read."""
_STAGED = "%s_staging"
"""dlt's own name of the dataset in which it stages rows."""
_DUCKDB = "duckdb"
"""The dialect of DuckDB, MotherDuck and DuckLake."""


@dataclass(frozen=True)
class WriteDispositions:
    """What the destination can, and what follows for each table."""

    strategies: frozenset[str] = frozenset({"delete-insert", "insert-only"})
    """dlt's merge strategies there; none where rows are appended and compacted."""
    into_empty: bool = False
    """The warehouse holds nothing yet: what comes once is added without a merge."""
    table_format: str | None = None
    file_format: str | None = None
    """Set where dlt would choose one that is slower, or that keeps no types."""
    dialect: str | None = None
    """The destination's SQL, by sqlglot's name."""

    def as_called(self, resource: DltResource) -> WriteDispositions:
        """The same for one selected ``resource``, with the file format that the caller of the run chose for it."""
        chosen = self.file_format and self.strategies and resource.compute_table_schema().get("file_format")
        return replace(self, file_format=None) if chosen else self

    @property
    def keeps_the_stop(self) -> bool:
        """Whether of two rows of a contact in one load the one that tells of a stop stays."""
        return not self.into_empty and self._strategy(CONTACTS) != "upsert"

    def apply(self, resource: DltResource, table: Table) -> None:
        """Have ``resource`` write ``table`` that way."""
        resource.apply_hints(**self.hints(table))

    def hints(self, table: Table) -> dict[str, Any]:
        """The arguments of ``DltResource.apply_hints`` that say how ``table`` is written."""
        hints: dict[str, Any] = {"write_disposition": "append"}
        if self.table_format:
            hints["table_format"] = self.table_format
        if self.file_format:
            hints["file_format"] = self.file_format
        strategy = self._strategy(table)
        if strategy is None or (self.into_empty and table.written_once):
            return hints
        if table.merge_hints:
            hints["columns"] = {name: {"name": name, **extra} for name, extra in table.merge_hints.items()}
        how = {"disposition": "merge", "strategy": strategy}
        if table.merge_key and strategy == "delete-insert":
            if self.dialect == _DUCKDB:
                how["destination_scope"] = _mentioned(table)
            else:
                hints["merge_key"] = list(table.merge_key)
        return hints | {"write_disposition": how}

    def fitted(self, rows: pa.Table, table: Table) -> pa.Table:
        """``rows`` as the destination's way needs them: what its merge cannot do itself is done here."""
        if table.append_only and self._strategy(table) == "delete-insert":
            return merge_fallbacks.unknown(rows, table)
        if table.name == CONTACT_PROFILE_VALUES.name and self._strategy(table) == "upsert":
            return merge_fallbacks.replacing(rows, table)
        return rows

    def _strategy(self, table: Table) -> str | None:
        wanted = ("insert-only", "delete-insert") if table.append_only else ("delete-insert", "upsert")
        return next((strategy for strategy in wanted if strategy in self.strategies), None)


def of_running_pipeline(settings: Settings) -> WriteDispositions:
    """What fits the destination that the running extract is for; where there is none, what most destinations can.

    Raises :class:`ConfigurationError` where rows would come twice.
    """
    if not is_loading():
        return WriteDispositions(into_empty=settings.into_empty)
    capabilities, destination = Container()[DestinationCapabilitiesContext], running().destination
    merge_in_transactions(destination)
    found = chosen(capabilities, destination.destination_type, settings)
    if found.file_format and destination.destination_type == POSTGRES and _has_blank(running()):
        # To leave it out would change nothing: what tables were written by is kept in their schema.
        return replace(found, file_format="insert_values")
    return found


def _has_blank(pipeline: dlt.Pipeline) -> bool:
    """Whether a name or a password has a blank: dlt hands it to ADBC as it is, and that takes it for no address."""
    credentials = cast("Any", pipeline.destination_client().config).credentials
    return any(" " in (part or "") for part in (credentials.username, credentials.password))


def check_folder(pipeline: dlt.Pipeline) -> None:
    """Raise :class:`ConfigurationError` where dlt could not load what it has written into its folder.

    It puts the path of a file into DuckDB's SQL as it is.
    """
    folder = str(pipeline.working_dir)
    if pipeline.destination.capabilities().sqlglot_dialect == _DUCKDB and (odd := set("'%") & set(folder)):
        named = " or ".join(sorted(odd))
        raise ConfigurationError(
            f"dlt loads into DuckDB from no folder with {named} in its path, and its own is {folder}; set DLT_DATA_DIR "
            "to another one"
        )


def merge_in_transactions(destination: AnyDestination) -> None:
    """Have dlt run each merge in a transaction, where the destination has them.

    dlt says of most databases only that they have transactions for DDL, and then deletes and inserts one after the
    other: whoever looks in between misses the rows, and if the process dies in between they are gone.
    """
    capabilities = destination.capabilities()
    if capabilities.supports_transactions is None and capabilities.supports_ddl_transactions:
        destination.caps_params["supports_transactions"] = True


def stage_apart(pipeline: dlt.Pipeline) -> None:
    """Have the pipeline stage its rows in a dataset of its own, unless the destination's settings name one.

    Where two pipelines stage rows in one dataset, each empties it while the other merges from it. It is made before
    anything is read. Raises :class:`ConfigurationError` where it may not be made.
    """
    with pipeline.destination_client() as client:
        layout = getattr(client.config, "staging_dataset_name_layout", None)
    if layout != _STAGED:
        return
    pipeline.destination.config_params["staging_dataset_name_layout"] = f"{_STAGED}_{pipeline.pipeline_name}"
    with pipeline.sql_client() as sql, sql.with_staging_dataset():
        if sql.has_dataset():
            return
        try:
            sql.create_dataset()
        except DatabaseException as error:
            if not sql.has_dataset():  # nobody else was faster
                raise ConfigurationError(
                    f"a pull of one sender code stages its rows in the schema {sql.dataset_name}, which is not there"
                    " and may not be made: make it, or give the role of the pull the right to make schemas"
                ) from error


def chosen(
    capabilities: DestinationCapabilitiesContext, destination_type: str, settings: Settings
) -> WriteDispositions:
    """What fits a destination with these capabilities.

    Raises :class:`ConfigurationError` where nothing does, and dlt's ``MissingDependencyException`` where a package for
    it is not installed.
    """
    name, table_format = destination_type.rpartition(".")[2], settings.table_format or None
    supported = list(capabilities.supported_table_formats or ())
    if table_format and table_format not in supported:
        raise ConfigurationError(
            f"sources.listrak.table_format: {name} keeps no {table_format} tables; leave the setting out"
        )
    strategies = frozenset(merge_strategies(capabilities, table_format))
    file_format, dialect = _file_format(capabilities, destination_type), capabilities.sqlglot_dialect
    ours = WriteDispositions(strategies, settings.into_empty, table_format, file_format, dialect)
    if "delete-insert" in strategies or (destination_type == FILESYSTEM and table_format == "delta"):
        if destination_type == FILESYSTEM and table_format:
            import_module(_PACKAGES[table_format])
        return ours
    if destination_type == FILESYSTEM and not table_format:
        if settings.compacted:
            return ours
        raise ConfigurationError(
            "dlt only adds to plain Parquet files: what is read again would stand there twice. Run `listrak pull`,"
            " which compacts them after each load, or set sources.listrak.table_format to delta"
        )
    formats = [kind for kind in supported if "delete-insert" in merge_strategies(capabilities, kind)]
    raise ConfigurationError(
        f"{name} cannot merge rows, so what is read again would stand there twice: "
        + (f"set sources.listrak.table_format to {formats[0]}" if formats else "take another destination")
    )


def _mentioned(table: Table) -> str:
    """The condition for rows of the destination whose ``merge_key`` is staged, with dlt's placeholders.

    dlt itself asks for the primary key *or* the merge key, though the one implies the other. DuckDB joins on that only
    after it has sorted out every key that the table holds: 4 s among 9,000,000 rows, for 3,000 that are staged, instead
    of 0.3 s.
    """
    same = " AND ".join(f"staged.{name} = {{table}}.{name}" for name in table.merge_key)
    return f"EXISTS (SELECT 1 FROM {{staging_table}} AS staged WHERE {same})"  # noqa: S608 - our own names


def merge_strategies(capabilities: DestinationCapabilitiesContext, table_format: str | None) -> list[str]:
    """The merge strategies that dlt has for tables of ``table_format``."""
    supported = list(capabilities.supported_merge_strategies or ())
    selector = capabilities.merge_strategies_selector
    return list(selector(supported, table_schema=_table(table_format)) if selector else supported)


def _file_format(capabilities: DestinationCapabilitiesContext, destination_type: str) -> str | None:
    """Parquet for files, and for PostgreSQL where the ADBC drivers are installed, which dlt takes only when told."""
    if destination_type not in (FILESYSTEM, POSTGRES):
        return None
    formats: Sequence[str] = capabilities.supported_loader_file_formats
    if selector := capabilities.loader_file_format_selector:
        preferred = capabilities.preferred_loader_file_format
        _, formats = selector(preferred, capabilities.supported_loader_file_formats, table_schema=_table(None))
    return "parquet" if "parquet" in formats else None


def _table(table_format: str | None) -> TTableSchema:
    return cast("TTableSchema", {"name": "any", "table_format": table_format})
