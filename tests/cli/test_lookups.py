"""Lookups of everybody: an estimate before the first of them, and how far they are."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from listrak_source.cli.output.progress import StepProgress
from listrak_source.pull.lookup_progress import COUNTER, spoken
from listrak_source.sandbox import Sandbox
from tests.cli.conftest import Listrak

ESTIMATE = r"Looking up about ([\d,]+) contacts: ([\d,]+) requests, about \d+ s with 8 at a time\."
LOOKUPS = ("get_contact", "list_contact_subscriptions")


def asked(sandbox: Sandbox) -> int:
    return sum(sandbox.traffic.counts[name] for name in LOOKUPS)


def alive(table: str) -> int:
    with duckdb.connect("listrak.duckdb", read_only=True) as connection:
        row = connection.execute(f"SELECT count(*) FROM listrak_sms.{table} WHERE removed_at IS NULL").fetchone()
    assert row
    return int(row[0])


@pytest.mark.full
def test_into_an_empty_warehouse_the_lists_come_first(listrak: Listrak, sandbox: Sandbox) -> None:
    code, out, err = listrak("pull", "--lookups", "all")
    assert (code, err) == (0, "")
    first, estimate = out.index("first a pull without lookups"), re.search(ESTIMATE, out)
    assert estimate
    assert out.index("Loading:") in range(first, estimate.start()), "the tables are there before anybody is looked up"
    people = alive("contacts")
    assert int(estimate[1].replace(",", "")) == people
    assert int(estimate[2].replace(",", "")) == 2 * people
    assert people <= asked(sandbox) / 2 <= people * 1.1
    assert f"{people:,} people looked up of {people:,}" in out
    assert alive("subscriptions") > 0


@pytest.mark.full
def test_a_later_one_begins_with_the_estimate(listrak: Listrak, sandbox: Sandbox) -> None:
    listrak("pull")
    before = asked(sandbox)
    lists = [list_id for sender in sandbox.world.sender_codes.values() for list_id in sender.lists]
    _, out, _ = listrak("pull", "--lookups", "all", "--list", str(lists[0]), "-t", "contacts", "-t", "list_memberships")
    estimate = re.search(ESTIMATE, out)
    assert estimate
    assert "first a pull" not in out
    with duckdb.connect("listrak.duckdb", read_only=True) as connection:
        row = connection.execute(
            f"SELECT count(*) FROM listrak_sms.list_memberships WHERE phone_list_id = {lists[0]}"
        ).fetchone()
    assert row
    assert estimate.groups() == (f"{row[0]:,}", f"{row[0]:,}"), "of this list, one request each"
    assert asked(sandbox) - before == row[0]


@pytest.mark.full
def test_no_estimate_without_lookups_of_everybody(listrak: Listrak, sandbox: Sandbox) -> None:
    listrak("pull")
    sandbox.world.live(2)
    _, out, _ = listrak("pull")
    assert "Looking up about" not in out
    assert re.search(r"people looked up of \d", out), "but how many they were"


def test_lines_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    progress = StepProgress(Console(), every=0.0)
    with progress("Extract listrak_sms"):
        for _ in range(2):
            progress.update(COUNTER, 500, total=2000)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert re.fullmatch(r"500 people looked up of 2,000, about \d+ s left", lines[0])
    quiet = StepProgress(Console(), every=60.0)
    with quiet("Extract listrak_sms"):
        quiet.update(COUNTER, 500, total=2000)
    assert "left" not in capsys.readouterr().out


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "1 s"), (41, "41 s"), (240, "4 min"), (9000, "2.5 h")])
def test_durations_are_spoken(seconds: float, text: str) -> None:
    assert spoken(seconds) == text


@pytest.mark.full
def test_everybody_in_files(
    listrak: Listrak, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(tmp_path / "files"))
    code, out, err = listrak("pull", "-d", "filesystem", "--lookups", "all")
    assert (code, err) == (0, "")
    assert re.search(ESTIMATE, out)
