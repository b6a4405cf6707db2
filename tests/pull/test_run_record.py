"""The row of a pull by ``load()``, in a program: without a command nobody tells an exit code."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from listrak_source import pull
from listrak_source.lease import TakenError
from listrak_source.runs import PULL_RUNS, keeper_of, told
from listrak_source.sandbox import Fault, Sandbox
from tests.destinations.places import PLACES, Place
from tests.pull.test_alone import Another, Second
from tests.pull.warehouse import Warehouse


@pytest.fixture
def in_postgres(sandbox: Sandbox, tmp_path: Path) -> Warehouse:
    return Warehouse(sandbox, tmp_path, PLACES["postgres"])


def runs(warehouse: Warehouse) -> list[dict[str, Any]]:
    """The runs, the oldest first."""
    keeper = keeper_of(warehouse.pipeline(), PULL_RUNS)
    assert keeper is not None
    return [told(row) for row in reversed(keeper.latest(100))]


@pytest.mark.cases(0, 3)
@pytest.mark.full
@pytest.mark.parametrize("place", ["duckdb", "postgres", "parquet", "delta", "ducklake"], indirect=True)
def test_each_pull_of_a_program_has_a_row(sandbox: Sandbox, tmp_path: Path, place: Place) -> None:
    warehouse = Warehouse(sandbox, tmp_path, place)
    first = warehouse.pull()
    warehouse.pull(full=True)
    one, two = runs(warehouse)
    assert (one["command"], one["outcome"], one["exit_code"]) == ("pull()", "done", None)
    assert {name: rows for name, rows in first.items() if rows} == one["rows_loaded"]
    assert (one["complete_walk"], two["complete_walk"]) == (False, True)
    assert one["requests"] > 0
    now = datetime.now(timezone.utc)
    assert one["began_at"] <= one["ended_at"] <= two["began_at"] <= two["ended_at"] <= now


@pytest.mark.full
def test_how_pulls_end(warehouse: Warehouse) -> None:
    warehouse.pull("lists")
    sandbox = warehouse.sandbox
    with pytest.raises(Exception, match="token"):
        warehouse.pull("lists", client_secret="wrong-and-secret")
    (sender,) = sandbox.world.sender_codes
    sandbox.faults.add(Fault("status", "list_phone_lists", path=f"/ShortCode/{sender}/", times=None, status=403))
    warehouse.pull("lists", max_attempts=1)
    sandbox.faults.clear()
    going = pull(warehouse.pipeline(), chunk_rows=40, page_size=20, **warehouse.options())
    next(going)
    assert runs(warehouse)[-1]["outcome"] == "running"
    going.close()
    _, refused, partial, closed = runs(warehouse)
    assert (refused["outcome"], partial["outcome"], closed["outcome"]) == ("failed", "partial", "interrupted")
    assert "no token was granted" in refused["message"]
    assert "wrong-and-secret" not in str(refused)
    assert str(sender) in partial["message"]
    assert closed["loads"] == 1


@pytest.mark.full
def test_who_is_refused_on_any_machine_shares_a_row(in_postgres: Warehouse) -> None:
    first = pull(in_postgres.pipeline(), chunk_rows=40, page_size=20, **in_postgres.options())
    next(first)
    for _ in range(3):
        with pytest.raises(TakenError):
            Second(in_postgres).pull()
    (sender,) = in_postgres.sandbox.world.sender_codes
    with pytest.raises(TakenError):
        Second(in_postgres).pull(sender_codes=[sender])
    running, refused, of_one = runs(in_postgres)
    assert (running["outcome"], running["ended_at"]) == ("running", None)
    assert (refused["outcome"], refused["times"], refused["sender_codes"]) == ("refused", 3, None)
    assert (of_one["outcome"], of_one["times"], of_one["sender_codes"]) == ("refused", 1, [sender])
    assert re.search(r"another pull into .* is under way, on .*, since 20\d\d-\d\d-\d\d \d\d:", refused["message"])
    list(first)
    assert [run["outcome"] for run in runs(in_postgres)] == ["done", "refused", "refused"]


def test_two_at_once_have_a_row_each(in_postgres: Warehouse) -> None:
    """Of other sender codes, by pipelines of their own: the first of them makes the table."""
    (sender,) = in_postgres.sandbox.world.sender_codes
    one = pull(in_postgres.pipeline(), "opt_outs", chunk_rows=1, sender_codes=[sender], **in_postgres.options())
    next(one)
    with pytest.raises(Exception, match="424242"):
        Another(in_postgres).pull("opt_outs", sender_codes=[424242])
    list(one)
    assert [(run["outcome"], run["sender_codes"]) for run in runs(in_postgres)] == [
        ("done", [sender]),
        ("failed", [424242]),
    ]
