"""Spans for OpenTelemetry, where its package is there: a run, its loads, and each operation that is sent.

They tell what was done, how often and how long, and no person: an address with a phone number stands as its pattern, an
error as its kind. Where they go is up to the program, or to ``opentelemetry-instrument``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from listrak_source.api.version import version

try:
    from opentelemetry import context, trace
except ImportError:  # an extra
    trace = None  # type: ignore[assignment]

P = ParamSpec("P")
R = TypeVar("R")
Note = Callable[[Mapping[str, Any]], None]
"""Adds to what a span tells."""

_NAME = "listrak_source"
_AT_THE_END = 5_000
"""Milliseconds that spans have to be sent when a program ends."""


@contextmanager
def span(name: str, **told: Any) -> Iterator[Note]:
    """What happens in here is a span of that name; yields what adds to it."""
    if trace is None:
        yield lambda _: None
        return
    tracer = trace.get_tracer(_NAME, version())
    # An exception's own text and its trace may hold people.
    with tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False) as one:

        def note(more: Mapping[str, Any]) -> None:
            one.set_attributes({f"listrak.{key}": value for key, value in more.items() if value is not None})

        note(told)
        try:
            yield note
        except (GeneratorExit, SystemExit):  # who asks for no more, and what has said why
            raise
        except BaseException as error:
            one.set_attribute("error.type", type(error).__name__)
            one.set_status(trace.StatusCode.ERROR)
            raise


def hand_over() -> None:
    """Have the spans that wait be sent: the program is at its end, and does not wait for what else may be left."""
    if trace is not None and (flush := getattr(trace.get_tracer_provider(), "force_flush", None)):
        flush(_AT_THE_END)


def carried(function: Callable[P, R]) -> Callable[P, R]:
    """The same function for another thread: what it does belongs to the span that is open here."""
    if trace is None:
        return function
    here = context.get_current()

    def run(*arguments: P.args, **named: P.kwargs) -> R:
        token = context.attach(here)
        try:
            return function(*arguments, **named)
        finally:
            context.detach(token)

    return run
