"""The dlt source ``listrak_sms``: its resources, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import Any

import dlt
from dlt.common.configuration import configspec
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.configuration.specs.config_section_context import ConfigSectionContext
from dlt.extract import DltResource
from dlt.extract.hints import make_hints

from listrak_source.api import ConfigurationError
from listrak_source.pull import run_record
from listrak_source.pull.chunks import Chunks
from listrak_source.pull.load import foreign_tables, maintenance
from listrak_source.pull.load.empty_tables import made, unmade
from listrak_source.pull.load.warehouse import at_once, is_loading, of_this_load, one_connection
from listrak_source.pull.load.warehouse import running as running_pipeline
from listrak_source.pull.load.write_disposition import WriteDispositions, of_running_pipeline
from listrak_source.pull.records.batching import Batch
from listrak_source.pull.records.masking import Masks
from listrak_source.pull.resources import Hints, Limits, TableResource
from listrak_source.pull.schema import CONTACT_PROFILE_VALUES, OF_THE_PULL, SEEN_KEYS, TABLES, Table, keyed
from listrak_source.pull.state import stored_state
from listrak_source.pull.state.integrity import spare_consents
from listrak_source.pull.state.state import State
from listrak_source.settings import Lookups, given, resolve


@configspec
class _NothingToLookUp(BaseConfiguration):
    """dlt looks none of the arguments up by itself: :func:`~listrak_source.settings.resolve` does, once."""


@dlt.source(name="listrak_sms", section="listrak", max_table_nesting=0, spec=_NothingToLookUp)
def listrak_sms(  # noqa: C901, PLR0915 - the settings, spelled out; and dlt's resources share them
    *,
    client_id: str | None = None,
    client_secret: str | None = None,
    base_url: str | None = None,
    token_url: str | None = None,
    timezone: str | None = None,
    start_date: str | None = None,
    overlap: float | None = None,
    page_size: int | None = None,
    workers: int | None = None,
    sender_codes: list[int] | None = None,
    lists: list[int] | None = None,
    lookups: Lookups | None = None,
    full: bool | None = None,
    confirmations: int | None = None,
    removal_rows: int | None = None,
    removal_percent: float | None = None,
    accept_removals: str | None = None,
    into_empty: bool | None = None,
    slices: int | None = None,
    chunk_rows: int | None = None,
    hash_columns: list[str] | None = None,
    drop_columns: list[str] | None = None,
    hash_key: str | None = None,
    compacted: bool | None = None,
    table_format: str | None = None,
    max_depth: int | None = None,
    max_record_bytes: int | None = None,
    max_new_columns: int | None = None,
    timeout: float | None = None,
    max_attempts: int | None = None,
    max_request_seconds: float | None = None,
    max_answer_bytes: int | None = None,
    max_import_bytes: int | None = None,
    max_idle_pages: int | None = None,
) -> Iterable[DltResource]:
    """Return the dlt source: Listrak SMS as tables.

    The tables are sender codes, lists, contacts, profile values, memberships, opt-outs, subscriptions, and the consent
    events that they tell of.

    The arguments are the fields of :class:`~listrak_source.settings.Settings`, which says what each means. What is not
    given comes from dlt's configuration, under ``sources.listrak``, or another section:
    ``listrak_sms.clone(section="brand_a")``, and else is that class's own default. Select some
    tables with ``with_resources``: only what they need is asked for. Credentials are looked for when it is read.

    Without a pipeline (``list(listrak_sms().lists)``) everything is read, and nothing remembered. The items are Arrow
    tables (see :class:`~listrak_source.pull.resources.TableResource`). Raises
    :class:`~listrak_source.api.ListrakError`.

    With ``chunk_rows`` or ``full`` a pull may take several runs of the same source: see
    :func:`~listrak_source.pull.runner.pull`, which does them all.

    >>> pipeline = dlt.pipeline("listrak", destination="duckdb", dataset_name="listrak_sms")  # doctest: +SKIP
    >>> pipeline.run(listrak_sms())  # doctest: +SKIP
    """
    options = given({name: value for name, value in locals().items() if value is not None})
    section = Container()[ConfigSectionContext].sections[1]
    declared = resolve(ANY | options, section)
    loads: list[Chunks] = []
    state = State()
    masks, hints = Masks.of(declared), Hints()

    @dlt.resource(selected=False)
    def walk() -> Iterator[Batch]:
        """The account, each page fetched once for all the tables that it feeds."""
        if not loads:
            loads.append(Chunks(resolve(options, section), state))
        running = dlt.current.source()
        selected = running.selected_resources
        wanted, limits = frozenset(selected), Limits(selected.values(), declared.page_size)
        for resource in selected.values():
            if isinstance(resource, TableResource):
                hints.check(resource, running.schema)
        # What an active pipeline has read is no matter to who only looks.
        state.bind(dlt.current.source_state() if is_loading() else {})
        stored_state.check(state.memory)
        # First of all: what is asked of the warehouse from now on goes by the schema that this leaves.
        spare_consents(state, running)
        before = deepcopy(state.memory) if limits else None
        if is_loading():
            maintenance.analyze(running_pipeline())
        with at_once():
            foreign_tables.check(set(wanted), declared.table_format)
            maintenance.heal(state)
            run_record.begin()
            changed = {name for name, one in selected.items() if isinstance(one, TableResource) and one.is_changed}
            loads[0].look(wanted, changed)
        # Which destination the rows are for is known only now.
        written = of_running_pipeline(declared)
        for name, resource in selected.items():
            if name in TABLES:
                called = written.as_called(resource)
                called.apply(resource, masks.table(TABLES[name]))
                _also_set_aside(resource, called)
                hints.note(resource)
        tables = {name: masks.table(table) for name, table in _ALL.items()}
        loaded = [name for name, table in _ALL.items() if name in wanted or table in OF_THE_PULL]
        empty = unmade([tables[name] for name in loaded], loads[0].vouched.lacking)
        batches = loads[0].next(wanted, written, running.schema, is_sample=bool(limits))
        with one_connection():
            for batch in limits.until(batches) if limits else batches:
                fitted = {name: keyed(written.fitted(rows, tables[name]), tables[name]) for name, rows in batch.items()}
                filled = {name: rows for name, rows in fitted.items() if rows.num_rows}
                empty = {name: rows for name, rows in empty.items() if name not in filled}
                yield {name: of_this_load(rows) for name, rows in filled.items()}
            yield {name: of_this_load(rows) for name, rows in empty.items()}
        if before is not None:
            state.restore(before, has_values=CONTACT_PROFILE_VALUES.name in wanted)

    def table_of(table: Table) -> DltResource:
        def pick(batch: Batch) -> Iterator[Any]:
            # Every table sees a batch: the first that is selected takes along what the pull tells of itself.
            for own in OF_THE_PULL:
                if (told := batch.pop(own.name, None)) is not None:
                    yield dlt.mark.with_table_name(told, own.name) if told.num_rows else made(told, own)
            rows = batch.get(table.name)
            if rows is not None:
                yield rows if rows.num_rows else made(rows, table)

        given = masks.table(table).resource_hints()
        name = given.pop("name")
        resource = TableResource.from_data(pick, name, section, make_hints(**given), data_from=walk)
        hints.note(resource)
        return resource

    return (walk, *(table_of(table) for table in TABLES.values() if table not in OF_THE_PULL))


def check_tables(names: Iterable[str]) -> None:
    """Raise :class:`~listrak_source.api.ConfigurationError` for a name of no table that can be read."""
    readable = [name for name, table in TABLES.items() if table not in OF_THE_PULL]
    for name in names:
        if name not in readable:
            raise ConfigurationError(f"There is no table {name}. There are: {', '.join(readable)}.")


_ALL = TABLES | {SEEN_KEYS.name: SEEN_KEYS}
ANY = {"client_id": "not looked for yet", "client_secret": "not looked for yet"}
"""In the place of credentials while the source is only built."""


def _also_set_aside(resource: DltResource, written: WriteDispositions) -> None:
    """Let a table's resource carry what a pull tells of itself too: that is loaded whichever tables are selected."""
    # A table that was made without rows has a format of its own.
    form = resource.compute_table_schema().get("file_format", "")
    for own in OF_THE_PULL:
        aside: dict[str, Any] = {"file_format": form} | own.resource_hints() | written.hints(own)
        name = aside.pop("name")
        # dlt starts from the hints of the resource's own table: its columns and keys go first.
        resource.apply_hints(name, columns={}, primary_key="", merge_key="", create_table_variant=True)
        resource.apply_hints(name, **aside, create_table_variant=True)
