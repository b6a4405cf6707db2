"""A pull that goes over several loads: what of it is in the warehouse, kept in dlt's state.

Each load carries the state that vouches for it. So whoever goes on, this process or another one on a bare machine,
knows where: at which moment the pull began, how far each unit was read, and which loads brought its rows.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

import dlt

PENDING = "pending"
_VERSION = 3
"""Another version does not go on with what this one has begun: it may know rows by other keys."""
TAKEN_UP = "taken_up"
HAS_SEEN = "has_seen"


@dataclass
class Checkpoint:
    """A pull that is not at its end. Its fields are plain values, for the state is JSON."""

    now: str
    """When the pull began (UTC, ISO): the end of all of its windows, however long it takes."""
    task: str
    """A digest of what is read: tables, lists, options. Another task does not go on with this one."""
    full: bool
    senders: list[int] = field(default_factory=list)
    """The sender codes that were known before."""
    loads: list[str] = field(default_factory=list)
    """The load packages that hold rows of it."""
    positions: dict[str, Any] = field(default_factory=dict)
    """How far units were read, by their stream and name (see ``pages``)."""
    seen: int = 0
    """How many keys its loads have put into ``seen_keys``."""
    given_up: list[str] = field(default_factory=list)
    """Tasks that are done or not gone on with: what they have kept goes with the first load of this pull."""
    loads_before: list[str] = field(default_factory=list)
    """The loads of such tasks that were not gone on with: whom they have written may still have to be looked up."""
    doubted: list[str] = field(default_factory=list)
    """Tables of which rows were gone when it began."""
    unproved: dict[str, str] = field(default_factory=dict)
    """Streams that are not known to be read completely, and why."""
    moved_over: bool = False
    """Whether another process went on with it: what the first saw of the last days is not known then."""
    handed: dict[str, dict[str, int]] = field(default_factory=dict)
    """By table and sender code: how many rows its loads have handed over (see ``integrity``)."""
    found_gone: list[str] = field(default_factory=list)
    """What was not there any more when it began, in sentences."""
    asks_again: bool = False
    """Whether what lookups brought was gone when it began."""
    swept: list[str] | None = None
    """Once the walk is at its end: its streams, for the sweep that is left to do."""

    @classmethod
    def of(cls, state: dict[str, Any]) -> Checkpoint:
        """From JSON, of an older version too."""
        known = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in state.items() if name in known})

    @property
    def began(self) -> datetime:
        """When the pull began."""
        return datetime.fromisoformat(self.now)


def has_seen(pipeline: dlt.Pipeline, source: str = "listrak_sms") -> list[str]:
    """The tasks of earlier pulls that may have left something in ``seen_keys``, of a pipeline that is not running."""
    found: list[str] = pipeline.state.get("sources", {}).get(source, {}).get(HAS_SEEN, [])
    return found


def task_of(**what: Any) -> str:
    """A digest of what a pull is to read, and of how it remembers what it has seen."""
    said = json.dumps(what | {"version": _VERSION}, sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def was_taken_up(pipeline: dlt.Pipeline, source: str = "listrak_sms") -> bool:
    """Whether the last pull was begun by another process than the one that ended it: nobody knows how long ago."""
    return bool(pipeline.state.get("sources", {}).get(source, {}).get(TAKEN_UP))


def is_unfinished(pipeline: dlt.Pipeline, source: str = "listrak_sms") -> bool:
    """Whether the last run ended before the pull did: run the source again, and it goes on."""
    return bool(pipeline.state.get("sources", {}).get(source, {}).get(PENDING))
