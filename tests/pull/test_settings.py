"""Settings: where they come from, which is stronger, and what a wrong one is told."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.common.configuration.container import Container
from dlt.common.configuration.exceptions import ConfigFieldMissingException
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

from listrak_source import listrak_sms, pull
from listrak_source.api import ConfigurationError
from listrak_source.sandbox import Sandbox
from listrak_source.settings import Settings, resolve
from tests.pull.asking import ask, queries, somebody
from tests.pull.warehouse import Warehouse

ID = {"client_id": "an id", "client_secret": "a secret"}


def resolved(**options: Any) -> Settings:
    return resolve(ID | options)


class Bare(Warehouse):
    """A warehouse whose pulls are given no settings."""

    def options(self) -> dict[str, Any]:
        return {}


@pytest.fixture
def files() -> Iterator[Path]:
    """The folder of settings here, which dlt has looked for already."""
    folder = Path(".dlt")
    folder.mkdir()
    yield folder
    for file in folder.iterdir():
        file.unlink()
    Container()[PluggableRunContext].reload_providers()


@pytest.fixture
def bare(sandbox: Sandbox, tmp_path: Path) -> Bare:
    return Bare(sandbox, tmp_path)


def test_from_the_environment(bare: Bare, monkeypatch: pytest.MonkeyPatch) -> None:
    someone = somebody(bare.sandbox)
    given = Warehouse.options(bare) | {
        "lists": f"[{someone.phone_list_id}]",
        "sender_codes": f"[{someone.sender_code_id}]",
        "page_size": "20",
        "lookups": "none",
    }
    for name, value in given.items():
        monkeypatch.setenv(f"SOURCES__LISTRAK__{name.upper()}", str(value))
    ask(bare, "contacts")
    asked = queries(bare.sandbox, "/Contact")
    assert {path.split("/")[-2] for path, _ in asked} == {str(someone.phone_list_id)}
    assert {query["count"] for _, query in asked} <= {"20", "19"}


def test_from_files_in_the_current_folder_and_arguments_are_strongest(bare: Bare, files: Path) -> None:
    someone = somebody(bare.sandbox)
    options = Warehouse.options(bare)
    (files / "secrets.toml").write_text(
        f'[sources.listrak]\nclient_id = "{options["client_id"]}"\nclient_secret = "{options["client_secret"]}"\n'
    )
    (files / "config.toml").write_text(
        f'[sources.listrak]\nbase_url = "{options["base_url"]}"\ntoken_url = "{options["token_url"]}"\n'
        f"lists = [{someone.phone_list_id}]\npage_size = 20\nstart_date = 2026-01-15\n"
    )
    Container()[PluggableRunContext].reload_providers()
    ask(bare, "contacts")
    asked = queries(bare.sandbox, "/Contact")
    assert {path.split("/")[-2] for path, _ in asked} == {str(someone.phone_list_id)}
    assert {query["count"] for _, query in asked} <= {"20", "19"}
    assert min(query["startSubscribeDate"] for _, query in asked) == "2026-01-14T23:59:59"
    bare.pipeline().drop()
    ask(bare, "contacts", page_size=30)
    assert {query["count"] for _, query in queries(bare.sandbox, "/Contact")} <= {"30", "29"}


@pytest.mark.parametrize("name", ["client_id", "client_secret"])
def test_missing_credentials_are_named(name: str) -> None:
    with pytest.raises(ConfigFieldMissingException, match=name):
        resolve({key: value for key, value in ID.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timezone", "New York"), ("timezone", "America"), ("timezone", ""), ("timezone", "../UTC"),
        ("page_size", 1), ("page_size", 5001), ("workers", 0), ("workers", 65), ("overlap", 24), ("overlap", -1),
        ("timeout", 0), ("max_attempts", 0), ("lookups", "some"), ("start_date", "yesterday"),
        ("start_date", "31.01.2026"), ("start_date", "now"), ("start_date", "10:00"), ("client_id", ""),
        ("client_secret", " "),
    ],
)  # fmt: skip
def test_wrong_value_is_named(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=name):
        resolved(**{name: value})


@pytest.mark.parametrize("name", ["base_url", "token_url"])
@pytest.mark.parametrize("address", ["http://api.example.com/sms/v1", "ftp://localhost/x", "api.example.com"])
def test_unsafe_address_is_refused(warehouse: Warehouse, name: str, address: str) -> None:
    with pytest.raises(Exception, match=f"{name} must"):
        ask(warehouse, "sender_codes", **{name: address})
    assert not warehouse.sandbox.traffic.counts


@pytest.mark.parametrize("given", ["2026-01-31", date(2026, 1, 31), datetime(2026, 1, 31), "2026-01-31T00:00:00"])
def test_start_date_in_the_forms_that_people_write(given: Any) -> None:
    assert resolved(start_date=given).start() == datetime(2026, 1, 31)


def test_start_date_with_an_offset_is_that_moment() -> None:
    assert resolved(start_date="2026-01-31T05:00:00+00:00").start() == datetime(2026, 1, 31)
    assert resolved().start() is None


def test_secret_is_not_shown(warehouse: Warehouse) -> None:
    with pytest.raises(Exception, match="Invalid Credentials") as failed:
        ask(warehouse, "sender_codes", client_secret="a-wrong-secret-value")
    assert "a-wrong-secret-value" not in f"{failed.value!r} {failed.value}"
    assert "a-wrong-secret-value" not in repr(resolved(client_secret="a-wrong-secret-value"))


def test_the_source_spells_out_each_setting() -> None:
    """As an editor shows them: the same names, in the same order, of the same types; none has a default of its own."""
    given = inspect.signature(listrak_sms).parameters
    assert list(given) == list(Settings.get_resolvable_fields())
    for name, one in given.items():
        hint = re.sub(r"^Optional\[(.*)\]$", r"\1", Settings.__annotations__[name]).replace("TSecretStrValue", "str")
        assert one.annotation == f"{hint} | None", name
        assert (one.kind, one.default) == (one.KEYWORD_ONLY, None)


def test_a_setting_that_does_not_exist_is_named(warehouse: Warehouse) -> None:
    with pytest.raises(ConfigurationError, match="there is no option 'worker'; there are accept_removals,"):
        warehouse.pull(worker=2)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("sender_codes", 1015, "a list of numbers, and is int"),
        ("sender_codes", "1015", "a list of numbers, and is str"),
        ("sender_codes", ["1015"], "a list of numbers, and is list"),
        ("lists", [True], "a list of numbers"),
        ("lists", {1: 2}, "a list of numbers, and is dict"),
        ("hash_columns", "phone_number", "a list of names, and is str"),
        ("drop_columns", [b"email_address"], "a list of names"),
        ("hash_key", b"a key of bytes that is long enough", "a text, and is bytes"),
        ("hash_key", ["a key in a list that is long enough"], "a text, and is list"),
        ("client_secret", 7, "a text, and is int"),
        ("full", "false", "True or False, and is str"),
        ("into_empty", "x", "True or False"),
        ("workers", 1.5, "a whole number, and is float"),
        ("timeout", "120", "a number, and is str"),
        ("timezone", 5, "a text, and is int"),
        ("start_date", 2026, "a date, and is int"),
    ],
)
def test_an_option_of_another_type_is_refused_and_not_shown(name: str, value: Any, told: str) -> None:
    for take in (listrak_sms, lambda **options: pull(dlt.pipeline("x", destination="duckdb"), **options)):
        with pytest.raises(ConfigurationError, match=f"sources.listrak.{name} is to be {told}") as refused:
            take(client_id="i", **{"client_secret": "s", name: value})
        assert "long enough" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "told"),
    [((None,), "a pipeline of dlt's first, and not NoneType"), (("listrak",), "first, and not str"),
     ((dlt.pipeline, "lists"), "first, and not"), ((["contacts"],), "and not list"),
     ((..., ["contacts"]), "names of tables one by one"), ((..., "walk"), "There is no table walk. There are: sender")],
)  # fmt: skip
def test_what_pull_cannot_take_is_refused_at_once(given: tuple[Any, ...], told: str) -> None:
    words: list[Any] = [dlt.pipeline("x", destination="duckdb") if one is ... else one for one in given]
    with pytest.raises(ConfigurationError, match=told):
        pull(*words)


def test_settings_that_do_not_fit_are_refused_before_anything_is_asked_for() -> None:
    pipeline = dlt.pipeline("x", destination="duckdb")
    for options in ({"timezone": "No/Where"}, {"lookups": "some"}, {"start_date": "2026-13-01"}):
        with pytest.raises(ConfigurationError, match=next(iter(options))):
            pull(pipeline, **options)
    with pytest.raises(ConfigurationError, match="has no destination"):
        pull(dlt.pipeline("nowhere"))


def test_what_is_iterated_over_once_masks_all_the_same(warehouse: Warehouse) -> None:
    """Seen: a check used it up, and everything was written in clear."""
    sandbox, senders = warehouse.sandbox, list(warehouse.sandbox.world.sender_codes)
    columns = ["phone_number", "email_address"]
    masked = {"hash_columns": (one for one in columns), "hash_key": "k" * 16}
    warehouse.pull("contacts", sender_codes=map(int, senders), lists=iter(()), **masked)
    found = warehouse.records("contacts")
    assert found
    assert not [row for row in found if row["phone_number"][1:] in map(str, sandbox.world.people)]
    assert all(len(row[name]) == 64 for row in found for name in columns if row[name])


@pytest.mark.parametrize("folder", ["it's", "per%cent"])
def test_a_folder_that_dlt_cannot_load_from_is_refused(warehouse: Warehouse, folder: str) -> None:
    place = warehouse.folder / folder
    pipeline = dlt.pipeline("odd", destination=dlt.destinations.duckdb("odd.duckdb"), pipelines_dir=str(place))
    with pytest.raises(ConfigurationError, match=r"set DLT_DATA_DIR to another one"):
        next(pull(pipeline, **warehouse.options()))
    assert not warehouse.sandbox.traffic.log
