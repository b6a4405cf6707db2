"""dlt asks thousands of times in a pull what kind the same few type hints are. In tests each question is asked once.

It is a sixth of what the tests of a pull take. dlt's own comment on the slowest of these says that it should do so.
Another twentieth is a text that dlt makes of each table's hints, for the trace of each load: libyaml makes it here.
A tenth is the schema, which dlt reads from its file a dozen times in a pull: here, where the file is another one.
In DuckLake three quarters are the signatures of DuckDB's extensions, which are checked with each connection: not here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache, partial, wraps
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
from dlt.common import validation
from dlt.common.configuration.specs import base_configuration
from dlt.common.schema import Schema
from dlt.common.storages import LiveSchemaStorage
from dlt.extract import extract


def remember() -> None:
    """Answer from memory from now on, in every module of dlt that is imported."""
    modules = [module for name, module in sys.modules.items() if name.startswith("dlt.")]
    for question in (base_configuration.is_secret_hint, base_configuration.extract_inner_hint):
        answer = _remembered(question)
        for module in modules:
            if vars(module).get(question.__name__) is question:
                setattr(module, question.__name__, answer)
    names = vars(validation)
    names["get_type_hints"] = _by_first(names["get_type_hints"])
    setattr(LiveSchemaStorage, "__getitem__", _while_unchanged(LiveSchemaStorage.__getitem__))  # noqa: B010 - a method
    setattr(duckdb, "connect", _trusting(duckdb.connect))  # noqa: B010 - of a module
    yaml = vars(extract)["yaml"]
    vars(extract)["yaml"] = SimpleNamespace(dump=partial(yaml.dump, Dumper=getattr(yaml, "CDumper", yaml.Dumper)))


def _trusting(connect: Callable[..., Any]) -> Callable[..., Any]:
    """A database in memory, which is how dlt reaches a lake or files, takes extensions as they are."""

    def answer(database: Any = ":memory:", *arguments: Any, **named: Any) -> Any:
        if database == ":memory:":
            named["config"] = {"allow_unsigned_extensions": "true"} | (named.get("config") or {})
        return connect(database, *arguments, **named)

    return answer


def _while_unchanged(read: Callable[[Any, str], Schema]) -> Callable[[Any, str], Schema]:
    """A schema that was read stays as it is until another file is written in the place of its own."""

    def answer(storage: Any, name: str) -> Schema:
        known: dict[str, tuple[object, ...]] = vars(storage).setdefault("_read", {})
        live: Schema | None = storage.live_schemas.get(name)
        if live is not None and not live.is_modified and known.get(name) == _state(storage, name, live):
            return live
        schema = read(storage, name)
        known[name] = _state(storage, name, schema)
        return schema

    return answer


def _state(storage: Any, name: str, schema: Schema) -> tuple[object, ...]:
    """Which file there is, and what it was read as; never the same where there is none."""
    try:
        file = Path(storage.storage.make_full_path(f"{name}.schema.json")).stat()
    except FileNotFoundError:
        return (object(),)
    return file.st_ino, file.st_mtime_ns, file.st_size, schema.stored_version_hash


def _by_first(question: Callable[..., Any]) -> Callable[..., Any]:
    """What else is given follows from the first argument."""
    known: dict[Any, Any] = {}

    def answer(first: Any, **named: Any) -> Any:
        if first not in known:
            known[first] = question(first, **named)
        return known[first]

    return answer


def _remembered(question: Callable[..., Any]) -> Callable[..., Any]:
    known = cache(question)

    @wraps(question)
    def answer(*arguments: Any, **named: Any) -> Any:
        try:
            return known(*arguments, **named)
        except TypeError:  # a hint that cannot be hashed
            return question(*arguments, **named)

    return answer
