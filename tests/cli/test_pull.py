"""``listrak pull``: where it writes, what it says, and what it makes of trouble."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from listrak_source.cli.errors import Exit
from listrak_source.cli.output.progress import StepProgress
from listrak_source.cli.warehouse import Warehouse
from listrak_source.sandbox import Fault, Sandbox
from tests.cli.conftest import Listrak


def count(database: Path, table: str) -> int:
    with duckdb.connect(str(database), read_only=True) as connection:
        row = connection.execute(f"SELECT count(*) FROM listrak_sms.{table}").fetchone()
    assert row
    return int(row[0])


@pytest.mark.full
def test_writes_here_with_no_file_at_all(listrak: Listrak, sandbox: Sandbox) -> None:
    code, out, err = listrak("pull")
    assert (code, err) == (0, "")
    assert "Reading: " in out
    assert f"{count(Path('listrak.duckdb'), 'contacts'):,} contacts" in out
    assert not Path(".dlt").exists()
    code, out, _ = listrak("pull")
    assert code == 0
    assert "Nothing new at Listrak" in out


@pytest.mark.full
def test_another_folder_is_another_warehouse(
    listrak: Listrak, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listrak("pull")
    here = count(Path("listrak.duckdb"), "contacts")
    monkeypatch.chdir(tmp_path)
    listrak("pull")
    assert count(tmp_path / "listrak.duckdb", "contacts") == here


@pytest.mark.full
def test_destination_address_from_the_environment(
    listrak: Listrak, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(tmp_path / "sms.duckdb"))
    code, out, _ = listrak("pull", "--table", "lists", "--dataset", "listrak_sms")
    assert code == 0
    assert "sms.duckdb" in out
    assert count(tmp_path / "sms.duckdb", "lists") > 0
    assert not Path("listrak.duckdb").exists()


@pytest.mark.full
def test_settings_from_files(server: Sandbox) -> None:
    Path(".dlt").mkdir()
    Path(".dlt/secrets.toml").write_text(
        f'[sources.listrak]\nclient_id = "{server.client_id}"\nclient_secret = "{server.client_secret}"\n'
    )
    Path(".dlt/config.toml").write_text(
        f'[sources.listrak]\nbase_url = "{server.base_url}"\ntoken_url = "{server.token_url}"\nworkers = 2\n'
    )
    # In a process of its own: dlt reads its files once in a process.
    command = [sys.executable, "-m", "listrak_source", "pull", "--table", "lists"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert count(Path("listrak.duckdb"), "lists") > 0


@pytest.mark.full
def test_a_deleted_or_older_file_is_filled_again(listrak: Listrak, sandbox: Sandbox) -> None:
    listrak("pull")
    database = Path("listrak.duckdb")
    backup = database.read_bytes()
    before = count(database, "opt_outs")
    sandbox.world.live(2)
    listrak("pull")
    after = count(database, "opt_outs")
    assert after > before
    database.write_bytes(backup)
    listrak("pull")
    assert count(database, "opt_outs") == after, "a restored backup is brought up to date"
    database.unlink()
    listrak("pull")
    assert count(database, "contacts") == len(sandbox.world.truth()["contacts"])


def test_two_at_once_are_refused(listrak: Listrak, sandbox: Sandbox) -> None:
    with Warehouse().writing(StepProgress(Console())):
        code, _, err = listrak("pull")
    assert code == Exit.TRY_AGAIN
    assert "another run that writes to" in err
    assert f"process {os.getpid()}, since 20" in err


@pytest.mark.cases(0, 2)
@pytest.mark.full
@pytest.mark.parametrize("moment", [0.5, 0.2, 0.8])
def test_killed_and_started_again(listrak: Listrak, sandbox: Sandbox, moment: float) -> None:
    truth = sandbox.world.truth()
    started = time.monotonic()
    assert (
        subprocess.run([sys.executable, "-m", "listrak_source", "pull", "--dataset", "other"], check=False).returncode
        == 0
    )
    whole = time.monotonic() - started
    process = subprocess.Popen([sys.executable, "-m", "listrak_source", "pull"], stdout=subprocess.DEVNULL)
    time.sleep(whole * moment)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    code, _, err = listrak("pull")
    assert (code, err) == (0, "")
    database = Path("listrak.duckdb")
    for name in ("contacts", "list_memberships", "contact_profile_values", "opt_outs"):
        assert count(database, name) == len(truth[name]), name


WRONG: dict[str, tuple[list[str], dict[str, str | None], str]] = {
    "a table that is none": (["--table", "people"], {}, "There is no table people. There are: sender_codes,"),
    "a list that is not there": (["--list", "1"], {}, "sources.listrak.lists: Listrak has no 1"),
    "a date that is none": (["--start-date", "soon"], {}, "sources.listrak.start_date: 'soon' is no date"),
    "too many workers": (["--workers", "1000"], {}, "sources.listrak.workers: 1,000 is not between 1 and 64"),
    "a destination that is none": (["-d", "nowhere"], {}, "There is no such destination"),
    "a destination without address": (["-d", "postgres"], {}, "set DESTINATION__POSTGRES__CREDENTIALS"),
    "a dataset named as its file": (["--dataset", "listrak"], {}, "DuckDB cannot tell the dataset listrak"),
    "no secret": ([], {"CLIENT_SECRET": None}, "set SOURCES__LISTRAK__CLIENT_SECRET in the environment"),
    "an empty id": ([], {"CLIENT_ID": " "}, "sources.listrak.client_id is empty"),
    "an unsafe address": ([], {"BASE_URL": "http://example.com/sms/v1"}, "sources.listrak.base_url must be https"),
    "a zone that is none": ([], {"TIMEZONE": "Mars/Olympus"}, "'Mars/Olympus' is no time zone"),
    "a number that is none": ([], {"PAGE_SIZE": "many"}, "page_size"),
    "a list that is text": (
        [],
        {"HASH_COLUMNS": "email_address"},
        'hash_columns does not fit: it should be a list, written as ["email_address", "birthday"].',
    ),
    "ids that are none": ([], {"LISTS": "101;102"}, "lists does not fit: it should be a list, written as [101, 102]."),
    "slices of nothing": (["--slices", "0"], {}, "sources.listrak.slices: 0 is not between 1 and 120"),
    "a format that is not kept there": ([], {"TABLE_FORMAT": "delta"}, "duckdb keeps no delta tables"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_use_is_one_sentence(
    listrak: Listrak, sandbox: Sandbox, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, environment, sentence = WRONG[case]
    for name, value in environment.items():
        if value is None:
            monkeypatch.delenv(f"SOURCES__LISTRAK__{name}")
        else:
            monkeypatch.setenv(f"SOURCES__LISTRAK__{name}", value)
    code, out, err = listrak("pull", *arguments)
    assert code == Exit.WRONG_USE, err
    assert sentence in err
    assert err.startswith("listrak: ")
    assert err.count("\n") == 1
    assert "Traceback" not in out + err


def test_refused_credentials(listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__LISTRAK__CLIENT_SECRET", "a secret that is wrong")
    code, out, err = listrak("pull")
    assert code == Exit.REFUSED
    assert "check client_id and client_secret" in err
    assert "a secret that is wrong" not in out + err


@pytest.mark.full
def test_trouble_on_the_way_says_try_again_and_loses_nothing(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    listrak("pull")
    sandbox.world.live(1)
    sandbox.faults.add(Fault("status", "list_opt_outs", times=None, status=503))
    monkeypatch.setenv("SOURCES__LISTRAK__MAX_ATTEMPTS", "1")
    code, out, _ = listrak("pull")
    assert code == Exit.TRY_AGAIN
    assert "Listrak did not let the opt-outs of sender code" in out
    assert "contacts" in out, "the rest is loaded"
    sandbox.faults.clear()
    assert listrak("pull")[0] == Exit.DONE
    assert count(Path("listrak.duckdb"), "opt_outs") >= len(sandbox.world.truth()["opt_outs"])


@pytest.mark.full
def test_a_file_of_any_name_is_found_again(
    listrak: Listrak, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(tmp_path / "duckdb.duckdb"))
    assert listrak("pull", "--table", "lists")[0] == Exit.DONE
    code, out, err = listrak("status")
    assert (code, err) == (0, "")
    assert str(tmp_path / "duckdb.duckdb") in out
