"""Killed at any point, and started again: what was wanted is there, stops first, and nothing is lost or doubled."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from itertools import count, cycle
from pathlib import Path
from typing import Any

import pytest

from listrak_source import lease
from listrak_source.push.apply import readback
from listrak_source.push.warehouse import ledger
from tests.pull.warehouse import truth
from tests.push.killing import Killed, count_down
from tests.push.pushing import Pushing
from tests.tiers import sizes

NEW = "13125550101"


@pytest.mark.sized
def test_killed_at_any_point(
    in_duckdb: Pushing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    monkeypatch.setattr(lease, "is_running", lambda _: False)
    text, pushing = in_duckdb.field("Text"), in_duckdb
    first, second, third, fourth = pushing.phones(4)
    new_list = pushing.world.add_list(pushing.sender_code_id, "Sale")
    rows = [
        (1, first, "gold", "Zoë", False, None), (2, second, "silver", None, False, None),
        (3, third, "x", None, True, True), (4, fourth, None, "Ann", False, True),
        (5, "nobody", "y", None, None, None), (6, NEW, "new", None, None, True),
    ]  # fmt: skip
    pushing.customers(["id", "phone", "tier", "first", "stop", "sale"], rows)
    columns = {
        "tier": text.field_id, "first": {"contact": "first_name"}, "stop": {"contact": "opted_out"},
        "sale": {"list": new_list},
    }  # fmt: skip
    sync, database = pushing.sync(columns, modes=["create", "subscribe"]), pushing.warehouse.database
    shutil.copy(database, before := tmp_path / "before.duckdb")
    reached: Counter[str] = Counter()
    at = 0
    for stride in cycle(sizes().strides):
        at += stride
        pushing.sandbox.service.reset()
        assert pushing.world.add_list(pushing.sender_code_id, "Sale") == new_list
        pushing.sandbox.traffic.clear()
        shutil.copy(before, database)
        with monkeypatch.context() as patched:
            steps = count_down(patched, at)
            try:
                pushing.apply(sync)
            except Killed:
                reached[steps[at - 1]] += 1
            else:
                break
        pushing.apply(sync)
        held = {phone: pushing.contact(phone) for phone in (first, second, third, fourth)}
        assert [held[phone]["values"].get(text.field_id) for phone in (first, second, third)] == [
            "gold",
            "silver",
            "x",
        ], at
        assert (held[first]["first_name"], held[fourth]["first_name"]) == ("Zoë", "Ann"), at
        assert [held[phone]["opted_out"] for phone in held] == [False, False, True, False], at
        members = {phone for _, one, phone in truth(pushing.sandbox)["list_memberships"] if one == new_list}
        assert members == {fourth, NEW}, at
        assert pushing.contact(NEW)["values"][text.field_id] == "new", at
        assert pushing.plan(sync).is_empty, at
        assert pushing.rows("SELECT COUNT(*) FROM push_runs WHERE status <> 'done'") == [(0,)]
        assert pushing.rows("SELECT DISTINCT column_name FROM push_rejected") == [("phone",)]
        assert nothing_is_open(pushing), at
        # One for each stop and update. One for the new contact, one for the list, and one or two for the file.
        assert pushing.sent().count("PUT") == 3, at
        assert pushing.sent().count("POST") <= 2 + 2, at
        assert pushing.sent().index("PUT") < pushing.sent().index("POST"), "stops go first"
    assert sum(reached.values()) >= sizes().kills
    if sizes().kills > 20:
        assert {"before run", "after run", "before send", "after send"} <= reached.keys()
    record_property("kills of a push", sum(reached.values()))


def nothing_is_open(pushing: Pushing) -> bool:
    """Whether every change of every run has come to an end."""
    of_runs = "FROM push_changes AS c JOIN push_runs AS r ON r.run_id = c.run_id"
    return pushing.rows(f"SELECT 1 {of_runs} WHERE c.status IN ('planned', 'sending', 'sent')") == []


def killed_at(at: int, real: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is killed where it is called for the ``at``-th time, counted from zero."""
    calls = count()

    def called(*arguments: Any, **named: Any) -> Any:
        if next(calls) == at:
            raise Killed
        return real(*arguments, **named)

    return called


@pytest.mark.full
@pytest.mark.parametrize("target", [{"contact": "first_name"}, {"field": "Loyalty id"}], ids=["single", "file"])
@pytest.mark.parametrize("before", [readback.record_confirmed, ledger.mark_changes, ledger.mark_file])
def test_killed_between_two_notes_of_one_thing(
    in_duckdb: Pushing, monkeypatch: pytest.MonkeyPatch, target: dict[str, str], before: Callable[..., None]
) -> None:
    """The run that is finished leaves nothing open, and nothing for another run."""
    monkeypatch.setattr(lease, "is_running", lambda _: False)
    sync = in_duckdb.sync({"value": target})
    for at, phone in enumerate(in_duckdb.phones(4)):
        in_duckdb.customers(["id", "phone", "value"], [(1, phone, "Zoë")])
        with monkeypatch.context() as patched, suppress(Killed):
            patched.setattr(f"{before.__module__}.{before.__name__}", killed_at(at, before))
            in_duckdb.apply(sync)
        in_duckdb.apply(sync)
        assert nothing_is_open(in_duckdb), at
        assert in_duckdb.rows("SELECT COUNT(*) FROM push_runs") == [(at + 1,)], at
        assert in_duckdb.plan(sync).is_empty, at
