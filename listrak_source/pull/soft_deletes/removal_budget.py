"""Which rows may be marked as removed, of those that a complete walk did not find: confirmed ones, within a budget.

A row is gone when Listrak says so of the row itself (see ``confirmation``), or when two proved walks in a row did not
find it. More of them than the budget allows are marked only when exactly that set is let through, by its hash.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from listrak_source.pull.keys import seen_keys
from listrak_source.pull.load.warehouse import load_id, not_removed, select
from listrak_source.pull.plan import Plan
from listrak_source.pull.records.row_keys import KEY, keys_of
from listrak_source.pull.schema import TABLES, Table
from listrak_source.pull.soft_deletes.confirmation import Confirmation
from listrak_source.pull.state.state import Unmarked

REPLACED = "is_replaced"
"""A column beside a row's key: the walk found another row that takes its place."""

_MISSING, _OVER = "missing/", "over/"
"""Why a row is not marked: nobody knows whether it is gone, or too many are."""

FEW = 10
"""So many rows may always be marked, whatever share of a table they are."""


class RemovalBudget:
    """What one walk marks."""

    def __init__(self, plan: Plan) -> None:
        self._settings, self._state = plan.catalog.settings, plan.state
        self._absence = Confirmation(plan.catalog, self._settings.confirmations)
        self._before = self._state.unmarked()
        """What the last walk did not find and did not mark."""
        self._gone: dict[str, list[pa.Array]] = defaultdict(list)
        self._open: dict[str, list[pa.Array]] = defaultdict(list)
        self._over: dict[str, pa.Array] = {}
        self._marked: dict[str, pa.Array] = {}
        self.sentences: list[str] = []
        """What is over the budget."""

    def judge(self, table: Table, rows: pa.Table) -> pa.Table:
        """Take rows, by their keys, that the walk did not find; return those that are gone."""
        hashes = keys_of(rows.select(table.key))
        replaced = pa.repeat(pa.scalar(False), rows.num_rows)
        if REPLACED in rows.column_names:
            replaced = rows[REPLACED].combine_chunks()
        asked = self._absence.of(table, rows.filter(pc.invert(replaced)))
        answers = pc.replace_with_mask(pa.repeat(pa.scalar(True), rows.num_rows), pc.invert(replaced), asked)
        unknown = answers.is_null()
        twice = pc.and_(unknown, pc.is_in(hashes, value_set=self._missing_before(table.name)))
        gone = pc.or_(pc.fill_null(answers, False), twice)
        self._gone[table.name].append(hashes.filter(gone))
        self._open[table.name].append(hashes.filter(pc.and_not(unknown, twice)))
        return rows.filter(gone)

    def decide(self) -> None:
        """Every table was judged: hold what is gone against the budget."""
        gone = {name: pa.concat_arrays(parts) for name, parts in self._gone.items()}
        accepts = self._before.hash and self._settings.accept_removals == self._before.hash
        accepted = {name: self._left(_OVER, name) if accepts else _NONE for name in gone}
        more = {name: keys.filter(pc.invert(pc.is_in(keys, value_set=accepted[name]))) for name, keys in gone.items()}
        self.sentences = list(self._sentences(more))
        self._marked = gone
        if self.sentences:
            self._over = more
            self._marked = {name: keys.filter(pc.is_in(keys, value_set=accepted[name])) for name, keys in gone.items()}

    def marks_any(self, table: Table) -> bool:
        """Whether any row of the table is to be marked."""
        return len(self._marked.get(table.name, _NONE)) > 0

    def marks(self, table: Table, rows: pa.Table) -> pa.Array:
        """Which of the rows are to be marked, as booleans."""
        return pc.is_in(keys_of(rows.select(table.key)), value_set=self._marked.get(table.name, _NONE))

    def left(self) -> Iterator[pa.Table]:
        """Rows of ``seen_keys`` with what was not found and is not marked, for the next walk.

        None where there was nothing, and nothing before.
        """
        keys = self._unmarked()
        if keys or self._before.load_id:
            yield from seen_keys.left_unmarked(keys, load_id(), self._before.load_id)

    def remember(self) -> None:
        """Keep in the state what says which rows :meth:`left` has told, and what is said of them."""
        told = " ".join(self.sentences)
        over = _hash_of(self._over) if self.sentences else ""
        if over:
            only = "".join(f" --sender-code {one}" for one in self._settings.sender_codes or ())
            only += "".join(f" --list {one}" for one in self._settings.lists or ())
            told += f" None of these is marked. If that is right: listrak pull --full{only} --accept-removals {over}."
        self._state.keep_unmarked(Unmarked(over, told, load_id() if self._unmarked() else ""))

    def _unmarked(self) -> dict[str, pa.Array]:
        """By group of ``seen_keys``."""
        still = {_MISSING + name: pa.concat_arrays(parts) for name, parts in self._open.items()}
        still |= {_OVER + name: keys for name, keys in self._over.items()}
        return {group: pc.unique(keys) for group, keys in still.items() if len(keys)}

    @cached_property
    def _left_before(self) -> dict[str, pa.Array]:
        return seen_keys.unmarked(self._before.load_id)

    def _left(self, what: str, table: str) -> pa.Array:
        """Of a table, what the last walk left for that reason."""
        keys = self._left_before.get(what + table)
        return _NONE if keys is None else keys

    def _missing_before(self, table: str) -> pa.Array:
        return pa.concat_arrays([self._left(_MISSING, table), self._left(_OVER, table)])

    def _sentences(self, gone: dict[str, pa.Array]) -> Iterator[str]:
        rows, percent = self._settings.removal_rows, self._settings.removal_percent
        for name, keys in gone.items():
            count = len(keys)
            if count > rows:
                yield f"{count:,} rows of {name} are gone at Listrak, and the budget is {rows:,}."
            elif count > FEW and (share := 100 * count / max(_living(name), 1)) > percent:
                share_of = f"{share:.1f} % of it, and the budget is {percent:g} %"
                yield f"{count:,} rows of {name} are gone at Listrak, {share_of}."


_NONE = pa.array([], KEY)


def _living(name: str) -> int:
    found = list(select(f"SELECT count(*) AS rows FROM {name} WHERE {not_removed(TABLES[name])}"))  # noqa: S608 - our own names
    return int(found[0]["rows"][0].as_py()) if found else 0


def _hash_of(keys: dict[str, pa.Array]) -> str:
    digest = hashlib.sha256()
    for name in sorted(keys):
        digest.update(f"{name} {sorted(keys[name].to_pylist())}".encode())
    return digest.hexdigest()[:12]
