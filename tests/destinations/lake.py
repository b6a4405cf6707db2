"""A dataset that loads go to without a pull, to be held beside another one."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
from dlt.pipeline.pipeline import Pipeline

from listrak_source.pull.load.write_disposition import WriteDispositions, chosen
from listrak_source.pull.schema import CONSENT_EVENTS, CONTACT_PROFILE_VALUES, CONTACTS, Table
from listrak_source.settings import Settings
from tests.destinations.places import DATASET, Place

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
Load = dict[str, pa.Table]


def rows(table: Table, records: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(records, table.schema)


def history(seed: int, loads: int = 5, *, twice: bool = True) -> list[Load]:
    """Loads that meet each other in all ways: edits and stops, sets that shrink, events that come again; a contact
    ``twice`` in one load too.
    """
    chance = random.Random(seed)
    return [_load(chance, number, twice) for number in range(loads)]


def _load(chance: random.Random, number: int, twice: bool) -> Load:
    contacts, values, events = [], [], []
    for person in chance.sample("abcd", chance.randint(1, 3)):
        key = {"sender_code_id": 1, "phone_number": person}
        contacts += [
            key | {"first_name": f"{number}", "opted_out": stopped}
            for stopped in chance.choice([[False], [True], *([[False, True]] if twice else [])])
        ]
        fields = chance.sample([1, 2, 3], chance.randint(0, 3))
        values += [key | {"segmentation_field_id": field, "value": f"{number}"} for field in fields]
        if not fields:
            values.append(key | {"segmentation_field_id": 0, "is_removed": True})
        events.append(
            key
            | {"phone_list_id": 0, "event": "opted_out", "event_at": NOW + timedelta(days=chance.randint(0, 2))}
            | {"observed_at": NOW + timedelta(hours=number)}
        )
    return {
        "contacts": rows(CONTACTS, contacts),
        "contact_profile_values": rows(CONTACT_PROFILE_VALUES, values),
        "consent_events": rows(CONSENT_EVENTS, events),
    }


class Lake:
    """A dataset of a place that loads go to, without a pull."""

    def __init__(self, place: Place, folder: Path) -> None:
        self.place, self.folder = place, folder
        folder.mkdir(parents=True, exist_ok=True)

    def pipeline(self) -> Pipeline:
        return dlt.pipeline(
            "compact",
            destination=self.place.destination(self.folder),
            dataset_name=DATASET,
            pipelines_dir=str(self.folder / "pipelines"),
        )

    def load(self, load: Load) -> None:
        dlt.config["normalize.parquet_normalizer.add_dlt_load_id"] = True
        pipeline, settings = self.pipeline(), Settings()
        for name, value in self.place.options.items():
            setattr(settings, name, value)
        destination = pipeline.destination
        written = chosen(destination.capabilities(), destination.destination_type, settings)
        resources = []
        for table in (CONTACTS, CONTACT_PROFILE_VALUES, CONSENT_EVENTS):
            resources.append(_resource(table, load[table.name], written))
        pipeline.run(resources)

    def held(self) -> dict[str, list[tuple[Any, ...]]]:
        """All rows, but for dlt's own column."""
        dataset = dlt.dataset(self.place.destination(self.folder), DATASET)
        found = {}
        for table in (CONTACTS, CONTACT_PROFILE_VALUES, CONSENT_EVENTS):
            names = [column.name for column in table.columns]
            found[table.name] = sorted(
                (tuple(row[name] for name in names) for row in _records(dataset, table)), key=str
            )
        return found

    def files(self) -> list[Path]:
        return sorted((self.folder / "files" / "listrak_sms" / "contacts").glob("*"))

    def copy(self, folder: Path) -> Lake:
        shutil.copytree(self.folder, folder)
        return Lake(self.place, folder)


def _records(dataset: Any, table: Table) -> list[dict[str, Any]]:
    if table.name not in dataset.tables:
        return []  # nothing but removals came so far
    found: list[dict[str, Any]] = dataset[table.name].arrow().to_pylist()
    return found


def _resource(table: Table, batch: pa.Table, written: WriteDispositions) -> Any:
    def read() -> Iterator[pa.Table]:
        fitted = written.fitted(batch, table)
        if fitted.num_rows:
            yield fitted

    return dlt.resource(read, **table.resource_hints()).apply_hints(**written.hints(table))
