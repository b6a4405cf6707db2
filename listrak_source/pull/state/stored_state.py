"""The state that dlt keeps in the warehouse: whether it can be read, how a pull does without, how many copies stay."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

import dlt
from dlt.common import json, logger
from dlt.common.destination.client import StateInfo
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.common.schema import Schema
from dlt.common.versioned_state import compress_state, decompress_state
from dlt.destinations.exceptions import DatabaseException
from dlt.pipeline.exceptions import PipelineStepFailed
from dlt.pipeline.state_sync import (
    PIPELINE_STATE_ENGINE_VERSION,
    generate_pipeline_state_version_hash,
    migrate_state_to_current,
)

from listrak_source.errors import StoppedError
from listrak_source.pull.load.write_disposition import FILESYSTEM
from listrak_source.pull.state.checkpoint import Checkpoint
from listrak_source.pull.state.pipelines import is_behind, shares, take_over
from listrak_source.pull.state.state import COUNTS, MARKS
from listrak_source.runs import SOURCE

COPIES = 10
"""Copies of the state that stay: each load writes a whole one. dlt itself removes some on files alone."""
EVERY = 5
"""Versions of the state from one removal of old copies to the next: a pull that finds little should not pay for it."""
_NEEDED = ("pipeline_name", "dataset_name", "schema_names", "_state_version", "_version_hash")
"""What dlt takes for granted in a state."""


class StateError(StoppedError):
    """What the last pull left in ``_dlt_pipeline_state`` cannot be read."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"the state that the last pull left in _dlt_pipeline_state cannot be read: {why}. With --forget-state a"
            " pull begins from the beginning and keeps all rows"
        )


class SchemaError(StoppedError):
    """What the last pull left in ``_dlt_version`` cannot be read."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"the schema that the last pull left in _dlt_version cannot be read: {why}. Delete the rows of that table:"
            " the next pull writes it anew, and keeps all rows"
        )


@contextmanager
def told(pipeline: dlt.Pipeline) -> Iterator[None]:
    """Raise :class:`StateError` where dlt cannot read the state of ``pipeline``, instead of what it says of it.

    Raise :class:`SchemaError` where it cannot read the schema.
    """
    try:
        yield
    except PipelineStepFailed as error:
        if error.step == "sync":
            if why := _unreadable(pipeline):
                raise StateError(why) from error
            if why := _unreadable_schema(pipeline):
                raise SchemaError(why) from error
        raise


def give_up_outdated(pipeline: dlt.Pipeline) -> bool:
    """Give up what a killed pull has extracted and not loaded, where another one has loaded since.

    Its rows are older than those in the warehouse, a stop may be among these, and the watermarks there are past them.
    What is given up is read again: the state that vouches for it goes with it. Returns whether there was any.
    """
    if pipeline.list_extracted_load_packages():
        pipeline.normalize()
    waiting = pipeline.list_normalized_load_packages()
    if not waiting:
        return False
    with pipeline.destination_client() as client:
        try:
            stored: StateInfo | None = cast("Any", client).get_stored_state(pipeline.pipeline_name)
        except DestinationUndefinedEntity:
            return False
    if not any(_is_outdated(pipeline, one, stored) for one in waiting):
        return False
    logger.warning("Rows that a pull has read and not loaded are given up: another pull has loaded newer ones since.")
    pipeline.abort_packages()
    # This machine remembers what it did when it read them.
    pipeline.sync_destination()
    return True


def _is_outdated(pipeline: dlt.Pipeline, waiting: str, stored: StateInfo | None) -> bool:
    """Whether a state has been loaded that does not come before the one of the package that waits."""
    own = pipeline.get_load_package_state(waiting).get("pipeline_state")
    if stored and stored._dlt_load_id != waiting and (own is None or stored.version >= own["version"]):
        return True
    if own is None or pipeline.destination.destination_type == FILESYSTEM:
        return False
    return is_behind(pipeline, waiting, decompress_state(own["state"]))


def check(state: Mapping[str, Any]) -> None:
    """Raise :class:`StateError` where what is ours of a pipeline's state is not as a pull writes it."""
    try:
        for of_resource in (state, *state.get("resources", {}).values()):
            for moment in of_resource.get("watermarks", {}).values():
                datetime.fromisoformat(moment)
        if pending := state.get("pending"):
            Checkpoint.of(pending).began  # noqa: B018 - that it can be read
    except (AttributeError, TypeError, ValueError) as error:
        raise StateError(f"{type(error).__name__}, {error}") from error


def forget(
    pipeline: dlt.Pipeline,
    check: Callable[[Mapping[str, Any]], None] = lambda _: None,
    sender_codes: Collection[int] | None = None,
) -> bool:
    """Forget how far pulls have come, of these sender codes or of all: the next begins from the beginning.

    All rows stay, and so does what is the same for all of them (masks, time zone) where that can still be read: before
    anything is forgotten ``check`` is given it, and raises where the next pull could not begin. Returns whether there
    was anything to forget.
    """
    if shares(pipeline):
        # What other pipelines know goes too: this one tells them that it has come later, and knows nothing.
        take_over(pipeline, sender_codes, check)
    with pipeline.destination_client() as opened:
        client = cast("Any", opened)
        try:
            stored: StateInfo | None = client.get_stored_state(pipeline.pipeline_name)
        except DestinationUndefinedEntity:
            return False
        if stored is None:
            return False
        state, kept = _readable(stored, str(pipeline.dataset_name))
        check(kept)
        new = _bare(stored, state, kept)
        if pipeline.destination.destination_type == FILESYSTEM:
            _put_file(client, stored, new)
        else:
            _put_row(client.sql_client, client.schema.state_table_name, stored, new)
    return True


def prune(pipeline: dlt.Pipeline) -> None:
    """Now and then remove all but the newest :data:`COPIES` of this pipeline's state, where there is a database.

    dlt restores from the newest one whose load has ended.
    """
    if pipeline.destination.destination_type == FILESYSTEM or pipeline.state["_state_version"] % EVERY:
        return
    try:
        with pipeline.sql_client() as client:
            schema = pipeline.default_schema
            states, loads = map(client.make_qualified_table_name, (schema.state_table_name, schema.loads_table_name))
            found = client.execute_sql(
                f"SELECT s._dlt_load_id FROM {states} AS s JOIN {loads} AS l ON l.load_id = s._dlt_load_id"  # noqa: S608
                " WHERE s.pipeline_name = %s AND l.status = 0 ORDER BY l.load_id DESC",
                pipeline.pipeline_name,
            )
            kept = [row[0] for row in found or ()][:COPIES]
            if len(found or ()) > COPIES:
                client.execute_sql(
                    f"DELETE FROM {states} WHERE pipeline_name = %s AND _dlt_load_id < %s",  # noqa: S608 - dlt's name
                    pipeline.pipeline_name,
                    kept[-1],
                )
    except DatabaseException as error:  # somebody who may not delete, say: then they stay
        logger.warning(f"Old copies of the state stay in _dlt_pipeline_state: {error}")


def _unreadable(pipeline: dlt.Pipeline) -> str | None:
    """Why the stored state cannot be read; None where it can, or where there is none."""
    with pipeline.destination_client() as client:
        stored: StateInfo | None = cast("Any", client).get_stored_state(pipeline.pipeline_name)
    if stored is None:
        return None
    try:
        lost = [name for name in _NEEDED if name not in _decoded(stored)]
    except Exception as error:  # noqa: BLE001 - whatever a damaged text makes of a decoder
        return f"{type(error).__name__}, {error}"
    return f"it has no {', '.join(lost)}" if lost else None


def _unreadable_schema(pipeline: dlt.Pipeline) -> str | None:
    """Why the stored schema cannot be read; None where it can, or where there is none."""
    with pipeline.destination_client() as client:
        stored = cast("Any", client).get_stored_schema(SOURCE)
    if stored is None:
        return None
    try:
        Schema.from_stored_schema(json.loads(stored.schema))
    except Exception as error:  # noqa: BLE001 - whatever a damaged text makes of a decoder
        return f"{type(error).__name__}, {error}"
    return None


def _decoded(stored: StateInfo) -> dict[str, Any]:
    state = migrate_state_to_current(stored.pipeline_name, decompress_state(stored.state))
    return cast("dict[str, Any]", state)


def _readable(stored: StateInfo, dataset: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The state, and what of it is the same for all rows; where it cannot be read, one that knows the schema alone."""
    try:
        state = _decoded(stored)
        ours = state.get("sources", {}).get(SOURCE, {})
        kept = {name: ours[name] for name in MARKS if name in ours}
        counts = {COUNTS: {sender: count + 1 for sender, count in ours[COUNTS].items()}} if COUNTS in ours else {}
        return state, kept | counts
    except Exception:  # noqa: BLE001 - see _unreadable
        state = {"pipeline_name": stored.pipeline_name, "dataset_name": dataset}
        return state | {"default_schema_name": SOURCE, "schema_names": [SOURCE]}, {}


def _bare(stored: StateInfo, state: Mapping[str, Any], kept: Mapping[str, Any]) -> StateInfo:
    """A state that knows of the schema, so that the rows are known, and not how far anything was read."""
    state = {name: value for name, value in state.items() if name != "_local"}
    # Dates of people may stand in the warehouse: rows that are written anew take them along.
    state["sources"] = {**state.get("sources", {}), SOURCE: {**kept, "looked_up": True}}
    state["_state_engine_version"] = PIPELINE_STATE_ENGINE_VERSION
    state["_state_version"] = version = stored.version + 1
    state["_version_hash"] = digest = generate_pipeline_state_version_hash(cast("Any", state))
    return replace(
        stored,
        version=version,
        engine_version=PIPELINE_STATE_ENGINE_VERSION,
        state=compress_state(cast("Any", state)),
        version_hash=digest,
    )


def _put_row(client: Any, table: str, stored: StateInfo, new: StateInfo) -> None:
    names = ("version", "engine_version", "state", "version_hash")
    values = ", ".join(f"{name} = %s" for name in names)
    client.execute_sql(
        f"UPDATE {client.make_qualified_table_name(table)} SET {values}"  # noqa: S608 - dlt's own names
        " WHERE pipeline_name = %s AND _dlt_load_id = %s",
        *(getattr(new, name) for name in names),
        stored.pipeline_name,
        stored._dlt_load_id,
    )


def _put_file(client: Any, stored: StateInfo, new: StateInfo) -> None:
    folder = client.get_table_dir(client.schema.state_table_name)
    for path in client.fs_client.ls(folder, detail=False):
        if str(path).rpartition("/")[2].startswith(f"{stored.pipeline_name}__{stored._dlt_load_id}__"):
            client.fs_client.write_text(path, json.dumps(new.as_doc()), encoding="utf-8")
