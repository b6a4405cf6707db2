"""What the warehouse of the running pipeline holds: queries that run there, answers as Arrow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from time import monotonic
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

import dlt
import pyarrow as pa
import pyarrow.compute as pc
import sqlglot
from dlt.common.configuration.container import Container
from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.common.libs.pyarrow import add_constant_column
from dlt.common.pipeline import PipelineContext
from dlt.common.schema.typing import C_DLT_LOAD_ID
from dlt.common.storages.load_package import LoadPackageStateInjectableContext, load_package_state
from dlt.destinations.exceptions import DatabaseException, DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase

from listrak_source.pull.schema import REMOVED_AT, TEXT, TIMESTAMP, Table
from listrak_source.utc import in_utc

ROWS = 100_000
"""Rows of an answer that are held in memory at once."""


MISSING = (KeyError, DatabaseUndefinedRelation, DestinationUndefinedEntity)
"""A dataset, a table, or (on files) only the rows may be missing: dlt tells by different errors."""


def is_loading() -> bool:
    """Whether a pipeline extracts for a load. Else somebody iterates over the source, and there is no warehouse."""
    return LoadPackageStateInjectableContext in Container()


def load_id() -> str:
    """The id of the load that runs; empty where none does."""
    return str(load_package_state()["load_id"]) if is_loading() else ""


def of_this_load(rows: pa.Table) -> pa.Table:
    """Rows that tell, in dlt's column, by which load they come: dlt adds it to Arrow data only where it is told to."""
    if not is_loading():
        return rows
    parquet = Container()[DestinationCapabilitiesContext].parquet_format
    repeated = parquet is None or parquet.supports_dictionary_encoding
    return add_constant_column(rows, C_DLT_LOAD_ID, pa.string(), load_id(), nullable=False, use_dictionary=repeated)


def package_state() -> dict[str, Any]:
    """What dlt keeps beside the running load; nothing where none runs."""
    return cast("dict[str, Any]", load_package_state()["state"]) if is_loading() else {}


class _Load:
    """The load that runs in a pipeline: the dataset as it was when the load began, and which tables are gone."""

    def __init__(self, this: str, pipeline: dlt.Pipeline) -> None:
        self.load_id = this
        self.dataset = pipeline.dataset()
        self.asked = _Asked(self.dataset.sql_client)
        # dlt reads the schema anew from its folder each time that it is asked for it.
        known: Any = pipeline.default_schema.tables if pipeline.default_schema_name else {}
        self.ours = {name for name, table in known.items() if table.get("x-normalizer", {}).get("seen-data")}
        """The tables of which the pipeline knows that they were loaded, with rows or without."""
        state = package_state()
        self.dropped = {table["name"] for kind in _DROPPED for table in state.get(kind, ())}
        """What dlt drops before it loads: it is there now, and counts as gone."""
        self.left_out: set[str] = set()


class _Asked:
    """The connection by which a load asks the warehouse. It is open for a question, or for several."""

    def __init__(self, client: SqlClientBase[Any]) -> None:
        self.client = client
        self.stays = False
        """Whether it stays open from one question to the next."""
        self._blocks = 0
        """How many blocks run that ask several questions in one go."""
        self._depth = 0
        self._last = 0.0
        self._is_old = False
        """Whether it has stayed open since an earlier question, and has answered none since: it may be cut."""

    @contextmanager
    def open(self) -> Iterator[SqlClientBase[Any]]:
        """The open client."""
        if not self._depth:
            self._is_old = bool(self.client.native_connection)
            if self._is_old and monotonic() - self._last > _IDLE:
                # A server or a firewall may have cut it, and some let whoever asks by it wait for minutes.
                self.close()
        if not self.client.native_connection:
            self.client.open_connection()
        self._depth += 1
        try:
            yield self.client
        finally:
            self._depth -= 1
            self._last = monotonic()
            self._close_if_done()

    @contextmanager
    def stay(self) -> Iterator[None]:
        """Once it is open, it stays so until the block ends. A block that asks nothing opens nothing."""
        self._blocks += 1
        try:
            yield
        finally:
            self._blocks -= 1
            self._close_if_done()

    def _close_if_done(self) -> None:
        if not (self._depth or self._blocks or self.stays):
            self.close()

    def answers(self, ask: Callable[[SqlClientBase[Any]], Iterator[Answer]]) -> Iterator[Answer]:
        """What ``ask`` yields of the open client. A new connection is asked where the one that has stayed is cut."""
        with self.open() as client:
            may_be_cut = self._is_old
            try:
                # Each time: where an earlier question has failed, dlt has connected anew.
                in_utc(client)
                for answer in ask(client):
                    may_be_cut = self._is_old = False
                    yield answer
            except DatabaseException as error:
                if not may_be_cut or isinstance(error, DatabaseUndefinedRelation):
                    raise
                self.close()
                self.client.open_connection()
                in_utc(client)
                yield from ask(client)
            self._is_old = False

    def close(self) -> None:
        """Close the connection, if it is open."""
        self._is_old = False
        if self.client.native_connection:
            self.client.close_connection()


Answer = TypeVar("Answer")
_IDLE = 20.0
"""Seconds for which an open connection to a server may be silent and is still trusted."""
_IN_A_FILE = "dlt.destinations.duckdb"
_TELL_COLUMNS = ("duckdb", "ducklake", "motherduck", "postgres", "redshift")
_AT_ONCE = 1000
_FILES = "dlt.destinations.filesystem"
_DROPPED = ("dropped_tables", "truncated_tables")
_loads: WeakKeyDictionary[dlt.Pipeline, _Load] = WeakKeyDictionary()
"""By pipeline: the load that runs."""


def columns_of(table: Table) -> frozenset[str]:
    """The columns that the warehouse's table has; none when it was never written, or is gone."""
    if not is_loading():
        return frozenset()
    load = _this_load()
    schema = load.dataset.schema
    if table.name not in schema.tables or table.name in load.dropped | load.left_out:
        return frozenset()
    return frozenset(schema.tables[table.name]["columns"])


def has_rows(table: Table) -> bool:
    """Whether the table was ever loaded, with rows or without, as far as dlt knows."""
    if not columns_of(table):
        return False
    known: dict[str, Any] = _this_load().dataset.schema.tables.get(table.name, {})  # type: ignore[assignment]
    return bool(known.get("x-normalizer", {}).get("seen-data"))


def is_ours(table: Table) -> bool:
    """Whether the table is there, and the running pipeline knows of it.

    If it does not, the rows are of a first load that was killed: dlt learns of a table by what it is handed, so no row
    may be left out.
    """
    return bool(columns_of(table)) and table.name in _this_load().ours


def leave_out(names: Iterable[str]) -> None:
    """From now on these tables count as gone in the running load."""
    if is_loading():
        _this_load().left_out.update(names)


def storage_columns(tables: Sequence[Table]) -> dict[str, set[str]]:
    """By table: the columns that are really there, whatever dlt's schema says; none where there is no such table."""
    names = [table.name for table in tables]
    with running().destination_client() as client:
        # Every destination that a pull writes to has it; dlt's base class does not declare it.
        found = cast("Any", client).get_storage_tables(names)
        return {name: set[str]() for name in names} | {name: set(columns) for name, columns in found}


def columns_there(names: Sequence[str]) -> tuple[dict[str, set[str]], set[str]]:
    """By table: the columns that are really there, of the tables that are; and which of them are views.

    Nothing where the destination is no database that tells them in milliseconds.
    """
    asked = _this_load().asked
    if running().destination.destination_type.rpartition(".")[2] not in _TELL_COLUMNS:
        return {}, set()
    where = f"table_schema = {sql_list([asked.client.dataset_name])} AND table_name IN ({sql_list(names)})"
    queries = (
        f"SELECT table_name, column_name FROM information_schema.columns WHERE {where}",  # noqa: S608 - our own names
        f"SELECT table_name, '' FROM information_schema.tables WHERE {where} AND table_type = 'VIEW'",  # noqa: S608
    )

    def told(client: SqlClientBase[Any]) -> Iterator[tuple[str, str]]:
        with client.execute_query(" UNION ALL ".join(queries)) as cursor:
            yield from cursor.fetchall()

    columns: dict[str, set[str]] = {}
    views: set[str] = set()
    for table, column in asked.answers(told):
        if column:
            columns.setdefault(table, set()).add(column)
        else:
            views.add(table)
    return columns, views


@contextmanager
def at_once() -> Iterator[None]:
    """Several questions in one go: to open a DuckDB file takes 14 ms. Nobody else reads it while it is open."""
    if is_loading():
        with _this_load().asked.stay():
            yield
    else:
        yield


@contextmanager
def open_client() -> Iterator[SqlClientBase[Any]]:
    """The connection by which the running load asks, open."""
    with _this_load().asked.open() as client:
        yield client


@contextmanager
def one_connection() -> Iterator[None]:
    """Ask all that is asked of a server by one connection: to connect takes a second in some warehouses.

    A DuckDB file is closed after each question all the same, for nobody else can read it while it is open.
    """
    if not is_loading() or running().destination.destination_type == _IN_A_FILE:
        yield
        return
    asked = _this_load().asked
    asked.stays = True
    try:
        yield
    finally:
        asked.stays = False
        asked.close()


def not_removed(table: Table) -> str:
    """The condition for rows that no complete walk has found gone."""
    return f"{REMOVED_AT.name} IS NULL" if REMOVED_AT.name in columns_of(table) else "TRUE"


def select(query: str) -> Iterator[pa.Table]:
    """The rows that ``query`` finds, about :data:`ROWS` at a time; nothing where a table is not there yet.

    ``query`` is in DuckDB's dialect and becomes the destination's.
    """
    if not is_loading():
        return
    try:
        yield from found(query)
    except MISSING:
        return


def raw(query: str) -> Iterator[pa.Table]:
    """The same of tables that dlt knows nothing of, as those of push; nothing where the destination is no database."""
    if not is_loading() or running().destination.destination_type == _FILES:
        return
    asked = _this_load().asked
    dialect = asked.client.capabilities.sqlglot_dialect or "duckdb"
    ours = query if dialect == "duckdb" else sqlglot.transpile(query, "duckdb", dialect)[0]
    try:
        yield from map(_as_ours, asked.answers(lambda client: _arrow(client, ours)))
    except MISSING:
        return


def found(query: str) -> Iterator[pa.Table]:
    """The same, where a table that is not there is an error: one of :data:`MISSING`."""
    for rows in _found(query):
        yield _as_ours(rows)


def _found(query: str) -> Iterator[pa.Table]:
    load = _this_load()
    if load.asked.client.capabilities.sqlglot_dialect != "duckdb":
        return load.asked.answers(
            lambda _: load.dataset.query(query, query_dialect="duckdb").iter_arrow(chunk_size=ROWS)
        )
    # DuckDB's SQL is DuckDB's already: to parse it, name its columns and write it again takes longer than to run it.
    return load.asked.answers(lambda client: _arrow(client, query))


def _arrow(client: SqlClientBase[Any], query: str) -> Iterator[pa.Table]:
    with client.execute_query(query) as cursor:
        yield from cursor.iter_arrow(chunk_size=ROWS)


def running() -> dlt.Pipeline:
    """The pipeline that runs. Not dlt.current.pipeline(), which looks settings up: each batch of rows asks for it."""
    return cast("dlt.Pipeline", Container()[PipelineContext].pipeline())


def _this_load() -> _Load:
    """One dataset for all queries of a load: for each new one, dlt looks its settings up again."""
    pipeline, this = running(), load_id()
    load = _loads.get(pipeline)
    if load is None or load.load_id != this:
        load = _loads[pipeline] = _Load(this, pipeline)
    return load


def whole(rows: pa.Table, table: Table, **instead: pa.Scalar) -> pa.Table:
    """Rows as the warehouse holds them, to be written again: a merge replaces whole rows.

    They come without dlt's own columns, in the types that we declare, and with other values in some columns.
    """
    columns = {name: rows[name] for name in rows.column_names if not name.startswith("_dlt")}
    columns |= {name: pa.repeat(value, rows.num_rows) for name, value in instead.items()}
    declared = {field.name: field for field in table.schema}
    fields = [declared.get(name, pa.field(name, column.type)) for name, column in columns.items()]
    return pa.table(
        [column.cast(field.type) for column, field in zip(columns.values(), fields, strict=True)], pa.schema(fields)
    )


def sql_list(values: Sequence[str]) -> str:
    """A list of SQL literals."""
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)


def among(phones: Iterable[str], column: str = "phone_number") -> Iterator[str]:
    """Conditions that together are about some people, or other texts of a column: one query names a thousand."""
    numbers = iter(phones)
    while some := list(islice(numbers, _AT_ONCE)):
        yield f"{column} IN ({sql_list(some)})"


def not_held(rows: pa.Table, table: Table) -> pa.Table:
    """The rows of a table with a key of one text that are not there."""
    (key,) = table.key
    there = set[str]()
    if is_ours(table):
        for some in among(rows[key].to_pylist(), key):
            for found in select(f"SELECT {key} FROM {table.name} WHERE {some}"):  # noqa: S608 - our own names
                there.update(found[key].to_pylist())
    return rows.filter(pc.invert(pc.is_in(rows[key], value_set=pa.array(sorted(there), TEXT))))


def by_group(rows: pa.Table, names: list[str]) -> Iterator[tuple[tuple[str | int, ...], pa.Table]]:
    """The rows for each combination of values in a few columns."""
    for group in rows.group_by(names).aggregate([]).to_pylist():
        chosen = rows
        for name in names:
            chosen = chosen.filter(pc.equal(chosen[name], group[name]))
        yield tuple(group[name] for name in names), chosen


def _as_ours(rows: pa.Table | pa.RecordBatch) -> pa.Table:
    """Timestamps in UTC and plain text, whatever the destination made of them."""
    table = pa.table(rows) if isinstance(rows, pa.RecordBatch) else rows
    for index, field in enumerate(table.schema):
        kind = TIMESTAMP if pa.types.is_timestamp(field.type) else TEXT if _is_text(field.type) else field.type
        if field.type != kind:
            table = table.set_column(index, field.name, table.column(index).cast(kind))
    return table


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_dictionary(kind))
