"""Pages that are shorter than what was asked for, and do not say that there is more: no stop is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from listrak_source.cli import reports
from listrak_source.sandbox import Quirks, Sandbox, World
from tests.pull.warehouse import Warehouse, truth


@pytest.mark.cases(1)
@pytest.mark.parametrize("taken", ["ignored", "capped"])
def test_opt_outs_that_stop_at_the_default_are_all_read(tmp_path: Path, taken: Any) -> None:
    """13.A4. Of 1,428 stops, 423 were lost without a word. A later pull finds the new ones too."""
    world = World(seed=3, contacts=1500, sender_codes=1, lists=1)
    [sender] = world.sender_codes.values()
    people = [person for person in sender.since.people() if person not in sender.opt_outs]
    for person in people[: 1428 - len(sender.opt_outs)]:
        world.opt_out(sender.sender_code_id, world.phone(person))
        world.clock.advance(seconds=20)
    with Sandbox(world, quirks=Quirks(most_rows=1000, count=taken)) as sandbox:
        warehouse = Warehouse(sandbox, tmp_path)
        warehouse.pull("opt_outs")
        assert len(warehouse.rows("opt_outs")) == 1428
        world.clock.advance(days=1)
        world.opt_out(sender.sender_code_id, world.phone(people[-1]))
        warehouse.pull("opt_outs")
        assert warehouse.rows("opt_outs").keys() == truth(sandbox)["opt_outs"].keys()
        assert len(warehouse.rows("opt_outs")) == 1429


@pytest.mark.full
def test_a_second_that_is_cut_off_is_named_until_it_can_be_read(warehouse: Warehouse) -> None:
    """13.A4. All else is read, and what was missed comes when Listrak answers with more."""
    world, [sender] = warehouse.sandbox.world, warehouse.sandbox.world.sender_codes.values()
    for person in [one for one in sender.since.people() if one not in sender.opt_outs][:60]:
        world.opt_out(sender.sender_code_id, world.phone(person))
    warehouse.sandbox.service.quirks = Quirks(most_rows=50)
    warehouse.pull()
    [why] = reports.unread(warehouse.pipeline())
    assert "opt-outs of sender code" in why
    warehouse.sandbox.service.quirks = Quirks()
    warehouse.pull()
    assert reports.unread(warehouse.pipeline()) == []
    assert warehouse.rows("opt_outs").keys() == truth(warehouse.sandbox)["opt_outs"].keys()
