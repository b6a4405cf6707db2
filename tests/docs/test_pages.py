"""The documentation's pages, as ``make docs`` builds them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.pages import ROOT, build

ENTRANCES = ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)]*))?\)")
LOADED = re.compile(
    r"<(?:script|img|iframe|source|video|audio)\b[^>]*\bsrc=[\"']?([^\"' >]*)|<link\b[^>]*href=[\"']?([^\"' >]*)"
)
LED_TO = re.compile(r"<a\b[^>]*\bhref=[\"']?([^\"' >#]+)")
IMPORTED = re.compile(r"@import|url\(\s*[\"']?(?:https?:)?//")
ELSEWHERE = re.compile(r"(https?:)?//")


@pytest.mark.full
def test_they_load_nothing_from_elsewhere_and_no_link_leads_nowhere(tmp_path: Path) -> None:
    site = tmp_path / "site"
    build(site)
    pages = list(site.rglob("*.html"))
    assert len(pages) > 9
    for page in pages:
        html = page.read_text("utf-8")
        loaded = {one or other for one, other in LOADED.findall(html)}
        assert not [one for one in loaded if ELSEWHERE.match(one)], page.name
        assert not re.search(r"class=[\"']?mermaid", html), "its drawing program comes from elsewhere"
        if page.name != "404.html":  # it stands wherever it is asked for
            for path in loaded | {one for one in LED_TO.findall(html) if not ELSEWHERE.match(one)}:
                assert (page.parent / path).exists(), (page.name, path)
    for sheet in site.rglob("*.css"):
        assert not IMPORTED.search(sheet.read_text("utf-8")), sheet.name


def test_every_page_is_in_the_navigation() -> None:
    named = re.findall(r"^ +- (?:[^:]+: )?([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md"))


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150


@pytest.mark.parametrize("name", ENTRANCES)
def test_no_link_of_the_files_beside_them_leads_nowhere(name: str) -> None:
    for path, anchor in LINK.findall((ROOT / name).read_text("utf-8")):
        target = ROOT / (path or name)
        assert target.exists(), path
        if anchor:
            titles = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
            assert anchor in anchors, (path, anchor)
