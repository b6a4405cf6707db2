"""The places that a warehouse of the tests may be in: one for each destination, a fresh one for each warehouse."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import dlt
from dlt.common.configuration.specs import AwsCredentials
from dlt.common.storages.configuration import FilesystemConfigurationWithLocalFiles
from dlt.destinations.impl.ducklake.configuration import DuckLakeCredentials

from listrak_source.cli.warehouse import settings_of
from tests.destinations import servers


@dataclass(frozen=True)
class Place:
    """A kind of destination."""

    name: str
    destination: Callable[[Path], Any]
    """dlt's destination for a warehouse that has this folder for its own."""
    options: dict[str, Any] = field(default_factory=dict)
    """The source's options there."""
    needs_extensions: bool = False
    """It is read or written with extensions of DuckDB."""
    copy: Callable[[Path, Path], object] | None = None
    """Copies the warehouse of one folder into the place of another's, instead of what is there; None: it cannot."""


DATASET = "listrak_sms"


def _own(folder: Path) -> str:
    return hashlib.sha256(str(folder).encode()).hexdigest()[:12]


def _on_s3(folder: Path) -> str:
    return f"s3://{servers.BUCKET}/{_own(folder)}"


@cache
def _duckdb(folder: Path) -> Any:
    """With all of its settings, as the command gives them to dlt: to look them up takes a fiftieth of a second."""
    factory = dlt.destinations.duckdb(str(folder / "warehouse.duckdb"))
    config = factory.configuration(factory.spec()._bind_dataset_name(DATASET))
    credentials = {name: config.credentials[name] for name in config.credentials.get_resolvable_fields()}
    return dlt.destinations.duckdb(**settings_of(config) | {"credentials": credentials})


def _database(folder: Path) -> str:
    return f"listrak_{_own(folder)}"


def _postgres(folder: Path) -> Any:
    return dlt.destinations.postgres(servers.database(_database(folder)))


def _copy_postgres(begun: Path, folder: Path) -> None:
    servers.drop_database(_database(folder))
    servers.copy_database(_database(folder), _database(begun))


def _copy_duckdb(begun: Path, folder: Path) -> None:
    shutil.copy(begun / "warehouse.duckdb", folder / "warehouse.duckdb")


def _ducklake(folder: Path) -> Any:
    storage = FilesystemConfigurationWithLocalFiles(
        bucket_url=_on_s3(folder),
        credentials=AwsCredentials(**servers.s3()),  # type: ignore[arg-type]
    )
    lake = DuckLakeCredentials(f"lake_{_own(folder)}", catalog=servers.postgres(), storage=storage)
    return dlt.destinations.ducklake(credentials=lake)


def _files(folder: Path) -> Any:
    return dlt.destinations.filesystem(str(folder / "files"))


def _files_on_s3(folder: Path) -> Any:
    return dlt.destinations.filesystem(_on_s3(folder), credentials=servers.s3())


PLACES = {
    place.name: place
    for place in (
        Place("duckdb", _duckdb, copy=_copy_duckdb),
        Place("postgres", _postgres, copy=_copy_postgres),
        Place("parquet", _files, {"compacted": True}),
        Place("parquet-s3", _files_on_s3, {"compacted": True}, needs_extensions=True),
        Place("delta", _files, {"table_format": "delta"}, needs_extensions=True),
        Place("delta-s3", _files_on_s3, {"table_format": "delta"}, needs_extensions=True),
        Place("ducklake", _ducklake, needs_extensions=True),
        # Only delete-insert, as in Redshift and ClickHouse: a real DuckDB of which dlt thinks less.
        Place(
            "delete-insert",
            lambda folder: dlt.destinations.duckdb(
                str(folder / "warehouse.duckdb"),
                supported_merge_strategies=["delete-insert"],
                merge_strategies_selector=None,
            ),
        ),
    )
}
