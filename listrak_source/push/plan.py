"""A plan: what an apply would send, in numbers and examples. Making one sends nothing."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from listrak_source.push import diff
from listrak_source.push.files import of_group, write
from listrak_source.push.groups import Group, grouped
from listrak_source.push.phones import masked
from listrak_source.push.store import Store
from listrak_source.push.sync import Sync
from listrak_source.push.targets import Target

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
    stops: int
    updates: int
    """Contacts that are written one by one."""
    imports: int
    """Contacts in import files."""
    fields: dict[str, int]
    """By field: contacts that change it."""
    rejected: dict[str, int]
    """By column and reason: rows."""
    files: list[PlannedFile]
    sample: list[tuple[str, str, str | None, str]]
    """Phone number (masked), field, before, after."""
    hash: str

    @property
    def is_empty(self) -> bool:
        return not (self.stops or self.updates or self.imports)

    def over_budget(self) -> list[str]:
        """What is more than the sync's budget allows, in sentences."""
        found = []
        for what, count in (("opt_outs", self.stops), ("updates", self.updates), ("imports", self.imports)):
            limit = self.sync.budget[what]
            share = 100 * count / self.contacts if self.contacts else 100.0
            if count > limit.rows:
                found.append(f"{count:,} {what.replace('_', '-')}, and the budget is {limit.rows:,}")
            elif count > 10 and share > limit.percent:
                told = f"{count:,} {what.replace('_', '-')} are {share:.1f} % of the contacts"
                found.append(f"{told}, and the budget is {limit.percent:g} %")
        return found

    def as_json(self) -> str:
        """The plan for a machine."""
        told: dict[str, Any] = {key: value for key, value in vars(self).items() if key not in ("sync", "targets")}
        told |= {
            "sync": self.sync.name,
            "files": [_told(file) for file in self.files],
            "over_budget": self.over_budget(),
        }
        return json.dumps(told, ensure_ascii=False, indent=2)


def _told(file: PlannedFile) -> dict[str, Any]:
    return {name: getattr(file, name) for name in ("number", "fields", "contacts", "size", "sha256")}


def make(store: Store, sync: Sync, targets: list[Target]) -> Plan:
    """Work out a plan. Its tables stay in the warehouse, for the apply that may follow."""
    diff.run(store, sync, targets)
    changes = diff.changes_of(sync)
    own = [index for index, one in enumerate(targets) if one.field_id is None and not one.is_stop]
    profile = [index for index, one in enumerate(targets) if one.field_id is not None]
    fields = {}
    for index, target in enumerate(targets):
        if not target.is_stop and (
            count := store.one(f"SELECT COUNT(*) FROM {changes} WHERE after_{index} IS NOT NULL")
        ):
            fields[target.title] = int(count)
    rejected = store.rows(
        f"SELECT column_name || ': ' || CASE WHEN reason LIKE '{diff.SAME}%' THEN 'two rows for one person' "
        f"ELSE reason END, COUNT(*) FROM {diff.rejected_of(sync)} GROUP BY 1 ORDER BY 2 DESC, 1"
    )
    files = _files(store, sync, targets)
    own_values = "".join(f", after_{index}" for index in own)
    digest = hashlib.sha256(json.dumps([sync.name, sync.sender_code_id, [one.sha256 for one in files]]).encode())
    for query in (
        f"SELECT phone_number FROM {diff.stops_of(sync)} ORDER BY phone_number",
        f"SELECT phone_number{own_values} FROM {changes} WHERE {_any(own)} ORDER BY phone_number",
    ):
        for row in store.rows(query):
            digest.update(json.dumps(row).encode())
    return Plan(
        sync=sync,
        targets=targets,
        contacts=_contacts(store, sync),
        stops=_count(store, diff.stops_of(sync), "TRUE"),
        updates=_count(store, changes, _any(own)),
        imports=_count(store, changes, _any(profile)),
        fields=fields,
        rejected={str(reason): int(count) for reason, count in rejected},
        files=files,
        sample=_sample(store, sync, targets),
        hash=digest.hexdigest()[:16],
    )


def _files(store: Store, sync: Sync, targets: list[Target]) -> list[PlannedFile]:
    """The import files: each is written, for its size and digest, and thrown away."""
    found: list[PlannedFile] = []
    with TemporaryDirectory(prefix="listrak-push-") as folder:
        for group in grouped(store, sync, targets):
            some, first = [targets[index] for index in group.targets], 0
            for one in write(of_group(store, sync, targets, group), some, Path(folder)):
                one.path.unlink()
                fields = tuple(target.title for target in some)
                found.append(PlannedFile(len(found), group, first, fields, one.contacts, one.size, one.sha256))
                first += one.contacts
    return found


def _any(indexes: list[int]) -> str:
    return "(" + (" OR ".join(f"after_{index} IS NOT NULL" for index in indexes) or "FALSE") + ")"


def _count(store: Store, table: str, condition: str) -> int:
    return int(store.one(f"SELECT COUNT(*) FROM {table} WHERE {condition}"))


def _contacts(store: Store, sync: Sync) -> int:
    alive = " AND removed_at IS NULL" if "removed_at" in store.tables["contacts"] else ""
    return int(store.one(f"SELECT COUNT(*) FROM contacts WHERE sender_code_id = {sync.sender_code_id}{alive}"))


def _sample(store: Store, sync: Sync, targets: list[Target]) -> list[tuple[str, str, str | None, str]]:
    found: list[tuple[str, str, str | None, str]] = []
    for index, target in enumerate(targets):
        if target.is_stop:
            rows = store.rows(f"SELECT phone_number, '0', '1' FROM {diff.stops_of(sync)} ORDER BY 1 LIMIT {SAMPLE}")
        else:
            rows = store.rows(
                f"SELECT phone_number, before_{index}, after_{index} FROM {diff.changes_of(sync)} "
                f"WHERE after_{index} IS NOT NULL ORDER BY 1 LIMIT {SAMPLE}"
            )
        found += [(masked(str(phone)), target.title, before, after) for phone, before, after in rows]
    each = -(-SAMPLE // max(1, len({field for _, field, *_ in found})))
    shown: dict[str, int] = {}
    chosen = []
    for one in found:
        shown[one[1]] = shown.get(one[1], 0) + 1
        if shown[one[1]] <= each:
            chosen.append(one)
    return chosen[:SAMPLE]
