"""dlt asks thousands of times in a pull what kind the same few type hints are. In tests each question is asked once.

It is a sixth of what the tests of a pull take. dlt's own comment on the slowest of these says that it should do so.
Another twentieth is a text that dlt makes of each table's hints, for the trace of each load: libyaml makes it here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache, partial, wraps
from types import SimpleNamespace
from typing import Any

from dlt.common import validation
from dlt.common.configuration.specs import base_configuration
from dlt.extract import extract


def remember() -> None:
    """Answer from memory from now on, in every module of dlt that is imported."""
    modules = [module for name, module in sys.modules.items() if name.startswith("dlt.")]
    for question in (base_configuration.is_secret_hint, base_configuration.extract_inner_hint):
        answer = _remembered(question)
        for module in modules:
            if vars(module).get(question.__name__) is question:
                setattr(module, question.__name__, answer)
    names = vars(validation)
    names["get_type_hints"] = _by_first(names["get_type_hints"])
    yaml = vars(extract)["yaml"]
    vars(extract)["yaml"] = SimpleNamespace(dump=partial(yaml.dump, Dumper=getattr(yaml, "CDumper", yaml.Dumper)))


def _by_first(question: Callable[..., Any]) -> Callable[..., Any]:
    """What else is given follows from the first argument."""
    known: dict[Any, Any] = {}

    def answer(first: Any, **named: Any) -> Any:
        if first not in known:
            known[first] = question(first, **named)
        return known[first]

    return answer


def _remembered(question: Callable[..., Any]) -> Callable[..., Any]:
    known = cache(question)

    @wraps(question)
    def answer(*arguments: Any, **named: Any) -> Any:
        try:
            return known(*arguments, **named)
        except TypeError:  # a hint that cannot be hashed
            return question(*arguments, **named)

    return answer
