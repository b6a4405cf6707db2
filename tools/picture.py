"""``make picture``: what ``listrak demo`` prints, as the picture that README shows."""

from __future__ import annotations

import re
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT

from listrak_source.cli.demo import run
from listrak_source.cli.output import out

PICTURE = Path(__file__).parents[1] / "docs" / "demo.svg"
WIDTH = 100
"""Characters of a line."""
# Rich's own frame asks another host for its font.
_FRAME = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace(
    "font-family: Fira Code, monospace", "font-family: ui-monospace, Menlo, Consolas, monospace"
)


def main() -> None:
    """Run the demonstration, and write what it has printed."""
    out.record, out.width = True, WIDTH
    run(out, contacts=50_000, days=3)
    drawn = out.export_svg(title="listrak demo", code_format=_FRAME, unique_id="demo")
    PICTURE.write_text("\n".join(line.rstrip() for line in drawn.splitlines()) + "\n", "utf-8")


if __name__ == "__main__":
    main()
