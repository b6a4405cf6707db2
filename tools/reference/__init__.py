"""The reference in ``docs/reference``, as the code says it: ``make reference`` writes it, and a test compares it.

A page is written by hand, but for what stands between ``<!-- made: NAME -->`` and ``<!-- end of NAME -->``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from listrak_source.runs import PULL_RUNS, PUSH_ATTEMPTS
from tools.reference import command, diagram, errors, ledger, python, runs, settings, state, sync, tables

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "reference"
DIAGRAM = FOLDER / "tables.svg"
PARTS: dict[str, Callable[[], str]] = {
    "commands": command.commands,
    "settings": settings.settings,
    "overview": tables.overview,
    "tables": tables.tables,
    "sync": sync.settings,
    "column options": sync.options,
    "budget": sync.budget,
    "state": state.state,
    "pending": state.pending,
    "ledger": ledger.tables,
    "lease": ledger.lease,
    "forgotten": ledger.forgotten,
    "runs": lambda: runs.columns(PULL_RUNS),
    "attempts": lambda: runs.columns(PUSH_ATTEMPTS),
    "exceptions": errors.exceptions,
    "codes": errors.codes,
    "exit codes": errors.exit_codes,
    "python": python.api,
}
"""By its name: what makes a part of a page."""
_PART = re.compile(r"(<!-- made: (?P<name>[\w -]+) -->\n).*?(<!-- end of (?P=name) -->)", re.DOTALL)


def made() -> Iterator[tuple[Path, str]]:
    """Each file of the reference, and what it should hold."""
    for page in sorted(FOLDER.glob("*.md")):
        yield (
            page,
            _PART.sub(lambda part: f"{part[1]}\n{PARTS[part['name']]().strip()}\n\n{part[3]}", page.read_text("utf-8")),
        )
    yield DIAGRAM, diagram.drawn()


def used() -> set[str]:
    """The parts that stand in some page."""
    return {part["name"] for page in FOLDER.glob("*.md") for part in _PART.finditer(page.read_text("utf-8"))}
