"""What a command did as one JSON document, for programs: shaped like the run results of dbt."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, timezone
from typing import Any

from listrak_source.api.version import version
from listrak_source.cli.errors import Exit, explain
from listrak_source.errors import causes

VERSION = 1
"""Of the document's shape: names may be added to it, and none is taken away or told otherwise."""

_TOLD = "listrak_document"
"""On an error: a document was printed of it."""
_STATUS = {Exit.DONE: "success", Exit.NOT_ALL: "partial", Exit.TRY_AGAIN: "partial"}


@contextmanager
def document(command: str, *, wanted: bool = True) -> Iterator[dict[str, Any]]:
    """Yield what a command fills in.

    At its end it is printed as JSON, if it is ``wanted``: also where it fails, with the sentence that stands on
    standard error too.
    """
    began, told = time.monotonic(), dict[str, Any]()
    code, status, message = Exit.DONE, "success", None
    try:
        yield told
    except SystemExit as end:  # done, but not all
        code = Exit(int(end.code or 0))
        status = _STATUS.get(code, "error")
        vars(end)[_TOLD] = True
        raise
    except BaseException as error:
        message, code = explain(error, command)
        status = "error"
        vars(error)[_TOLD] = True
        raise
    finally:
        if wanted:
            about = {
                "command": command,
                "document_version": VERSION,
                "listrak_source_version": version(),
                "generated_at": datetime.now(timezone.utc),
            }
            outcome = {
                "status": status,
                "exit_code": int(code),
                "message": message,
                "elapsed_time": round(time.monotonic() - began, 3),
            }
            sys.stdout.write(json.dumps({"metadata": about, **outcome, **told}, indent=2, default=_as_text) + "\n")


def fail(command: str, error: BaseException) -> None:
    """Print the document of a command that failed, unless :func:`document` has: before it had begun, say."""
    if any(_TOLD in vars(cause) for cause in causes(error)):
        return
    with suppress(BaseException), document(command):
        raise error


def _as_text(value: Any) -> str:
    """Times in UTC."""
    if isinstance(value, datetime):
        known = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return known.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else str(value)
