"""The columns that a sync names: their types, as the catalogue tells them, and how the values of each become text.

No row is looked at for that, and no column that the sync does not name: what stands there is nobody's business, and may
be of a type that cannot be read at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from listrak_source.api.redaction import redact
from listrak_source.push.sync.canonical import Kind, shortest
from listrak_source.push.sync.config import Sync
from listrak_source.push.sync.time_zones import offset_sql
from listrak_source.push.warehouse.sql_client import Store, name


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


_UTC = {"duckdb": "MAKE_TIMESTAMP(EPOCH_US({}))", "postgres": "({} AT TIME ZONE 'UTC')"}
"""By dialect: a moment as the time in UTC, whatever zone the session has. DuckDB's usual words need an extension."""


@dataclass(frozen=True)
class Stored:
    """The type of a column."""

    title: str
    """As the database calls it."""

    @property
    def form(self) -> Form:
        """The form in which values of this name are usual: told by the title."""
        return next((form for form, names in _FORMS.items() if re.fullmatch(names, self.title)), Form.TEXT)


def source_of(store: Store, sync: Sync) -> str:
    """SQL for the user's table or query; a query stays in the user's own words."""
    return store.verbatim(sync.relation) if sync.is_verbatim else sync.relation


def named(sync: Sync) -> list[str]:
    """The names of the columns that a sync reads."""
    return list(dict.fromkeys([sync.phone, sync.key, *(column.name for column in sync.columns)]))


def of(store: Store, sync: Sync) -> dict[str, Stored]:
    """The types of the columns that a sync names, by name. Fails as the database does where one is not there."""
    return types_of(store, source_of(store, sync), named(sync))


def found(store: Store, sync: Sync, hidden: str = "") -> tuple[dict[str, Stored], list[str]]:
    """The types of those columns that the table has, by name; and what is wrong, in sentences.

    ``hidden`` is a column that is not the user's.
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
    return types_of(store, source_of(store, sync), [one for one in named(sync) if one in there]), problems


def as_text(store: Store, column: str, stored: Stored, kind: Kind = Kind.TEXT) -> str:
    """SQL for the values of the column of this name, as text.

    Numbers stand in their shortest form, moments as the local time of the store's zone. What no text can say (NaN,
    infinity) is null. ``kind`` is that of the field it goes to.
    """
    value = name(column)
    text = f"CAST({value} AS TEXT)"
    if stored.form is Form.MOMENT:
        local = _in_zone(store, value, is_day=kind is Kind.BIRTHDAY)
        text = f"CASE WHEN {_finite(text, stored.form)} IS NOT NULL THEN {local} END"
    elif stored.form is Form.FLOAT or (stored.form is Form.DECIMAL and store.dialect != "duckdb"):
        text = _finite(f"LOWER({text})", stored.form)
    elif stored.form in (Form.DATE, Form.TIMESTAMP):
        text = _finite(text, stored.form)
    # What goes to a number is compared as one, and Listrak may write it as the database does.
    return shortest(text) if stored.form in (Form.DECIMAL, Form.FLOAT) and kind is not Kind.NUMBER else text


def _finite(text: str, form: Form) -> str:
    """SQL for the text of a value; null for what is no number, and for what is without end."""
    words = ["infinity", "-infinity"] + (["inf", "-inf", "nan"] if form in (Form.DECIMAL, Form.FLOAT) else [])
    for word in words:
        text = f"NULLIF({text}, '{word}')"
    return text


def _in_zone(store: Store, moment: str, *, is_day: bool) -> str:
    """SQL for the text of a moment: the local time there.

    What is meant as a day is told by its midnight, in UTC or there; another time of day tells no day, and the text is
    one that fits no date.
    """
    utc = _UTC.get(store.dialect, "CAST({} AS TIMESTAMP)").format(moment)
    local = f"CAST({utc} + {offset_sql(utc, store.zone)} * INTERVAL '1 second' AS TEXT)"
    if not is_day:
        return local
    midnight = "LIKE '% 00:00:00'"
    utc = f"CAST({utc} AS TEXT)"
    return f"CASE WHEN {utc} {midnight} THEN {utc} WHEN {local} {midnight} THEN {local} ELSE 'at ' || {local} END"


def types_of(store: Store, relation: str, columns: list[str]) -> dict[str, Stored]:
    """The types of these columns of a table or query, by name."""
    if not columns:
        return {}
    told = store.types(f"SELECT {', '.join(map(name, columns))} FROM {relation} AS source")
    return {column: Stored(title) for column, (_, title) in zip(columns, told, strict=True)}


def _reason(error: Exception) -> str:
    lines = (line.strip() for line in str(error).splitlines())
    return redact(next((line for line in lines if line), type(error).__name__))
