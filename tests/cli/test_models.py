"""``listrak models``, as far as it needs no dbt: the profile, and what is said where something is missing."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from listrak_source.cli.dbt import runner
from listrak_source.cli.dbt.profile import profile
from listrak_source.cli.dbt.runner import Outcome
from listrak_source.cli.errors import Exit
from listrak_source.cli.warehouse import Warehouse
from listrak_source.sandbox import Sandbox
from tests.cli.conftest import Listrak


def target(destination: str) -> dict[str, Any]:
    warehouse = Warehouse(destination)
    return profile(warehouse.kind, warehouse.configuration, "marts")


@pytest.fixture
def without_dbt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "find_spec", lambda name: None)


@pytest.fixture
def with_dbt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "find_spec", lambda name: object())


@pytest.mark.usefixtures("without_dbt")
@pytest.mark.parametrize(
    "command", ["models build", "models test", "models docs --out page.html", "pull --then-models"]
)
def test_without_the_extra_one_sentence_says_what_to_install(listrak: Listrak, sandbox: Sandbox, command: str) -> None:
    sandbox.traffic.clear()
    code, out, err = listrak(*command.split())
    assert (code, out) == (Exit.WRONG_USE, "")
    assert err == 'listrak: The packages for models are not installed: pip install "listrak-source[models]"\n'
    assert not sandbox.traffic.counts, "nothing was asked of Listrak"
    assert not list(Path().iterdir())


@pytest.mark.usefixtures("with_dbt")
def test_before_a_pull(listrak: Listrak) -> None:
    code, out, err = listrak("models", "build")
    assert (code, out) == (Exit.FAILED, "")
    assert err.endswith("listrak.duckdb holds no dataset listrak_sms; listrak pull makes it.\n")
    assert not list(Path().iterdir()), "no file was made by looking"


@pytest.mark.usefixtures("with_dbt")
def test_files_are_no_database(listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(Path("files").absolute()))
    assert listrak("pull", "-d", "filesystem", "--table", "lists")[0] == 0
    code, _, err = listrak("models", "build", "-d", "filesystem")
    assert code == Exit.WRONG_USE
    assert err.startswith("listrak: models are tables of a database, and filesystem is none that they are made for")


def test_profile_of_duckdb() -> None:
    found = target("duckdb")
    assert (found["type"], found["path"], found["schema"]) == (
        "duckdb",
        str(Path("listrak.duckdb").absolute()),
        "marts",
    )
    assert found["settings"]["TimeZone"] == "UTC"
    assert found["keep_open"] is False, "whoever comes next can open the file"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("postgresql://loader:hush@db.example:6543/house", {"host": "db.example", "port": 6543}),
        ("postgresql://loader:hush@localhost/house?host=%2Frun%2Fpg", {"host": "/run/pg", "port": 5432}),
        ("postgresql://loader:hush@db.example/house?sslmode=verify-full", {"sslmode": "verify-full"}),
    ],
)
def test_profile_of_postgres(monkeypatch: pytest.MonkeyPatch, address: str, expected: dict[str, Any]) -> None:
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", address)
    found = target("postgres")
    assert found.items() >= {"type": "postgres", "user": "loader", "password": "hush", "dbname": "house"}.items()
    assert found.items() >= expected.items()


def test_profile_of_ducklake(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {
        "DUCKLAKE_NAME": "lake",
        "CATALOG": "postgresql://loader:hush@localhost/catalogue",
        "STORAGE__BUCKET_URL": "s3://bucket/lake",
        "STORAGE__CREDENTIALS__AWS_ACCESS_KEY_ID": "someone",
        "STORAGE__CREDENTIALS__AWS_SECRET_ACCESS_KEY": "quiet",
        "STORAGE__CREDENTIALS__ENDPOINT_URL": "http://127.0.0.1:9000",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"DESTINATION__DUCKLAKE__CREDENTIALS__{name}", value)
    found = target("ducklake")
    (attached,) = found["attach"]
    assert found["database"] == attached["alias"] == "lake"
    assert attached["path"].startswith("ducklake:postgres:postgres://loader:hush@localhost/catalogue")
    assert attached["options"] == {"data_path": "s3://bucket/lake", "metadata_schema": "lake"}
    assert found["extensions"] == ["ducklake", "postgres", "httpfs"]
    (secret,) = found["secrets"]
    assert secret.items() >= {"endpoint": "127.0.0.1:9000", "use_ssl": "false", "secret": "quiet"}.items()
    assert found["threads"] == 1


def test_profile_is_for_this_user_alone_and_a_brace_in_a_password_is_no_expression(tmp_path: Path) -> None:
    path = tmp_path / "profiles.yml"
    runner._write_profile(path, {"type": "postgres", "password": "a{{ b }}'\"c", "port": 5432})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = json.loads(path.read_text())["listrak"]["outputs"]["warehouse"]
    jinja2 = pytest.importorskip("jinja2")
    assert jinja2.Template(found["password"]).render() == "a{{ b }}'\"c"
    assert found["port"] == 5432


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        (
            Outcome("holds of listrak__growth_daily", "test", "failed", 0.1, 2, None),
            "Test holds of listrak__growth_daily: 2 rows do not fit.",
        ),
        (
            Outcome("contacts_are_the_live_ones", "test", "failed", 0.1, 1, "One row a contact."),
            "Test contacts_are_the_live_ones: 1 row does not fit. One row a contact.",
        ),
        (Outcome("pulls_are_fresh", "test", "warned", 0.1, None, "Old."), "Test pulls_are_fresh: Old."),
        (
            Outcome("listrak__cohorts", "model", "failed", 0.1, None, "Runtime Error."),
            "Model listrak__cohorts: Runtime Error.",
        ),
        (Outcome("listrak__cohorts", "model", "skipped", 0.0, None, None), "Model listrak__cohorts: skipped."),
    ],
)
def test_what_went_wrong_is_one_sentence(outcome: Outcome, sentence: str) -> None:
    assert outcome.sentence == sentence
