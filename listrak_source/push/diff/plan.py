"""A plan: what an apply would send, in numbers and examples. Making one sends nothing."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from listrak_source.push.conflicts import Conflict
from listrak_source.push.diff import comparison
from listrak_source.push.diff.import_files import MAX_FILE, Group, as_csv, by_key, grouped, of_group, write
from listrak_source.push.diff.rejects import unread_stops
from listrak_source.push.sync.config import Sync
from listrak_source.push.sync.field_mapping import Target
from listrak_source.push.sync.phone_numbers import masked
from listrak_source.push.warehouse.ledger import REASON
from listrak_source.push.warehouse.sql_client import Store

SAMPLE = 10
"""Changes that a plan shows."""


@dataclass(frozen=True)
class PlannedFile:
    """An import file that would go."""

    number: int
    group: Group
    first: int
    """Rows of the group that earlier files hold."""
    fields: tuple[str, ...]
    contacts: int
    size: int
    sha256: str


@dataclass(frozen=True)
class Plan:
    """What would change."""

    sync: Sync
    targets: list[Target]
    contacts: int
    """Contacts of the sender code, as far as the last pull knows."""
    counts: dict[str, int]
    """Contacts by what would be done, named as in a budget: ``opt_outs``, ``unsubscribes``, ``creates``,
    ``subscribes``, ``updates`` (one by one) and ``imports`` (by file)."""
    fields: dict[str, int]
    """By field: contacts that change it."""
    rejected: dict[str, int]
    """By column and reason: rows."""
    unread_stops: int
    """Of these: stops that are not understood."""
    files: list[PlannedFile]
    unknown_stops: int
    """Opt-outs of people whom Listrak does not have, as far as the last pull knows: no budget counts them."""
    sample: list[tuple[str, str, str | None, str]]
    """Phone number (masked), field, before, after."""
    hash: str
    conflicts: list[Conflict] = field(default_factory=list)
    """With other syncs of the same file."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not any(self.counts.values())

    def over_budget(self) -> list[str]:
        """What is more than the sync's budget allows, in sentences."""
        found = []
        for what, count in (self.counts | {"opt_outs": self.counts["opt_outs"] - self.unknown_stops}).items():
            limit, told = self.sync.budget[what], f"{count:,} {what.replace('_', '-')}"
            share = 100 * count / self.contacts if self.contacts else 100.0
            if count > limit.rows:
                found.append(f"{told}, and the budget is {limit.rows:,}")
            elif count > 10 and share > limit.percent:
                told = f"{told} are {share:.1f} % of the contacts"
                found.append(f"{told}, and the budget is {limit.percent:g} %")
        return found

    def asks(self) -> list[str]:
        """The lists that ask by text message whoever joins them, where somebody would."""
        joins = self.counts["creates"] or self.counts["subscribes"]
        return [target.title for target in self.targets if target.asks and joins]

    def as_json(self) -> str:
        """The plan for a machine."""
        told: dict[str, Any] = {key: value for key, value in vars(self).items() if key not in ("sync", "targets")}
        told |= {
            "sync": self.sync.name,
            "files": [_told(file) for file in self.files],
            "conflicts": [vars(one) for one in self.conflicts],
            "asks": self.asks(),
            "over_budget": self.over_budget(),
        }
        return json.dumps(told, indent=2)


def _told(file: PlannedFile) -> dict[str, Any]:
    told = {name: getattr(file, name) for name in ("fields", "contacts", "size", "sha256")}
    return {"number": file.number + 1, **told}


def make(store: Store, sync: Sync, targets: list[Target], max_import_bytes: int = MAX_FILE) -> Plan:
    """Work out a plan. Its tables stay in the warehouse, for the apply that may follow."""
    comparison.run(store, sync, targets)
    return of_tables(store, sync, targets, max_import_bytes)


def of_tables(store: Store, sync: Sync, targets: list[Target], max_import_bytes: int = MAX_FILE) -> Plan:
    """The plan for the tables that :func:`comparison.run` has left."""
    changes, creates, stops = comparison.changes_of(sync), comparison.creates_of(sync), comparison.stops_of(sync)
    own = comparison.any_of(targets, "is_own")
    fields = {}
    for index, target in enumerate(targets):
        if target.is_profile or target.is_own:
            count = _count(store, changes, f"after_{index} IS NOT NULL")
            if count:
                fields[target.title] = count
    files = _files(store, sync, targets, max_import_bytes)
    digest = hashlib.sha256(json.dumps([sync.name, sync.sender_code_id, [one.sha256 for one in files]]).encode())
    one_by_one = "".join(f", after_{index}" for index, one in enumerate(targets) if one.is_own or one.is_list)
    created = "".join(f", after_{index}" for index, one in enumerate(targets) if not one.is_stop)
    for query in (
        f"SELECT phone_number FROM {stops} WHERE TRUE",
        f"SELECT phone_number{one_by_one} FROM {changes} WHERE {own} OR {comparison.any_of(targets, 'is_list')}",
        f"SELECT phone_number{created} FROM {creates} WHERE TRUE",
    ):
        for rows in by_key(store, query):
            digest.update(as_csv(rows))
        digest.update(b"\n")
    return Plan(
        sync=sync,
        targets=targets,
        contacts=_contacts(store, sync),
        counts={
            "opt_outs": _count(store, stops),
            "unsubscribes": _count(store, changes, _listed(targets, "0")),
            "creates": _count(store, creates),
            "subscribes": _count(store, changes, _listed(targets, "1")),
            "updates": _count(store, changes, own),
            "imports": _count(store, changes, comparison.any_of(targets, "is_profile")),
        },
        fields=fields,
        rejected=_rejected(store, sync),
        unread_stops=unread_stops(store, comparison.rejected_of(sync)),
        files=files,
        unknown_stops=_count(store, stops, "is_known = 0"),
        sample=_sample(store, sync, targets),
        hash=digest.hexdigest()[:16],
    )


def _rejected(store: Store, sync: Sync) -> dict[str, int]:
    found = store.rows(f"SELECT {REASON}, COUNT(*) FROM {comparison.rejected_of(sync)} GROUP BY 1 ORDER BY 2 DESC, 1")
    return {str(reason): int(count) for reason, count in found}


def _files(store: Store, sync: Sync, targets: list[Target], most: int) -> list[PlannedFile]:
    """The import files: each is written, for its size and digest, and thrown away."""
    found: list[PlannedFile] = []
    with TemporaryDirectory(prefix="listrak-push-") as folder:
        for group in grouped(store, sync, targets):
            some, first = [targets[index] for index in group.targets], 0
            for one in write(of_group(store, sync, targets, group), some, Path(folder), most):
                one.path.unlink()
                fields = tuple(target.title for target in some)
                found.append(PlannedFile(len(found), group, first, fields, one.contacts, one.size, one.sha256))
                first += one.contacts
    return found


def _listed(targets: list[Target], value: str) -> str:
    lists = [f"after_{index} = '{value}'" for index, one in enumerate(targets) if one.is_list]
    return f"({' OR '.join(lists)})" if lists else "FALSE"


def _count(store: Store, table: str, condition: str = "TRUE") -> int:
    return int(store.one(f"SELECT COUNT(*) FROM {table} WHERE {condition}"))


def _contacts(store: Store, sync: Sync) -> int:
    alive = " AND removed_at IS NULL" if "removed_at" in store.tables["contacts"] else ""
    return int(store.one(f"SELECT COUNT(*) FROM contacts WHERE sender_code_id = {sync.sender_code_id}{alive}"))


def _sample(store: Store, sync: Sync, targets: list[Target]) -> list[tuple[str, str, str | None, str]]:
    changes, creates = comparison.changes_of(sync), comparison.creates_of(sync)
    found: list[tuple[str, str, str | None, str]] = []
    for index, target in enumerate(targets):
        if target.is_stop:
            queries = [f"SELECT phone_number, '0', '1' FROM {comparison.stops_of(sync)}"]
        else:
            changed = f"after_{index} IS NOT NULL"
            queries = [
                f"SELECT phone_number, before_{index}, after_{index} FROM {changes} WHERE {changed}",
                f"SELECT phone_number, CAST(NULL AS TEXT), after_{index} FROM {creates} WHERE {changed}",
            ]
        for query in queries:
            rows = store.rows(f"{query} ORDER BY 1 LIMIT {SAMPLE}")
            found += [(masked(str(phone)), target.title, before, after) for phone, before, after in rows]
    each = -(-SAMPLE // max(1, len({field for _, field, *_ in found})))
    shown: dict[str, int] = {}
    chosen = []
    for one in found:
        shown[one[1]] = shown.get(one[1], 0) + 1
        if shown[one[1]] <= each:
            chosen.append(one)
    return chosen[:SAMPLE]
