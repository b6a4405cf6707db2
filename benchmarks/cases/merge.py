"""Everything once more, onto what is there, one contact in a hundred changed: a complete walk, against a plain load
without a framework.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb

from benchmarks.account import edit
from benchmarks.contenders import FLOOR, OURS, REST_API_MERGE, Contender
from benchmarks.options import Options
from benchmarks.processes import Usage, sandbox
from benchmarks.report import Goal, Result
from benchmarks.timing import check_the_same, first_load, folder_of, in_turns, load_again

OF = 100
"""One contact in so many is edited before each walk of ours."""


def run(options: Options, work: Path) -> Iterator[Result]:
    """Time ``listrak pull --full``, dlt's merge, and the floor's load into an empty file, at each size."""
    for contacts in options.sizes((200_000,), (1_000_000,)):
        title = f"All of {contacts:,} contacts onto themselves in DuckDB, 1 % of them changed"
        result = Result("merge", title, contacts)
        chosen = [OURS, FLOOR] + ([] if options.without_peers else [REST_API_MERGE])
        with sandbox(contacts) as settings:
            walk = _Walk(settings, contacts // OF)
            for contender in chosen:
                if contender.again:
                    first_load(settings)(contender, folder_of(work, contender))
            result.timed = in_turns(chosen, options.runs, contacts, work, walk.step)
        result.held = check_the_same(result.timed)
        ratio = result.ratio(OURS.name, FLOOR.name)
        if ratio:
            result.goals.append(
                Goal(f"{contacts:,}, 1 % changed, against no framework's first load", most=1.6, reached=ratio)
            )
        if walk.changed:
            case = "contacts and memberships that a walk writes, against those that changed"
            result.goals.append(Goal(case, most=1.05, reached=walk.written / walk.changed))
        yield result


class _Walk:
    """Loads everything once more, and before ours edits some."""

    def __init__(self, settings: Mapping[str, str], changes: int) -> None:
        self.settings, self.changes = dict(settings), changes
        self.changed = self.written = self.turn = 0
        self._again = load_again(settings)

    def step(self, contender: Contender, folder: Path) -> Usage:
        if contender is not OURS:
            return self._again(contender, folder)
        self.turn += 1
        edit(self.settings, self.changes, self.turn)
        before = _latest(folder)
        used = self._again(contender, folder)
        self.changed += self.changes
        self.written += _written_since(folder, before)
        return used


def _latest(folder: Path) -> str:
    with duckdb.connect(str(folder / OURS.database), read_only=True) as connection:
        found = connection.execute("SELECT max(_dlt_load_id) FROM listrak_sms.contacts").fetchone()
    return str(found[0]) if found else ""


def _written_since(folder: Path, load_id: str) -> int:
    """Contacts and memberships that later loads have written."""
    written = 0
    with duckdb.connect(str(folder / OURS.database), read_only=True) as connection:
        for table in ("contacts", "list_memberships"):
            query = f"SELECT count(*) FROM listrak_sms.{table} WHERE _dlt_load_id > ?"
            found = connection.execute(query, [load_id]).fetchone()
            written += int(found[0]) if found else 0
    return written
