"""Being killed: nothing after that moment happens, and no handler of errors sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from listrak_source.api.transport import Transport
from listrak_source.push.warehouse.sql_client import Store


class Killed(BaseException):
    """The process is gone."""


def count_down(monkeypatch: pytest.MonkeyPatch, at: int) -> list[str]:
    """Be killed before or after the step of that number: each statement, each request. Gives the steps."""
    steps: list[str] = []

    def step(what: str) -> None:
        steps.append(what)
        if len(steps) >= at:  # nor does anything clean up
            raise Killed

    def before_and_after(owner: Any, name: str) -> None:
        real: Callable[..., Any] = getattr(owner, name)

        def stepping(*arguments: Any, **named: Any) -> Any:
            step(f"before {name}")
            found = real(*arguments, **named)
            step(f"after {name}")
            return found

        monkeypatch.setattr(owner, name, stepping)

    before_and_after(Store, "run")
    before_and_after(Store, "insert")
    before_and_after(Transport, "send")
    return steps
