"""The README's guarantees: each names the tests that show it, and there are such tests."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECTION = re.search(
    r"^## What is guaranteed, and what is not\n(.*?)^## ", (ROOT / "README.md").read_text("utf-8"), re.M | re.S
)
LINES = re.findall(r"^- .*?(?=^\S|^$)", SECTION[1], re.M | re.S) if SECTION else []
NAMED = re.compile(r"`((?:tests/|test_)[\w/]+\.py)(?:::(\w+))?`")


def named_in(file: Path) -> set[str]:
    tree = ast.parse(file.read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_there_are_guarantees() -> None:
    assert len(LINES) > 30


@pytest.mark.parametrize("line", LINES, ids=lambda line: " ".join(line.split()[1:6]))
def test_each_line_names_tests_that_exist(line: str) -> None:
    named = NAMED.findall(line)
    assert named, "it names no test"
    for place, test in named:
        file = ROOT / place if place.startswith("tests/") else ROOT / "tests" / "pull" / place
        assert file.exists(), place
        assert not test or test in named_in(file), f"{place} has no {test}"
