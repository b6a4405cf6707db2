"""What can be raised, and what the command ends with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from listrak_source.api.errors import FAMILIES
from listrak_source.cli.errors import Exit
from tools.reference.markdown import code, table
from tools.reference.source import attributes, found, package, told

_ROOTS = ("api.errors.ListrakError", "errors.StoppedError", "lease.TakenError")


def exceptions() -> str:
    """The trees of exceptions, each class where it stands."""
    classes = list(_classes(package()))
    lines = []
    for root in map(found, _ROOTS):
        lines += [f"### {root.name}", "", *_branch(root, classes, 0), ""]
    about = [(code(name), told(one)) for name, one in attributes(_ROOTS[0]).items() if told(one)]
    about += [(code(name), told(one)) for name, one in _instance(found(_ROOTS[0])).items()]
    properties = dict(sorted(dict(about).items()))
    return (
        "\n".join(lines) + "\n### What a ListrakError tells\n\n" + table(["attribute", "meaning"], properties.items())
    )


def codes() -> str:
    """Every code of the contract, and its class."""
    rows = [(code(name), code(kind.__name__)) for kind, names in FAMILIES.items() for name in names]
    return table(["code", "class"], sorted(rows))


def exit_codes() -> str:
    """Every exit code."""
    known = attributes("cli.errors.Exit")
    return table(["exit code", "name", "meaning"], [(int(one), code(one.name), told(known[one.name])) for one in Exit])


def _classes(module: Any) -> Iterator[Any]:
    for one in module.members.values():
        if one.is_alias:
            continue
        if one.is_module:
            yield from _classes(one)
        elif one.is_class:
            yield one


def _branch(one: Any, classes: list[Any], depth: int) -> Iterator[str]:
    where = one.canonical_path.rpartition(".")[0]
    yield f"{'  ' * depth}- `{one.name}` ({code(where)}): {' '.join(told(one).split())}"
    for other in classes:
        bases = [getattr(base, "canonical_path", base) for base in other.bases]
        if one.canonical_path in [_final(path) for path in bases] and not other.name.startswith("_"):
            yield from _branch(other, classes, depth + 1)


def _final(path: str) -> str:
    """Where a class is defined that another module has imported."""
    inner = path.removeprefix("listrak_source.")
    try:
        return str(found(inner).canonical_path) if inner != path else path
    except KeyError:
        return path


def _instance(one: Any) -> dict[str, Any]:
    """What instances have, with a docstring."""
    return {
        name: member for name, member in one.members.items() if member.is_attribute and told(member) and name[0] != "_"
    }
