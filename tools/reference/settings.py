"""The settings: each with its type, default, bounds and meaning."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any

from listrak_source import settings as module
from listrak_source.settings import Settings
from tools.reference.markdown import code, table
from tools.reference.source import attributes, told

_SPOKEN = {"TSecretStrValue": "text, secret", "str": "text", "int": "number", "float": "number", "bool": "true, false"}


def settings() -> str:
    """All of them, in the order of the source."""
    known = attributes("settings.Settings")
    bounds = _bounds()
    rows = []
    for name in Settings.get_resolvable_fields():
        default = getattr(Settings, name)
        rows.append(
            (
                f"{code(name)}<br>{code('SOURCES__LISTRAK__' + name.upper())}",
                _type(str(known[name].annotation)) + (f", {bounds[name]}" if name in bounds else ""),
                _default(default),
                told(known[name]),
            )
        )
    return table(["setting, and its name in the environment", "type", "default", "meaning"], rows)


def _type(annotation: str) -> str:
    inner = annotation.removeprefix("Optional[").removesuffix("]") if annotation.startswith("Optional[") else annotation
    if inner.startswith("list["):
        return f"list of {'numbers' if 'int' in inner else 'texts'}"
    if inner == "Lookups":
        return ", ".join(code(one) for one in ("changed", "all", "none"))
    return _SPOKEN[inner]


def _default(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return code(str(value).lower())
    return _number(value) if isinstance(value, int | float) else code(value)


def _number(value: float) -> str:
    return f"{int(value) if value == int(value) else value:,}"


def _bounds() -> dict[str, str]:
    """What ``on_resolved`` asks of numbers."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(Settings.on_resolved)))
    found = {}
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "_within":
            name, _, *ends = call.args
            low, high = (eval(ast.unparse(end), vars(module)) for end in ends)  # noqa: S307 - our own source
            found[ast.literal_eval(name)] = f"{_number(low)} to {_number(high)}"
    return found
