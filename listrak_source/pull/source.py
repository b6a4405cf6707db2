"""The dlt source ``listrak_sms``: its resources, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from weakref import finalize

import dlt
import pyarrow as pa
from dlt.extract import DltResource

from listrak_source.api import ListrakClient
from listrak_source.pull import progress
from listrak_source.pull.directory import Directory, Record
from listrak_source.pull.fingerprints import Fingerprints, without
from listrak_source.pull.gather import Batch, gathered
from listrak_source.pull.plan import Plan
from listrak_source.pull.records import from_records, record_schema
from listrak_source.pull.shape import shape
from listrak_source.pull.tables import (
    CONTACT_PROFILE_VALUES,
    CONTACTS,
    LIST_MEMBERSHIPS,
    LISTS,
    OPT_OUTS,
    PROFILE_FIELDS,
    SENDER_CODES,
    SUBSCRIPTIONS,
    TRANSACTIONAL_MESSAGES,
    Table,
)
from listrak_source.pull.walk import Walk
from listrak_source.settings import Settings, resolve

_WALKED = (CONTACTS, CONTACT_PROFILE_VALUES, LIST_MEMBERSHIPS, OPT_OUTS, SUBSCRIPTIONS)


@dlt.source(name="listrak_sms", section="listrak", max_table_nesting=0)
def listrak_sms(**options: Any) -> Iterable[DltResource]:
    """Listrak SMS as tables: sender codes, lists, contacts, profile values, memberships, opt-outs and subscriptions.

    ``options`` are those of :class:`~listrak_source.settings.Settings`; what is not given comes from dlt's
    configuration, under ``sources.listrak``. Select some tables with ``with_resources``: only what they need is asked
    for. Raises :class:`~listrak_source.api.ListrakError`.

    >>> pipeline = dlt.pipeline("listrak", destination="duckdb", dataset_name="listrak_sms")  # doctest: +SKIP
    >>> pipeline.run(listrak_sms())  # doctest: +SKIP
    """
    settings = resolve(options)
    # Every row tells the load that brought it. Arrow data has no load id unless dlt is told so.
    dlt.config["normalize.parquet_normalizer.add_dlt_load_id"] = True

    @dlt.resource(selected=False)
    def directory() -> Iterator[Directory]:
        """One look at the account, shared by all that follows."""
        client = ListrakClient(
            settings.client_id,
            settings.client_secret,
            base_url=settings.base_url,
            token_url=settings.token_url,
            workers=settings.workers,
            timeout=settings.timeout,
            max_attempts=settings.max_attempts,
        )
        found = Directory(client, settings)
        # dlt may ask this generator for more while the others still read: the client lives as long as they do.
        finalize(found, client.close)
        # Before any of them reads: dlt takes turns between resources, and together they would pass ``workers``.
        found.load(frozenset(dlt.current.source().selected_resources))
        yield found

    @dlt.transformer(data_from=directory, selected=False)
    def walk(found: Directory) -> Iterator[Batch]:
        """Contacts and opt-outs, each page fetched once for all the tables that it feeds."""
        wanted = frozenset(dlt.current.source().selected_resources)
        yield from gathered(Walk(Plan(found, wanted)).batches())

    def small(table: Table, rows: Callable[[Directory], Iterable[tuple[dict[str, int], list[Record]]]]) -> DltResource:
        def read(found: Directory) -> Iterator[pa.Table]:
            yield from _changed_rows(table, rows(found), settings)

        return dlt.transformer(read, data_from=directory, **table.resource_hints(into_empty=settings.into_empty))

    def walked(table: Table) -> DltResource:
        def pick(batch: Batch) -> pa.Table | None:
            return batch.get(table.name)

        return dlt.transformer(pick, data_from=walk, **table.resource_hints(into_empty=settings.into_empty))

    return (
        directory,
        walk,
        small(SENDER_CODES, lambda found: [({}, found.sender_codes)]),
        small(LISTS, lambda found: _by_sender(found.lists)),
        small(PROFILE_FIELDS, lambda found: _by_sender(found.profile_fields)),
        small(
            TRANSACTIONAL_MESSAGES,
            lambda found: (
                ({"sender_code_id": sender, "phone_list_id": phone_list_id}, records)
                for (sender, phone_list_id), records in found.transactional_messages.items()
            ),
        ),
        *(walked(table) for table in _WALKED),
    )


def _by_sender(records: dict[int, list[Record]]) -> Iterator[tuple[dict[str, int], list[Record]]]:
    return (({"sender_code_id": sender}, items) for sender, items in records.items())


def _changed_rows(
    table: Table, groups: Iterable[tuple[dict[str, int], list[Record]]], settings: Settings
) -> Iterator[pa.Table]:
    """The rows of a small table that are not as the last pull left them; all of them in a complete walk."""
    schema = record_schema(table)
    parts = [shape(from_records(records, schema), table, settings.timezone, given) for given, records in groups]
    if not parts:
        return
    rows = pa.concat_tables(parts, promote_options="default")
    hashes = Fingerprints().of(rows)
    before = progress.unchanged(table.name, hashes)
    new = rows if settings.full else without(rows, hashes, before)
    # No empty table either: dlt's ADBC loader fails on a file without rows.
    if new.num_rows:
        yield new
