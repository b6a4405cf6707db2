"""What has run: a line for each case, so that a run can be stopped and taken up again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.chaos.case import Case, Verdict


@dataclass(frozen=True)
class Line:
    """A case that has run."""

    id: str
    part: str
    row: str
    seconds: float
    harm: dict[str, int]
    notes: list[str]
    measured: list[str] = field(default_factory=list)


class Journal:
    """A file of JSON lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[str, Line] = {line.id: line for line in self._read()}

    def _read(self) -> Iterator[Line]:
        if self.path.exists():
            for text in self.path.read_text(encoding="utf-8").splitlines():
                try:
                    yield Line(**json.loads(text))
                except (ValueError, TypeError):  # the last one, where the process was killed
                    continue

    def add(self, case: Case, verdict: Verdict, seconds: float) -> Line:
        """Book a case, at once."""
        harm, taken = dict(verdict.harm), round(seconds, 2)
        line = Line(case.id, case.part, case.row, taken, harm, verdict.notes, verdict.measured)
        self.lines[line.id] = line
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(line)) + "\n")
        return line
