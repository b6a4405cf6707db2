"""What an answer's body says of itself. HTTP 200 is not success: an error may come in the body of one."""

from __future__ import annotations

import codecs
import logging
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from collections.abc import Mapping
from json import detect_encoding
from typing import Any

from listrak_source.api.json_text import loads

log: logging.Logger = logging.getLogger(__name__)

_FAILED = re.compile(r"\s*([45]\d\d)\b", re.ASCII)
"""A status of failure that came as text: ``500``, ``404 Not Found``."""
_NO_ERROR = frozenset(("", "0", "false", "n/a", "no", "no error", "none", "null", "ok", "success"))
_CODE = "ERROR_"
_CHARSET = re.compile(r"""charset\s*=\s*["']?([^\s;"',]+)""", re.IGNORECASE)
_MARKS = (
    (BOM_UTF32_LE, "utf-32"), (BOM_UTF32_BE, "utf-32"), (BOM_UTF16_LE, "utf-16"), (BOM_UTF16_BE, "utf-16"),
    (BOM_UTF8, "utf-8-sig"),
)  # fmt: skip
"""UTF-32's first: UTF-16's begin like them."""
_SIGNS = frozenset(("status", "nextPageCursor"))
"""An answer without ``data`` is an envelope only if it has one of these, and nothing that is not in ``_ENVELOPE``."""
_ENVELOPE = _SIGNS | {"error", "errors", "message"}
_TOKEN_CODES = ("ERROR_INVALID_CREDENTIALS", "ERROR_UNAUTHORIZED")


class Refusal(ValueError):  # noqa: N818 - it is an answer, not a fault of the program
    """A body that says what went wrong: the error's ``status``, its ``ERROR_…`` code where it has one, and words."""

    def __init__(self, status: int, code: str | None, message: str) -> None:
        super().__init__("the answer is an error, although its HTTP status is not")
        self.status: int = status
        self.code: str | None = code
        self.message: str = message


class Nothing(ValueError):  # noqa: N818
    """A body that is whole, and tells nothing of what was asked for."""


class WrongCharset(ValueError):  # noqa: N818
    """A body that is not in the charset that it should be in. The text names the charset, and nothing of the body."""


def as_utf8(body: bytes, content_type: str) -> bytes:
    """Return a body in UTF-8 without a mark, given the ``Content-Type`` that it came with.

    A byte order mark counts before the charset that the header names; without either it is UTF-8, or what JSON's first
    two characters look like. UTF-8 is handed on as it is, whether all of it is or not. Raises :class:`WrongCharset`.
    """
    found = _CHARSET.search(content_type)
    charset = found.group(1) if found else ""
    marked = next((name for mark, name in _MARKS if body.startswith(mark)), None)
    if marked == "utf-8-sig":
        return body.removeprefix(BOM_UTF8)
    known = _codec(charset)
    if not marked and known in ("", "utf-8", "ascii", "utf-16", "utf-32"):
        # Which of them it is cannot be mistaken: JSON begins with two characters of ASCII.
        known = detect_encoding(body[:4]) if b"\0" in body[:4] else "utf-8"
        if known == "utf-8":
            return body
    try:
        return body.decode(marked or known).encode()
    except (LookupError, ValueError):
        raise WrongCharset(f"is not in the charset {charset or marked or known}") from None


def repaired(body: bytes) -> bytes:
    """Return a body that is UTF-8, for a caller that would rather have a record with a mark in it than none.

    U+FFFD stands for what is no UTF-8, and the log says so: it is never silent.
    """
    try:
        body.decode()
    except UnicodeDecodeError:
        log.warning("An answer of Listrak's holds bytes that are not in its charset, UTF-8: U+FFFD stands for them.")
        return body.decode(errors="replace").encode()
    return body


def _codec(charset: str) -> str:
    """Python's name of a charset."""
    if not charset:
        return ""
    try:
        known = codecs.lookup(charset).name
        "".encode(known)  # some codecs are of no text
    except (LookupError, ValueError):
        raise WrongCharset(f"has the unknown charset {charset[:40]}") from None
    return known


def read(body: bytes) -> Any:
    """Return what the JSON of a success holds.

    Raises ``ValueError`` for what is no JSON, :class:`Refusal` for a body that says that it is no success.
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
    is_code = isinstance(error, str) and (" " not in error.strip())
    return Refusal(status, error if is_code else _code(error), _words(answer))


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
    raise Refusal(status, code, _words(answer))


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


def inner(answer: Any) -> Any:
    """Return what an answer of one object is about, whatever is around it: an envelope, an array of one, both, twice.

    That is None where nothing is in there. Raises :class:`Refusal` for an envelope further in that says so.
    """
    is_outermost = True
    while True:
        if isinstance(answer, list) and len(answer) == 1:
            answer = answer[0]
        elif isinstance(answer, Mapping) and "data" in answer and _is_envelope(answer, is_outermost):
            answer = answer["data"]
        else:
            break
        check(answer)
        is_outermost = False
    is_nothing = not answer or (isinstance(answer, Mapping) and answer.keys() <= _ENVELOPE)
    return None if is_nothing and (answer is None or isinstance(answer, Mapping | list)) else answer


def without_envelope(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record that has no such fields of its own without an envelope's."""
    return {name: value for name, value in record.items() if name not in _ENVELOPE and name != "data"}


def _is_envelope(answer: Mapping[str, Any], is_outermost: bool) -> bool:
    """Whether an object with ``data`` is one: further in it may be a record with a field of that name."""
    return answer.keys() <= _ENVELOPE | {"data"} or (is_outermost and isinstance(answer["data"], Mapping | list))


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


def _words(told: Any, *, of_fields: bool = False) -> str:
    """What an answer says of its error, wherever the words stand in it.

    They may stand beside the code, in the error, in a list, or (``of_fields``: within the errors) beside the field that
    they are about.
    """
    if isinstance(told, str):
        return "" if _code(told) else told
    if isinstance(told, list):
        return " ".join(filter(None, (_words(one, of_fields=of_fields) for one in told)))
    if not isinstance(told, Mapping):
        return ""
    words = _words(told.get("message")) or _words(told.get("error"), of_fields=True)
    words = words or _words(told.get("errors"), of_fields=True)
    if words or not of_fields:
        return words
    return ", ".join(f"{name}: {said}" for name, value in told.items() if (said := _words(value, of_fields=True)))


def _is_error(error: Any) -> bool:
    return bool(error) and not (isinstance(error, str) and error.strip().lower().rstrip(".") in _NO_ERROR)
