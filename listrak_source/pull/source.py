"""The dlt source ``listrak_sms``: its resources, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import dlt
from dlt.extract import DltResource

from listrak_source.pull import foreign, stored, upkeep
from listrak_source.pull.dispositions import Dispositions, of_running_pipeline
from listrak_source.pull.gather import Batch
from listrak_source.pull.held import at_once
from listrak_source.pull.loads import Loads
from listrak_source.pull.privacy import Masks
from listrak_source.pull.tables import OF_THE_PULL, SEEN_KEYS, TABLES, Table
from listrak_source.pull.vouched import spare_consents
from listrak_source.settings import resolve


@dlt.source(name="listrak_sms", section="listrak", max_table_nesting=0)
def listrak_sms(**options: Any) -> Iterable[DltResource]:
    """Listrak SMS as tables: sender codes, lists, contacts, profile values, memberships, opt-outs, subscriptions, and
    the consent events that they tell of.

    ``options`` are those of :class:`~listrak_source.settings.Settings`; what is not given comes from dlt's
    configuration, under ``sources.listrak``. Select some tables with ``with_resources``: only what they need is asked
    for. Raises :class:`~listrak_source.api.ListrakError`.

    With ``chunk_rows`` or ``full`` a pull may take several runs of the same source: see
    :func:`~listrak_source.pull.run.load`, which does them all.

    >>> pipeline = dlt.pipeline("listrak", destination="duckdb", dataset_name="listrak_sms")  # doctest: +SKIP
    >>> pipeline.run(listrak_sms())  # doctest: +SKIP
    """
    settings = resolve(options)
    loads = Loads(settings)
    masks = Masks.of(settings)
    # Every row tells the load that brought it. Arrow data has no load id unless dlt is told so.
    dlt.config["normalize.parquet_normalizer.add_dlt_load_id"] = True

    @dlt.resource(selected=False)
    def walk() -> Iterator[Batch]:
        """The account, each page fetched once for all the tables that it feeds."""
        selected = dlt.current.source().selected_resources
        wanted = frozenset(selected)
        stored.check()
        # First of all: what is asked of the warehouse from now on goes by the schema that this leaves.
        spare_consents()
        with at_once():
            foreign.check(set(wanted))
            upkeep.heal()
            loads.look(wanted)
        # Which destination the rows are for is known only now.
        written = of_running_pipeline(settings)
        for name, resource in selected.items():
            if name in TABLES:
                called = written.as_called(resource)
                called.apply(resource, masks.table(TABLES[name]))
                _also_set_aside(resource, called)
        for batch in loads.next(wanted, written):
            yield {name: written.fitted(rows, masks.table(TABLES.get(name, SEEN_KEYS))) for name, rows in batch.items()}

    def table_of(table: Table) -> DltResource:
        def pick(batch: Batch) -> Iterator[Any]:
            # Every table sees a batch: the first that is selected takes along what the pull tells of itself.
            for own in OF_THE_PULL:
                if (told := batch.pop(own.name, None)) is not None:
                    yield dlt.mark.with_table_name(told, own.name)
            rows = batch.get(table.name)
            # No empty table: dlt's ADBC loader fails on a file without rows.
            if rows is not None and rows.num_rows:
                yield rows

        return dlt.transformer(pick, data_from=walk, **masks.table(table).resource_hints())

    return (walk, *(table_of(table) for table in TABLES.values() if table not in OF_THE_PULL))


def _also_set_aside(resource: DltResource, written: Dispositions) -> None:
    """Let a table's resource carry what a pull tells of itself too: that is loaded whichever tables are selected."""
    for own in OF_THE_PULL:
        aside = own.resource_hints() | written.hints(own)
        name = aside.pop("name")
        # dlt starts from the hints of the resource's own table: its columns and keys go first.
        resource.apply_hints(name, columns={}, primary_key="", merge_key="", create_table_variant=True)
        resource.apply_hints(name, **aside, create_table_variant=True)
