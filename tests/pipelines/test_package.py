"""The wheel: it builds, installs and imports, with all that it needs besides code."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.full
def test_wheel_installs_and_imports(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = [*pip, "wheel", str(ROOT), "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(tmp_path)]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("listrak_source-*.whl")
    held = zipfile.ZipFile(wheel).namelist()
    assert "listrak_source/py.typed" in held
    assert "pipelines/models/list_growth.sql" in held
    assert not [name for name in held if name.startswith(("tests/", "benchmarks/"))]
    target = tmp_path / "site"
    install = [*pip, "install", str(wheel), "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run(install, check=True)
    code = "import listrak_source, listrak_source.sandbox, pipelines.cli; print(listrak_source.__file__)"
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(target)!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.startswith(str(target)), "the wheel's own, not this checkout"
