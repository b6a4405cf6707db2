"""The documentation's pages, as ``make docs`` builds them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENTRANCES = ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)]*))?\)")
LOADED = re.compile(r"<(?:script|img|iframe|source|video|audio)\b[^>]*\bsrc=[\"']?(https?:)?//|<link\b[^>]*>")
IMPORTED = re.compile(r"@import|url\(\s*[\"']?(?:https?:)?//")


def test_they_are_built_without_a_doubt_and_load_nothing_from_elsewhere(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    command = [str(Path(sys.executable).with_name("zensical")), "build", "--strict"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 9
    for page in pages:
        html = page.read_text("utf-8")
        for found in LOADED.finditer(html):
            assert found[0].startswith("<link"), found[0]
            assert not re.search(r"href=[\"']?(https?:)?//", found[0]), found[0]
        assert not re.search(r"class=[\"']?mermaid", html), "its drawing program comes from elsewhere"
    for sheet in (tmp_path / "site").rglob("*.css"):
        assert not IMPORTED.search(sheet.read_text("utf-8")), sheet


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150


@pytest.mark.parametrize("name", ENTRANCES)
def test_no_link_leads_nowhere(name: str) -> None:
    """Of the pages Zensical asks the same."""
    for path, anchor in LINK.findall((ROOT / name).read_text("utf-8")):
        target = ROOT / (path or name)
        assert target.exists(), path
        if anchor:
            titles = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, (
                path,
                anchor,
            )
