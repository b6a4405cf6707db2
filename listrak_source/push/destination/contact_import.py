"""``contact_import``: a dlt destination whose rows become profile values of contacts at Listrak, by import files.

    pipeline.run(rows, destination=contact_import(1015, phone="mobile", columns={"tier": "Tier"}))

It sets values, and can do nothing else: nobody is created, subscribed, opted out or written to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dlt
from dlt.common import logger
from dlt.common.configuration.exceptions import ConfigFieldMissingException
from dlt.common.destination import Destination
from dlt.common.exceptions import TerminalException
from dlt.common.schema import TTableSchema
from dlt.common.storages.load_package import ParsedLoadJobFileName, commit_load_package_state

from listrak_source.api import ConfigurationError, ListrakClient, ListrakError
from listrak_source.push.destination import staging
from listrak_source.push.destination.delivery import UNCONFIRMED, Delivery
from listrak_source.push.diff.comparison import rejected_of
from listrak_source.push.diff.import_files import why_refused
from listrak_source.push.sync import source_columns
from listrak_source.push.sync.config import Sync, parsed
from listrak_source.push.sync.field_mapping import Target
from listrak_source.push.validate import at_listrak, unfit, unfit_defaults
from listrak_source.push.warehouse.sql_client import Store
from listrak_source.settings import Settings, client_of, given, resolve

NAME = "contact_import"
_WAITS = (
    "The rows stay in the pipeline's working folder: its next run goes on with them, and takes no new rows until they "
    "are through; pipeline.abort_packages() gives them up"
)


class LoadSettingsError(ConfigurationError, TerminalException):
    """Nothing was sent: the settings, the rows and Listrak's fields do not fit together. dlt keeps the rows."""


class LoadError(ListrakError, TerminalException):
    """A load has come to no good end, and trying again at once would not help. dlt keeps the rows."""


def contact_import(
    sender_code: int,
    phone: str,
    columns: Mapping[str, Any],
    *,
    read_back: int | str = 1_000,
    rejected: str | Path | None = None,
    **options: Any,
) -> Destination[Any, Any]:
    """A destination for ``pipeline.run``, of any source. Each of its tables must have the columns that are named.

    ``phone`` is the column of phone numbers, ``columns`` says which column goes to which profile field, by name or id,
    as in a sync: ``{"tier": "Tier", "points": 1003, "vip": {"field": "VIP", "default": False}}``. A null changes
    nothing unless there is a default. So many contacts of a load are looked up afterwards (``"all"``: every one). Rows
    that cannot go are written to the folder ``rejected``, the one of that name in the pipeline's working folder unless
    told otherwise. ``options`` are those of the source, for credentials and addresses; what is not given comes from
    dlt's settings.

    Raises :class:`ConfigurationError` for what is wrong by itself. What only Listrak or the rows can tell fails the
    load, before anything is sent.
    """
    if not isinstance(columns, Mapping):
        raise ConfigurationError(f"[{NAME}] columns is to say which column goes to which field, as a dict")
    sync = _checked_by_itself(
        {"table": NAME, "phone": phone, "sender_code": sender_code, "columns": dict(columns), "read_back": read_back}
    )
    options = given(options)
    if not isinstance(rejected, str | Path | None):
        raise ConfigurationError(f"[{NAME}] rejected is to be a folder, and is {type(rejected).__name__}")

    def load(items: Any, table: TTableSchema) -> None:  # noqa: ARG001 - dlt looks at the names
        file = Path(str(items))
        try:
            _hand_in(sync, resolve(options), file, Path(rejected) if rejected else None)
        except ConfigFieldMissingException as error:
            raise LoadSettingsError(f"{str(error).strip()}. {_WAITS}") from error
        except ConfigurationError as error:
            raise LoadSettingsError(f"{error}. {_WAITS}") from error
        except ListrakError as error:
            if error.retriable or error.may_have_acted:
                raise  # dlt tries again, and what was handed in stays known
            raise LoadError(f"{why_refused(error)}. {_WAITS}") from error

    factory: Any = dlt.destination(
        load,
        name=NAME,
        batch_size=0,
        loader_file_format="parquet",
        naming_convention="direct",
        max_table_nesting=0,
        # One after the other: each file is compared with the others of its table.
        loader_parallelism_strategy="sequential",
    )
    made: Destination[Any, Any] = factory()
    return made


def _checked_by_itself(told: dict[str, Any]) -> Sync:
    problems = [
        f"[{NAME}] columns.{column} must go to a profile field: an import file has nothing else"
        for column, what in told["columns"].items()
        if isinstance(what, dict) and {"contact", "list"} & what.keys()
    ]
    sync = None if problems else parsed(NAME, told, problems)
    if sync is None:
        raise ConfigurationError("; ".join(problems))
    return replace(sync, key=staging.ROW)


def _hand_in(sync: Sync, settings: Settings, file: Path, rejected: Path | None) -> None:
    """Bring the rows of one file of a load package to Listrak."""
    job, package = ParsedLoadJobFileName.parse(file.name), file.parent.parent
    folder = rejected or Path(dlt.current.pipeline().working_dir) / "rejected"
    title = f"{package.name}.{job.table_name}.{job.file_id}"
    known = dlt.current.destination_state().setdefault(NAME, {}).setdefault(job.job_id(), {})
    with (
        TemporaryDirectory(prefix="listrak-import-") as scratch,
        staging.opened(Path(scratch), settings.timezone) as store,
        client_of(settings) as client,
    ):
        sync = replace(sync, relation=staging.relation(file, _others(package, job), sync.phone))
        targets = _targets(store, client, sync, job.table_name)
        staging.land(store, sync, targets)
        path = folder / f"{title}.rejected.parquet"
        for reason, count in staging.set_aside(store, file, rejected_of(sync), path).items():
            logger.warning(f"{NAME}: {count:,} rows of {job.table_name} are not sent: {reason}. They are in {path}.")
        delivery = Delivery(
            store, client, sync, targets, known, commit_load_package_state, settings.workers, settings.max_import_bytes
        )
        sent = delivery.send(Path(scratch), title)
        delivery.wait(sent)
        looked_up, confirmed = delivery.read_back()
        path = folder / f"{title}.unconfirmed.parquet"
        for reason, count in staging.set_aside(store, file, UNCONFIRMED, path).items():
            logger.warning(
                f"{NAME}: {count:,} of the {looked_up:,} contacts of {job.table_name} that were looked up after the "
                f"import do not hold what was sent: {reason}. They are in {path}."
            )
        contacts = sum(written.contacts for written in sent)
        logger.info(f"{NAME}: {contacts:,} contacts in {len(sent)} files; {confirmed:,} of {looked_up:,} confirmed.")


def _others(package: Path, job: ParsedLoadJobFileName) -> list[Path]:
    """The other files of the same table in a load package, wherever they stand in it."""
    found = []
    for path in sorted(package.glob("*_jobs/*.parquet"), key=lambda path: path.name):
        other = ParsedLoadJobFileName.parse(path.name)
        if other.table_name == job.table_name and other.file_id != job.file_id:
            found.append(path)
    return found


def _targets(store: Store, client: ListrakClient, sync: Sync, table: str) -> list[Target]:
    """The fields of the sync's columns. Raises :class:`ConfigurationError` with everything that is wrong."""
    targets, problems = at_listrak(client, sync)
    types, unread = source_columns.found(store, sync, hidden=sync.key)
    problems += [*unread, *unfit(sync, targets, types)]
    problems += unfit_defaults(store, targets)
    if problems:
        raise ConfigurationError(f"{NAME}, table {table}: nothing was sent. {'; '.join(problems)}")
    return targets
