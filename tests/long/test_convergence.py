"""Hundreds of histories, and what they held."""

from __future__ import annotations

from pathlib import Path

import pytest

from listrak_source.sandbox import Sandbox, World
from tests.pull.life import COUNTS
from tests.pull.machine import run

PARTS = 20
HISTORIES = 10
"""In each part."""
STEPS = 30


@pytest.mark.long
def test_any_history(tmp_path: Path) -> None:
    COUNTS.clear()
    for part in range(PARTS):
        with Sandbox(World(seed=part, contacts=30, sender_codes=1 + part % 2, lists=3)) as sandbox:
            run(sandbox, tmp_path, HISTORIES, STEPS, seed=part)
        print(f"Part {part + 1} of {PARTS}: " + " · ".join(f"{count:,} {name}" for name, count in COUNTS.items()))
    assert COUNTS["histories"] >= PARTS * HISTORIES
