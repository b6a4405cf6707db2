"""What went wrong, in one sentence, and the exit code that tells a scheduler what to do about it."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any, cast, get_args, get_origin

import tomlkit
import typer
from dlt.common.configuration.exceptions import (
    ConfigFieldMissingException,
    ConfigurationException,
    ConfigValueCannotBeCoercedException,
    ValueNotSecretException,
)
from dlt.common.destination.exceptions import UnknownDestinationModule
from dlt.common.exceptions import MissingDependencyException
from dlt.common.schema.exceptions import InvalidSchemaName
from tomlkit.exceptions import TOMLKitError

from listrak_source.api import AuthenticationError, ConfigurationError, ListrakError
from listrak_source.api.redaction import redact, redact_people
from listrak_source.cli import transient
from listrak_source.cli.process.signals import Terminated
from listrak_source.errors import StoppedError, causes
from listrak_source.lease import TakenError
from listrak_source.settings import Settings

_SENT = "what was sent is in the ledger, and the next apply goes on from there"
_GOES_ON = {
    "pull": "what was loaded stays, and the same command goes on after the last complete load",
    **dict.fromkeys(("push apply", "push retry", "push undo --apply"), _SENT),
    **dict.fromkeys(("push check", "push plan", "push undo", "push verify", "push status"), "nothing was sent"),
}
"""By command: what becomes of it where it was ended before its time."""
SHOW_CHANGES = ("push plan", "push undo")
"""The commands whose exit code 2 says that there are changes: whatever is wrong has 1."""
_LISTS = dict.fromkeys(("hash_columns", "drop_columns"), '["email_address", "birthday"]')
_EXTRA = re.compile(r"dlt\[(?P<name>[\w-]+)\]")
"""How dlt names what is missing."""
_EXTRAS = {"deltalake": "delta"}
"""Our extras, where they have another name than dlt's."""
_NO_DUCKDB = re.compile(
    r'The file "([^"]+)" exists, but it is not a valid DuckDB|Could not read from file "([^"]+)": Is a directory'
)
_OTHERWISE = ("BinderException", "CatalogException")
_OTHERWISE_STATES = ("42703", "42P01", "42883", "42804")
"""How DuckDB, and how PostgreSQL (by SQLSTATE) says that a column or table is missing, or of another type."""
_OF_OUR_TABLES = frozenset(("dashboard", "forget", "person", "report", "runs", "status", "suppressions"))
"""The commands whose statements are about our own tables alone."""
_TRIED = re.compile(r"\(Environment Variables, (\w+)\)")


_UsageError = cast("type[Exception]", typer.BadParameter.__base__)
"""Click's, or Typer's own copy of it: that depends on Typer's version."""


class Exit(IntEnum):
    """Exit codes of the command."""

    DONE = 0
    FAILED = 1
    """Something failed that a person must look at."""
    WRONG_USE = 2
    """An option or a setting is missing or wrong: nothing was sent."""
    REFUSED = 3
    """Listrak refused the credentials."""
    TRY_AGAIN = 4
    """The network, Listrak, the warehouse or another run stood in the way: the same command may succeed later."""
    NOT_ALL = 5
    """Done, but not all: something could not be read, or was over a budget. What it is was said."""
    TERMINATED = 143
    """It was told to end (SIGTERM), and did: the same command goes on."""


def explain(error: BaseException, command: str = "") -> tuple[str, Exit]:
    """One sentence about ``error`` and its causes, without a secret or a whole phone number, and the exit code.

    ``command`` is the one that was run, as :func:`command_of` tells it.
    """
    sentence, code = _explain(error, command)
    return sentence, Exit.FAILED if code is Exit.WRONG_USE and command in SHOW_CHANGES else code


def _explain(error: BaseException, command: str) -> tuple[str, Exit]:  # noqa: C901, PLR0911, PLR0912 - a sentence each
    chain = list(causes(error))
    if kind := _interrupt(chain):
        told, code = ("Told to end", Exit.TERMINATED) if kind is Terminated else ("Interrupted", Exit.TRY_AGAIN)
        return f"{told}: {_GOES_ON[command]}." if command in _GOES_ON else f"{told}.", code
    for cause in chain:
        if isinstance(cause, ConfigurationError):
            return str(cause), Exit.WRONG_USE
        if isinstance(cause, AuthenticationError):
            return str(cause), Exit.REFUSED
        if isinstance(cause, ListrakError):
            return str(cause), Exit.TRY_AGAIN if cause.retriable else Exit.FAILED
        if isinstance(cause, ConfigFieldMissingException):
            return _missing(cause), Exit.WRONG_USE
        if isinstance(cause, ConfigValueCannotBeCoercedException):
            return _unfit(cause), Exit.WRONG_USE
        if isinstance(cause, _UsageError):
            return _misused(cast("Any", cause).format_message(), command), Exit.WRONG_USE
        if isinstance(cause, TOMLKitError):
            return _no_toml(cause), Exit.WRONG_USE
        if isinstance(cause, InvalidSchemaName):
            return (
                "The dataset's name does not fit: it takes letters, digits and _, and begins with a letter.",
                Exit.WRONG_USE,
            )
        if isinstance(cause, ValueNotSecretException):
            where = cause.provider_name
            return f"{cause.key} is a secret, and {where} holds none: move it to .dlt/secrets.toml.", Exit.WRONG_USE
        if isinstance(cause, UnknownDestinationModule):
            return "There is no such destination; try duckdb, postgres, filesystem, snowflake …", Exit.WRONG_USE
        if isinstance(cause, MissingDependencyException) and (extra := _EXTRA.search(str(cause))):
            return _not_installed(extra["name"]), Exit.WRONG_USE
        if isinstance(cause, MissingDependencyException | ImportError):
            return _first_line(cause), Exit.WRONG_USE
        if isinstance(cause, StoppedError):
            return f"{cause}.", Exit.FAILED
        if isinstance(cause, TakenError):
            return f"{_first_line(cause)}.", Exit.TRY_AGAIN
    if sentence := transient.passing(chain):
        return sentence, Exit.TRY_AGAIN
    if sentence := transient.full(chain):
        return sentence, Exit.FAILED
    # The innermost cause says what happened; what is around it says where in dlt.
    inner = chain[-1]
    if type(inner).__name__ == "InsufficientPrivilege":  # psycopg2 need not be there
        return (
            f"The warehouse does not allow it: {redact_people(_first_line(inner))}. Give its role that right.",
            Exit.FAILED,
        )
    if found := _NO_DUCKDB.search(str(inner)):
        return (
            f"{found[1] or found[2]} is no DuckDB file: name another in DESTINATION__DUCKDB__CREDENTIALS, or move this"
            " one away.",
            Exit.WRONG_USE,
        )
    if command in _OF_OUR_TABLES and (
        type(inner).__name__ in _OTHERWISE or getattr(inner, "pgcode", None) in _OTHERWISE_STATES
    ):
        return (
            f"The dataset is not as a pull makes it: {redact_people(_first_line(inner))}. Where a column was renamed or"
            " has another type, change it back; what was dropped the next listrak pull makes anew.",
            Exit.FAILED,
        )
    if "invalid dsn" in str(inner):  # it quotes parts of the address
        return "The address of the database has an option that its driver does not know.", Exit.WRONG_USE
    if type(inner).__name__ == "SqlClientNotAvailable":
        return (
            "Nothing that was loaded can be asked for in that destination, and a pull must: choose another.",
            Exit.WRONG_USE,
        )
    if isinstance(inner, OSError) and inner.errno == errno.EADDRINUSE:
        return "The port is taken by another program: --port takes another, and 0 a free one.", Exit.WRONG_USE
    code = Exit.WRONG_USE if isinstance(inner, ConfigurationException) else Exit.FAILED
    return f"{type(inner).__name__}: {redact_people(_first_line(inner))}", code


def _misused(told: str, command: str) -> str:
    """What is wrong with a command line, as Typer and what it checks with say it."""
    told = told or "A command is missing"
    told = re.sub("Value error, |, unable to parse string as an? [a-z]+", "", told)
    told = told.replace("Input should be", "it should be").rstrip(".")
    # What is wrong may be the command.
    words = [word for word in command.split() if not word.startswith("-")]
    return f"{told}. See: {' '.join(['listrak', *(words[:-1] if 'No such command' in told else words)])} -h"


def _not_installed(extra: str) -> str:
    ours = _EXTRAS.get(extra, extra)
    return f'The packages for {ours} are not installed: pip install "listrak-source[{ours}]"'


def _no_toml(error: TOMLKitError) -> str:
    """Which of dlt's files is wrong: dlt reads them without saying so."""
    for name in (".dlt/secrets.toml", ".dlt/config.toml"):
        try:
            tomlkit.parse(Path(name).read_text(encoding="utf-8"))
        except OSError:
            continue
        except (TOMLKitError, UnicodeDecodeError) as wrong:
            return f"{name} is no TOML: {redact(_first_line(wrong))}."
    return f"A file of settings is no TOML: {redact(_first_line(error))}."


def command_of(words: Sequence[str]) -> str:
    """What a command line does: ``pull``, ``push plan``, ``push undo --apply``."""
    # An option of listrak itself takes no value, so what is left first is the command.
    named = [word for word in words if not word.startswith("-")]
    if named[:1] == ["models"]:
        return " ".join(named[:2])
    if named[:1] != ["push"]:
        return named[0] if named else ""
    return " ".join([*named[:2], *(["--apply"] if "--apply" in words else [])])


def was_interrupted(error: BaseException) -> bool:
    """Tell whether ``error`` came of an interrupt: dlt, DuckDB and Typer make errors of their own of it."""
    return bool(_interrupt(causes(error)))


def _interrupt(chain: Iterable[BaseException]) -> type[KeyboardInterrupt] | None:
    for cause in chain:
        if isinstance(cause, KeyboardInterrupt):
            return type(cause)
        # Of an error in Python code that DuckDB calls, DuckDB keeps the name alone.
        for kind in (Terminated, KeyboardInterrupt):
            if str(cause).startswith(f"{kind.__name__}:"):
                return kind
    return None


def _missing(error: ConfigFieldMissingException) -> str:
    """One place for a setting that is missing: dlt tells each that it looked at."""
    tried = _TRIED.findall(str(error))
    if error.spec_name == Settings.__name__:
        names = [f"SOURCES__LISTRAK__{field.upper()}" for field in error.fields]
    else:
        # The first place that dlt looks in names the destination; its credentials may be given as one address.
        first: dict[str, str] = {}
        for name in tried:
            first.setdefault(name.rpartition("__")[2], name.partition("__CREDENTIALS__")[0])
        names = list(dict.fromkeys(first.values())) or [field.upper() for field in error.fields]
        names = [
            f"{name}__CREDENTIALS" if name.count("__") == 1 and "credentials" in error.fields else name
            for name in names
        ]
    settings = " and ".join(names)
    return (
        f"{'A setting is' if len(names) == 1 else 'Settings are'} missing: set {settings} in the environment, or the"
        " same in .dlt/secrets.toml (listrak init writes one)."
    )


def _unfit(error: ConfigValueCannotBeCoercedException) -> str:
    """What a setting must be: dlt's own sentence quotes the value, which may be a secret."""
    kinds = [kind for kind in get_args(error.hint) if kind is not type(None)] or [error.hint]
    if list in (kinds[0], get_origin(kinds[0])):
        example = _LISTS.get(error.field_name, "[101, 102]")
        return f"The setting {error.field_name} does not fit: it should be a list, written as {example}."
    name = getattr(kinds[0], "__name__", str(kinds[0]))
    return f"The setting {error.field_name} does not fit: it should be of type {name}."


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
