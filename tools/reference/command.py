"""The command: every command, argument and option, as Typer has them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer.main

from listrak_source.cli.main import app
from tools.reference.markdown import code, prose, table

_SPOKEN = {str: "text", int: "number", float: "number", Path: "file", datetime: "day"}


def commands() -> str:
    """A section for each command, and before them the options of all."""
    group: Any = typer.main.get_command(app)
    return "\n".join(["These stand anywhere on the line:\n", _options(group), *_sections(group, "listrak", 2)])


def _sections(group: Any, name: str, level: int) -> Iterator[str]:
    context = typer.Context(group)
    for each in group.list_commands(context):
        command = group.get_command(context, each)
        full = f"{name} {each}"
        yield f"{'#' * level} {full}\n"
        yield prose(command.help) + "\n"
        arguments = [one for one in command.params if one.param_type_name == "argument"]
        asked = "".join(f" {one.name.upper() if one.required else f'[{one.name.upper()}]'}" for one in arguments)
        yield f"```text\n{full}{' COMMAND' if hasattr(command, 'list_commands') else asked} [OPTIONS]\n```\n"
        if arguments:
            yield table(["argument", "meaning"], [(code(one.name.upper()), _meaning(one)) for one in arguments])
        if not hasattr(command, "list_commands"):
            yield _options(command)
        if command.epilog:
            lines = [line.strip() for line in command.epilog.splitlines() if line.strip().startswith("$ ")]
            yield "```text\n" + "\n".join(lines) + "\n```\n"
        if hasattr(command, "list_commands"):
            yield from _sections(command, full, level + 1)


def _options(command: Any) -> str:
    hints = get_type_hints(command.callback) if command.callback else {}
    rows = [
        (
            ", ".join(map(code, (*one.opts, *one.secondary_opts))),
            _value(one, hints.get(one.name)),
            _default(one),
            _meaning(one),
        )
        for one in command.params
        if one.param_type_name == "option" and not one.hidden
    ]
    return table(["option", "value", "default", "meaning"], rows) if rows else ""


def _value(option: Any, hint: Any) -> str:
    """What comes behind it. How Typer keeps types differs from version to version: the function says it."""
    if option.is_flag or option.count or hint is None:
        return ""
    if option.metavar:
        return code(option.metavar)
    kinds = [kind for kind in (get_args(hint) or (hint,)) if kind is not type(None)]
    kind = (get_args(kinds[0]) or kinds)[0]
    if issubclass(kind, Enum):
        return ", ".join(code(one.value) for one in kind)
    return _SPOKEN[kind]


def _default(option: Any) -> str:
    value = getattr(option.default, "value", option.default)
    return "" if value is None or value is False or option.count else code(value)


def _meaning(parameter: Any) -> str:
    return prose(parameter.help)
