"""The package as its source says it, with what stands beside each name."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import griffe

from tools.reference.markdown import prose

ROOT = Path(__file__).parents[2]


@cache
def package() -> Any:
    """The whole package. It is read, not imported."""
    return griffe.load("listrak_source", search_paths=[ROOT])


def found(path: str) -> Any:
    """What has a path in the package, where it is defined: ``push.sync.Sync``."""
    one = package()[path]
    return one.final_target if one.is_alias else one


def told(one: Any) -> str:
    """What its docstring says."""
    return prose(one.docstring.value if one.docstring else "")


def attributes(path: str) -> dict[str, Any]:
    """The public attributes of a class, by name."""
    return {name: one for name, one in found(path).attributes.items() if not name.startswith("_")}
