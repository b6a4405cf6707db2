"""Import files: what Listrak accepts, and what it silently does with the rows."""

from __future__ import annotations

import base64
import binascii
import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from listrak_source.sandbox.errors import Refused
from listrak_source.sandbox.quirks import Quirks
from listrak_source.sandbox.world.account import Account
from listrak_source.sandbox.world.clock import to_text
from listrak_source.sandbox.world.phone_forms import taken
from listrak_source.sandbox.world.profile import (
    ProfileField,
    canonical,
    normal_phone,
    parse,
    usable_field,
    value_items,
    values_of,
)

MAX_FILE = 195_000_000
"""Bytes of the file before base64, as the contract says."""

ROWS_A_STEP = 1000
"""How many rows an import works through before others get their turn."""


@dataclass(frozen=True)
class Mapped:
    """What one column holds."""

    column: int
    field_id: int
    default: str


@dataclass
class ImportFile:
    """An accepted import, and where it is."""

    import_file_id: int
    sender_code_id: int
    file_name: str
    phone_column: int
    columns: list[Mapped]
    content: bytes = field(repr=False)
    qualifier: str
    has_column_names: bool
    status: str = "Queued"
    started: int | None = None
    """Ticks."""
    ended: int | None = None
    """Ticks; the import is finished when it is set."""
    cancelled: bool = False
    """The world that it was meant for is gone."""

    def record(self) -> dict[str, Any]:
        """The job as the API tells it."""
        return {
            "importFileId": self.import_file_id,
            "smsSenderCodeId": self.sender_code_id,
            "fileName": self.file_name,
            "startDate": None if self.started is None else to_text(self.started),
            "endDate": None if self.ended is None else to_text(self.ended),
            "status": self.status,
        }


def accept(world: Account, sender_code_id: int, body: Mapping[str, Any], *, refuse_one_row: bool = False) -> ImportFile:
    """Checks an import request and queues it. Raises ``Refused`` for what Listrak finds out at once."""
    world.enabled(sender_code_id)
    name = body.get("fileName")
    if not isinstance(name, str) or not name.strip():
        raise _refuse("fileName is missing.")
    if body.get("importType") != "UpdateSubscribers":
        raise _refuse("importType must be UpdateSubscribers.")
    if not isinstance(body.get("hasColumnNames"), bool):
        raise _refuse("hasColumnNames must be a boolean.")
    qualifier = body.get("textQualifier")
    if not isinstance(qualifier, str) or qualifier.strip() not in ("'", '"', ""):
        raise _refuse("textQualifier must be ', \" or blank.")
    phone_column, columns = _mappings(body.get("fileMappings"), world.fields)
    job = ImportFile(
        world.next_id(),
        sender_code_id,
        name,
        phone_column,
        columns,
        _file(body.get("fileStream")),
        qualifier.strip(),
        body["hasColumnNames"],
    )
    if refuse_one_row and len(list(islice(_rows(job), 2))) < 2:
        raise _refuse("The file has fewer than two rows.")
    return job


def run(world: Account, job: ImportFile, quirks: Quirks) -> Iterator[float]:
    """Works through an import in steps, and yields after each how much of it is done, from 0 to 1.

    Rows that make no sense are dropped in silence: phones that are no contacts of the sender code, values that are too
    long or of the wrong type, fields that are disabled by now. A blank changes nothing unless its column has a default.
    """
    if job.cancelled:
        return
    with world.lock:
        job.status, job.started = "Processing", world.clock.ticks()
    yield 0.0
    done, lines = 0, job.content.count(b"\n") + 1
    outcome = "Complete"
    rows = _rows(job)
    while not job.cancelled:
        try:
            batch = list(islice(rows, ROWS_A_STEP))
        except csv.Error:
            outcome = "Failed"
            break
        if not batch:
            break
        with world.lock:
            for row in batch:
                _apply(world, job, row, quirks)
        done += len(batch)
        yield min(1.0, done / lines)
    with world.lock:
        job.status, job.ended, job.content = outcome, world.clock.ticks(), b""


def _refuse(message: str) -> Refused:
    return Refused("ERROR_INVALID_PARAMETER", message)


def _mappings(given: object, fields: Mapping[int, ProfileField]) -> tuple[int, list[Mapped]]:
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        raise _refuse("fileMappings must be a list of objects.")
    phones: list[int] = []
    columns: list[Mapped] = []
    for item in given:
        column, field_id, default = item.get("fileColumn"), item.get("segmentationFieldId"), item.get("defaultValue")
        if not isinstance(column, int) or isinstance(column, bool) or column < 0:
            raise _refuse("fileColumn must be a column number from 0.")
        if default is not None and not isinstance(default, str):
            raise _refuse("defaultValue must be a string.")
        if item.get("fileColumnType") == "Phone":
            if field_id != 0:
                raise Refused("ERROR_INVALID_SEGMENTATION_FIELD_ID", "The Phone column must have field id 0.")
            phones.append(column)
        elif item.get("fileColumnType") == "SegmentationField":
            columns.append(Mapped(column, usable_field(field_id, fields).field_id, default or ""))
        else:
            raise _refuse("fileColumnType must be Phone or SegmentationField.")
    if len(phones) != 1:
        raise _refuse("fileMappings must map exactly one Phone column.")
    used = [*phones, *(item.column for item in columns)]
    if len(used) != len(set(used)) or len(columns) != len({item.field_id for item in columns}):
        raise _refuse("fileMappings map a column or a field twice.")
    return phones[0], columns


def _file(stream: object) -> bytes:
    if not isinstance(stream, str) or not stream:
        raise _refuse("fileStream is missing.")
    try:
        content = base64.b64decode(stream, validate=True)
    except (binascii.Error, ValueError):
        raise _refuse("fileStream is not base64.") from None
    if len(content) > MAX_FILE:
        raise _refuse(f"The file is larger than {MAX_FILE:,} bytes.")
    return content


def _rows(job: ImportFile) -> Iterator[list[str]]:
    """The rows of the file: commas, and UTF-8 without a byte order mark (one would become part of the first cell)."""
    text = io.TextIOWrapper(io.BytesIO(job.content), encoding="utf-8", errors="replace", newline="")
    reader = csv.reader(text, quotechar=job.qualifier) if job.qualifier else csv.reader(text, quoting=csv.QUOTE_NONE)
    if job.has_column_names:
        next(reader, None)
    return (row for row in reader if row)


def _apply(world: Account, job: ImportFile, row: list[str], quirks: Quirks) -> None:
    try:
        phone = normal_phone(taken(row[job.phone_column].strip(), quirks))
    except (IndexError, Refused):
        return
    person = world.contact(job.sender_code_id, phone)
    if person is None:
        return
    values: dict[int, str] = {}
    for mapped in job.columns:
        text = row[mapped.column] if mapped.column < len(row) else ""
        try:
            value = canonical(usable_field(mapped.field_id, world.fields), text if text.strip() else mapped.default)
        except Refused:
            continue
        if value:
            values[mapped.field_id] = value
    profile = parse(world.rows[person])
    before = values_of(profile)
    if values and before | values != before:
        world.edit(phone, {"segmentationFieldValues": value_items(values)}, job.sender_code_id)
