"""The Python API: what a program may import."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.reference.markdown import cell, code
from tools.reference.source import found, package, told

MODULES = ("", "push", "api", "sandbox")
_ROOMS = {"pull": "pull.runner.pull"}
"""Functions that are called by the name of their room."""
ALSO = ("pull.load.parquet_compaction.compact",)
"""What a setting names beside the modules' own lists."""


def api() -> str:
    """A section for each module, and in it all that it exports."""
    seen: set[str] = set()
    lines: list[str] = []
    for module in MODULES:
        exported = [f"{module}.{name}".lstrip(".") for name in _exported(module)]
        exported = [_ROOMS.get(path, path) for path in exported]
        lines += [f"## listrak_source{'.' + module if module else ''}", ""]
        for path in exported:
            one = found(path)
            if one.canonical_path not in seen and not _is_error(one):
                seen.add(one.canonical_path)
                lines += _section(one, path)
    lines += ["## Elsewhere", ""]
    for path in ALSO:
        lines += _section(found(path), path)
    return "\n".join(lines)


def _exported(module: str) -> list[str]:
    one = package()[module] if module else package()
    return [str(name) for name in one.exports or ()]


def _is_error(one: Any) -> bool:
    """Exceptions have a page of their own."""
    return bool(one.is_class) and (
        one.name.endswith(("Error", "Refused")) or one.canonical_path.startswith("listrak_source.api.errors")
    )


def _section(one: Any, path: str) -> Iterator[str]:
    yield f"### {path.rpartition('.')[2]}"
    yield ""
    if one.is_attribute:
        yield f"`{one.name} = {one.value}`"
        yield ""
        yield told(one)
        yield ""
        return
    if not one.is_class:
        yield from _signature(one, one.name)
        yield told(one)
        yield ""
        return
    if "__init__" in one.members and not one.members["__init__"].is_alias:
        yield from _signature(one.members["__init__"], one.name)
    elif one.parameters:
        yield from _signature(one, one.name)
    yield told(one)
    yield ""
    rows = [
        f"- {code(name)}: {cell(told(member))}"
        for name, member in one.all_members.items()
        if (member.is_attribute or "property" in member.labels) and name[0] != "_" and told(member)
    ]
    if rows:
        yield from rows
        yield ""
    for name, member in one.all_members.items():
        actual = member.final_target if member.is_alias else member
        if name[0] != "_" and actual.is_function and "property" not in actual.labels:
            yield f"#### {one.name}.{name}"
            yield ""
            yield from _signature(actual, name)
            yield told(actual)
            yield ""


def _signature(one: Any, name: str) -> Iterator[str]:
    """How it is called."""
    parts: list[str] = []
    is_apart = False
    for parameter in one.parameters:
        if parameter.name in ("self", "cls"):
            continue
        kind = str(parameter.kind.value)
        star = {"variadic positional": "*", "variadic keyword": "**"}.get(kind, "")
        if kind == "variadic positional":
            is_apart = True
        if kind == "keyword-only" and not is_apart:
            parts.append("*")
            is_apart = True
        text = f"{star}{parameter.name}"
        if parameter.annotation is not None:
            text += f": {parameter.annotation}"
        if parameter.default is not None and not star:
            text += f" = {parameter.default}"
        parts.append(text)
    returns = f" -> {one.returns}" if getattr(one, "returns", None) is not None and one.name != "__init__" else ""
    line = f"{name}({', '.join(parts)}){returns}"
    if len(line) > 100:
        line = f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){returns}"
    yield "<!-- not run: a signature -->"
    yield f"```python\n{line}\n```"
    yield ""
