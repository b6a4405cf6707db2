"""``make docs``: the documentation's pages, built by Zensical into ``site/``.

Pages link to files of the repository, which a built page does not have beside it: there such a link is its text, and a
picture is taken along.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
CONFIGURATION = ROOT / "mkdocs.yml"
_LINK = re.compile(r"(?P<is_picture>!?)\[(?P<text>[^\]]*)\]\((?P<path>\.\./[^)#\s]*)(?:#[^)]*)?\)")


def build(site: Path) -> None:
    """Build them into a folder. Ends the program where a link leads nowhere, or Zensical has any doubt."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        shutil.copytree(DOCS, folder / DOCS.name)
        shutil.copy(CONFIGURATION, folder)
        for page in DOCS.rglob("*.md"):
            copy = folder / page.relative_to(ROOT)
            copy.write_text(_apart(page, copy), "utf-8")
        # Of the environment that this runs in.
        zensical = Path(sys.executable).with_name("zensical")
        if subprocess.run([zensical, "build", "--strict"], cwd=folder, check=False).returncode:  # noqa: S603
            raise SystemExit(1)
        shutil.rmtree(site, ignore_errors=True)
        shutil.move(folder / "site", site)


def _apart(page: Path, copy: Path) -> str:
    """A page without links to what is not in the documentation."""

    def link(found: re.Match[str]) -> str:
        target = Path(os.path.normpath(page.parent / found["path"]))
        if target.is_relative_to(DOCS):
            return found[0]
        if not target.exists():
            raise SystemExit(f"{page.relative_to(ROOT)}: there is no {found['path']}")
        if not found["is_picture"]:
            return found["text"]
        shutil.copy(target, copy.parent)
        return f"![{found['text']}]({target.name})"

    return _LINK.sub(link, page.read_text("utf-8"))


if __name__ == "__main__":
    build(ROOT / "site")
