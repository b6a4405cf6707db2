"""The plain source in a pipeline of one's own: a complete walk is two runs of it."""

from __future__ import annotations

import pytest

from listrak_source import listrak_sms
from listrak_source.pull.state.checkpoint import is_unfinished
from tests.pull.asking import somebody
from tests.pull.sweep.gone import removed, settle
from tests.pull.warehouse import Warehouse

NEW = "15550109777"


@pytest.mark.full
def test_the_second_run_marks_and_reads_nothing_new(warehouse: Warehouse) -> None:
    gone, one = settle(warehouse), somebody(warehouse.sandbox)
    pipeline, options = warehouse.pipeline(), warehouse.options() | {"full": True}
    pipeline.run(listrak_sms(**options))
    assert is_unfinished(pipeline)
    assert removed(warehouse) == {}
    warehouse.sandbox.world.subscribe(one.sender_code_id, one.phone_list_id, NEW)
    warehouse.sandbox.world.clock.advance(hours=1)
    pipeline.run(listrak_sms(**options))
    assert not is_unfinished(pipeline)
    assert removed(warehouse)["list_memberships"] == gone.memberships
    place = one.sender_code_id, one.phone_list_id, NEW
    assert place not in warehouse.rows("list_memberships")
    pipeline.run(listrak_sms(**warehouse.options()))
    assert place in warehouse.rows("list_memberships")
