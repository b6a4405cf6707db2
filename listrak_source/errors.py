"""What the program stops for on purpose, beside what Listrak answers (:mod:`listrak_source.api.errors`)."""

from __future__ import annotations

from collections.abc import Iterator


class StoppedError(Exception):
    """A person must look: the text says what is wrong and what to do, as a sentence without its full stop."""


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error, and what it came of, the outermost first."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        following = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        # Of a load that failed for good dlt keeps the error beside it.
        following = following or getattr(error, "client_exception", None)
        if following is None:
            return
        error = following
