"""``dlt init`` with this repository for its ``--location``: what it makes runs once the secrets are filled in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
import tomlkit

from tests.pull.warehouse import Warehouse, truth

ROOT = Path(__file__).parents[2]
PROGRAM = """
import runpy
made = runpy.run_path("listrak_pipeline.py", run_name="__main__")
made["pull_opt_outs"]()
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of git's with the files as they are here."""
    folder = tmp_path_factory.mktemp("repository")
    shutil.copytree(ROOT / "sources", folder / "sources", ignore=shutil.ignore_patterns("__pycache__"))
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "As it is"]):
        who = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
        subprocess.run(["git", *who, *words], cwd=folder, check=True)
    return folder


def run(*words: str) -> str:
    """What a Python says that finds the package wherever the tests find it."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    done = subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def init(repository: Path, destination: str = "duckdb") -> dict[str, Any]:
    """Make a project in this folder; returns the secrets that it asks for."""
    said = run("-m", "dlt", "--non-interactive", "-y", "init", "listrak", destination, "--location", str(repository))
    assert "Verified source listrak was added to your project!" in said
    return tomlkit.parse(Path(".dlt/secrets.toml").read_text()).unwrap()


@pytest.mark.full
def test_a_project_is_made_and_its_pipeline_runs(warehouse: Warehouse, repository: Path) -> None:
    secrets = init(repository)
    assert secrets == {"sources": {"listrak": dict.fromkeys(("client_id", "client_secret"), "<configure me>")}}
    filled = "".join(f'{name} = "{value}"\n' for name, value in warehouse.options().items())
    Path(".dlt/secrets.toml").write_text(f"[sources.listrak]\n{filled}")
    assert run("-c", PROGRAM).count("is LOADED and contains no failed jobs") == 2
    with duckdb.connect("listrak.duckdb") as connection:
        found = connection.execute("SELECT sender_code_id, phone_number FROM listrak_sms.opt_outs").fetchall()
        assert set(found) >= {key[:2] for key in truth(warehouse.sandbox)["opt_outs"]}
        states = connection.execute("SELECT DISTINCT pipeline_name FROM listrak_sms._dlt_pipeline_state").fetchall()
    assert states == [("listrak",)], "both functions of the program go on with one state"


@pytest.mark.full
def test_the_program_is_made_for_the_destination(repository: Path) -> None:
    secrets = init(repository, "postgres")
    assert secrets["destination"]["postgres"]["credentials"]["password"] == "<configure me>"
    assert Path("listrak_pipeline.py").read_text().count("destination='postgres'") == 2
    needed = Path("requirements.txt").read_text().splitlines()
    assert needed == ["dlt[postgres]<1.33,>=1.31", "listrak-source"]


@pytest.mark.full
def test_whoever_has_only_dlt_can_make_a_project(repository: Path) -> None:
    """The package may come later, by the requirements."""
    Path("listrak_source.py").write_text("raise ModuleNotFoundError('there is none', name='listrak_source')")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    words = ["dlt", "--non-interactive", "-y", "init", "listrak", "duckdb", "--location", str(repository)]
    done = subprocess.run([sys.executable, "-m", *words], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    secrets = tomlkit.parse(Path(".dlt/secrets.toml").read_text()).unwrap()
    assert secrets["sources"]["listrak"].keys() == {"client_id", "client_secret"}


def test_it_needs_the_dlt_that_the_package_needs() -> None:
    declared = tomlkit.parse((ROOT / "pyproject.toml").read_text())["project"]
    ours = next(one for one in declared["dependencies"] if one.startswith("dlt["))
    needed = (ROOT / "sources/listrak/requirements.txt").read_text().splitlines()
    assert needed == [ours.replace("[duckdb]", ""), declared["name"]]
