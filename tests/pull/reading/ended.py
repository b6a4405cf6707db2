"""Readings of one unit that came to their end, and who must be in them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from listrak_source.api import ListrakClient, ListrakError
from listrak_source.pull.extract.pages import DONE, PartitionReading, Position, read
from listrak_source.pull.extract.partitions import AnyUnit, Unit
from listrak_source.sandbox import Sandbox
from listrak_source.sandbox.world.model import PhoneList
from tests.pull.asking import somebody

SECOND = timedelta(seconds=1)
NOON = datetime(2026, 3, 2, 12)
"""When the world of these tests begins, on its own clock."""


def list_of(sandbox: Sandbox) -> PhoneList:
    place = somebody(sandbox)
    return sandbox.world.sender_codes[place.sender_code_id].lists[place.phone_list_id]


def listed(sandbox: Sandbox) -> list[str]:
    return [sandbox.world.phone(person) for person in list_of(sandbox).reachable.members]


def stopped(sandbox: Sandbox) -> list[str]:
    sender = next(iter(sandbox.world.sender_codes.values()))
    return [sandbox.world.phone(person) for person in sender.opt_out_order.members]


def nobody(unit: Unit, error: ListrakError) -> bool:
    """No unit is skipped: its failure is raised."""
    return False


def readings(
    unit: AnyUnit, client: ListrakClient, count: int, position: Position = None, *, together: int = 1
) -> list[PartitionReading[AnyUnit]]:
    found = list(read(unit, client, count, position, skips=nobody, together=together)())
    assert [one.position == DONE for one in found] == [False] * (len(found) - 1) + [True]
    assert not any(one.proved for one in found[:-1])
    assert all(one.unit is unit for one in found)
    return found


def phones(found: list[PartitionReading[Any]]) -> list[str]:
    return [phone for one in found for phone in one.records["phoneNumber"].to_pylist()]


def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is warned of; dlt's log does not reach pytest."""
    said: list[str] = []
    monkeypatch.setattr("listrak_source.pull.extract.pages.logger.warning", said.append)
    return said
