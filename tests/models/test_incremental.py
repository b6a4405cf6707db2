"""What is built of what is new alone is what a whole build makes, whatever comes: late, changed, forgotten, missing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest

from listrak_source.cli.errors import Exit
from listrak_source.sandbox import World
from tests.models.conftest import Built
from tests.models.test_project import MARTS, MODELS

pytestmark = pytest.mark.full

_CHANGES = {"build_number", "hours_ago"}
"""Columns that tell of a build."""


def tables(built: Built) -> dict[str, set[tuple[Any, ...]]]:
    """All that the models hold."""
    found = {}
    for name in MARTS:
        rows = [{column: value for column, value in row.items() if column not in _CHANGES} for row in built.rows(name)]
        # A column that comes later stands behind the others, until all is built anew.
        found[name] = {tuple(str(value) for _, value in sorted(row.items())) for row in rows}
        assert len(found[name]) == len(rows), name
    return found


def is_as_built_whole(built: Built) -> dict[str, set[tuple[Any, ...]]]:
    """Build what is new, then everything, and compare."""
    built.build()
    before = tables(built)
    built.build("--full-refresh")
    after = tables(built)
    for name, rows in after.items():
        assert before[name] == rows, (name, sorted(before[name] ^ rows)[:4])
    return after


def cell(built: Built, model: str, **where: Any) -> dict[str, Any]:
    (row,) = [row for row in built.rows(model) if all(row[name] == value for name, value in where.items())]
    return row


def test_after_more_pulls_and_whatever_happens_to_rows(built: Built, listrak: Any) -> None:
    world = built.sandbox.world
    first, second = list(world.sender_codes)
    here, there = (next(iter(world.sender_codes[one].lists)) for one in (first, second))
    built.pull()
    built.build()
    world.live(2)

    # A person on two sender codes, who joins, leaves and joins again on one day, over three pulls of it.
    phone = "15550100001"
    # Whoever is on no list of a sender code any more is not looked up: so there is another one.
    for phone_list in world.sender_codes[first].lists:
        world.subscribe(first, phone_list, phone)
    world.subscribe(second, there, phone)
    world.clock.advance(hours=1)
    built.pull()
    world.leave_list(first, here, phone)
    world.clock.advance(hours=1)
    built.pull("--full", "--lookups", "all")
    world.subscribe(first, here, phone)
    world.clock.advance(hours=1)
    built.pull("--full", "--lookups", "all")
    # A stop to the one sender code overrides its lists; the other one's are as they were.
    stopped = "15550100002"
    world.subscribe(first, here, stopped)
    world.subscribe(second, there, stopped)
    world.clock.advance(hours=1)
    world.opt_out(first, stopped, "Admin")
    built.pull()
    world.clock.advance(days=3)
    built.pull("--full")
    is_as_built_whole(built)
    day = world.clock.now().date() - timedelta(days=3)
    growth = cell(built, "listrak__growth_daily", sender_code_id=first, phone_list_id=here, day=day)
    assert (growth["joined"], growth["came_back"], growth["left_list"], growth["stopped"]) >= (2, 1, 1, 1), growth
    assert growth["opening"] + growth["net"] == growth["closing"]
    assert cell(built, "listrak__consent_now", sender_code_id=first, phone_list_id=here, phone_number=phone)[
        "is_reachable"
    ]
    now = cell(built, "listrak__consent_now", sender_code_id=first, phone_list_id=here, phone_number=stopped)
    assert (now["is_on_list"], now["is_opted_out"], now["is_reachable"]) == (True, True, False)
    assert cell(built, "listrak__consent_now", sender_code_id=second, phone_list_id=there, phone_number=stopped)[
        "is_reachable"
    ]
    assert cell(built, "listrak__suppressions", phone_number=stopped)["reason_class"] == "admin"
    columns = {name: {column["name"] for column in MODELS[name]["columns"]} for name in MARTS}
    for name in MARTS:
        there_are = {column for column in built.rows(name)[0] if not column.startswith("field_")}
        assert there_are == columns[name], f"each column of {name} is described"
    same_people(built, listrak)

    # A load that comes late has a lower number; a row that changes moves to another load; a field comes; people go.
    built.execute(
        "INSERT INTO consent_events "
        "(sender_code_id, phone_list_id, phone_number, event, event_at, observed_at, seen_in, _dlt_load_id) "
        "SELECT sender_code_id, phone_list_id, phone_number, 'unsubscribed', event_at + INTERVAL 1 HOUR, "
        f"observed_at + INTERVAL 2 HOUR, 'contacts', '1.1' FROM consent_events WHERE phone_number = '{phone}' AND "
        f"sender_code_id = {second} AND event = 'subscribed' LIMIT 1"
    )
    built.execute(
        f"UPDATE contacts SET first_name = 'Zoë', _dlt_load_id = '9999999999.1' WHERE phone_number = '{phone}'"
    )
    built.execute(
        f"INSERT INTO profile_fields (sender_code_id, segmentation_field_id, segmentation_field_name, data_type, "
        f"_dlt_load_id) VALUES ({first}, 99, 'Brand new!', 'Number', '9999999999.1')"
    )
    built.execute(
        f"UPDATE contacts SET removed_at = now(), _dlt_load_id = '9999999999.1' WHERE phone_number = '{stopped}'"
    )
    built.execute(f"DELETE FROM list_memberships WHERE phone_number = '{phone}' AND sender_code_id = {second}")
    after = is_as_built_whole(built)
    contact = cell(built, "listrak__contacts", phone_number=phone, sender_code_id=first)
    assert contact["first_name"] == "Zoë"
    assert contact["field_brand_new"] is None
    assert not any(stopped in row for row in after["listrak__contacts"])

    # Somebody is forgotten: the number is in no model any more.
    hashed = "f" * 64
    for table in ("consent_events", "contacts", "opt_outs", "list_memberships", "contact_profile_values"):
        built.execute(f"UPDATE {table} SET phone_number = '{hashed}' WHERE phone_number = '{phone}'")
    after = is_as_built_whole(built)
    assert not any(phone in row for rows in after.values() for row in rows)
    assert any(hashed in row for row in after["listrak__consent_audit"])

    # What a build has seen must not go.
    built.execute(f"DELETE FROM consent_events WHERE phone_number = '{stopped}' AND event = 'opted_out'")
    code, _, err = listrak("models", "build")
    assert code == Exit.FAILED
    assert "Test consent_audit_is_only_added_to: 1 row does not fit. No event that an earlier build has seen" in err


def same_people(built: Built, listrak: Any) -> None:
    """``listrak suppressions`` lists whom the model has in force."""
    listed = json.loads(listrak("suppressions", "--table", "stops", "--json")[1])
    assert listed["status"] == "success"
    rows = built.query("SELECT sender_code_id, phone_number, stopped_at, reason FROM listrak_sms.stops")
    wanted = [row for row in built.rows("listrak__suppressions") if row["is_in_force"]]
    assert sorted_rows(rows) == sorted_rows({name: row[name] for name in rows[0]} for row in wanted)


def sorted_rows(rows: Iterable[dict[str, Any]]) -> list[str]:
    return sorted(str(list(row.values())) for row in rows)


@pytest.mark.parametrize(
    "tables_pulled", [("contacts",), ("lists", "consent_events"), ()], ids=["contacts", "events", "all"]
)
def test_tables_that_were_never_pulled_and_people_who_are_masked(
    built: Built, monkeypatch: pytest.MonkeyPatch, tables_pulled: tuple[str, ...]
) -> None:
    monkeypatch.setenv("SOURCES__LISTRAK__DROP_COLUMNS", '["email_address", "birthday", "first_name"]')
    monkeypatch.setenv("SOURCES__LISTRAK__HASH_COLUMNS", '["phone_number"]')
    monkeypatch.setenv("SOURCES__LISTRAK__HASH_KEY", "a key that is long enough for it")
    built.pull(*(word for table in tables_pulled for word in ("--table", table)))
    built.build()
    contacts = built.rows("listrak__contacts")
    assert bool(contacts) is (not tables_pulled or "contacts" in tables_pulled)
    assert all(len(row["phone_number"]) == 64 and row["email_address"] is None for row in contacts)
    assert bool(built.rows("listrak__suppressions")) is bool(contacts) or tables_pulled
    built.sandbox.world.live(2)
    built.pull(*(word for table in tables_pulled for word in ("--table", table)))
    built.build()


class TestEmptyAccount:
    @pytest.fixture
    def world(self) -> World:
        return World(seed=3, contacts=0, sender_codes=1, lists=1, start=datetime(2026, 3, 2, 12, 0))

    def test_nobody_is_no_error(self, built: Built) -> None:
        built.pull()
        built.build()
        built.build()
        assert [row["members"] for row in built.rows("listrak__list_health")] == [0]
        assert not built.rows("listrak__growth_daily")


def test_a_pull_builds_when_it_has_read_all(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBT_TARGET", "of another project")
    document = built.pull("--then-models")
    assert {one["name"] for one in document["models"]["results"] if one["status"] == "built"} >= MARTS
    assert built.rows("listrak__list_health")
