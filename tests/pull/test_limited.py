"""Whoever takes only some of a pull's rows moves no state: dlt's ``add_limit`` ends a pull early, without an error."""

from __future__ import annotations

from typing import Any

import pytest

from listrak_source import listrak_sms
from tests.pull.warehouse import Warehouse, truth

TABLES = ("sender_codes", "lists", "profile_fields", "opt_outs", "contacts", "list_memberships")


@pytest.mark.cases(1, 1)
@pytest.mark.parametrize("options", [{}, {"full": True}, {"chunk_rows": 50}], ids=["first", "full", "in loads"])
@pytest.mark.parametrize("limit", [6, 1, 2, 5, 7])
def test_a_pull_that_was_cut_by_add_limit_leaves_nothing_out(
    warehouse: Warehouse, limit: int, options: dict[str, Any]
) -> None:
    """13.C16: the next pull brings what the limit cut off."""
    pipeline = warehouse.pipeline()
    source = listrak_sms(**warehouse.options(), **options)
    source.resources["walk"].add_limit(limit)
    pipeline.run(source)
    assert len(warehouse.records("contacts") or ()) < len(truth(warehouse.sandbox)["contacts"])
    warehouse.pull(**options)
    told = truth(warehouse.sandbox)
    for name in TABLES:
        assert warehouse.rows(name).keys() == told[name].keys(), name
