"""What the page is made of, without models: each count against what the sandbox's world itself says."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import Any

from listrak_source.dashboard.snapshot import EXTRACTS, OVERLAP_LISTS
from tests.dashboard.conftest import LOOKS, UNDATED, Told


def table(told: Told, name: str, *key: str) -> dict[Any, dict[str, Any]]:
    """A table of the snapshot by its key, which must be one."""
    found = {}
    for row in told.snapshot.rows(f"SELECT * FROM {name}"):
        values = tuple(row.pop(one) for one in key)
        assert values not in found, f"{values} twice"
        found[values] = row
    return found


def shared(rows: dict[Any, dict[str, Any]], reckoned: dict[Any, dict[str, Any]]) -> int:
    """Compare the columns that both have; how many cells."""
    assert rows.keys() == reckoned.keys()
    cells = 0
    for key, row in rows.items():
        for name in row.keys() & reckoned[key].keys():
            assert row[name] == reckoned[key][name], (key, name, row, reckoned[key])
            cells += 1
    return cells


def test_growth(told: Told) -> None:
    rows = table(told, "growth", "sender_code_id", "phone_list_id", "day")
    assert shared(rows, told.history.growth()) > 7 * len(rows)
    assert max(row["undated"] for row in rows.values()) >= UNDATED, "there is an opening balance"
    for name in ("joined", "came_back", "stopped"):
        assert sum(row[name] for row in rows.values()), f"nobody has {name}, which proves little"


def test_members_of_each_list(told: Told) -> None:
    rows = table(told, "lists", "sender_code_id", "phone_list_id")
    assert shared(rows, told.history.health()) >= 4 * len(rows)


def test_reasons(told: Told) -> None:
    rows = table(told, "stops", "sender_code_id", "month", "reason")
    assert shared(rows, told.history.reasons()) >= 2 * len(rows)
    assert len({row["reason_class"] for row in rows.values()}) > 2


def test_cohorts(told: Told) -> None:
    rows = table(told, "cohorts", "sender_code_id", "join_month", "months_since")
    assert shared(rows, told.history.cohorts()) >= 3 * len(rows)


def test_each_person_counts_once_in_the_audience(told: Told) -> None:
    lists: dict[tuple[int, str], set[int]] = {}
    for (sender, phone_list, phone), stand in told.history.stands().items():
        if stand.reached and phone_list:
            lists.setdefault((sender, phone), set()).add(phone_list)
    reached = Counter((sender, one) for (sender, _), its in lists.items() for one in its)
    places: dict[tuple[int, int], int] = {}
    for sender in {sender for sender, _ in reached}:
        largest = sorted((one for its, one in reached if its == sender), key=lambda one: (-reached[sender, one], one))
        places |= {(sender, one): place for place, one in enumerate(largest[:OVERLAP_LISTS])}
    masks = Counter(
        (sender, sum(1 << places[sender, one] for one in its if (sender, one) in places))
        for (sender, _), its in lists.items()
    )
    rows = table(told, "audience", "sender_code_id", "mask")
    assert {key: row["people"] for key, row in rows.items()} == masks
    assert any(mask & (mask - 1) for _, mask in masks), "somebody is on two lists"
    assert list(combinations(places, 2)), "there are two lists"


def test_fields_and_contacts(told: Told) -> None:
    truth = told.world.truth()
    contacts = Counter(sender for sender, _ in truth["contacts"])
    assert {key[0]: row["contacts"] for key, row in table(told, "contacts", "sender_code_id").items()} == contacts
    values = Counter((sender, field) for sender, _, field in truth["contact_profile_values"])
    fields = table(told, "fields", "sender_code_id", "segmentation_field_id")
    assert {key: row["filled"] for key, row in fields.items() if row["filled"]} == values
    assert fields.keys() == truth["profile_fields"].keys()


def test_hours_until_a_stop_is_known(told: Told) -> None:
    first = min(one.seen_at for one in told.history.told.values())
    stops = [one for one in told.history.told.values() if one.event == "opted_out" and one.is_exact and one.at >= first]
    assert stops, "somebody has said stop since the first pull"
    known = told.snapshot.rows("SELECT hours, CAST(sum(stops) AS BIGINT) AS stops FROM stops_known GROUP BY hours")
    wanted = Counter(-(-int((one.seen_at - one.at).total_seconds()) // 3600) for one in stops)
    assert {row["hours"]: row["stops"] for row in known} == wanted


def test_pulls(told: Told) -> None:
    rows = told.snapshot.rows("SELECT * FROM pulls ORDER BY began_at")
    assert [row["outcome"] for row in rows] == ["done"] * LOOKS
    assert all(row["requests"] > 0 and row["rows_loaded"] > 0 for row in rows)


def test_no_person_leaves_the_warehouse(told: Told) -> None:
    phones = {phone for _, phone in told.world.truth()["contacts"]}
    held = {
        str(value) for name in EXTRACTS for row in told.snapshot.rows(f"SELECT * FROM {name}") for value in row.values()
    }
    assert not phones & held
