"""A warehouse for tests: pulls into it, and what it holds, table by table, against the sandbox's own truth."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import date, datetime, timezone
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import dlt
import duckdb
import pyarrow as pa
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.pipeline.pipeline import Pipeline

from listrak_source import pull
from listrak_source.cli.warehouse import loaded_rows
from listrak_source.pull.schema import TABLES
from listrak_source.sandbox import Sandbox
from listrak_source.sandbox.quirks import PhoneForm
from listrak_source.sandbox.world.phone_forms import written
from tests.destinations import servers
from tests.destinations.places import DATASET, PLACES, Place

Rows = dict[Any, dict[str, Any]]

HASHES = ("record_hash", "values_hash")
"""Columns that the sandbox knows nothing of; left out like dlt's own."""
_NAMES = "SELECT table_name FROM information_schema.tables WHERE table_schema = ?"
_first: dict[str, Path] = {}
"""The folders of first pulls that came to their end, by what they have pulled."""


class Warehouse:
    """A warehouse of any kind that is fed from one sandbox; a DuckDB file unless told otherwise."""

    def __init__(self, sandbox: Sandbox, folder: Path, place: Place = PLACES["duckdb"]) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self.place = place
        self.database = folder / "warehouse.duckdb"
        self.dataset = DATASET
        self._read: tuple[Any, dict[str, pa.Table]] | None = None
        self._opened: Any = None

    def options(self) -> dict[str, Any]:
        """The settings that reach the sandbox, and those that the place needs."""
        sandbox = self.sandbox
        return {
            "client_id": sandbox.client_id,
            "client_secret": sandbox.client_secret,
            "base_url": sandbox.base_url,
            "token_url": sandbox.token_url,
            **self.place.options,
        }

    def pipeline(self) -> Pipeline:
        return dlt.pipeline(
            "listrak",
            destination=self.place.destination(self.folder),
            dataset_name=self.dataset,
            pipelines_dir=str(self.folder / "pipelines"),
        )

    def pull(self, *resources: str, **options: Any) -> dict[str, int]:
        """Pull, and return how many rows were loaded by table (before the merge)."""
        pipeline, counts = self.pipeline(), Counter[str]()
        with self.open():
            for info in pull(pipeline, *resources, **self.options() | options):
                if info.loads_ids:
                    counts.update(loaded_rows(pipeline))
        return dict(counts)

    def open(self) -> AbstractContextManager[object]:
        """A DuckDB file that is open already: opened anew for each question, it takes 14 ms each time."""
        return duckdb.connect(str(self.database)) if self.place.name == "duckdb" else nullcontext()

    def begin(self, *resources: str, **options: Any) -> None:
        """A first pull that is not what the test is about: a copy of one that was made once, where it is the same."""
        if self.place.copy is None:
            self.pull(*resources, **options)
        else:
            first = self._first(resources, options)
            self.place.copy(first, self.folder)
            shutil.copytree(first / "pipelines", self.folder / "pipelines")
        self.sandbox.traffic.clear()

    def _first(self, resources: tuple[str, ...], options: dict[str, Any]) -> Path:
        """The folder of a warehouse after such a pull, at this moment, of an account that holds the same."""
        world, service = self.sandbox.world, self.sandbox.service
        asked = (type(self).__name__, self.place.name, resources, sorted(options.items()), service.quirks)
        assert not service.faults.waiting(), "a copy would meet no fault"
        assert "note" not in vars(service.traffic), "nor would anything happen on its requests"
        enabled = [sender.enabled for sender in world.sender_codes.values()]
        what = hashlib.sha256(f"{asked} {world.clock.now()} {enabled} {world.truth()}".encode()).hexdigest()
        if what not in _first:
            folder = Path(mkdtemp(prefix="first-", dir=servers.folder()))
            type(self)(self.sandbox, folder, self.place).pull(*resources, **options)
            _first[what] = folder
        return _first[what]

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query, where the place is a DuckDB file."""
        with duckdb.connect(str(self.database)) as connection:
            return connection.execute(sql).fetchall()

    def records(self, name: str) -> list[dict[str, Any]] | None:
        """All rows of a table, as whoever reads the place with dlt sees them; None where there is no such table."""
        try:
            if self.place.name == "duckdb":
                found = self._tables()[name]
            else:
                found = (self._opened or dlt.dataset(self.place.destination(self.folder), self.dataset))[name].arrow()
        except (KeyError, DatabaseUndefinedRelation, DestinationUndefinedEntity, duckdb.CatalogException):
            return None
        rows: list[dict[str, Any]] = found.to_pylist()
        return rows

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Between two pulls, for more than one table: a place that is reached anew for each takes a second for it."""
        with dlt.dataset(self.place.destination(self.folder), self.dataset) as self._opened:
            try:
                yield
            finally:
                self._opened = None  # noqa: PLW2901 - it is closed

    def _tables(self) -> dict[str, pa.Table]:
        """All tables of the DuckDB file, read at once: dlt's way takes a tenth of a second for each."""
        parts = (self.database, self.database.with_name(f"{self.database.name}.wal"))
        state = [(part.stat().st_mtime_ns, part.stat().st_size) for part in parts if part.exists()]
        if self._read is None or self._read[0] != (self.dataset, state):
            with duckdb.connect(str(self.database)) as connection:
                names = connection.execute(_NAMES, [self.dataset]).fetchall()
                found = {name: connection.table(f"{self.dataset}.{name}").to_arrow_table() for (name,) in names}
            self._read = (self.dataset, state), found
        return self._read[1]

    def rows(self, name: str, *, removed: bool = False) -> Rows:
        """A table as a dict from its key to the row, dlt's own columns left out; a duplicate key is an error.

        Rows that are there, or those that a complete walk has marked as ``removed``.
        """
        table = TABLES[name]
        rows: Rows = {}
        seen = set()
        records = self.records(name)
        assert records is not None, f"there is no table {name}"
        for record in records:
            del record["_dlt_load_id"]
            for name_of_hash in HASHES:
                record.pop(name_of_hash, None)
            key = tuple(record[column] for column in table.key)
            assert key not in seen, f"{name} holds {key} twice"
            seen.add(key)
            if "removed_at" in record and bool(record.pop("removed_at")) is not removed:
                continue
            rows[key] = {column: _utc(value) for column, value in record.items()}
        return rows

    def loads(self) -> dict[str, set[str]]:
        """The load ids that the rows of each table carry, of tables that have any."""
        found = {name: self.records(name) for name in TABLES}
        return {name: {row["_dlt_load_id"] for row in rows} for name, rows in found.items() if rows}


def truth(sandbox: Sandbox) -> dict[str, Rows]:
    """What the sandbox's world holds, in the shape of :meth:`Warehouse.rows`."""
    told = sandbox.world.truth()
    quirks = sandbox.service.quirks
    expected: dict[str, Rows] = {
        "sender_codes": {(key,): row for key, row in told["sender_codes"].items()},
        "lists": told["lists"],
        "profile_fields": told["profile_fields"],
        "transactional_messages": told["transactional_messages"],
        "contacts": told["contacts"],
        "contact_profile_values": {
            key: dict(zip(TABLES["contact_profile_values"].key, key, strict=True))
            | {"value": value, "is_removed": None}
            for key, value in told["contact_profile_values"].items()
        },
        "list_memberships": told["list_memberships"],
        "unlisted_contacts": told["unlisted_contacts"],
        "opt_outs": {
            (*key, row["opt_out_date"]): {
                "sender_code_id": key[0],
                "phone_number": key[1],
                "phone_number_raw": _raw(key[1], quirks.opt_out_phones),
                "opt_out_date": row["opt_out_date"],
                "opt_out_reason": row["reason"],
            }
            for key, row in told["opt_outs"].items()
        },
        "subscriptions": {
            key: dict(zip(TABLES["subscriptions"].key, key, strict=True)) | row
            for key, row in told["subscriptions"].items()
        },
    }
    for row in (*expected["contacts"].values(), *expected["unlisted_contacts"].values()):
        row["birthday"] = _date(row["birthday"])
        row["phone_number_raw"] = _raw(row["phone_number"], quirks.contact_phones)
    return expected


def _raw(phone: str, form: PhoneForm) -> str | None:
    return None if form == "eleven" else written(phone, form)


def _utc(value: Any) -> Any:
    return value.astimezone(timezone.utc) if isinstance(value, datetime) else value


def _date(value: Any) -> Any:
    return date.fromisoformat(value[:10]) if isinstance(value, str) else value
