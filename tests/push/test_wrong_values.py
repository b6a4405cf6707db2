"""14.B13, 14.C14, 14.C15: no wrong value goes to Listrak, and what is equal is no change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from listrak_source.push import Sync
from listrak_source.push.sync import time_zones
from listrak_source.push.sync.canonical import Kind, canonical, is_said, trimmed
from listrak_source.push.warehouse.ledger import CONFIRMED, IMPORT
from listrak_source.push.warehouse.sql_client import text
from listrak_source.sandbox import Quirks
from tests.push.pushing import Pushing

BLANKS = "\t\n\r\v\f\u00a0\u2003\u200b\u3000\ufeff"
NUMBERS: dict[str, dict[str, str | None]] = {  # by type: what stands in the table, and what goes to a field of texts
    "DOUBLE PRECISION": {
        "150": "150",
        "150.5": "150.5",
        "0.1": "0.1",
        "NaN": None,
        "Infinity": None,
        "-Infinity": None,
    },
    "REAL": {"150": "150", "0.1": "0.1", "NaN": None},
    "DECIMAL(10, 2)": {"150": "150", "150.50": "150.5", "0": "0", "-20": "-20", "100": "100"},
    "BIGINT": {"150": "150", "100": "100", "0": "0"},
}


def _cast(pushing: Pushing, kind: str, columns: dict[str, Any], rows: list[tuple[str, Any]], **also: Any) -> Sync:
    """A sync of a table whose column ``said`` has this type."""
    pushing.customers(["id", "phone", "given"], [(at, *row) for at, row in enumerate(rows)])
    with pushing.store() as store:
        store.run("DROP TABLE IF EXISTS told")
        store.run(f"CREATE TABLE told AS SELECT id, phone, CAST(given AS {kind}) AS said FROM customers")
    return pushing.sync(columns, table="told", **also)


def _planned(pushing: Pushing, sync: Sync, which: str = "changes") -> list[Any]:
    """What a plan would send of the only column, by row."""
    pushing.plan(sync)
    return [value for (value,) in pushing.rows(f"SELECT after_0 FROM push_{which}_loyalty ORDER BY row_key")]


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_have_their_shortest_form(pushing: Pushing, kind: str) -> None:
    """14.C14: 150 and not 150.00, for it stands in messages; NaN and infinity are null."""
    given = NUMBERS[kind]
    rows = list(zip(pushing.phones(len(given)), given, strict=True))
    sync = _cast(pushing, kind, {"said": pushing.field("Text", 1).field_id}, rows)
    wanted = [one for one in given.values() if one is not None]
    assert _planned(pushing, sync) == wanted
    number = pushing.sync({"said": pushing.field("Number", 1).field_id}, table="told")
    assert _planned(pushing, number) == wanted
    assert pushing.plan(number).rejected == {}, "nothing is no value that does not fit"


@pytest.mark.full
@pytest.mark.cases(0, 1)
def test_no_negative_nothing_and_no_year_before_christ(pushing: Pushing) -> None:
    """14.C14: -0 went as it is, and 44 BC as the year 44."""
    first, second = pushing.phones(2)
    text_field, date_field = pushing.field("Text", 1).field_id, pushing.field("Date", 1).field_id
    sync = _cast(pushing, "DOUBLE PRECISION", {"said": text_field}, [(first, "-0.0"), (second, "-10.0")])
    assert _planned(pushing, sync) == ["0", "-10"]
    before = "0044-03-15 (BC)" if pushing.warehouse.place.name == "duckdb" else "0044-03-15 BC"
    for kind in ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"):
        sync = _cast(pushing, kind, {"said": date_field}, [(first, before), (second, "2024-02-29")])
        assert len(_planned(pushing, sync)) == 1, kind
        assert list(pushing.plan(sync).rejected.values()) == [1], kind


@pytest.mark.full
@pytest.mark.cases(0, 1)
def test_blanks_around_a_text_are_not_sent(pushing: Pushing) -> None:
    """14.C15: of any kind, and alike in every database. Those within stay; those at Listrak differ (14.D18)."""
    rows = list(
        zip(pushing.phones(4), (f"{BLANKS}NBSP \u00a0 TAB{BLANKS}", " gold", "gold", "silver\u00a0"), strict=True)
    )
    text_field = pushing.field("Text").field_id
    pushing.edit(rows[2][0], {text_field: "gold "})
    pushing.warehouse.pull(full=True)
    sync = _cast(pushing, "TEXT", {"said": text_field}, rows)
    wanted = ["NBSP \u00a0 TAB", "gold", "gold", "silver"]
    assert _planned(pushing, sync) == wanted
    assert ("gold ", "gold") in pushing.rows("SELECT before_0, after_0 FROM push_changes_loyalty")
    pushing.apply(sync)
    assert [pushing.contact(phone)["values"][text_field] for phone, _ in rows] == wanted
    assert pushing.plan(sync).is_empty
    own = pushing.sync({"said": {"contact": "first_name"}}, table="told")
    assert _planned(pushing, own) == wanted


@pytest.mark.parametrize("kind", ["BIGINT", "DECIMAL(10, 0)", "DOUBLE PRECISION"])
def test_numbers_are_no_postal_codes(pushing: Pushing, kind: str) -> None:
    """14.C14: they have lost the zeros in front."""
    sync = _cast(pushing, kind, {"said": {"contact": "postal_code"}}, [(pushing.phones(1)[0], "1234")])
    with pushing.session(sync) as session:
        (problem,) = session.check()[1]
    assert problem.endswith("and does not fit postal_code, a postal code")


MOMENTS = {  # a moment, its date in New York, and which birthday it tells
    "2020-07-01 03:59:59+00": ("2020-06-30", None),
    "2020-07-01 04:00:00+00": ("2020-07-01", "2020-07-01"),
    "2020-01-01 04:59:59+00": ("2019-12-31", None),
    "2020-01-01 05:00:00+00": ("2020-01-01", "2020-01-01"),
    "1990-05-12 00:00:00+00": ("1990-05-11", "1990-05-12"),
    "1950-01-31 05:00:00+00": ("1950-01-31", "1950-01-31"),
    "2019-12-31 19:00:00-05": ("2019-12-31", "2020-01-01"),
}


@pytest.mark.parametrize("kind", ["TIMESTAMP WITH TIME ZONE", "VARCHAR(22)"])
def test_a_moment_has_its_date_in_the_configured_zone(pushing: Pushing, kind: str) -> None:
    """14.C14: not in the session's; and a birthday never moves by a day."""
    rows = list(zip(pushing.phones(len(MOMENTS)), MOMENTS, strict=True))
    sync = _cast(pushing, kind, {"said": pushing.field("Date", 1).field_id}, rows)
    with pushing.session(sync) as session:
        session.store.run("SET TimeZone = 'Asia/Tokyo'")
        session.plan()
        days = [day for (day,) in session.store.rows("SELECT after_0 FROM push_changes_loyalty ORDER BY row_key")]
    assert days == [day for day, _ in MOMENTS.values()]
    born = pushing.sync({"said": {"contact": "birthday"}}, table="told")
    assert _planned(pushing, born) == [day for _, day in MOMENTS.values() if day]
    assert pushing.plan(born).rejected == {"said: does not fit: birthday is a day": 2}
    apply = pushing.apply(born)
    assert apply
    assert [str(pushing.contact(phone)["birthday"]) for phone, given in rows if MOMENTS[given][1]] == [
        day for _, day in MOMENTS.values() if day
    ]


def test_a_text_with_an_offset_is_a_moment_however_it_is_written() -> None:
    """14.C14: of a text too."""
    written = ["2020-01-01T02:00:00Z", "2020-01-01 02:00 UTC", "2020-01-01T02:00:00.5+0000", "2020-01-01 02:00:00 +00",
               "2020-01-01T02:00:00z ", "\u200b2019-12-31T21:00:00-05:00", "2020-01-01 04:30+02:30"]  # fmt: skip
    assert set(time_zones.days(written, "America/New_York", is_day=False).values()) == {"2019-12-31"}
    odd = [
        "2020-01-01T02:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
        "2020-01-01T02:00:00+15:30",
    ]
    assert time_zones.days(odd, "America/New_York", is_day=True) == {one: f"at {one}" for one in odd}
    assert time_zones.days(["1990-05-12T00:00:00Z"], "Asia/Tokyo", is_day=True) == {
        "1990-05-12T00:00:00Z": "1990-05-12"
    }


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"])
def test_what_is_without_end_is_no_date(pushing: Pushing, kind: str) -> None:
    """14.C14: infinity is null of dates too."""
    rows = [(pushing.phones(1)[0], "infinity")]
    sync = _cast(pushing, kind, {"said": pushing.field("Date", 1).field_id}, rows)
    assert _planned(pushing, sync) == []
    assert pushing.plan(sync).rejected == {}


def test_another_zone_another_date(in_duckdb: Pushing) -> None:
    """14.C14: the zone is a setting."""
    rows = [(in_duckdb.phones(1)[0], "2020-07-01 01:00:00+00")]
    sync = _cast(in_duckdb, "TIMESTAMP WITH TIME ZONE", {"said": in_duckdb.field("Date", 1).field_id}, rows)
    with in_duckdb.session(sync, timezone="Europe/Berlin") as session:
        session.plan()
    assert in_duckdb.rows("SELECT after_0 FROM push_changes_loyalty") == [("2020-07-01",)]


@pytest.mark.full
def test_the_servers_settings_change_no_value(pushing: Pushing) -> None:
    """14.C14: neither the style of dates of a PostgreSQL nor its digits of a float."""
    first, second = pushing.phones(2)
    sync = _cast(pushing, "DATE", {"said": pushing.field("Date", 1).field_id}, [(first, "2020-02-09")])
    floats = pushing.sync({"said": pushing.field("Text", 1).field_id}, table="floats")
    with pushing.store() as store:
        store.run("DROP TABLE IF EXISTS floats")
        store.run(f"CREATE TABLE floats AS SELECT 1 AS id, {text(second)} AS phone, CAST(0.1234567890123456 AS DOUBLE) "
                  "AS said")  # fmt: skip
        if pushing.warehouse.place.name == "postgres":
            (database,) = store.rows("SELECT CURRENT_DATABASE()")[0]
            for setting in ("DateStyle = 'SQL, DMY'", "extra_float_digits = -10"):
                store.run(store.verbatim(f"ALTER DATABASE {database} SET {setting}"))
    assert _planned(pushing, sync) == ["2020-02-09"]
    assert _planned(pushing, floats) == ["0.1234567890123456"]


@pytest.mark.full
@pytest.mark.cases(0, 2)
@pytest.mark.parametrize("how", ["grouped", "exponent", "padded"])
def test_numbers_are_equal_however_listrak_writes_them(pushing: Pushing, how: Any) -> None:
    """14.B13: when they are compared and when they are read back, by a sync and one by one."""
    field = pushing.field("Number").field_id
    phones = pushing.phones(4)
    for phone, number in zip(phones, ("1500", "1500", "2.5", "0.01"), strict=True):
        pushing.edit(phone, {field: number})
    pushing.sandbox.service.quirks = replace(Quirks(), numbers=how)
    pushing.warehouse.pull(full=True)
    sync = pushing.sync({"points": field}, read_back="all")
    pushing.customers(
        ["id", "phone", "points"], list(zip(range(4), phones, ("1500.00", "1,500", "2.50", "1e-2"), strict=True))
    )
    assert pushing.plan(sync).is_empty
    rows = list(zip(range(4), phones, ("2500", "3,000,000.5", "1e-05", "-1.5e3"), strict=True))
    pushing.customers(["id", "phone", "points"], rows)
    outcome = pushing.apply(sync)
    assert outcome
    assert outcome.counts == {(IMPORT, CONFIRMED): 4}
    assert [pushing.contact(phone)["values"][field] for phone in phones] == ["2500", "3000000.5", "0", "-1500"]
    assert pushing.plan(sync).is_empty
    pushing.warehouse.pull(full=True)
    assert pushing.plan(sync).is_empty, "also after the next pull"


def test_blanks_of_any_kind(pushing: Pushing) -> None:
    """14.C15: trimmed alike in every database, and a blank is a blank."""
    said = f"{BLANKS}gold\u00a0card{BLANKS}"
    kinds = {Kind.EMAIL: "a@b.co", Kind.NUMBER: "10", Kind.CHECKBOX: "1", Kind.DATE: "2020-02-09", Kind.STOP: "1"}
    forms = [canonical(text(f"{BLANKS}{value}{BLANKS}"), kind) for kind, value in kinds.items()]
    blank = [canonical(text(BLANKS), kind) for kind in (*kinds, Kind.TEXT)]
    (found,) = pushing.rows(f"SELECT {', '.join([trimmed(text(said)), is_said(text(BLANKS)), *forms, *blank])}")
    assert found == ("gold\u00a0card", False, *kinds.values(), *(None for _ in blank))


def test_a_blank_changes_nothing_and_takes_a_default(pushing: Pushing) -> None:
    """14.C15: as a null does, in every place that asks."""
    fields = {"tier": pushing.field("Text").field_id, "points": pushing.field("Number").field_id}
    phones = pushing.phones(3)
    rows = [(1, phones[0], "\u00a0", "\t", "\u3000"), (2, phones[1], "\u200b", "\u00a05\u00a0", "\ufeff"),
            (3, f"\u00a0{phones[2]}\t", "gold", "\u2003", "\t")]  # fmt: skip
    pushing.customers(["id", "phone", "tier", "points", "said"], rows)
    columns = {"tier": {"field": fields["tier"], "default": "none"}, "points": fields["points"],
               "said": {"contact": "opted_out"}}  # fmt: skip
    plan = pushing.plan(pushing.sync(columns))
    assert (plan.rejected, plan.unread_stops) == ({}, 0)
    found = pushing.rows("SELECT after_1, after_0 FROM push_changes_loyalty ORDER BY row_key")
    assert found == [("none", None), ("none", "5"), ("gold", None)]
