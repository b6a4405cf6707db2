"""The warehouse follows Listrak, whatever happened in between: histories that Hypothesis makes up (machine.py).

`make test-long` plays many more of them (tests/long). What they found is kept in test_counterexamples.py.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from listrak_source.sandbox import Sandbox, World
from tests.pull.machine import run


@pytest.mark.cases(1, 1)
@pytest.mark.parametrize("seed", [1, 2, 0])
def test_any_history(tmp_path: Path, seed: int, record_property: Callable[[str, object], None]) -> None:
    with Sandbox(World(seed=5, contacts=30, sender_codes=1, lists=3)) as sandbox:
        run(sandbox, tmp_path, seed, record_property)
