"""The guarantees: each names the tests that show it, and says which make target runs them."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.tiers import TIERS, tier_of

ROOT = Path(__file__).parents[2]
OF_PULL = ROOT / "docs" / "explanation" / "guarantees.md"
OF_PUSH = ROOT / "docs" / "explanation" / "push-safety.md"
PAGES = {page: page.read_text("utf-8") for page in sorted((ROOT / "docs").rglob("*.md"))}
NAMED = re.compile(r"`((?:tests/|test_)[\w/]+\.py)(?:::(\w+))?`(?:\s+by\s+`make\s+([\w-]+)`)?")
ITEM = re.compile(r"^- .*?(?=^\S|^$|\Z)", re.M | re.S)
SECTION = re.search(r"^## What is guaranteed, and what is not\n(.*?)(?=^## |\Z)", PAGES.get(OF_PULL, ""), re.M | re.S)
LINES = ITEM.findall(SECTION[1]) if SECTION else []
"""Each item of the section about pull names a test."""
ALSO = [item for page, text in PAGES.items() if page != OF_PULL for item in ITEM.findall(text) if "::test_" in item]
ROWS = [line for text in PAGES.values() for line in text.splitlines() if line[:2] == "| " and "::test_" in line]
"""So does whatever else names one, wherever it stands."""
TARGETS = {name: "test" if name == "test" else f"test-{name}" for name in TIERS}


@cache
def tiers_in(file: Path) -> dict[str, str]:
    """The tests of a file, and the make target that runs each first."""
    tree = ast.parse(file.read_text("utf-8"))
    tests = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    return {test.name: TARGETS[tier_of(frozenset(map(_mark, test.decorator_list)))] for test in tests}


def _mark(decorator: ast.expr) -> str:
    """The name of a mark: ``pytest.mark.NAME``, with or without arguments."""
    named = decorator.func if isinstance(decorator, ast.Call) else decorator
    return named.attr if isinstance(named, ast.Attribute) else ""


def test_there_are_guarantees() -> None:
    assert len(LINES) > 30
    assert len([row for row in ROWS if row in PAGES.get(OF_PUSH, "")]) > 20


@pytest.mark.parametrize("line", [*LINES, *ALSO, *ROWS], ids=lambda line: " ".join(line.split()[1:6]))
def test_each_names_tests_that_exist_and_says_which_target_runs_them(line: str) -> None:
    named = NAMED.findall(line)
    assert named, "it names no test"
    for place, test, target in named:
        file = ROOT / place if place.startswith("tests/") else ROOT / "tests" / "pull" / place
        assert file.exists(), place
        tiers = tiers_in(file)
        assert not test or test in tiers, f"{place} has no {test}"
        runs = tiers[test] if test else min(tiers.values(), key=list(TARGETS.values()).index)
        assert (target or "test") == runs, f"say that {test or place} is run by `make {runs}`"
