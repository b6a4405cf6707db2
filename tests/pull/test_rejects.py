"""What is set aside, by itself: each record once, with its reason."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any

from listrak_source.pull.records.quarantine import Rejects
from listrak_source.pull.schema import CONTACTS, OPT_OUTS, REJECTED_ROWS

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)


# what is set aside, by itself


def test_a_record_is_set_aside_once() -> None:
    rejects = Rejects()
    for record in ({"b": 1, "a": 2}, {"a": 2, "b": 1}, {"a": 2, "b": 2}):
        rejects.add(CONTACTS, record, "birthday: not a date")
    rejects.add(OPT_OUTS, {"a": 2, "b": 1}, "birthday: not a date")
    rejects.add(CONTACTS, {"a": 2, "b": 1}, "optedOut: neither true nor false")
    table = rejects.drain(NOW)
    assert table is not None
    assert table.schema == REJECTED_ROWS.schema
    rows = table.to_pylist()
    assert len({row["rejected_id"] for row in rows}) == len(rows) == 4
    assert [(row["table_name"], row["record"]) for row in rows[:3]] == [
        ("contacts", '{"a": 2, "b": 1}'), ("contacts", '{"a": 2, "b": 2}'), ("opt_outs", '{"a": 2, "b": 1}'),
    ]  # fmt: skip
    assert {row["observed_at"] for row in rows} == {NOW}
    assert rejects.counts == {
        ("contacts", "birthday: not a date"): 2,
        ("contacts", "optedOut: neither true nor false"): 1,
        ("opt_outs", "birthday: not a date"): 1,
    }
    rejects.add(CONTACTS, {"a": 2, "b": 1}, "birthday: not a date")
    assert rejects.drain(NOW) is None
    again = Rejects()
    again.add(CONTACTS, {"a": 2, "b": 1}, "birthday: not a date")
    same = again.drain(datetime(2027, 1, 1, tzinfo=timezone.utc))
    assert same is not None
    assert same["rejected_id"][0] == table["rejected_id"][0]


def test_many_threads_set_aside() -> None:
    rejects = Rejects()
    found: list[str] = []

    def work(start: int) -> None:
        for number in range(start, start + 300):
            rejects.add(CONTACTS, {"n": number}, "n: odd")
            if number % 50 == 0 and (table := rejects.drain(NOW)) is not None:
                found.extend(table["record"].to_pylist())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(0, 1600, 200)))
    last = rejects.drain(NOW)
    found += last["record"].to_pylist() if last is not None else []
    assert sorted(json.loads(record)["n"] for record in found) == list(range(1700))
    assert rejects.counts == {("contacts", "n: odd"): 1700}


def test_a_mask_comes_before_record_and_id() -> None:
    def mask(record: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in record.items() if name != "phoneNumber"}

    rejects = Rejects(mask)
    for phone in ("15550001111", "15550002222"):
        rejects.add(CONTACTS, {"phoneNumber": phone, "birthday": "soon"}, "birthday: not a date")
    table = rejects.drain(NOW)
    assert table is not None
    assert table["record"].to_pylist() == ['{"birthday": "soon"}'], "what tells them apart is gone, from the id too"


def test_half_a_surrogate_pair_can_be_set_aside() -> None:
    rejects = Rejects()
    rejects.add(CONTACTS, {"firstName": "Ann \ud83d", "birthday": "soon"}, "birthday: not a date")
    table = rejects.drain(NOW)
    assert table is not None
    assert json.loads(table["record"][0].as_py())["birthday"] == "soon"
