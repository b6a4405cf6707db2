"""Import files: CSV from the warehouse to disk, and from there as base64 into a request, never whole in memory.

UTF-8 without a byte order mark, commas, a header, every cell in ``"`` with inner quotes doubled. Rows stand in the
order of their phone numbers, so the same plan gives the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from listrak_source.api import ListrakError
from listrak_source.push.diff.comparison import changes_of
from listrak_source.push.sync.canonical import wire_form
from listrak_source.push.sync.config import Sync
from listrak_source.push.sync.field_mapping import Target
from listrak_source.push.warehouse.sql_client import Store, text
from listrak_source.settings import MAX_IMPORT_BYTES

MOST = 16
"""Files for rows that change several fields together."""


@dataclass(frozen=True)
class Group:
    """The rows of one import file, or of several where one would be too large."""

    number: int
    targets: tuple[int, ...]
    """The fields, by number of the target."""
    condition: str
    """SQL: which rows of the changes."""
    contacts: int


def grouped(store: Store, sync: Sync, targets: list[Target]) -> list[Group]:
    """The groups of a sync's changes, the largest first."""
    profile = [index for index, target in enumerate(targets) if target.is_profile]
    if not profile:
        return []
    changed = {index: f"after_{index} IS NOT NULL" for index in profile}
    pattern = " || ".join(f"CASE WHEN {changed[index]} THEN '1' ELSE '0' END" for index in profile)
    found = store.rows(
        f"SELECT pattern, COUNT(*) FROM (SELECT {pattern} AS pattern FROM {changes_of(sync)}) AS patterns "
        f"WHERE pattern LIKE '%1%' GROUP BY pattern ORDER BY 2 DESC, 1"
    )
    groups: list[Group] = []
    own = found[:MOST]
    for marks, contacts in own:
        some = tuple(index for index, mark in zip(profile, marks, strict=True) if mark == "1")
        groups.append(Group(len(groups), some, f"({pattern}) = '{marks}'", int(contacts)))
    if rest := found[MOST:]:
        others = f"({pattern}) NOT IN ({', '.join(repr(marks) for marks, _ in own)})"
        for place, index in enumerate(profile):
            contacts = sum(int(count) for marks, count in rest if marks[place] == "1")
            if contacts:
                groups.append(Group(len(groups), (index,), f"{others} AND {changed[index]}", contacts))
    return groups


MAX_FILE = MAX_IMPORT_BYTES
ROWS = 10_000
"""Rows that are in memory at once, about."""
_OPTIONS = pa_csv.WriteOptions(include_header=False, quoting_style="all_valid")
_BASE64 = 3 * 256 * 1024
"""Bytes that are encoded at once: a multiple of three, so that the pieces join without padding."""


@dataclass(frozen=True)
class Written:
    """A file on disk."""

    path: Path
    contacts: int
    size: int
    sha256: str


def of_group(store: Store, sync: Sync, targets: list[Target], group: Group) -> Iterator[pa.Table]:
    """The rows of a group of planned changes.

    Each is the phone number, as Listrak writes it, and what is sent for each of its fields.
    """
    cells = ", ".join(f"{wire_form(f'after_{index}', targets[index].kind)} AS c_{index}" for index in group.targets)
    query = f"SELECT phone_number, phone_number_raw, {cells} FROM {changes_of(sync)} WHERE {group.condition}"
    return _as_written(by_key(store, query))


def of_run(store: Store, run_id: str, number: int, targets: list[Target]) -> Iterator[pa.Table]:
    """The same rows from the ledger, where the plan's own tables may be gone."""
    cells = ", ".join(
        f"MAX(CASE WHEN target = {text(one.id)} THEN {wire_form('after_value', one.kind)} END) AS c_{index}"
        for index, one in enumerate(targets)
    )
    query = (
        f"SELECT phone_number, MAX(phone_number_raw) AS phone_number_raw, {cells} FROM push_changes "
        f"WHERE run_id = {text(run_id)} AND file_number = {number} GROUP BY phone_number"
    )
    return _as_written(by_key(store, query))


def _as_written(batches: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The rows, in the order of their phone numbers, with these as Listrak writes them."""
    for rows in batches:
        raw, written = rows["phone_number_raw"], rows
        if raw.null_count < len(raw):
            written = rows.set_column(0, "phone_number", pc.coalesce(raw, rows["phone_number"]))
        yield written.drop_columns(["phone_number_raw"])


def write(
    batches: Iterator[pa.Table], targets: list[Target], folder: Path, most: int | None = None
) -> Iterator[Written]:
    """Write rows as files, one after the other.

    Each is cut before it has more bytes than ``most``, :data:`MAX_FILE` unless told otherwise.

    A file of one contact holds its row twice: a sister product of Listrak's refuses files of a single row.
    """
    header = _line(["Phone", *(target.title for target in targets)])
    output: _Output | None = None
    part, most = 0, most or MAX_FILE
    try:
        for batch in batches:
            rows = batch
            while rows.num_rows:
                output = output or _Output(folder / f"{part}.csv", header)
                content, count = as_csv(rows), rows.num_rows
                if output.size + len(content) > most:
                    # To the row: where a file ends must not depend on how a database parts its answer.
                    count = _fitting(rows, most - output.size) or int(output.is_empty)
                    content = as_csv(rows.slice(0, count))
                output.add(content, count)
                rows = rows.slice(count)
                if rows.num_rows:
                    yield output.written()
                    part, output = part + 1, None
        if output:
            yield output.written()
    finally:
        if output:
            output.close()


def why_refused(error: ListrakError) -> str:
    """What Listrak says against a file, and what to set where its size may be why: a sister API says 404 to that."""
    if error.operation == "start_contact_import" and error.status in (404, 413):
        return f"{error}. The file may be too large: set max_import_bytes to less (SOURCES__LISTRAK__MAX_IMPORT_BYTES)"
    return str(error)


class _Output:
    """A file that is being written."""

    def __init__(self, path: Path, header: bytes) -> None:
        self._path, self._file, self._digest = path, path.open("wb"), hashlib.sha256()
        self.size = self._contacts = 0
        self._only = b""
        self.add(header, 0)

    @property
    def is_empty(self) -> bool:
        return not self._contacts

    def add(self, content: bytes, contacts: int) -> None:
        self._file.write(content)
        self._digest.update(content)
        self.size, self._contacts = self.size + len(content), self._contacts + contacts
        self._only = content if self._contacts == 1 and contacts else b""

    def written(self) -> Written:
        if self._only:
            self.add(self._only, 0)
        self.close()
        return Written(self._path, self._contacts, self.size, self._digest.hexdigest())

    def close(self) -> None:
        self._file.close()


def write_body(content: Path, file_name: str, targets: list[Target], path: Path) -> None:
    """Write the request that hands in the file at ``content``, as JSON."""
    mappings = [{"fileColumnType": "Phone", "segmentationFieldId": 0, "fileColumn": 0}]
    for column, target in enumerate(targets, 1):
        mappings.append(
            {"fileColumnType": "SegmentationField", "segmentationFieldId": target.field_id or 0, "fileColumn": column}
        )
    record = {
        "fileName": file_name,
        "importType": "UpdateSubscribers",
        "hasColumnNames": True,
        "textQualifier": '"',
        "fileMappings": mappings,
    }
    with path.open("wb") as output, content.open("rb") as rows:
        output.write(f'{json.dumps(record)[:-1]}, "fileStream": "'.encode())
        while piece := rows.read(_BASE64):
            output.write(base64.b64encode(piece))
        output.write(b'"}')


def by_key(store: Store, query: str) -> Iterator[pa.Table]:
    """The rows of a query that names each phone number once, in their order, some at a time."""
    return store.stream(query, "phone_number", ROWS)


def as_csv(rows: pa.Table) -> bytes:
    """Rows as lines of an import file."""
    sink = pa.BufferOutputStream()
    pa_csv.write_csv(rows, sink, _OPTIONS)
    return bytes(sink.getvalue().to_pybytes())


def _fitting(rows: pa.Table, room: int) -> int:
    """How many of the first rows fit into so many bytes."""
    return bisect_right(range(1, rows.num_rows + 1), room, key=lambda count: len(as_csv(rows.slice(0, count))))


def _line(cells: list[str]) -> bytes:
    return (",".join('"' + cell.replace('"', '""') + '"' for cell in cells) + "\n").encode()
