"""Reports to Sentry, where dlt is set to send them (``RUNTIME__SENTRY_DSN``): without people, and without secrets."""

from __future__ import annotations

from functools import cache
from typing import Any

import dlt

from listrak_source.api.redaction import redact_people

_VALUES = frozenset({"vars", "request"})
"""What Sentry adds of the program's own values: those of each variable on the way to an error, a row's, a secret's."""
_IDS = frozenset({"event_id", "trace_id", "span_id", "parent_span_id"})


def keep_people_out() -> None:
    """Have no report of this process hold a value of a variable, or a whole phone number."""
    if dlt.config.get("runtime.sentry_dsn"):
        _once()


@cache
def _once() -> None:
    # Reports of errors and of what took how long alike: the latter name each request's path.
    from sentry_sdk.scope import add_global_event_processor  # noqa: PLC0415 - there only where Sentry is

    add_global_event_processor(lambda event, _: without_people(event))


def without_people(told: Any) -> Any:
    """A report, or a part of it, as it may be sent."""
    if isinstance(told, str):
        return redact_people(told)
    if isinstance(told, dict):
        return {
            name: part if name in _IDS else without_people(part) for name, part in told.items() if name not in _VALUES
        }
    return [without_people(part) for part in told] if isinstance(told, list | tuple) else told
