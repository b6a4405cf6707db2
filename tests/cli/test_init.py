"""``listrak init``: the first files of a project, and a pull with them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tomlkit

from listrak_source.cli.commands.init import destinations
from listrak_source.cli.errors import Exit
from listrak_source.push import load_syncs
from listrak_source.sandbox import Sandbox
from tests.cli.conftest import Listrak

FILES = (".dlt/config.toml", ".dlt/secrets.toml", ".dlt/.gitignore", ".gitignore", "listrak_push.toml")


@pytest.mark.parametrize("destination", destinations())
def test_each_destination_has_its_files(listrak: Listrak, destination: str) -> None:
    code, out, err = listrak("init", "-d", destination)
    assert (code, err) == (0, "")
    config, secrets = (tomlkit.parse(Path(name).read_text()).unwrap() for name in FILES[:2])
    assert destination in config.get("destination", {}) | secrets.get("destination", {})
    assert secrets["sources"]["listrak"].keys() == {"client_id", "client_secret"}
    assert not {"client_secret", "password"} & set(config["sources"]["listrak"])
    assert load_syncs("listrak_push.toml") == {}
    assert f"listrak pull -d {destination}" in out
    assert ("pip install" in out) is (destination != "duckdb")


def test_secrets_are_their_owners_and_out_of_git(listrak: Listrak) -> None:
    subprocess.run(["git", "init", "-q"], check=True)
    listrak("init")
    Path("listrak.duckdb").touch()
    assert os.stat(".dlt/secrets.toml").st_mode & 0o777 == 0o600  # noqa: PTH116 - as a shell sees it
    status = subprocess.run(["git", "status", "--short", "-uall"], capture_output=True, text=True, check=True).stdout
    assert ".dlt/config.toml" in status
    assert "secrets.toml" not in status
    assert "duckdb" not in status, "people's numbers"


def test_what_is_there_stays(listrak: Listrak, tmp_path: Path) -> None:
    Path(".dlt").mkdir()
    Path(".dlt/secrets.toml").write_text("mine")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.touch()
    Path("listrak_push.toml").symlink_to(elsewhere)
    code, out, _ = listrak("init")
    assert code == 0
    assert Path(".dlt/secrets.toml").read_text() == "mine"
    assert not elsewhere.read_text(), "a link is somebody's too"
    assert "Kept .dlt/secrets.toml, listrak_push.toml: there already." in out
    before = {name: Path(name).read_text() for name in FILES[:4]}
    assert "Wrote" not in listrak("init")[1]
    assert {name: Path(name).read_text() for name in FILES[:4]} == before


def test_a_destination_that_has_no_template(listrak: Listrak) -> None:
    code, _, err = listrak("init", "-d", "nowhere")
    assert code == Exit.WRONG_USE
    assert "there is no template for 'nowhere'; there are bigquery, clickhouse" in err
    assert not Path(".dlt").exists()


@pytest.mark.full
def test_filled_in_it_pulls(server: Sandbox, listrak: Listrak) -> None:
    listrak("init")
    secrets, config = Path(".dlt/secrets.toml"), Path(".dlt/config.toml")
    text = secrets.read_text()
    text = text.replace("the integration's client id", server.client_id)
    secrets.write_text(text.replace("the integration's client secret", server.client_secret))
    address = f'[sources.listrak]\nbase_url = "{server.base_url}"\ntoken_url = "{server.token_url}"'
    config.write_text(config.read_text().replace("[sources.listrak]", address))
    # In a process of its own: dlt reads its files once in a process.
    command = [sys.executable, "-m", "listrak_source", "pull", "--table", "lists"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert Path("listrak.duckdb").exists()


@pytest.mark.full
def test_a_secret_among_the_settings_is_named(server: Sandbox) -> None:
    """dlt counts DuckDB's path as one, which nobody would guess."""
    Path(".dlt").mkdir()
    Path(".dlt/config.toml").write_text('[destination.duckdb]\ncredentials = "sms.duckdb"\n')
    command = [sys.executable, "-m", "listrak_source", "pull", "--table", "lists"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == Exit.WRONG_USE
    said = "destination.duckdb.credentials is a secret, and config.toml holds none: move it to .dlt/secrets.toml."
    assert run.stderr == f"listrak: {said}\n"


def test_another_destination_later_says_what_to_add(listrak: Listrak) -> None:
    listrak("init")
    code, out, _ = listrak("init", "-d", "postgres")
    assert code == 0
    assert "Add to .dlt/config.toml:\n\n" in out
    assert '[destination.postgres.credentials]\nhost = "localhost"' in out
    assert "Add to .dlt/secrets.toml:" in out
    assert "what .dlt/config.toml and it ask for of postgres" in out
    assert "Add to" not in listrak("init")[1], "it is there"


@pytest.mark.parametrize("what", ["a file", "a dangling link", "a folder of that name"])
def test_where_nothing_can_be_written(listrak: Listrak, what: str) -> None:
    if what == "a file":
        Path(".dlt").touch()
    else:
        Path(".dlt").mkdir()
        secrets = Path(".dlt/secrets.toml")
        secrets.mkdir() if what == "a folder of that name" else secrets.symlink_to("/nowhere")
    code, _, err = listrak("init")
    assert code == Exit.WRONG_USE
    assert "cannot be written (" in err


@pytest.mark.full
@pytest.mark.parametrize("name", ["config", "secrets"])
def test_settings_that_are_no_toml_are_named(name: str) -> None:
    Path(".dlt").mkdir()
    Path(f".dlt/{name}.toml").write_text("[sources.listrak\n")
    command = [sys.executable, "-m", "listrak_source", "status"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == Exit.WRONG_USE
    assert run.stderr.startswith(f"listrak: .dlt/{name}.toml is no TOML: ")
