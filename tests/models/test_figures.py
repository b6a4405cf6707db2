"""The figures after 90 days of life: each model, each cell, against what the world itself says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from listrak_source.sandbox import World
from tests.models.conftest import PLACES, Built
from tests.models.history import CLASSES, WHOLE, History, day_of

pytestmark = pytest.mark.full

_OF_LOADS = {"load_id", "values_load_id", "build_number"}
DAYS, EACH, UNDATED = 90, 18, 12


@pytest.fixture
def world() -> World:
    return World(seed=7, contacts=100, sender_codes=2)


def by(rows: Iterable[dict[str, Any]], *key: str, without: Iterable[str] = ()) -> dict[Any, dict[str, Any]]:
    """Rows by their key, which must be one; without what only loads know."""
    found: dict[Any, dict[str, Any]] = {}
    left = {*key, *_OF_LOADS, *without}
    for row in rows:
        values = tuple(row[name] for name in key)
        assert values not in found, f"{values} twice"
        found[values] = {name: value for name, value in row.items() if name not in left}
    return found


def same(there: Mapping[Any, Any], reckoned: Mapping[Any, Any]) -> int:
    """Compare two tables, cell by cell; how many cells."""
    missing, more = reckoned.keys() - there.keys(), there.keys() - reckoned.keys()
    assert not missing, f"{len(missing)} rows are not there, {sorted(missing)[:3]}"
    assert not more, f"{len(more)} rows are there that should not be, {[(key, there[key]) for key in sorted(more)[:3]]}"
    cells = 0
    for key, row in reckoned.items():
        assert there[key].keys() == row.keys(), key
        for name, value in row.items():
            found, wanted = there[key][name], value
            if name.endswith("_percent") and None not in (found, value):
                # Databases round a half up or down.
                found, wanted = float(found), pytest.approx(float(value), abs=0.011)
            assert found == wanted, (key, name, there[key], row)
            cells += 1
    return cells


@pytest.mark.parametrize("built", PLACES, indirect=True)
def test_each_model_each_cell(built: Built, record_property: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__LISTRAK__REMOVAL_PERCENT", "100")
    world, history, pulled = built.sandbox.world, History(), []
    sender, phone_list = next((sender, one) for sender in world.sender_codes.values() for one in sender.lists)
    for number in range(UNDATED):  # undated: they are an opening balance, and no growth
        world.import_undated(sender.sender_code_id, phone_list, f"1555010{number:04d}")
    for day in range(0, DAYS + 1, EACH):
        if day:
            world.live(EACH)
        history.look(world)
        pulled.append(built.pull("--full", "--lookups", "all"))
        if day == 2 * EACH:
            built.build()  # the rest is incremental
    built.build()

    cells = as_reckoned(built.rows, history)
    health = sorted(built.rows("listrak__pull_health"), key=lambda row: row["began_at"])
    assert [row["outcome"] for row in health] == ["done"] * len(pulled)
    assert [row["rows_loaded"] for row in health] == [
        sum(table["rows"] for table in document["results"]) for document in pulled
    ]
    assert [row["is_latest_whole_run"] for row in health] == [False] * (len(pulled) - 1) + [True]
    cells["pull_health"] = 3 * len(health)
    for model, count in cells.items():
        record_property(f"{built.destination}, cells of listrak__{model} as reckoned", count)


def as_reckoned(rows: Callable[[str], list[dict[str, Any]]], history: History) -> dict[str, int]:
    """Compare each model with what the world says; how many cells."""
    names = {key: row["phone_list_name"] for key, row in history.truth["lists"].items()}
    stands = history.stands()
    cells: dict[str, int] = {}
    events: dict[Any, dict[str, Any]] = {
        told.key: {
            "consent_level": "sender_code" if told.phone_list == WHOLE else "list",
            "event_precision": told.precision,
            "is_dated": told.precision != "pull",
            "event_on": day_of(told.at),
            "effective_at": told.at if told.is_exact else None,
            "observed_at": told.seen_at,
            "observed_on": day_of(told.seen_at),
            "reason": told.reason,
        }
        for told in history.told.values()
    }
    key = ("sender_code_id", "phone_list_id", "phone_number", "event", "event_at")
    there = by(rows("listrak__consent_events"), *key, without=["hours_until_known", "seen_in"])
    cells["consent_events"] = same(there, events)
    for row in rows("listrak__consent_events"):
        hours = (row["observed_at"] - row["event_at"]).total_seconds() / 3600 if row["effective_at"] else None
        known = row["hours_until_known"]
        assert (None if known is None else float(known)) == pytest.approx(hours, abs=0.01), row
    now = by(rows("listrak__consent_now"), "sender_code_id", "phone_list_id", "phone_number", without=["list_state"])
    cells["consent_now"] = same(
        now,
        {
            place: {
                "phone_list_name": names.get(place[:2]),
                "consent": "opted_out"
                if stand.stopped
                else stand.last.event
                if place[1] == WHOLE and stand.last
                else stand.state,
                "is_on_list": stand.state == "subscribed",
                "is_opted_out": stand.stopped,
                "is_reachable": stand.reached,
                "latest_event": stand.last.event if stand.last else None,
                "latest_event_at": stand.last.at if stand.last else None,
                "latest_event_precision": stand.last.precision if stand.last else None,
                "latest_event_observed_at": stand.last.seen_at if stand.last else None,
            }
            for place, stand in stands.items()
        },
    )
    growth = by(rows("listrak__growth_daily"), "sender_code_id", "phone_list_id", "day", without=["phone_list_name"])
    cells["growth_daily"] = same(growth, history.growth())
    assert max(row["undated"] for row in growth.values()) >= UNDATED, "there is an opening balance"
    assert all(sum(row[name] for row in growth.values()) for name in ("joined", "came_back", "left_list", "stopped"))
    cells["list_health"] = same(by(rows("listrak__list_health"), "sender_code_id", "phone_list_id"), history.health())
    cells["opt_out_reasons"] = same(
        by(rows("listrak__opt_out_reasons"), "sender_code_id", "month", "reason"), history.reasons()
    )
    cells["cohorts"] = same(
        by(rows("listrak__cohorts"), "sender_code_id", "join_month", "months_since"), history.cohorts()
    )
    cells["suppressions"] = same(
        by(rows("listrak__suppressions"), "sender_code_id", "phone_number", without=["told_in"]),
        history.suppressions(),
    )
    cells["contacts"] = same(by(rows("listrak__contacts"), "sender_code_id", "phone_number"), history.contacts())
    audit = by(
        rows("listrak__consent_audit"),
        *key,
        without=["hours_until_known", "seen_in", "change", "is_on_list", "is_opted_out", "is_reachable"],
    )
    cells["consent_audit"] = same(
        audit,
        {
            key: {
                "sender_code": history.truth["sender_codes"][key[0]]["code"],
                "phone_list_name": names.get(key[:2]),
                "reason_class": CLASSES.get(row["reason"], "unknown") if key[3] == "opted_out" else None,
                **{
                    name: row[name]
                    for name in ("consent_level", "event_precision", "effective_at", "observed_at", "reason")
                },
            }
            for key, row in events.items()
        },
    )
    return cells
