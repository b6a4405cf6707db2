"""What a pull remembers, kept in dlt's state: above all how far each table has been read.

It moves only with the data that it vouches for.

dlt's own ``Incremental`` keeps one watermark per resource. Here each (table, stream) has one, so that a list that is
added later, or a table that is selected later, starts from its own beginning. A stream is a list's contacts or a sender
code's opt-outs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import dlt
from dlt.common import logger

from listrak_source.api import ConfigurationError
from listrak_source.pull.load.warehouse import load_id
from listrak_source.pull.schema import CONTACT_PROFILE_VALUES
from listrak_source.pull.state.checkpoint import HAS_SEEN, PENDING, TAKEN_UP, Checkpoint
from listrak_source.pull.state.streams import Stream, sender_code_of

CLOCKS_DIFFER = timedelta(hours=1)
"""The clocks of Listrak's servers may differ by as much; windows overlap by more."""
MOST_REMARKS = 20
"""Sentences about one pull that are kept."""

THE_BEGINNING = "the beginning"
_BEFORE = "watermarks_before"
"""Where the watermarks before the last ones stand."""

LOOKUPS = "lookups"
"""Who reads a stream to find changed contacts: a reader of its own beside the tables."""

MARKS = ("masks", "timezone")
"""What is the same for all rows of a dataset."""

COUNTS = "pulls"
"""Where it stands how many pulls of each sender code have come to their end (see ``pipelines``)."""


@dataclass(frozen=True)
class Unmarked:
    """What the last complete walk did not find and did not mark."""

    hash: str = ""
    """Of the set that was over the budget; empty where nothing was."""
    told: str = ""
    """What is said of that set."""
    load_id: str = ""
    """The load that has brought the keys of such rows (see ``seen_keys``); empty where there are none."""


class State:
    """What a pull knows of earlier ones: the source's part of dlt's state, which goes into each load with its rows.

    Its shape, and what is promised of it, is in docs/reference/state.md.
    """

    def __init__(self) -> None:
        """Nothing is known yet."""
        self.memory: dict[str, Any] = {}

    def bind(self, memory: dict[str, Any]) -> None:
        """It is this dictionary of dlt's from now on: each load has another one."""
        self.memory = memory

    def of_table(self, name: str) -> dict[str, Any]:
        """A table's part. It stands with its resource, so that dlt's refresh of the table resets it too."""
        found: dict[str, Any] = self.memory.setdefault("resources", {}).setdefault(name, {})
        return found

    def watermark(self, reader: str, stream: str) -> datetime | None:
        """Up to when (UTC) ``reader``, a table or :data:`LOOKUPS`, knows ``stream``; None when it never read it."""
        text = self._watermarks(reader).get(stream)
        return datetime.fromisoformat(text) if text else None

    def advance(self, readers: Iterable[str], stream: str, now: datetime, *, doubtful: bool = False) -> None:
        """Record that ``stream`` was read for these readers up to ``now`` (UTC), also where a clock once told more.

        What they knew before is kept beside it, for one reading is not believed: the next pull reads from there again.
        Where they knew nothing it begins at the beginning, if this first reading is ``doubtful``.
        """
        for reader in readers:
            before = self._watermarks(reader).get(stream)
            if before or doubtful:
                self._watermarks(reader, _BEFORE)[stream] = before or ""
            self._watermarks(reader)[stream] = now.isoformat()

    def read_once_from(self, readers: Iterable[str], stream: str) -> datetime | str | None:
        """From when on only one pull has read ``stream`` for any of the readers; None where that is not kept.

        It may be :data:`THE_BEGINNING`.
        """
        kept = [before for reader in readers if (before := self._watermarks(reader, _BEFORE).get(stream)) is not None]
        if not kept:
            return None
        return datetime.fromisoformat(min(kept)) if all(kept) else THE_BEGINNING

    def begin(self, reader: str, stream: str, now: datetime) -> None:
        """Record that ``reader`` will have to read ``stream`` from ``now`` (UTC) on, unless that is known already."""
        self._watermarks(reader).setdefault(stream, now.isoformat())

    def forget(self, streams: Iterable[str]) -> None:
        """What is gone was never read: should it come back, all readers start from its own beginning."""
        readers = [LOOKUPS, *self.memory.get("resources", {})]
        for stream in streams:
            for reader in readers:
                for which in ("watermarks", _BEFORE):
                    self._watermarks(reader, which).pop(stream, None)

    def forget_rows(self, table: str, sender_codes: Iterable[str]) -> None:
        """Rows of a table are gone: of these sender codes it was never read. A small table is read whole anyway."""
        state = self.of_table(table)
        gone = set(sender_codes)
        for stream in [stream for stream in state.get("watermarks", {}) if sender_code_of(stream) in gone]:
            del state["watermarks"][stream]
            state.get(_BEFORE, {}).pop(stream, None)

    def sender_codes(self, table: str) -> set[str]:
        """The sender codes of which a table was read."""
        return {sender_code_of(stream) for stream in self.of_table(table).get("watermarks", {})}

    def values_apart(self) -> str:
        """The last load that has written profile values and not their contacts; empty where there was none.

        The hashes of those contacts do not know of it.
        """
        found: str = self.of_table(CONTACT_PROFILE_VALUES.name).get("apart", "")
        return found

    def note_values_apart(self, load_id: str) -> None:
        """Record such a load."""
        self.of_table(CONTACT_PROFILE_VALUES.name)["apart"] = load_id

    def fields(self) -> dict[str, dict[str, str]]:
        """By table and field beyond the contract: the column that it has in the warehouse."""
        return cast("dict[str, dict[str, str]]", self.memory.get("fields", {}))

    def note_fields(self, columns: dict[str, dict[str, str]]) -> None:
        """Record which columns such fields have."""
        if known := {table: names for table, names in columns.items() if names}:
            self.memory["fields"] = known

    def drop_older(self) -> None:
        """Drop what an earlier version has kept in the state.

        That is which rows it had seen, which it had set aside, and which it had not found.
        """
        state = self.memory
        state.pop("remembered", None)
        for what in ("missing", "over"):
            state.get("removals", {}).pop(what, None)
        for of_resource in state.get("resources", {}).values():
            of_resource.pop("rows", None)
            of_resource.pop("ids", None)

    def check_masks(self, mark: str) -> None:
        """Note the masks of this pull, by their mark.

        Raises :class:`ConfigurationError` if the last pull had others: what it wrote in clear would stay, and what it
        hashed with another key would join nothing.
        """
        state = self.memory
        state.setdefault("masks", "" if self.places() else mark)
        check_masks_of(state, mark)

    def check_zone(self, zone: str) -> None:
        """Note the time zone of this pull.

        Raises :class:`ConfigurationError` if what is stored was placed in another: dates are parts of keys, and each
        row and event would stand there twice.
        """
        state = self.memory
        state.setdefault("timezone", zone)
        check_zone_of(state, zone)

    def restore(self, before: Mapping[str, Any], *, has_values: bool) -> None:
        """Have the state be as it was ``before``, but for what the rows that came since are written with.

        Whether profile values are among them counts too.
        """
        state = self.memory
        kept = {name: state[name] for name in (*MARKS, "looked_up", "fields") if name in state}
        state.clear()
        state.update({**before, **kept})
        if has_values:
            self.note_values_apart(load_id())

    def count_pulls(self, sender_codes: Iterable[int]) -> None:
        """Count a pull of these sender codes that has come to its end."""
        counts = self.memory.setdefault(COUNTS, {})
        for sender in map(str, sender_codes):
            counts[sender] = counts.get(sender, 0) + 1

    def restore_marks(self, before: Mapping[str, Any]) -> None:
        """What rows that stay were written with, from the state as it was ``before``."""
        self.memory.update({name: before[name] for name in MARKS if name in before})

    def note_remarks(self, remarks: Iterable[str]) -> None:
        """Record what whoever ran the pull should know of it, in sentences, and log it."""
        told = list(dict.fromkeys(remarks))
        for remark in told:
            logger.warning(remark)
        self.memory["remarks"] = told[:MOST_REMARKS]

    def note_unread(self, told: Mapping[str, Any], *, attempted: Iterable[str], partial: bool) -> None:
        """Record what this pull could not read (see ``Unread.told``).

        What an earlier pull could not read stays noted where this one has not tried it, being ``partial``.
        """
        state = self.memory
        tried = {*attempted, *told}
        before = {name: why for name, why in state.get("unread", {}).items() if partial and name not in tried}
        state["unread"] = before | dict(told)
        for one in told.values():
            logger.warning(one["told"])

    def note_clocks(self, theirs: datetime, ours: datetime) -> None:
        """Record what Listrak's clock and ours said at one moment (UTC)."""
        self.memory["clocks"] = [theirs.isoformat(), ours.isoformat()]

    def was_ahead(self, theirs: datetime, ours: datetime) -> timedelta:
        """By how much Listrak's clock was ahead when the last pull read it, as far as ours can tell.

        It was ahead where less time has gone by on it since than on ours. Nothing where that is within an hour.
        """
        noted = self.memory.get("clocks")
        if not noted:
            return timedelta()
        then_theirs, then_ours = map(datetime.fromisoformat, noted)
        ahead = (ours - then_ours) - (theirs - then_theirs)
        return ahead if ahead > CLOCKS_DIFFER else timedelta()

    def looked_up(self) -> bool:
        """Whether any contact was ever looked up, so that dates may stand in the warehouse."""
        return bool(self.memory.get("looked_up"))

    def note_lookups(self) -> None:
        """Record that contacts are looked up."""
        self.memory["looked_up"] = True

    def note_walk(self, began: datetime, unproved: dict[str, str]) -> None:
        """Record the complete walk that came to its end, and by stream or table why nothing of it is marked."""
        self.memory["walk"] = {"began": began.isoformat(), "unproved": unproved}

    def unmarked(self) -> Unmarked:
        """What the last complete walk left unmarked."""
        state = self.memory.get("removals", {})
        return Unmarked(state.get("hash", ""), state.get("told", ""), state.get("load_id", ""))

    def keep_unmarked(self, what: Unmarked) -> None:
        """Record what a complete walk leaves unmarked."""
        self.memory["removals"] = asdict(what)

    def places(self) -> dict[int, set[int]]:
        """The sender codes of which any stream was ever read, with the lists that were."""
        readers = [LOOKUPS, *self.memory.get("resources", {})]
        found: dict[int, set[int]] = {}
        for stream in map(Stream.of, {name for reader in readers for name in self._watermarks(reader)}):
            if stream:
                lists = found.setdefault(stream.sender_code_id, set())
                lists |= set() if stream.phone_list_id is None else {stream.phone_list_id}
        return found

    def note_no_date(self, moment: datetime) -> bool:
        """Record that what has no date stands at this moment; returns whether it stood elsewhere."""
        before = self.memory.get("no_date")
        self.memory["no_date"] = moment.isoformat()
        return before != moment.isoformat()

    def vouched(self, table: str) -> dict[str, int] | None:
        """By sender code: how many rows a table has at the least; None where that is not kept (see ``integrity``)."""
        found: dict[str, int] | None = self.of_table(table).get("vouched")
        return found

    # a pull that goes over several loads

    def pending(self) -> Checkpoint | None:
        """The pull that an earlier load has begun, None when the last one came to its end."""
        found = self.memory.get(PENDING)
        return Checkpoint.of(found) if found else None

    def keep(self, pull: Checkpoint) -> None:
        """Keep it with the running load, which counts as one of the pull's from now on."""
        if (this := load_id()) not in pull.loads:
            pull.loads.append(this)
        self.memory[PENDING] = asdict(pull)

    def end(self, pull: Checkpoint) -> None:
        """The pull is at its end."""
        self.memory.pop(PENDING, None)
        self.memory[TAKEN_UP] = pull.moved_over
        self.memory[HAS_SEEN] = [pull.task] if pull.seen else []

    def left_over(self) -> list[str]:
        """The tasks of earlier pulls that may have left something in ``seen_keys``."""
        found: list[str] = self.memory.get(HAS_SEEN, [])
        return found

    def _watermarks(self, reader: str, which: str = "watermarks") -> dict[str, str]:
        part = self.memory if reader == LOOKUPS else self.of_table(reader)
        return cast("dict[str, str]", part.setdefault(which, {}))


def check_masks_of(state: Mapping[str, Any], mark: str) -> None:
    """The same for a state that is only looked at."""
    if state.get("masks", mark) != mark:
        raise ConfigurationError(
            "sources.listrak: hash_columns, drop_columns or hash_key is not what the last pull into this dataset had; "
            "give it what it had, or pull into a new dataset"
        )


def check_zone_of(state: Mapping[str, Any], zone: str) -> None:
    """The same for a state that is only looked at."""
    if (placed_in := state.get("timezone", zone)) != zone:
        raise ConfigurationError(
            f"sources.listrak.timezone: {zone} is not {placed_in}, which the dates in this dataset were placed in; set"
            f" it to {placed_in}, or move what is stored: listrak timezone {zone}"
        )


def check_marks_of(state: Mapping[str, Any], zone: str, mark: str) -> None:
    """Raise :class:`ConfigurationError` where a pull of this time zone, with these masks, does not go on with it."""
    check_zone_of(state, zone)
    check_masks_of(state, mark)


def unmarked_by(pipeline: dlt.Pipeline, source: str = "listrak_sms") -> str | None:
    """Which load has brought what it left, of a pipeline that is not running; None where it has done no walk."""
    found: str | None = pipeline.state.get("sources", {}).get(source, {}).get("removals", {}).get("load_id")
    return found
