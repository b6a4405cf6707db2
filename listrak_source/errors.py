"""What the program stops for on purpose, beside what Listrak answers (:mod:`listrak_source.api.errors`)."""

from __future__ import annotations


class StoppedError(Exception):
    """A person must look: the text says what is wrong and what to do, as a sentence without its full stop."""
