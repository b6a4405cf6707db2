"""The command ``listrak``."""

from __future__ import annotations

import os
import sys
import traceback
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from listrak_source.api.version import version
from listrak_source.cli.errors import command_of, explain, was_interrupted
from listrak_source.cli.output.console import err, out, print_anywhere
from listrak_source.cli.output.logs import fail_with, failures, log, ours_first

_COMMANDS = (
    "init",
    "doctor",
    "sender-codes",
    "pull",
    "status",
    "runs",
    "person",
    "suppressions",
    "forget",
    "report",
    "dashboard",
    "timezone",
    "sandbox",
    "demo",
    "models",
    "push",
)
"""The commands, in the order of the help. Each is a module of that name in ``commands``, with an ``app`` of Typer's."""
_WITHOUT_DOCUMENT = ("init", "dashboard", "timezone", "sandbox", "demo")
"""The commands that print no document with ``--json``."""


class _Commands(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Click's signature
        """The commands, in the order of the help."""
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command by its name. Who pulls need not wait until all of push is imported."""
        if cmd_name in _COMMANDS and cmd_name not in self.commands:
            module = import_module(f"listrak_source.cli.commands.{cmd_name.replace('-', '_')}")
            self.add_command(typer.main.get_command(module.app), cmd_name)
        return super().get_command(ctx, cmd_name)

    def make_context(self, *args: Any, **named: Any) -> Any:
        """Read the command line. Typer would make an exit code of its own of an interrupt that comes then, too."""
        try:
            return super().make_context(*args, **named)
        except KeyboardInterrupt as error:
            raise _InterruptedError from error

    def invoke(self, ctx: Any) -> Any:
        """Run a command. Typer would make an exit code of its own of an interrupt, and say no word."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise _InterruptedError from error


class _InterruptedError(Exception):
    """What came of it says what it was."""


app: typer.Typer = typer.Typer(
    cls=_Commands,
    name="listrak",
    help="Listrak SMS in your warehouse.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 failed, 2 wrong use or setting, 3 credentials refused, 4 try again later,"
    " 5 done but not all, 143 told to end.",
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        out.print(f"listrak-source {version()}", highlight=False)
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_tell_version)
    ] = False,
    verbose: Annotated[
        int, typer.Option("--verbose", "-v", count=True, help="Log what happens; -vv: all of it, dlt's part too.")
    ] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print what is wrong, and documents, alone.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="Print without colors, as with NO_COLOR.")] = False,
) -> None:
    log(verbose)
    out.quiet = quiet
    out.no_color, err.no_color = out.no_color or no_color, err.no_color or no_color


def main() -> None:
    """Run the command. Every failure is one sentence on standard error and an exit code; never a traceback."""
    # Numbers about this program's use stay here, unless it is set otherwise.
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    # dlt would let a load come to its end and forget the signal, so that the next load of the pull begins.
    os.environ.setdefault("RUNTIME__INTERCEPT_SIGNALS", "false")
    # A long pull has many load files: each goes when it is loaded.
    os.environ.setdefault("LOAD__DELETE_COMPLETED_JOBS", "true")
    print_anywhere()
    words = ours_first(sys.argv[1:])
    if "--no-color" in words:  # Typer's own pages go by it
        os.environ["NO_COLOR"] = "1"
    with failures() as noted:
        try:
            _run(words)
        except SystemExit as end:
            if end.code:
                from listrak_source.cli.output.alerts import tell

                tell(command_of(words), int(end.code), noted)
            raise


def _run(words: list[str]) -> NoReturn:
    try:
        # Alone, Typer would draw a box around what is wrong.
        ended = app(words, standalone_mode=False)
    except (Exception, KeyboardInterrupt, SystemExit) as error:
        if isinstance(error, SystemExit) and not was_interrupted(error):
            raise
        raise SystemExit(failed(words, error)) from None
    raise SystemExit(ended if isinstance(ended, int) else 0)


def failed(words: list[str], error: BaseException) -> int:
    """Say what ended the command with these words, as a document too where it was to print one; its exit code."""
    command = command_of(words)
    if "--json" in words and command.partition(" ")[0] not in _WITHOUT_DOCUMENT:
        from listrak_source.cli.output.documents import fail

        fail(command, error)
    if os.environ.get("LISTRAK_TRACEBACK"):
        traceback.print_exception(error)
    sentence, code = explain(error, command)
    fail_with(sentence)
    return int(code)


if __name__ == "__main__":
    main()
