"""Memory stays flat, however many contacts there are: measured of the command in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from benchmarks.processes import LISTRAK, measure, sandbox

MOST = 600
"""MB that a pull takes at its peak, at the most."""
SMALL = 400
"""MB that one of 400,000 contacts takes; measured: 335 to 355."""
Record = Callable[[str, object], None]


def peak(contacts: int, folder: Path, record: Record, *options: str) -> float:
    """Peak memory, in MB, of a first pull of so many contacts."""
    with sandbox(contacts) as settings:
        used = measure([*LISTRAK, "pull", *options], folder, settings)
    assert held(folder) == contacts
    record(f"A first pull of {contacts:,} contacts", f"{used.memory:.0f} MB at the peak ({used.wall:.0f} s)")
    return used.memory


def held(folder: Path) -> int:
    with duckdb.connect(str(folder / "listrak.duckdb"), read_only=True) as connection:
        row = connection.execute("SELECT count(*) FROM listrak_sms.contacts").fetchone()
    assert row
    return int(row[0])


@pytest.mark.full
def test_a_first_pull_stays_small(tmp_path: Path, record_property: Record) -> None:
    assert peak(400_000, tmp_path, record_property, "--chunk-rows", "50000") < SMALL


@pytest.mark.long
def test_twice_the_contacts_take_no_more_memory(tmp_path: Path, record_property: Record) -> None:
    few, many = (peak(contacts, tmp_path, record_property, "--chunk-rows", "50000") for contacts in (400_000, 800_000))
    assert many < few * 1.15
    assert many < MOST


@pytest.mark.long
def test_a_million_and_two_million(tmp_path: Path, record_property: Record) -> None:
    one, two = (peak(contacts, tmp_path, record_property) for contacts in (1_000_000, 2_000_000))
    assert one < MOST
    assert two < one * 1.1


@pytest.mark.long
def test_a_complete_walk_over_a_million(tmp_path: Path, record_property: Record) -> None:
    """A merge of everything onto everything, within the memory that DuckDB is given."""
    with sandbox(1_000_000) as settings:
        measure([*LISTRAK, "pull"], tmp_path, settings)
        used = measure([*LISTRAK, "pull", "--full"], tmp_path, settings, anew=False)
    assert held(tmp_path) == 1_000_000
    record_property("A complete walk over 1,000,000 contacts", f"{used.memory:.0f} MB at the peak ({used.wall:.0f} s)")
    assert used.memory < MOST
