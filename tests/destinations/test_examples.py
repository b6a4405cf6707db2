"""The templates of destinations: dlt's own classes take each of them, without the vendor's driver."""

from __future__ import annotations

import re
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from dlt.common.configuration.resolve import resolve_configuration
from dlt.common.destination import Destination
from dlt.common.destination.client import DestinationClientDwhConfiguration

from listrak_source.settings import Settings

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "listrak_source" / "cli" / "templates" / "destinations"
EXAMPLES = sorted(path for path in TEMPLATES.glob("*.toml") if path.stem != "duckdb")
SECRET = {"password", "private_key", "client_secret", "aws_secret_access_key"}


def parts(example: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What belongs into config.toml, and what into secrets.toml."""
    config, secrets = re.split(r"^# \.dlt/secrets\.toml$", example.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return tomlkit.parse(config).unwrap(), tomlkit.parse(secrets).unwrap()


def together(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return one | {
        name: together(one[name], value) if isinstance(value, dict) and name in one else value
        for name, value in other.items()
    }


def names(tree: dict[str, Any]) -> set[str]:
    return {
        name for key, value in tree.items() for name in ({key} | names(value) if isinstance(value, dict) else {key})
    }


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_dlt_takes_it(example: Path) -> None:
    config, secrets = parts(example)
    given = together(config, secrets)
    factory = Destination.from_reference(example.stem)
    assert factory
    spec = factory.spec()
    if isinstance(spec, DestinationClientDwhConfiguration):
        spec._bind_dataset_name("listrak_sms")
    options = given["destination"][example.stem]
    assert set(options) <= set(spec.get_resolvable_fields())
    resolved = resolve_configuration(spec, explicit_value=options)
    assert resolved.is_resolved()
    assert set(given.get("sources", {}).get("listrak", {})) <= set(Settings.get_resolvable_fields())
    assert not SECRET & names(config), "no secret in config.toml"
    assert SECRET & names(secrets)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_its_extras_are_ours_and_bring_what_dlt_wants_there(example: Path) -> None:
    (named,) = re.findall(r"pip install \"listrak-source\[([\w,]+)\]\"", example.read_text(encoding="utf-8"))
    ours = tomlkit.parse((ROOT / "pyproject.toml").read_text(encoding="utf-8")).unwrap()["project"]
    for extra in named.split(","):
        (wanted,) = re.findall(r"dlt\[(\w+)\]", " ".join(ours["optional-dependencies"][extra]))
        assert wanted in (metadata("dlt").get_all("Provides-Extra") or [])
    assert example.stem in named.split(",") or example.stem == "filesystem"


def test_there_is_one_for_each_destination_that_we_name() -> None:
    assert {example.stem for example in EXAMPLES} >= {
        "snowflake", "bigquery", "redshift", "databricks", "clickhouse", "postgres", "filesystem", "ducklake",
    }  # fmt: skip
