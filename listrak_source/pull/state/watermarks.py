"""How far each table has been read, kept in dlt's state: it moves only with the data that it vouches for.

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


def watermark(reader: str, stream: str) -> datetime | None:
    """Up to when (UTC) ``reader``, a table or :data:`LOOKUPS`, knows ``stream``; None when it never read it."""
    text = _watermarks(reader).get(stream)
    return datetime.fromisoformat(text) if text else None


def advance(readers: Iterable[str], stream: str, now: datetime, *, doubtful: bool = False) -> None:
    """Record that ``stream`` was read for these readers up to ``now`` (UTC), also where a clock once told more.

    What they knew before is kept beside it, for one reading is not believed: the next pull reads from there again.
    Where they knew nothing it begins at the beginning, if this first reading is ``doubtful``.
    """
    for reader in readers:
        before = _watermarks(reader).get(stream)
        if before or doubtful:
            _watermarks(reader, _BEFORE)[stream] = before or ""
        _watermarks(reader)[stream] = now.isoformat()


def read_once_from(readers: Iterable[str], stream: str) -> datetime | str | None:
    """From when on only one pull has read ``stream`` for any of the readers; None where that is not kept.

    It may be :data:`THE_BEGINNING`.
    """
    kept = [before for reader in readers if (before := _watermarks(reader, _BEFORE).get(stream)) is not None]
    if not kept:
        return None
    return datetime.fromisoformat(min(kept)) if all(kept) else THE_BEGINNING


def begin(reader: str, stream: str, now: datetime) -> None:
    """Record that ``reader`` will have to read ``stream`` from ``now`` (UTC) on, unless it stands somewhere already."""
    _watermarks(reader).setdefault(stream, now.isoformat())


def forget(streams: Iterable[str]) -> None:
    """What is gone was never read: should it come back, all readers start from its own beginning."""
    readers = [LOOKUPS, *dlt.current.source_state().get("resources", {})]
    for stream in streams:
        for reader in readers:
            for which in ("watermarks", _BEFORE):
                _watermarks(reader, which).pop(stream, None)


def forget_rows(table: str, sender_codes: Iterable[str]) -> None:
    """Rows of a table are gone: of these sender codes it was never read. A small table is read whole anyway."""
    state = dlt.current.resource_state(table)
    gone = set(sender_codes)
    for stream in [stream for stream in state.get("watermarks", {}) if stream.split("/")[1] in gone]:
        del state["watermarks"][stream]
        state.get(_BEFORE, {}).pop(stream, None)


def sender_codes(table: str) -> set[str]:
    """The sender codes of which a table was read."""
    return {stream.split("/")[1] for stream in dlt.current.resource_state(table).get("watermarks", {})}


def values_apart() -> str:
    """The last load that has written profile values and not their contacts; empty where there was none.

    The hashes of those contacts do not know of it.
    """
    found: str = dlt.current.resource_state(CONTACT_PROFILE_VALUES.name).get("apart", "")
    return found


def note_values_apart(load_id: str) -> None:
    """Record such a load."""
    dlt.current.resource_state(CONTACT_PROFILE_VALUES.name)["apart"] = load_id


def fields() -> dict[str, dict[str, str]]:
    """By table and field beyond the contract: the column that it has in the warehouse."""
    return cast("dict[str, dict[str, str]]", dlt.current.source_state().get("fields", {}))


def note_fields(columns: dict[str, dict[str, str]]) -> None:
    """Record which columns such fields have."""
    if known := {table: names for table, names in columns.items() if names}:
        dlt.current.source_state()["fields"] = known


def drop_older() -> None:
    """Drop what an earlier version has kept in the state.

    That is which rows it had seen, which it had set aside, and which it had not found.
    """
    state = dlt.current.source_state()
    state.pop("remembered", None)
    for what in ("missing", "over"):
        state.get("removals", {}).pop(what, None)
    for of_resource in state.get("resources", {}).values():
        of_resource.pop("rows", None)
        of_resource.pop("ids", None)


def check_masks(mark: str) -> None:
    """Note the masks of this pull, by their mark.

    Raises :class:`ConfigurationError` if the last pull had others: what it wrote in clear would stay, and what it
    hashed with another key would join nothing.
    """
    state = dlt.current.source_state()
    state.setdefault("masks", "" if places() else mark)
    check_masks_of(state, mark)


def check_masks_of(state: Mapping[str, Any], mark: str) -> None:
    """The same for a state that is only looked at."""
    if state.get("masks", mark) != mark:
        raise ConfigurationError(
            "sources.listrak: hash_columns, drop_columns or hash_key is not what the last pull into this dataset had; "
            "give it what it had, or pull into a new dataset"
        )


def check_zone(zone: str) -> None:
    """Note the time zone of this pull.

    Raises :class:`ConfigurationError` if what is stored was placed in another: dates are parts of keys, and each row
    and event would stand there twice.
    """
    state = dlt.current.source_state()
    state.setdefault("timezone", zone)
    check_zone_of(state, zone)


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


def restore(before: Mapping[str, Any], *, has_values: bool) -> None:
    """Have the state be as it was ``before``, but for what the rows that came since are written with.

    Whether profile values are among them counts too.
    """
    state = dlt.current.source_state()
    kept = {name: state[name] for name in (*MARKS, "looked_up", "fields") if name in state}
    state.clear()
    state.update({**before, **kept})
    if has_values:
        note_values_apart(load_id())


def count_pulls(sender_codes: Iterable[int]) -> None:
    """Count a pull of these sender codes that has come to its end."""
    counts = dlt.current.source_state().setdefault(COUNTS, {})
    for sender in map(str, sender_codes):
        counts[sender] = counts.get(sender, 0) + 1


def restore_marks(before: Mapping[str, Any]) -> None:
    """What rows that stay were written with, from the state as it was ``before``."""
    dlt.current.source_state().update({name: before[name] for name in MARKS if name in before})


def note_remarks(remarks: Iterable[str]) -> None:
    """Record what whoever ran the pull should know of it, in sentences, and log it."""
    told = list(dict.fromkeys(remarks))
    for remark in told:
        logger.warning(remark)
    dlt.current.source_state()["remarks"] = told[:MOST_REMARKS]


def note_unread(told: Mapping[str, Any], *, attempted: Iterable[str], partial: bool) -> None:
    """Record what this pull could not read (see ``Unread.told``).

    What an earlier pull could not read stays noted where this one has not tried it, being ``partial``.
    """
    state = dlt.current.source_state()
    tried = {*attempted, *told}
    before = {name: why for name, why in state.get("unread", {}).items() if partial and name not in tried}
    state["unread"] = before | dict(told)
    for one in told.values():
        logger.warning(one["told"])


def note_clocks(theirs: datetime, ours: datetime) -> None:
    """Record what Listrak's clock and ours said at one moment (UTC)."""
    dlt.current.source_state()["clocks"] = [theirs.isoformat(), ours.isoformat()]


def was_ahead(theirs: datetime, ours: datetime) -> timedelta:
    """By how much Listrak's clock was ahead when the last pull read it, as far as ours can tell.

    It was ahead where less time has gone by on it since than on ours. Nothing where that is within an hour.
    """
    noted = dlt.current.source_state().get("clocks")
    if not noted:
        return timedelta()
    then_theirs, then_ours = map(datetime.fromisoformat, noted)
    ahead = (ours - then_ours) - (theirs - then_theirs)
    return ahead if ahead > CLOCKS_DIFFER else timedelta()


def looked_up() -> bool:
    """Whether any contact was ever looked up, so that dates may stand in the warehouse."""
    return bool(dlt.current.source_state().get("looked_up"))


def note_lookups() -> None:
    """Record that contacts are looked up."""
    dlt.current.source_state()["looked_up"] = True


def note_walk(began: datetime, unproved: dict[str, str]) -> None:
    """Record the complete walk that came to its end, and by stream or table why nothing of it is marked as removed."""
    dlt.current.source_state()["walk"] = {"began": began.isoformat(), "unproved": unproved}


@dataclass(frozen=True)
class Unmarked:
    """What the last complete walk did not find and did not mark."""

    hash: str = ""
    """Of the set that was over the budget; empty where nothing was."""
    told: str = ""
    """What is said of that set."""
    load_id: str = ""
    """The load that has brought the keys of such rows (see ``seen_keys``); empty where there are none."""


def unmarked() -> Unmarked:
    """What the last complete walk left unmarked."""
    state = dlt.current.source_state().get("removals", {})
    return Unmarked(state.get("hash", ""), state.get("told", ""), state.get("load_id", ""))


def unmarked_by(pipeline: dlt.Pipeline, source: str = "listrak_sms") -> str | None:
    """Which load has brought what it left, of a pipeline that is not running; None where it has done no walk."""
    found: str | None = pipeline.state.get("sources", {}).get(source, {}).get("removals", {}).get("load_id")
    return found


def keep_unmarked(what: Unmarked) -> None:
    """Record what a complete walk leaves unmarked."""
    dlt.current.source_state()["removals"] = asdict(what)


def places() -> dict[int, set[int]]:
    """The sender codes of which any stream was ever read, with the lists that were."""
    readers = [LOOKUPS, *dlt.current.source_state().get("resources", {})]
    found: dict[int, set[int]] = {}
    for stream in {stream for reader in readers for stream in _watermarks(reader)}:
        _, sender, *phone_list = stream.split("/")
        found.setdefault(int(sender), set()).update(map(int, phone_list))
    return found


def _watermarks(reader: str, which: str = "watermarks") -> dict[str, str]:
    # A table's watermarks stand with its resource, so that dlt's refresh of the table resets them too.
    state = dlt.current.source_state() if reader == LOOKUPS else dlt.current.resource_state(reader)
    return cast("dict[str, str]", state.setdefault(which, {}))
