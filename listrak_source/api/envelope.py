"""What an answer's body says of itself. HTTP 200 is not success: an error may come in the body of one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from listrak_source.api.json_text import loads

_FAILED = re.compile(r"\s*([45]\d\d)\b", re.ASCII)
"""A status of failure that came as text: ``500``, ``404 Not Found``."""
_NO_ERROR = frozenset(("", "0", "false", "n/a", "no", "no error", "none", "null", "ok", "success"))
_CODE = "ERROR_"
_SIGNS = frozenset(("status", "nextPageCursor"))
"""An answer without ``data`` is an envelope only if it has one of these, and nothing that is not in ``_ENVELOPE``."""
_ENVELOPE = _SIGNS | {"error", "errors", "message"}
_TOKEN_CODES = ("ERROR_INVALID_CREDENTIALS", "ERROR_UNAUTHORIZED")


class Refusal(ValueError):  # noqa: N818 - it is an answer, not a fault of the program
    """A body that says what went wrong: the error's ``status``, its ``ERROR_…`` code where it has one, and words."""

    def __init__(self, status: int, code: str | None, message: str) -> None:
        super().__init__("the answer is an error, although its HTTP status is not")
        self.status, self.code, self.message = status, code, message


def read(body: bytes) -> Any:
    """Return what the JSON of a success holds. Raises ``ValueError`` for what is no JSON, :class:`Refusal` for a body
    that says that it is no success.
    """
    answer = loads(body)
    check(answer)
    return answer


def status_of(body: bytes, status: int) -> int:
    """Return the status that an answer has, given its HTTP ``status``: the body's own, where that is a failure."""
    try:
        read(body)
    except Refusal as refusal:
        return refusal.status
    except ValueError:
        pass
    return status


def told(body: bytes, status: int) -> Refusal:
    """Return what the body of an answer says whose HTTP ``status`` is a failure."""
    try:
        answer = loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, Mapping):
        return Refusal(status, None, body[:200].decode("utf-8", "replace"))
    error = answer.get("error")
    return Refusal(status, error if isinstance(error, str) else _code(error), str(answer.get("message") or ""))


def check(answer: Any) -> None:
    """Raise :class:`Refusal` for an envelope that says that something went wrong.

    Its own ``status`` does where it is 400 to 599, as a number or as text, and its ``error`` where it is one of the
    ``ERROR_…`` codes. Any other ``error`` does beside ``data`` only: a bare record's fields are its own affair. Every
    other status (200, 201, 0, ``OK``, ``Active``, none at all) means success.
    """
    if not isinstance(answer, Mapping):
        return
    status, error = _failed(answer.get("status")), answer.get("error") or answer.get("errors")
    code = _code(error)
    if status is None and code is None and not ("data" in answer and _is_error(error)):
        return
    if status is None:
        status = 401 if code in _TOKEN_CODES else 200
    words = answer.get("message") or (error if isinstance(error, str) and code is None else "")
    raise Refusal(status, code, str(words))


def rows_of(answer: Any) -> list[Any]:
    """Return the rows of a collection's answer. ``data`` that is null, or left out of an envelope, is no row.

    Raises ``ValueError`` for anything else that is no list.
    """
    if isinstance(answer, Mapping):
        is_envelope = "data" in answer or (answer.keys() <= _ENVELOPE and bool(answer.keys() & _SIGNS))
        answer = answer.get("data")
        if answer is None and is_envelope:
            return []
    if not isinstance(answer, list):
        raise ValueError("the answer holds no list")  # noqa: TRY004 - the client asks again
    return answer


def _failed(status: Any) -> int | None:
    """The status, if it means a failure."""
    if isinstance(status, str):
        found = _FAILED.match(status)
        return int(found.group(1)) if found else None
    is_number = isinstance(status, int | float) and not isinstance(status, bool)
    return int(status) if is_number and 400 <= status < 600 else None


def _code(error: Any) -> str | None:
    """The ``ERROR_…`` code that an ``error`` is, or holds as its ``code``."""
    found = error.get("code") if isinstance(error, Mapping) else error
    return found.strip() if isinstance(found, str) and found.strip().startswith(_CODE) else None


def _is_error(error: Any) -> bool:
    return bool(error) and not (isinstance(error, str) and error.strip().lower().rstrip(".") in _NO_ERROR)
