"""The page in a real browser: no request, no error, nothing wider than the window, nothing that a checker minds."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from listrak_source.dashboard.choice import choose
from listrak_source.dashboard.report import page
from tests.dashboard.conftest import Told
from tests.dashboard.test_report import Tables

pytestmark = pytest.mark.full

AXE = "axe-core@4.10.3"
_LOOK = """
<pre id="found"></pre><script>
const found = {
  wide: document.documentElement.scrollWidth, window: window.innerWidth,
  empty: [...document.querySelectorAll('.chart')].filter(one => getComputedStyle(one).display != 'none')
    .filter(one => !one.querySelector('svg').getBBox().width).length,
  charts: [...document.querySelectorAll('.chart')].filter(one => getComputedStyle(one).display != 'none').length,
};
const tell = () => { document.getElementById('found').textContent = JSON.stringify(found); };
tell();
if (window.axe) { axe.run(document.querySelector('main')).then(told => {
  found.violations = told.violations.map(one => [one.id, one.nodes[0].html.slice(0, 200)]);
  found.passes = told.passes.length;
  tell();
}); }
</script>
"""


@cache
def chromium() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not found:
        pytest.skip("there is no Chromium here: the page is not looked at in a browser")
    return found


def opened(file: Path, *options: str) -> str:
    """The document as the browser has it at the end. Its log goes beside the file."""
    done = subprocess.run(
        [
            chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom",
            "--virtual-time-budget=20000", f"--user-data-dir={file.parent / 'profile'}", *options, file.as_uri(),
        ],
        capture_output=True, text=True, timeout=240, check=True,
    )  # fmt: skip
    complaints = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    assert not complaints
    return done.stdout


def looked_at(text: str, folder: Path, *options: str, axe: str = "") -> dict[str, Any]:
    """What a script finds on the page, which may run no script: it is taken out of its policy for that."""
    file = folder / "looked_at.html"
    policy = re.search(r'<meta http-equiv="Content-Security-Policy"[^>]*>', text)
    assert policy
    scripts = f"<script>{axe}</script>" if axe else ""
    file.write_text(text.replace(policy[0], "").replace("</body>", f"{scripts}{_LOOK}</body>"), encoding="utf-8")
    found = re.search(r'<pre id="found">(.*?)</pre>', opened(file, *options), re.DOTALL)
    assert found
    told: dict[str, Any] = json.loads(unescape(found[1]))
    return told


@pytest.fixture(scope="module")
def text(told: Told) -> str:
    return page(told.snapshot, choose(told.snapshot), has_form=True)


def test_no_request_leaves_the_file(text: str, tmp_path: Path) -> None:
    file, log = tmp_path / "report.html", tmp_path / "net.json"
    file.write_text(text, encoding="utf-8")
    seen = opened(file, f"--log-net-log={log}", "--disable-background-networking", "--disable-component-update")
    assert Tables(seen).found == Tables(text).found, "the browser has every number"
    urls = set(re.findall(r'"url":"([^"]+)"', log.read_text(encoding="utf-8")))
    assert not {url for url in urls if url.startswith(("http:", "https:", "ws:"))} - _OF_CHROMIUM(urls)


def _OF_CHROMIUM(urls: set[str]) -> set[str]:  # noqa: N802 - it asks for its own updates
    return {url for url in urls if re.match(r"https?://[^/]*(google|gvt1|gstatic)[^/]*/", url)}


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window(text: str, width: int, tmp_path: Path) -> None:
    found = looked_at(text, tmp_path, f"--window-size={width},900")
    assert found["wide"] <= found["window"]
    assert found["charts"] >= 6
    assert not found["empty"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_an_accessibility_checker_says(text: str, scheme: str, tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if not npm:
        pytest.skip("there is no npm here to bring axe-core: nobody checks the page's accessibility")
    packed = subprocess.run([npm, "pack", "--silent", AXE], cwd=tmp_path, capture_output=True, check=False)
    if packed.returncode:
        pytest.skip("npm brings no axe-core here: nobody checks the page's accessibility")
    shutil.unpack_archive(next(tmp_path.glob("axe-core-*.tgz")), tmp_path)
    axe = (tmp_path / "package" / "axe.min.js").read_text(encoding="utf-8").replace("</script", "<\\/script")
    shown = text.replace("@media (prefers-color-scheme: dark)", "@media all") if scheme == "dark" else text
    found = looked_at(shown, tmp_path, axe=axe)
    assert found["violations"] == []
    assert found["passes"] > 10
