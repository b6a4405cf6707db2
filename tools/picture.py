"""``make picture``: what ``listrak demo`` prints, and the page of ``listrak report``, as the docs show them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from os import environ
from pathlib import Path
from tempfile import TemporaryDirectory

from dlt.common.runtime.collector import NULL_COLLECTOR
from rich._export_format import CONSOLE_SVG_FORMAT

from listrak_source.cli.commands.demo import run
from listrak_source.cli.commands.report import write_report
from listrak_source.cli.output.console import out
from listrak_source.cli.pulled import pulled
from listrak_source.cli.runs import recorded
from listrak_source.cli.warehouse import Warehouse
from listrak_source.sandbox import Sandbox, World

DOCS = Path(__file__).parents[1] / "docs"
PICTURE = DOCS / "demo.svg"
PAGES = {"report.png": (860, 2400, 1), "report-narrow.png": (390, 1900, 0)}
"""Pictures of the page: their width and height in pixels, and the browser's number for dark (0) or light (1)."""
WEEKS, CONTACTS = 12, 4000
WIDTH = 100
"""Characters of a line."""
# Rich's own frame asks another host for its font.
_FRAME = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace(
    "font-family: Fira Code, monospace", "font-family: ui-monospace, Menlo, Consolas, monospace"
)


def main() -> None:
    """Draw all of them."""
    page()
    demo()


def page() -> None:
    """Live some weeks in a sandbox, with a pull each, and have a browser draw the page of them."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        sys.exit("no Chromium is installed: it draws the page")
    with TemporaryDirectory() as made:
        folder = Path(made)
        environ["DESTINATION__DUCKDB__CREDENTIALS"] = str(folder / "page.duckdb")
        environ["DLT_DATA_DIR"] = str(folder / "dlt")
        world, warehouse = World(contacts=CONTACTS, sender_codes=1), Warehouse()
        with Sandbox(world) as sandbox:
            options = {one: getattr(sandbox, one) for one in ("client_id", "client_secret", "base_url", "token_url")}
            for week in range(WEEKS):
                if week:
                    world.live(7)
                with (
                    recorded(warehouse, "pull") as record,
                    warehouse.writing(NULL_COLLECTOR) as pipeline,
                    record.working(pipeline),
                ):
                    record.ended(pulled(pipeline, **options))
        file = folder / "page.html"
        write_report(warehouse, {}, file, {}, None, as_json=True)
        file.write_text(file.read_text("utf-8").replace(str(folder), "/srv/sms"), "utf-8")
        for name, (width, height, scheme) in PAGES.items():
            subprocess.run(  # noqa: S603 - a browser, and a file of our own
                [
                    browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                    f"--blink-settings=preferredColorScheme={scheme}", f"--user-data-dir={folder / 'browser'}",
                    f"--window-size={width},{height}", f"--screenshot={DOCS / name}", file.as_uri(),
                ],
                check=True, capture_output=True,
            )  # fmt: skip


def demo() -> None:
    """Run the demonstration, and write what it has printed."""
    out.record, out.width = True, WIDTH
    run(out, contacts=50_000, days=3)
    drawn = out.export_svg(title="listrak demo", code_format=_FRAME, unique_id="demo")
    PICTURE.write_text("\n".join(line.rstrip() for line in drawn.splitlines()) + "\n", "utf-8")


if __name__ == "__main__":
    main()
