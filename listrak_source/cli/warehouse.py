"""The warehouse that a run writes to: where it is, its pipeline, and who else is at it.

The warehouse's own state is the truth about what was read. dlt's working directory is only scratch: it is emptied
before each run, so a file that was deleted, restored from a backup or moved never meets watermarks that are not its
own, and a load that was cut short is read again instead of resumed.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shlex
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, cast

import dlt
import duckdb
from dlt.common.configuration.exceptions import InvalidNativeValue
from dlt.common.configuration.specs import ConnectionStringCredentials
from dlt.common.configuration.specs.base_configuration import is_hint_not_resolvable
from dlt.common.destination import AnyDestination, Destination
from dlt.common.destination.client import DestinationClientConfiguration, DestinationClientDwhConfiguration
from dlt.common.pipeline import get_dlt_pipelines_dir
from dlt.common.runtime.collector_base import Collector
from dlt.common.storages.configuration import WithLocalFiles
from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials
from dlt.destinations.impl.duckdb.exceptions import InvalidInMemoryDuckdbCredentials

from listrak_source.api import ConfigurationError
from listrak_source.cli.output.sentry import keep_people_out
from listrak_source.cli.process.memory import LOADED_TOGETHER, limited
from listrak_source.cli.process.scratch import remove_load_files
from listrak_source.cli.transient import is_locked
from listrak_source.errors import StoppedError
from listrak_source.lease import FileLease
from listrak_source.pull.load.foreign_tables import check_keys
from listrak_source.pull.load.lake_catalog import make_catalog, several_may_write
from listrak_source.pull.one_at_a_time import is_empty
from listrak_source.pull.run_record import loaded_rows
from listrak_source.pull.schema import TABLES
from listrak_source.pull.state.pipelines import look_at_all, names_of, shares
from listrak_source.pull.state.stored_state import told
from listrak_source.utc import made_utc

__all__ = ["NAME", "NothingThereError", "Warehouse", "is_empty", "loaded_rows", "settings_of"]

log: logging.Logger = logging.getLogger(__name__)

NAME = "listrak"
DATASET = "listrak_sms"
PATIENCE = 10.0
"""Seconds that a run waits for who has the DuckDB file open."""


_NO_FILE = re.compile(r"[:@{][^/]*$|:[^/]*@|\b(password|user|host)=", re.IGNORECASE)
"""What addresses have, and names of files do not."""


class NothingThereError(StoppedError):
    """Nothing was loaded yet."""


@dataclass(frozen=True)
class Warehouse:
    """A destination and a dataset in it."""

    destination: str = "duckdb"
    dataset: str = DATASET
    name: str = NAME
    """Of the pipeline. Each has a state of its own."""

    def __post_init__(self) -> None:
        """Refuse a name that is none: dlt would take one of its own."""
        if not self.dataset.strip():
            raise ConfigurationError("The dataset's name is empty: give one, or leave the option out")

    @cached_property
    def location(self) -> str:
        """Where the warehouse is, for a person: an address or a path, without its password.

        Raises dlt's own errors for a destination that does not exist or lacks settings.
        """
        return str(self.configuration)

    @cached_property
    def configuration(self) -> DestinationClientConfiguration:
        """The destination's settings, as dlt has found them."""
        factory = Destination.from_reference(self.destination)
        if factory is None:
            raise NothingThereError(f"{self.destination!r} names no destination")
        config = factory.spec()
        if isinstance(config, DestinationClientDwhConfiguration):
            config._bind_dataset_name(self.dataset)
        if isinstance(config, WithLocalFiles):
            config.pipeline_name = NAME  # names the file of a destination that has no address
        try:
            found = factory.configuration(config)
        except (InvalidNativeValue, InvalidInMemoryDuckdbCredentials):
            # The error quotes the address, and that may hold a password.
            raise ConfigurationError(f"{self._setting} is no address of a {self.destination} database") from None
        self._check_address(found)
        return found

    def _check_address(self, found: DestinationClientConfiguration) -> None:
        """Refuse an address of something else, unseen: DuckDB takes it for the name of a file, others quote it."""
        credentials = getattr(found, "credentials", None)
        if not isinstance(credentials, ConnectionStringCredentials):
            return
        expected, kind = (_kind_of(one.drivername) for one in (type(credentials), credentials))
        if isinstance(credentials, DuckDbCredentials) and found.destination_type == "duckdb":
            path = Path(credentials.database)
            kind = "motherduck" if path.name.startswith("md:") else kind
            # Without the drive of Windows. What is a file already has such a name.
            is_odd = not path.is_file() and _NO_FILE.search(path.as_posix()[len(path.anchor) :])
            if kind == expected and (not path.name.strip() or is_odd or credentials.host):
                raise ConfigurationError(f"{self._setting} is no path of a DuckDB file")
        if expected and kind != expected:
            raise ConfigurationError(
                f"{self._setting} is an address of {kind}, and not of {self.destination}: --destination names another"
                " destination"
            )

    @property
    def _setting(self) -> str:
        return f"DESTINATION__{self.destination.rpartition('.')[2].upper()}__CREDENTIALS"

    def of(self, sender_codes: Sequence[int] | None) -> Warehouse:
        """The same for a pull of these sender codes.

        One alone has a pipeline of its own where another machine may pull another one at the same time.
        """
        if not sender_codes or len(sender_codes) > 1:
            return self
        factory = Destination.from_reference(self.destination)
        at_once = factory is not None and several_may_write(factory, lambda: self.configuration)
        return replace(self, name=f"{NAME}_{sender_codes[0]}") if at_once else self

    def _resolved(self, limits: Mapping[str, Any], *, read_only: bool = False) -> AnyDestination | None:
        """The destination with all of its settings; DuckDB with a limit to its memory."""
        config = self.configuration
        made_utc(getattr(config, "credentials", None))
        given = settings_of(config)
        if config.destination_type == "duckdb":
            held = limited(config.credentials, **limits) | ({"read_only": True} if read_only else {})
            given |= {"credentials": held, "max_parallel_load_jobs": LOADED_TOGETHER}
        return Destination.from_reference(self.destination, **given)

    @contextmanager
    def writing(self, progress: Collector) -> Iterator[dlt.Pipeline]:
        """A pipeline to load with. Raises :class:`TakenError` while another run has it.

        Whether it comes to a good end or not, no row stays in the scratch folder: the next run begins with an empty
        one.
        """
        if self.location.endswith(f"/{self.dataset}.duckdb"):
            raise ConfigurationError(
                f"DuckDB cannot tell the dataset {self.dataset} from its file of the same name; rename one of them"
            )
        if self.file is not None and "?" in str(self.file):
            raise ConfigurationError(f"DuckDB cannot keep a file with a question mark in its path: {self.file}")
        self.check_writable()
        scratch = self.scratch
        try:
            scratch.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(_no_scratch(scratch.parent, str(error.strerror))) from error
        with FileLease(scratch.with_suffix(".lock"), f"another run that writes to {self.location}"):
            shutil.rmtree(scratch)
            scratch.mkdir(mode=0o700)
            self._wait_for_file()
            try:
                pipeline = self._pipeline(scratch, progress=progress)
                make_catalog(pipeline)
                yield pipeline
            finally:
                remove_load_files(scratch)
                if command := self.dlt_command:
                    log.info("What dlt keeps of this run: %s", command)

    @contextmanager
    def reading(self, *, read_only: bool = False, **limits: Any) -> Iterator[dlt.Pipeline]:
        """A pipeline to look with: it has the warehouse's schema and state, and disturbs no run.

        ``limits`` are DuckDB's, where it is one and a load's are too narrow. Others who open it ``read_only``, too, may
        do so at the same time.

        Raises :class:`NothingThereError` where there is no such dataset; it does not make one.
        """
        if self.file is not None and not self.file.exists():
            raise NothingThereError(self.nothing)
        with self.looking(read_only=read_only, **limits) as pipeline:
            if is_empty(pipeline):
                raise NothingThereError(self.nothing)
            if not shares(pipeline):
                with told(pipeline):
                    pipeline.sync_destination()
                self._check_state(pipeline)
                yield pipeline
                return
            # What is known stands in the states of several pipelines: one of them is the one to begin with.
            names = names_of(pipeline)
            name = self.name if self.name in names or not names else names[-1]
        with replace(self, name=name).looking(read_only=read_only, **limits) as pipeline:
            with told(pipeline):
                pipeline.sync_destination()
            self._check_state(pipeline)
            look_at_all(pipeline)
            yield pipeline

    def _check_state(self, pipeline: dlt.Pipeline) -> None:
        if not pipeline.default_schema_name:
            raise StoppedError(
                f"{self.location} has a pull's tables and nothing in _dlt_pipeline_state: somebody has emptied it. The"
                " next listrak pull makes it anew, and keeps all rows"
            )

    @contextmanager
    def looking(self, *, read_only: bool = False, **limits: Any) -> Iterator[dlt.Pipeline]:
        """The same before anything is asked of the warehouse, which need not be there.

        A DuckDB file that this user may only read is opened so.
        """
        read_only = read_only or self.may_only_be_read
        with TemporaryDirectory(prefix="listrak-") as scratch:
            yield self._pipeline(Path(scratch), limits, read_only=read_only)

    @cached_property
    def scratch(self) -> Path:
        """The folder with dlt's working directory for this warehouse on this machine.

        It is no place for others: it is emptied, and dlt believes the watermarks that it finds there, whichever dataset
        they are of.
        """
        return Path(get_dlt_pipelines_dir()) / f"{self.name}-{self._digest}"

    @property
    def scratches(self) -> list[Path]:
        """These folders of all pipelines of this warehouse."""
        return sorted(Path(get_dlt_pipelines_dir()).glob(f"{NAME}*-{self._digest}"))

    @property
    def _digest(self) -> str:
        identity = f"{self.destination} {self.location} {self.dataset}"
        return hashlib.sha256(identity.encode()).hexdigest()[:12]

    @property
    def dlt_command(self) -> str | None:
        """What dlt itself tells of the last pull on this machine; None where there was none.

        dlt has ``info`` and ``sync`` in place of ``trace``.
        """
        if not (self.scratch / self.name).is_dir():
            return None
        return shlex.join(["dlt", "pipeline", "--pipelines-dir", str(self.scratch), self.name, "trace"])

    def check(self, pipeline: dlt.Pipeline) -> dict[str, set[str]]:
        """Return the tables there, with their columns. Raises :class:`ConfigurationError` where one is not ours."""
        with pipeline.destination_client() as client:
            # Every destination that a pull writes to has it; dlt's base class does not declare it.
            there: dict[str, Any] = dict(cast("Any", client).get_storage_tables(list(TABLES)))
        check_keys(self.dataset, TABLES.values(), there)
        return {name: {column.lower() for column in columns} for name, columns in there.items() if columns}

    @property
    def file(self) -> Path | None:
        """The DuckDB file that it is, if it is one."""
        path = self.location.removeprefix("duckdb:///")
        return Path(path) if path != self.location else None

    @property
    def may_only_be_read(self) -> bool:
        """Whether it is a DuckDB file that is there, and that this user must not write to."""
        return self.file is not None and self.file.exists() and not os.access(self.file, os.W_OK)

    def check_may_change(self) -> None:
        """Raise :class:`ConfigurationError` for a DuckDB file that this user may only read."""
        if self.may_only_be_read:
            raise ConfigurationError(f"{self.file} may only be read by this user, so nothing can be written into it")

    def check_writable(self) -> None:
        """Raise :class:`ConfigurationError` where no pull can write: to DuckDB's file, or to dlt's folder."""
        above = next(folder for folder in self.scratch.absolute().parents if folder.exists())
        if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
            raise ConfigurationError(_no_scratch(self.scratch.parent, f"{above} is no folder that may be written to"))
        if self.file is None:
            return
        self.check_may_change()
        folder = self.file.absolute().parent
        if self.file.exists() and not (self.file.is_file() or self.file.is_dir()):
            raise ConfigurationError(f"{self.file} is no file, and DuckDB keeps its data in one")
        if not folder.is_dir():
            raise ConfigurationError(f"{self.file} cannot be made: there is no folder {folder}")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise ConfigurationError(f"{folder} may not be written to, and DuckDB must keep files there beside its own")

    @property
    def kind(self) -> str:
        """What kind of destination it is, as dlt names it."""
        return str(self.configuration.destination_type)

    @property
    def credentials(self) -> Any:
        """How the destination is reached, as dlt has found it; None where it needs none."""
        return getattr(self.configuration, "credentials", None)

    @property
    def nothing(self) -> str:
        """The sentence about a dataset that is not there."""
        return f"{self.location} holds no dataset {self.dataset}; listrak pull makes it"

    def _wait_for_file(self) -> None:
        """Wait until nobody else has the DuckDB file open: who reads a page of it has soon done.

        One who stays is told of by what opens it next.
        """
        until = time.monotonic() + PATIENCE
        while self.file is not None and self.file.exists() and time.monotonic() < until:
            try:
                duckdb.connect(self.file).close()
            except duckdb.Error as error:
                if not is_locked(error):
                    return
                time.sleep(0.2)
            else:
                return

    def _pipeline(
        self,
        scratch: Path,
        limits: Mapping[str, Any] = MappingProxyType({}),
        *,
        read_only: bool = False,
        **options: Any,
    ) -> dlt.Pipeline:
        keep_people_out()
        pipeline: dlt.Pipeline = dlt.pipeline(
            self.name,
            pipelines_dir=str(scratch),
            destination=self._resolved(limits, read_only=read_only),
            dataset_name=self.dataset,
            **options,
        )
        return pipeline


def _kind_of(drivername: str | None) -> str:
    kind = str(drivername or "").partition("+")[0]
    # Redshift is reached as PostgreSQL is.
    return "postgresql" if kind in ("postgres", "redshift") else kind


def _no_scratch(folder: Path, why: str) -> str:
    return f"dlt cannot keep its working files in {folder} ({why}): set DLT_DATA_DIR to a folder that may be written to"


def settings_of(config: DestinationClientConfiguration) -> dict[str, Any]:
    """Every setting of a resolved destination, as its arguments.

    dlt looks up what it is not given, in all places and two dozen times a run.
    """
    fields = config.get_resolvable_fields().items()
    return {name: config[name] for name, hint in fields if not is_hint_not_resolvable(hint)}
