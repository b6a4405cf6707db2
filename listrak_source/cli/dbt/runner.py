"""dbt in this process: it runs the models that ship in the package, and leaves nothing behind but tables.

Its profile, its logs and what it compiles are in a temporary folder that goes at the end. It is quiet: what went wrong
is told in a sentence for each model and test.
"""

from __future__ import annotations

import gc
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dlt.common import json as dlt_json

from listrak_source.api import ConfigurationError
from listrak_source.api.redaction import redact, redact_people
from listrak_source.errors import StoppedError

PROJECT = Path(__file__).parents[2] / "models"
"""The dbt project."""
NAME = "listrak"
"""Of the project, and of its profile."""
FAILED, WARNED, SKIPPED = "failed", "warned", "skipped"
BUILT, PASSED = "built", "passed"
_STATUS = {
    "success": BUILT,
    "pass": PASSED,
    "warn": WARNED,
    "error": FAILED,
    "fail": FAILED,
    "runtime error": FAILED,
    "skipped": SKIPPED,
}
_ADAPTER = re.compile(r"Could not find adapter type (?P<name>\w+)")


@dataclass(frozen=True)
class Outcome:
    """What became of one model or test."""

    name: str
    kind: str
    """``model``, ``test`` …, as dbt calls it."""
    status: str
    """``built``, ``passed``, ``warned``, ``failed`` or ``skipped``."""
    seconds: float
    rows: int | None
    """Of a test: the rows that fail it; none where it counts something else."""
    message: str | None

    @property
    def is_wrong(self) -> bool:
        """Whether somebody must look at it."""
        return self.status in (FAILED, WARNED)

    @property
    def sentence(self) -> str:
        """What is wrong."""
        if self.rows is not None and self.status in (FAILED, WARNED):
            rows = "1 row does not fit" if self.rows == 1 else f"{self.rows:,} rows do not fit"
            return f"Test {self.name}: {rows}. {self.message or ''}".rstrip()
        return f"{self.kind.capitalize()} {self.name}: {self.message or self.status}".rstrip(".") + "."

    def as_document(self) -> dict[str, Any]:
        """The same for a program."""
        return {
            "name": self.name,
            "kind": self.kind,
            "status": self.status,
            "seconds": round(self.seconds, 3),
            "rows": self.rows,
            "message": self.message,
        }


@dataclass(frozen=True)
class Dbt:
    """dbt, and the target that it writes to."""

    target: Mapping[str, Any]
    """The profile's target (see ``dbt_profile``)."""
    variables: Mapping[str, Any]

    def run(self, command: str, *options: str, keep: Mapping[str, Path] | None = None) -> list[Outcome]:
        """Run ``build``, ``test`` or another command of dbt's, and say what became of each model and test.

        ``keep`` names files of dbt's target folder that are to stay, and where.

        Raises:
            ConfigurationError: dbt, or its adapter, is not installed.
            StoppedError: dbt came to no results.
        """
        check_installed()
        from dbt.cli.main import dbtRunner  # noqa: PLC0415 - an extra, and a second to import

        with TemporaryDirectory(prefix="listrak-models-") as folder, _as_it_was():
            place = Path(folder)
            _write_profile(place / "profiles.yml", self.target)
            arguments = [
                "--log-level",
                "none",
                "--log-level-file",
                "none",
                "--no-send-anonymous-usage-stats",
                "--no-use-colors",
                "--no-version-check",
                *command.split(),
                "--project-dir",
                str(PROJECT),
                "--profiles-dir",
                str(place),
                "--target-path",
                str(place / "target"),
                "--log-path",
                str(place / "logs"),
                "--vars",
                json.dumps(dict(self.variables)),
                *options,
            ]
            try:
                done = dbtRunner().invoke(arguments)
            finally:
                _let_go()
            if done.exception is not None:
                raise _stopped(done.exception)
            for name, where in (keep or {}).items():
                where.write_bytes((place / "target" / name).read_bytes())
            return [_outcome(one) for one in getattr(done.result, "results", ())]


def check_installed() -> None:
    """Raise :class:`ConfigurationError` where dbt is not installed."""
    if find_spec("dbt") is None or find_spec("dbt.cli") is None:
        raise ConfigurationError('The packages for models are not installed: pip install "listrak-source[models]"')


def _write_profile(path: Path, target: Mapping[str, Any]) -> None:
    """Write the profile, which holds secrets, for this user alone. JSON is YAML."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        # A brace in a password is no expression of dbt's.
        told = {NAME: {"target": "warehouse", "outputs": {"warehouse": _literal(target)}}}
        file.write(dlt_json.dumps(told))


def _literal(value: Any) -> Any:
    """A value of the profile that dbt takes as it stands: it renders texts by Jinja."""
    if isinstance(value, str) and re.search(r"\{[{%#]", value):
        return "{{ " + json.dumps(value) + " }}"
    if isinstance(value, Mapping):
        return {name: _literal(one) for name, one in value.items()}
    return [_literal(one) for one in value] if isinstance(value, list) else value


@contextmanager
def _as_it_was() -> Iterator[None]:
    """What is told here is all that dbt goes by, and what it does to the process is undone."""
    folder, environment = Path.cwd(), dict(os.environ)
    for name in environment:
        if name.startswith("DBT_"):  # of somebody's own project: another target, say
            del os.environ[name]
    os.environ["DO_NOT_TRACK"] = "1"
    try:
        yield
    finally:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)


def _let_go() -> None:
    """Close what dbt-duckdb keeps open for the process: nobody else could open the file."""
    if (connections := sys.modules.get("dbt.adapters.duckdb.connections")) is not None:
        manager: Any = connections.DuckDBConnectionManager
        with suppress(Exception):
            if manager._ENV is not None:
                manager._ENV.close()
        manager.close_all_connections()
    if (factory := sys.modules.get("dbt.adapters.factory")) is not None:
        factory.reset_adapters()
    # Its locks are semaphores of the system's: a process that ends at once would be said to leak them.
    gc.collect()


def _stopped(error: BaseException) -> Exception:
    told = redact_people(redact(" ".join(str(error).split()))).rstrip(".")
    if found := _ADAPTER.search(told):
        return ConfigurationError(f"dbt lacks its adapter: pip install dbt-{found['name']}")
    return StoppedError(f"dbt stopped: {told}")


def _outcome(result: Any) -> Outcome:
    node = result.node
    kind = str(getattr(node.resource_type, "value", node.resource_type))
    message = " ".join(str(result.message or "").split()) or None
    status = _STATUS.get(str(result.status), str(result.status))
    if kind == "test" and result.failures is not None and status in (FAILED, WARNED):
        message = (node.description or "").strip() or None
    elif status in (BUILT, PASSED):
        message = None
    return Outcome(
        name=_name(node),
        kind=kind,
        status=status,
        seconds=float(result.execution_time),
        rows=result.failures if kind == "test" and node.config.fail_calc == "count(*)" else None,
        message=redact_people(redact(message)) if message else None,
    )


def _name(node: Any) -> str:
    """A model by its name; a test of a model by what it asks of which columns."""
    asked = getattr(node, "test_metadata", None)
    if asked is None:
        return str(node.name)
    model = str(getattr(node, "attached_node", "") or "").rpartition(".")[2]
    columns: Sequence[str] = asked.kwargs.get("columns") or [one for one in [getattr(node, "column_name", None)] if one]
    return f"{asked.name} of {model}" + (f" ({', '.join(columns)})" if columns else "")
