"""The dbt project as it ships: every model and column is described, in the words of the tables that it reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import listrak_source
from listrak_source.pull.schema import TABLES
from listrak_source.push.warehouse.ledger_tables import LEDGER
from listrak_source.runs import COLUMNS

PROJECT = Path(listrak_source.__file__).parent / "models"
MARTS = {
    f"listrak__{name}"
    for name in (
        "consent_events", "consent_now", "suppressions", "growth_daily", "list_health", "opt_out_reasons", "cohorts",
        "contacts", "consent_audit", "pull_health",
    )
}  # fmt: skip
_READ = re.compile(r"'(\w+)': '\w+'")


def described() -> Iterator[dict[str, Any]]:
    for path in sorted((PROJECT / "models").rglob("*.yml")):
        yield from yaml.safe_load(path.read_text("utf-8")).get("models", ())


MODELS = {model["name"]: model for model in described()}
FILES = {path.stem: path for path in sorted((PROJECT / "models").rglob("*.sql"))}


def test_each_model_and_column_is_described() -> None:
    assert MODELS.keys() == FILES.keys()
    assert MODELS.keys() >= MARTS
    for name, model in MODELS.items():
        assert model["description"].endswith("."), name
        for column in model["columns"]:
            assert column["description"].endswith("."), (name, column["name"])


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("stg_")])
def test_what_is_read_is_described_in_the_words_of_the_tables(name: str) -> None:
    table = name.partition("__")[2]
    if table in TABLES:
        words = {column.name: column.description for column in TABLES[table].columns}
    else:
        ours = LEDGER[table].columns if table in LEDGER else COLUMNS[table]
        words = {column: told.replace("``", "") for column, (_, told) in ours.items()}
    words["load_id"] = "The load of dlt's in which the row last changed."
    read = [column.replace("_dlt_load_id", "load_id") for column in _READ.findall(FILES[name].read_text("utf-8"))]
    assert {column["name"]: column["description"] for column in MODELS[name]["columns"]} == {
        column: words[column] for column in read
    }


def test_each_table_has_a_key_that_is_tested() -> None:
    for name in MARTS:
        tests = [*MODELS[name].get("data_tests", ())]
        tests += [test for column in MODELS[name]["columns"] for test in column.get("data_tests", ())]
        assert any(test == "unique" or "unique_combination" in test for test in tests), name
        assert "not_null" in tests, name


def test_each_test_of_its_own_says_what_it_asks() -> None:
    told = yaml.safe_load((PROJECT / "tests" / "singular" / "_tests.yml").read_text("utf-8"))["data_tests"]
    assert {test["name"] for test in told} == {path.stem for path in (PROJECT / "tests" / "singular").glob("*.sql")}
    assert all(test["description"].endswith(".") for test in told)


def test_sources_are_what_is_read() -> None:
    (source,) = yaml.safe_load((PROJECT / "models" / "staging" / "_sources.yml").read_text("utf-8"))["sources"]
    read = {name.partition("__")[2] for name in FILES if name.startswith("stg_")}
    assert {table["name"] for table in source["tables"]} == read | {"_dlt_loads"}
