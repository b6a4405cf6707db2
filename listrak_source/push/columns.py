"""The columns that a sync names: their types, as the catalogue tells them, and how the values of each become text.

No row is looked at for that, and no column that the sync does not name: what stands there is nobody's business, and may
be of a type that cannot be read at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from listrak_source.api.redact import redact
from listrak_source.push.store import Store, name
from listrak_source.push.sync import Sync


class Form(Enum):
    """What the values of a type are like."""

    TEXT = "text"
    WHOLE = "whole number"
    DECIMAL = "decimal number"
    FLOAT = "floating-point number"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "local time"
    MOMENT = "moment"
    """A time with its zone."""
    TIME = "time of day"
    OTHER = "nested or binary"


_FORMS = {
    Form.OTHER: r".*\[[0-9]*\]|_.*|(struct|map|union|list|blob|bytea|bit|varbit|binary|varbinary)\b.*|.*range",
    Form.WHOLE: r"u?(tiny|small|big|huge)?int(eger)?|u?int[0-9]+|bignum|varint|oid",
    Form.DECIMAL: r"(decimal|numeric)\b.*",
    Form.FLOAT: r"double( precision)?|float[0-9]*|real",
    Form.BOOLEAN: r"bool(ean)?",
    Form.DATE: r"date",
    Form.MOMENT: r"timestamptz|timestamp.* with time zone",
    Form.TIMESTAMP: r"timestamp.*|datetime",
    Form.TIME: r"time.*|interval",
}
"""By what values are like: the names of types, in DuckDB and PostgreSQL. Any other type is read as text."""


@dataclass(frozen=True)
class Stored:
    """The type of a column."""

    title: str
    """As the database calls it."""

    @property
    def form(self) -> Form:
        return next((form for form, names in _FORMS.items() if re.fullmatch(names, self.title)), Form.TEXT)


def source_of(store: Store, sync: Sync) -> str:
    """SQL for the user's table or query; a query stays in the user's own words."""
    return store.verbatim(sync.relation) if sync.is_verbatim else sync.relation


def named(sync: Sync) -> list[str]:
    """The names of the columns that a sync reads."""
    return list(dict.fromkeys([sync.phone, sync.key, *(column.name for column in sync.columns)]))


def of(store: Store, sync: Sync) -> dict[str, Stored]:
    """The types of the columns that a sync names, by name. Fails as the database does where one is not there."""
    return _types(store, sync, named(sync))


def found(store: Store, sync: Sync, hidden: str = "") -> tuple[dict[str, Stored], list[str]]:
    """The types of those columns that the table has, by name; and what is wrong, in sentences. ``hidden`` is a column
    that is not the user's.
    """
    try:
        return of(store, sync), []
    except Exception as error:  # noqa: BLE001 - each database tells by errors of its own
        problem = f"the table cannot be read: {_reason(error)}"
    try:
        there = [title for title, _ in store.types(f"SELECT * FROM {source_of(store, sync)} AS source")]
    except Exception:  # noqa: BLE001 - the first error says it
        return {}, [problem]
    users = ", ".join(one for one in there if one != hidden and not one.startswith("_dlt_"))
    missing = [one for one in named(sync) if one not in there]
    problems = [f"the table has no column {one}; it has {users}" for one in missing]
    if not missing:
        return {}, [problem]
    return _types(store, sync, [one for one in named(sync) if one in there]), problems


def as_text(column: str, stored: Stored) -> str:
    """SQL for the values of the column of this name, as text."""
    value = f"CAST({name(column)} AS TEXT)"
    if stored.form is Form.DECIMAL:
        return _shortest(value)
    return value


def _shortest(number: str) -> str:
    """SQL for the text of a number without the zeros behind its decimal point."""
    return f"CASE WHEN {number} LIKE '%.%' THEN RTRIM(RTRIM({number}, '0'), '.') ELSE {number} END"


def _types(store: Store, sync: Sync, columns: list[str]) -> dict[str, Stored]:
    if not columns:
        return {}
    some = ", ".join(map(name, columns))
    told = store.types(f"SELECT {some} FROM {source_of(store, sync)} AS source")
    return {column: Stored(title) for column, (_, title) in zip(columns, told, strict=True)}


def _reason(error: Exception) -> str:
    lines = (line.strip() for line in str(error).splitlines())
    return redact(next((line for line in lines if line), type(error).__name__))
