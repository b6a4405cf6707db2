"""The table of what survives what, made of a journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.case import HARM
from tests.chaos.journal import Journal

BEGIN, END = "<!-- made: chaos -->", "<!-- end of chaos -->"
HEADS = {
    "lost": "lost", "doubled": "doubled", "writes": "written twice", "reached": "reached", "leaked": "leaked",
    "hung": "hung", "tracebacks": "tracebacks",
}  # fmt: skip
assert HEADS.keys() == HARM.keys()


def table(journal: Journal) -> Iterator[str]:
    """Lines of Markdown: a table for each part, a line for each kind of harm that was tried."""
    parts: dict[str, dict[str, list[dict[str, int]]]] = {}
    measured: dict[str, list[str]] = {}
    for line in journal.lines.values():
        parts.setdefault(line.part, {}).setdefault(line.row, []).append(line.harm)
        measured.setdefault(line.part, []).extend(line.measured)
    for part, rows in parts.items():
        yield from (f"## {part}", "", f"| what happens | cases | {' | '.join(HEADS.values())} |")
        yield "|---|" + "--:|" * (len(HEADS) + 1)
        for row, harms in rows.items():
            found: Counter[str] = sum(map(Counter, harms), Counter())
            yield f"| {row} | {len(harms):,} | {' | '.join(f'{found[harm]:,}' for harm in HEADS)} |"
        yield from ("", *(f"- {text}" for text in measured[part]), *([""] if measured[part] else []))


def summary(journal: Journal) -> str:
    """One line about all that has run."""
    found: Counter[str] = sum((Counter(line.harm) for line in journal.lines.values()), Counter())
    hours = sum(line.seconds for line in journal.lines.values()) / 3600
    said = " · ".join(f"{found[harm]:,} {head}" for harm, head in HEADS.items())
    return f"{len(journal.lines):,} cases in {hours:.1f} hours of a processor: {said}"


def write(path: Path, journal: Journal) -> None:
    """Put the table into a page, between its marks."""
    text = path.read_text(encoding="utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    made = "\n".join((BEGIN, "", summary(journal) + ".", "", *table(journal), END))
    path.write_text(before + made + after, encoding="utf-8")
