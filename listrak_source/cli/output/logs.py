"""What the command logs on standard error: for people, or for programs with RUNTIME__LOG_FORMAT=JSON.

dlt's own log is silent unless it is asked for: it would repeat what the command says.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timezone

from rich.console import Console

from listrak_source.api.redaction import redact_people
from listrak_source.cli.output.console import err, out

_LEVEL, _FORMAT = "RUNTIME__LOG_LEVEL", "RUNTIME__LOG_FORMAT"
_LOAD_ID = re.compile(r"(?<!\d)(\d{10}\.\d{1,7})(?!\d)")
"""dlt's name of a load, which is no phone number."""
_OURS = ("-v", "-vv", "-vvv", "--verbose", "-q", "--quiet", "--no-color")


def ours_first(words: Sequence[str]) -> list[str]:
    """A command line with the options that all commands have in front, where Typer looks for them."""
    return [*(word for word in words if word in _OURS), *(word for word in words if word not in _OURS)]


def log(verbose: int) -> None:
    """Log warnings and what happens (1), or everything (2), and dlt's log too. Nothing of it names people."""
    as_json = is_json()
    usual = ("WARNING" if as_json else "CRITICAL", "WARNING", "INFO")
    os.environ.setdefault(_LEVEL, usual[min(verbose, 2)])
    dlts = logging.getLogger("dlt")
    dlts.filters = [*(one for one in dlts.filters if not isinstance(one, _NoPeople)), _NoPeople()]
    ours = logging.getLogger("listrak_source")
    for handler in [one for one in ours.handlers if isinstance(one, _Handler)]:
        ours.removeHandler(handler)
    if verbose or as_json:
        ours.addHandler(_Handler())
        ours.setLevel(logging.DEBUG if verbose > 1 else logging.INFO)


_failures: ContextVar[list[str] | None] = ContextVar("failures", default=None)


@contextmanager
def failures() -> Iterator[list[str]]:
    """Yield what goes wrong meanwhile, sentence by sentence."""
    noted: list[str] = []
    token = _failures.set(noted)
    try:
        yield noted
    finally:
        _failures.reset(token)


def note_failure(sentence: str) -> None:
    """Note what is wrong, where it is printed among other sentences."""
    if (noted := _failures.get()) is not None:
        noted.append(sentence)


def fail_with(sentence: str) -> None:
    """Print what went wrong."""
    note_failure(sentence)
    if is_json():
        sys.stderr.write(_line("ERROR", "listrak", sentence))
    else:
        err.print(f"listrak: {sentence}", highlight=False, markup=False)


def progress_on(as_document: bool) -> Console:
    """Where progress is shown: nowhere among lines of JSON."""
    if as_document:
        return Console(quiet=True) if is_json() or out.quiet else err
    return out


def is_json() -> bool:
    """Whether the log is for programs."""
    return os.environ.get(_FORMAT, "").upper() == "JSON"


def _line(level: str, logger: str, message: str) -> str:
    """The names are those of dlt's own lines."""
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"written_at": now, "level": level, "logger": logger, "msg": message}) + "\n"


class _NoPeople(logging.Filter):
    """Masks what may be a phone number in dlt's log: a database's error quotes values."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + "".join(traceback.format_exception(*record.exc_info))
        parts = _LOAD_ID.split(text)
        record.msg = "".join(part if at % 2 else redact_people(part) for at, part in enumerate(parts))
        record.args, record.exc_info, record.exc_text = (), None, None
        return True


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        message = redact_people(record.getMessage())
        if is_json():
            sys.stderr.write(_line(record.levelname, record.name, message))
        else:
            err.print(f"{record.levelname.lower()}: {message}", highlight=False, markup=False)
