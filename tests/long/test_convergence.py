"""Hundreds of histories, and what they held."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from listrak_source.sandbox import Sandbox, World
from tests.pull.life import COUNTS
from tests.pull.machine import run
from tests.tiers import sizes

PARTS = 20


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_any_history(part: int, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    with Sandbox(World(seed=part, contacts=30, sender_codes=1 + part % 2, lists=3)) as sandbox:
        run(sandbox, tmp_path, part, record_property)
    # One comes on top, the simplest, which proves nothing.
    assert COUNTS["histories"] > sizes().histories
    assert COUNTS["steps"] >= (sizes().histories + 1) * sizes().steps
