"""Models in a real warehouse: the command pulls and builds, as a user does. Needs the extra ``models``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from listrak_source.cli.warehouse import Warehouse
from listrak_source.sandbox import Sandbox, World
from tests.cli.conftest import Listrak, listrak
from tests.destinations import servers

__all__ = ["listrak"]

# dbt is in the environment of make test-models; what needs none of it is in make test, too.
collect_ignore_glob = [] if find_spec("dbt") else ["test_[!p]*.py", "test_pa*.py"]

PLACES = ("duckdb", "postgres", "ducklake")


@dataclass
class Built:
    """A warehouse of one kind, and the models in it."""

    listrak: Listrak
    sandbox: Sandbox
    destination: str

    def run(self, *words: str) -> dict[str, Any]:
        """Run a command, which must succeed; the document that it prints."""
        code, out, err = self.listrak(*words, "-d", self.destination, "--json")
        assert code == 0, err
        document: dict[str, Any] = json.loads(out)
        return document

    def pull(self, *options: str) -> dict[str, Any]:
        return self.run("pull", *options)

    def build(self, *options: str) -> dict[str, Any]:
        return self.run("models", "build", *options)

    def rows(self, table: str, schema: str = "listrak_sms_models") -> list[dict[str, Any]]:
        """The rows of a model; moments in UTC."""
        return self.query(f"SELECT * FROM {schema}.{table}")

    def query(self, sql: str) -> list[dict[str, Any]]:
        with (
            Warehouse(self.destination).reading() as pipeline,
            pipeline.sql_client() as client,
            client.execute_query(sql) as cursor,
        ):
            names = [column[0] for column in cursor.description]
            return [{name: utc(value) for name, value in zip(names, row, strict=True)} for row in cursor.fetchall()]

    def execute(self, sql: str) -> None:
        with Warehouse(self.destination).reading() as pipeline, pipeline.sql_client() as client:
            client.execute_sql(sql)


def utc(value: Any) -> Any:
    if isinstance(value, datetime):
        known = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return known.astimezone(timezone.utc)
    return value


@pytest.fixture
def world() -> World:
    """The world of a test."""
    return World(seed=3, contacts=60, sender_codes=2, lists=2)


@pytest.fixture
def built(
    request: pytest.FixtureRequest, world: World, listrak: Listrak, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Built]:
    """A warehouse with nothing in it; in DuckDB, unless a parameter says otherwise."""
    destination = getattr(request, "param", "duckdb")
    name = f"models_{uuid4().hex[:8]}"
    if destination == "postgres":
        monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", servers.database(name))
    elif destination == "ducklake":
        monkeypatch.setenv("HOME", servers.home())
        for setting, value in {
            "DUCKLAKE_NAME": "lake",
            "CATALOG": servers.database(name),
            "STORAGE__BUCKET_URL": str(tmp_path / "lake"),
        }.items():
            monkeypatch.setenv(f"DESTINATION__DUCKLAKE__CREDENTIALS__{setting}", value)
    with Sandbox(world) as sandbox:
        for setting in ("client_id", "client_secret", "base_url", "token_url"):
            monkeypatch.setenv(f"SOURCES__LISTRAK__{setting.upper()}", getattr(sandbox, setting))
        yield Built(listrak, sandbox, destination)
