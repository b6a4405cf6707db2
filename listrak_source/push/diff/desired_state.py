"""What a sync's table wants: its rows as they are now, their phone numbers told, and who stands in it twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from listrak_source.push import forgotten
from listrak_source.push.sync import phone_numbers, source_columns, time_zones
from listrak_source.push.sync.canonical import Kind, is_moment, trimmed
from listrak_source.push.sync.config import Sync
from listrak_source.push.sync.field_mapping import Target, given
from listrak_source.push.sync.source_columns import source_of
from listrak_source.push.warehouse.sql_client import Store, name

_DAYS = (Kind.DATE, Kind.BIRTHDAY)
_TOGETHER = 10_000
"""Odd texts that are in memory at once."""


def make(store: Store, sync: Sync, targets: list[Target]) -> tuple[str, str]:
    """Two tables, by name: the rows, and who has more than one.

    Of each row ``row_key``, ``phone`` (digits for comparing, null where it is no number), ``odd`` (the number as it is
    written, where SQL alone cannot tell it) and for each target ``n`` its column as it is, ``column_n``; of each such
    person ``phone``, ``first_key`` and ``last_key``. The table is read once, so that all of a plan is about one state.
    """
    rows, twins = f"push_wanted_{sync.name}", f"push_twins_{sync.name}"
    indexes = range(len(targets))
    types = source_columns.of(store, sync)
    phone = source_columns.as_text(store, sync.phone, types[sync.phone])
    some = ", ".join(f"{_kept(one, types)} AS column_{index}" for index, one in enumerate(targets))
    store.make(
        rows,
        f"SELECT row_key, phone, CASE WHEN phone IS NULL THEN {trimmed('given')} END AS odd"
        f"{''.join(f', column_{index}' for index in indexes)} FROM ("
        f"SELECT *, {phone_numbers.plain('given', 'digits')} AS phone FROM ("
        f"SELECT *, {phone_numbers.stripped('given')} AS digits FROM ("
        f"SELECT COALESCE(CAST({name(sync.key)} AS TEXT), '(none)') AS row_key, "
        f"{phone} AS given, {some} FROM {source_of(store, sync)} AS source"
        ") AS texts) AS stripped) AS told",
        for_now=True,
    )
    _tell(store, f"odd_{sync.name}", rows, ("odd", "odd <> ''"), "phone", told=phone_numbers.numbers)
    forgotten.withhold(store, rows)
    _tell_days(store, sync, rows, targets)
    store.make(
        twins,
        f"SELECT phone, MIN(row_key) AS first_key, MAX(row_key) AS last_key FROM {rows} "
        "WHERE phone IS NOT NULL GROUP BY phone HAVING COUNT(*) > 1",
        for_now=True,
    )
    return rows, twins


def said(store: Store, rows: str, targets: list[Target]) -> str:
    """SQL for what the rows of the table ``rows`` say, ``said_n`` for each target ``n``: more columns of a query."""
    told = source_columns.types_of(store, rows, [f"column_{index}" for index in range(len(targets))])
    texts = (
        source_columns.as_text(store, column, told[column], one.kind) for column, one in zip(told, targets, strict=True)
    )
    values = (given(one, text) for one, text in zip(targets, texts, strict=True))
    return "".join(f", {sql} AS said_{index}" for index, sql in enumerate(values))


def _kept(target: Target, types: Mapping[str, source_columns.Stored]) -> str:
    """SQL for a target's column as it is; as a plain text where a day may take its place."""
    column = name(target.column.name)
    is_text = types[target.column.name].form is source_columns.Form.TEXT
    return f"CAST({column} AS TEXT)" if is_text and target.kind in _DAYS else column


def _tell_days(store: Store, sync: Sync, rows: str, targets: list[Target]) -> None:
    """Write a day in the place of each text that is a time with its offset, and goes to a date."""
    dates = {f"column_{index}": one.kind for index, one in enumerate(targets) if one.kind in _DAYS}
    for column, stored in source_columns.types_of(store, rows, list(dates)).items():
        if stored.form is source_columns.Form.TEXT:
            told = partial(time_zones.days, zone=store.zone, is_day=dates[column] is Kind.BIRTHDAY)
            _tell(store, f"days_{sync.name}", rows, (column, is_moment(column)), column, told=told)


def _tell(
    store: Store,
    title: str,
    rows: str,
    given: tuple[str, str],
    column: str,
    *,
    told: Callable[[Iterable[str]], Mapping[str, str | None]],
) -> None:
    """Fill in what SQL alone cannot tell.

    That is, of each different text in the column ``given``, where its condition holds, what ``told`` makes of it.
    """
    source, condition = given
    odd, told_apart = f"push_{title}", f"push_told_{title}"
    store.make(odd, f"SELECT DISTINCT {source} AS given FROM {rows} WHERE {condition}")
    store.run(f"DROP TABLE IF EXISTS {told_apart}")
    store.run(f"CREATE TABLE {told_apart} (given TEXT, told TEXT)")
    for some in store.stream(f"SELECT given FROM {odd}", "given", _TOGETHER):
        found = told(some["given"].to_pylist())
        store.insert(told_apart, ["given", "told"], [(raw, value) for raw, value in found.items() if value])
    store.run(f"DROP TABLE {odd}")
    if store.one(f"SELECT COUNT(*) FROM {told_apart}"):
        store.run(
            f"UPDATE {rows} SET {column} = (SELECT MAX(o.told) FROM {told_apart} AS o WHERE o.given = {rows}.{source}) "
            f"WHERE {source} IN (SELECT given FROM {told_apart})"
        )
    store.run(f"DROP TABLE {told_apart}")
