"""The wheel: it builds, installs and imports, with all that it needs besides code."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from listrak_source.sandbox import Sandbox

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The wheel, installed into a folder of its own; and the names of the files in it."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = [*pip, "wheel", str(ROOT), "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder)]
    subprocess.run(build, check=True)
    (wheel,) = folder.glob("listrak_source-*.whl")
    install = [*pip, "install", str(wheel), "--no-deps", "--no-index", "--target", str(folder / "site")]
    subprocess.run(install, check=True)
    return folder / "site", zipfile.ZipFile(wheel).namelist()


@pytest.mark.full
def test_wheel_installs_and_imports(installed: tuple[Path, list[str]]) -> None:
    site, held = installed
    assert "listrak_source/py.typed" in held
    assert "listrak_source/cli/sql/list_growth.sql" in held
    models = {name.removeprefix("listrak_source/models/") for name in held if name.startswith("listrak_source/models/")}
    folder = ROOT / "listrak_source" / "models"
    assert models == {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {Path(name).suffix for name in models} == {".sql", ".yml"}, "and nothing that dbt has left there"
    assert {name.split("/")[0] for name in held if ".dist-info/" not in name} == {"listrak_source"}
    code = "import listrak_source, listrak_source.sandbox, listrak_source.cli.main; print(listrak_source.__file__)"
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(site)!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.startswith(str(site)), "the wheel's own, not this checkout"


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("way", ["listrak", "python -m listrak_source"])
def test_the_command_runs_beside_other_peoples_packages(
    installed: tuple[Path, list[str]], sandbox: Sandbox, way: str
) -> None:
    """Many projects have a folder ``pipelines``, or ``tests``, that their program may import."""
    site, _ = installed
    for name in ("pipelines", "tests", "benchmarks"):
        Path(name).mkdir()
        Path(name, "__init__.py").write_text("raise ImportError('this is somebody else')\n")
    begin = [str(site / "bin" / "listrak")] if way == "listrak" else [sys.executable, "-m", "listrak_source"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((".", str(site)))}
    for arguments in (["pull", "--table", "lists"], ["status"]):
        done = subprocess.run([*begin, *arguments], capture_output=True, text=True, check=False, env=environment)
        assert (done.returncode, done.stderr) == (0, "")
    assert "listrak.duckdb" in done.stdout


@pytest.mark.full
def test_completion_knows_each_command(installed: tuple[Path, list[str]]) -> None:
    """What a shell asks the command for as one types ``listrak pu``."""
    site, _ = installed
    asked = {
        "_LISTRAK_COMPLETE": "complete_bash",
        "COMP_WORDS": "listrak pu",
        "COMP_CWORD": "1",
        "PYTHONPATH": str(site),
    }
    done = subprocess.run(
        [str(site / "bin" / "listrak")], capture_output=True, text=True, check=False, env=os.environ | asked
    )
    assert (done.returncode, done.stdout.split()) == (0, ["pull", "push"])
