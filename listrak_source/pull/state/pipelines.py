"""The states of all pipelines that pull into one dataset, and what one of them takes over from the others.

Where several machines may pull at once, a pull of one sender code has a pipeline of its own, so that none writes over
what another one remembers. What is known of a sender code then stands in the state of whichever pipeline has pulled it
last. Which that is, a count tells: a pull counts on from the highest count that it finds. Clocks may differ, and the
lease lets nobody else pull the sender code meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from typing import Any, cast
from uuid import uuid4

import dlt
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.common.versioned_state import decompress_state
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase
from dlt.pipeline.state_sync import bump_pipeline_state_version_if_modified, state_doc

from listrak_source.pull.load.lake_catalog import several_may_write
from listrak_source.pull.state.state import COUNTS, MARKS, check_marks_of
from listrak_source.pull.state.streams import sender_code_of
from listrak_source.runs import SOURCE
from listrak_source.sql import text

Memory = dict[str, Any]
"""What a state holds of this source (see the reference of the state)."""

_STREAMS = ("watermarks", "watermarks_before")
_APART = "apart"
_STATES, _LOADS = "_dlt_pipeline_state", "_dlt_loads"


def shares(pipeline: dlt.Pipeline) -> bool:
    """Whether pulls of different sender codes may write to the pipeline's warehouse at once, from any machines."""
    return several_may_write(pipeline.destination, lambda: pipeline.destination_client().config)


def states_of(client: SqlClientBase[Any]) -> list[tuple[dict[str, Any], str]]:
    """The latest state of each pipeline that pulls into the dataset, and the load that brought it; the oldest first.

    One that cannot be read is left out: whoever goes on with it is told.
    """
    return _read(_latest(client))


def _read(latest: Mapping[str, tuple[str, str]]) -> list[tuple[dict[str, Any], str]]:
    found = []
    for packed, load_id in latest.values():
        with suppress(Exception):
            found.append((dict(decompress_state(packed)), load_id))
    return [(state, load_id) for state, load_id in found if SOURCE in state.get("sources", {})]


def _others(pipeline: dlt.Pipeline) -> list[tuple[Memory, str]]:
    """What each other pipeline remembers that pulls into the dataset, and its last load; the oldest first."""
    with pipeline.sql_client() as client:
        states = states_of(client)
    return [(_memory(state), load_id) for state, load_id in states if state["pipeline_name"] != pipeline.pipeline_name]


def _latest(client: SqlClientBase[Any]) -> dict[str, tuple[str, str]]:
    """By pipeline: its latest state as it is stored, and the load that brought it; the oldest first."""
    states, loads = map(client.make_qualified_table_name, (_STATES, _LOADS))
    query = (
        f"SELECT s.pipeline_name, s.state, s._dlt_load_id FROM {states} AS s JOIN {loads} AS l"  # noqa: S608 - dlt's names
        " ON l.load_id = s._dlt_load_id WHERE l.status = 0 AND s._dlt_load_id IN (SELECT MAX(t._dlt_load_id)"
        f" FROM {states} AS t JOIN {loads} AS m ON m.load_id = t._dlt_load_id WHERE m.status = 0"
        " GROUP BY t.pipeline_name) ORDER BY s._dlt_load_id"
    )
    latest: dict[str, tuple[str, str]] = {}
    with client.execute_query(query) as cursor:
        for name, packed, load_id in cursor.fetchall():
            latest.pop(name, None)
            latest[name] = packed, str(load_id)
    return latest


def names_of(pipeline: dlt.Pipeline) -> list[str]:
    """The names of the pipelines that pull into the dataset; the one that has loaded last is the last."""
    try:
        with pipeline.sql_client() as client:
            return [state["pipeline_name"] for state, _ in states_of(client)]
    except (DestinationUndefinedEntity, DatabaseUndefinedRelation):
        return []


def keep_state(client: SqlClientBase[Any], state: Any, load_id: str) -> None:
    """Put a state in the place of the one that a load has brought; one that is newer goes before what machines hold."""
    doc = _doc(state, load_id)
    states = client.make_qualified_table_name(_STATES)
    where = f"pipeline_name = {text(state['pipeline_name'])} AND _dlt_load_id = {text(load_id)}"
    values = f"state = {text(doc['state'])}, version = {doc['version']}, version_hash = {text(doc['version_hash'])}"
    with client.execute_query(f"UPDATE {states} SET {values} WHERE {where}"):  # noqa: S608
        pass


def take_over(pipeline: dlt.Pipeline, sender_codes: Collection[int] | None, check: Callable[[Memory], None]) -> None:
    """Have the pipeline know of these sender codes, or of all, what any pipeline knows that pulls into the dataset.

    Whoever calls it holds the lease on them. ``check`` is given what each of the others remembers, and raises where a
    pull cannot go on with it.
    """
    try:
        with pipeline.sql_client() as client:
            latest = _latest(client)
            states = _read(latest)
            mine = [one for one in states if one[0]["pipeline_name"] == pipeline.pipeline_name]
            others = [one for one in states if one not in mine]
            # Where its own cannot be read, dlt's reading of it says so.
            if not others or (not mine and pipeline.pipeline_name in latest):
                return
            for state, _ in others:
                check(state["sources"][SOURCE])
            state, load_id = mine[0] if mine else (_new(others[-1][0], pipeline.pipeline_name), "")
            if not _merge(state["sources"][SOURCE], [_memory(other) for other, _ in others], sender_codes):
                return
            if mine:
                keep_state(client, state, load_id)
            else:
                _add_state(client, state, others[-1])
    except (DestinationUndefinedEntity, DatabaseUndefinedRelation):  # nobody has pulled yet
        return
    pipeline.sync_destination()


def check_alike(pipeline: dlt.Pipeline) -> None:
    """Raise :class:`~listrak_source.api.ConfigurationError` where another pipeline's rows there are of other settings.

    Before a load: two that begin with an empty dataset at one moment know nothing of each other.
    """
    own = _memory(pipeline.state)
    try:
        others = _others(pipeline)
    except (DestinationUndefinedEntity, DatabaseUndefinedRelation):  # it is the first
        return
    for other, _ in others:
        check_marks_of(other, own["timezone"], own["masks"])


def look_at_all(pipeline: dlt.Pipeline) -> None:
    """Have a pipeline that is only looked with know what any pipeline knows that pulls into the dataset."""
    others = _others(pipeline)
    if not others:
        return
    with pipeline.managed_state() as state:
        own = cast("Any", state).setdefault("sources", {}).setdefault(SOURCE, {})
        for other, _ in others:
            _merge_one(own, other, None)
            if _moment(other.get("walk")) > _moment(own.get("walk")):
                own |= {name: deepcopy(other[name]) for name in ("walk", "removals") if name in other}


def is_behind(pipeline: dlt.Pipeline, load_id: str, state: Mapping[str, Any]) -> bool:
    """Whether another pipeline has pulled after what brings this ``state``, a load that waits, had begun to read."""
    memory, others = state.get("sources", {}).get(SOURCE, {}), _others(pipeline)
    if not shares(pipeline):
        # There nothing is taken over, and counts are each pipeline's own; and one machine's clock made both names.
        return any(last > load_id for _, last in others)
    # The last load that reads has counted its pull already, also where the sweep of a complete walk is left to do.
    pending = memory.get("pending")
    this = 0 if pending and pending.get("swept") is None else 1
    counts = memory.get(COUNTS, {}).items()
    return any(_count(other, sender) > count - this for sender, count in counts for other, _ in others)


def _merge(own: Memory, others: Iterable[Memory], sender_codes: Collection[int] | None) -> bool:
    """Put what others know better into ``own``; returns whether there was anything."""
    before = deepcopy(own)
    for other in others:
        _merge_one(own, other, {str(one) for one in sender_codes} if sender_codes else None)
    return own != before


def _merge_one(own: Memory, other: Memory, wanted: Collection[str] | None) -> None:
    senders = {sender for sender in _senders(other) if wanted is None or sender in wanted}
    if not senders:
        return
    _take_what_all_share(own, other)
    # A pull of theirs that is not at its end: whom it has written may still have to be looked up.
    unfinished = other.get("pending")
    if unfinished and "pending" not in own and any(_count(other, one) >= _count(own, one) for one in senders):
        own["pending"] = deepcopy(unfinished)
    newer = {sender for sender in senders if _count(other, sender) > _count(own, sender)}
    if not newer:
        return
    own["looked_up"] = own.get("looked_up", False) or other.get("looked_up", False)
    for mine, theirs in _readers(own, other):
        for which in _STREAMS:
            _replace(mine, theirs, which, lambda stream: sender_code_of(stream) in newer)
        _replace(mine, theirs, "vouched", lambda sender: sender in newer)
        if theirs.get(_APART, "") > mine.get(_APART, ""):
            mine[_APART] = theirs[_APART]
    _replace(own, other, "unread", lambda name: sender_code_of(name) in newer)
    own.setdefault(COUNTS, {}).update({sender: _count(other, sender) for sender in newer})


def _take_what_all_share(own: Memory, other: Memory) -> None:
    for mark in MARKS:
        if mark in other:
            own.setdefault(mark, other[mark])
    for table, names in other.get("fields", {}).items():
        known = own.setdefault("fields", {}).setdefault(table, {})
        known.update({name: column for name, column in names.items() if name not in known})
    if _moment(other.get("clocks")) > _moment(own.get("clocks")):
        own["clocks"] = deepcopy(other["clocks"])


def _readers(own: Memory, other: Memory) -> Iterator[tuple[Memory, Memory]]:
    """The parts that hold watermarks: the source's own, for lookups, and each table's."""
    yield own, other
    for table, theirs in other.get("resources", {}).items():
        yield own.setdefault("resources", {}).setdefault(table, {}), theirs


def _replace(mine: Memory, theirs: Memory, which: str, is_meant: Callable[[str], bool]) -> None:
    kept = {name: value for name, value in mine.get(which, {}).items() if not is_meant(name)}
    taken = {name: deepcopy(value) for name, value in theirs.get(which, {}).items() if is_meant(name)}
    if kept or taken:
        mine[which] = kept | taken
    else:
        mine.pop(which, None)


def _moment(told: Any) -> str:
    """When a note was made, by Listrak's clock (UTC, ISO); empty where there is none."""
    if not told:
        return ""
    return str(told["began"] if isinstance(told, dict) else told[0])


def _senders(memory: Memory) -> set[str]:
    parts = [memory, *memory.get("resources", {}).values()]
    return {sender_code_of(stream) for part in parts for stream in part.get("watermarks", {})} | set(
        memory.get(COUNTS, {})
    )


def _count(memory: Memory, sender: str) -> int:
    """How many pulls of a sender code a state knows of; -1 where it knows nothing of the sender code."""
    return int(memory.get(COUNTS, {}).get(sender, 0 if sender in _senders(memory) else -1))


def _memory(state: Mapping[str, Any]) -> Memory:
    memory: Memory = state["sources"][SOURCE]
    return memory


def _new(other: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A state of a pipeline that has none: it knows the schema."""
    state = {key: deepcopy(value) for key, value in other.items() if key not in ("sources", "_local")}
    return state | {"pipeline_name": name, "sources": {SOURCE: {}}, "_state_version": 0}


def _add_state(client: SqlClientBase[Any], state: Any, beside: tuple[Mapping[str, Any], str]) -> None:
    """Add a state that no load has brought. It stands with the first load of all: each of its own comes after it."""
    other, load_id = beside
    states, loads = map(client.make_qualified_table_name, (_STATES, _LOADS))
    first = f"(SELECT MIN(load_id) FROM {loads} WHERE status = 0)"  # noqa: S608 - dlt's names
    doc = _doc(state, load_id)
    values = f"{text(state['pipeline_name'])}, {text(doc['state'])}, {doc['version']}, {text(doc['version_hash'])}"
    columns = "pipeline_name, state, version, version_hash, engine_version, created_at, _dlt_load_id, _dlt_id"
    query = (
        f"INSERT INTO {states} ({columns}) SELECT {values}, engine_version, created_at, {first}, {text(uuid4().hex)}"  # noqa: S608
        f" FROM {states} WHERE pipeline_name = {text(other['pipeline_name'])} AND _dlt_load_id = {text(load_id)}"
    )
    with client.execute_query(query):
        pass


def _doc(state: Any, load_id: str) -> dict[str, Any]:
    bump_pipeline_state_version_if_modified(state)
    return cast("dict[str, Any]", state_doc(state | {"_local": {}}, load_id))
