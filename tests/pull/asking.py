"""What a pull asks of the API, and places in the sandbox's world to try it on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from listrak_source import listrak_sms
from listrak_source.sandbox import Sandbox
from tests.pull.warehouse import Warehouse


def ask(warehouse: Warehouse, *resources: str, **options: Any) -> dict[str, int]:
    """Pull without loading, and return the requests by operation. State moves as it does in a whole run."""
    traffic = warehouse.sandbox.traffic
    traffic.clear()
    source = listrak_sms(**warehouse.options() | options)
    warehouse.pipeline().extract(source.with_resources(*resources) if resources else source)
    return {name: count for name, count in traffic.counts.items() if name != "token"}


def queries(sandbox: Sandbox, ending: str) -> list[tuple[str, dict[str, str]]]:
    """Path and parameters of the requests whose path ends so, in the order that they came in."""
    log = [(path, dict(parse_qsl(query))) for _, path, query in list(sandbox.traffic.log)]
    return [(path, query) for path, query in log if path.endswith(ending)]


def on_request(sandbox: Sandbox, act: Callable[[str, str], None]) -> None:
    """Have ``act(operation, query)`` called before each request is answered, until the next reset."""
    note = type(sandbox.traffic).note

    def noted(operation: str, method: str, path: str, query: str) -> None:
        note(sandbox.traffic, operation, method, path, query)
        act(operation, query)

    sandbox.traffic.__dict__["note"] = noted


@dataclass(frozen=True)
class Somebody:
    """A contact who subscribed years ago and is reachable."""

    sender_code_id: int
    phone_list_id: int
    phone_number: str

    @property
    def key(self) -> tuple[int, str]:
        return self.sender_code_id, self.phone_number


def somebody(sandbox: Sandbox) -> Somebody:
    """The first of the largest list of the first sender code."""
    world = sandbox.world
    sender = next(iter(world.sender_codes.values()))
    largest = max(sender.lists.values(), key=lambda item: len(item.reachable))
    return Somebody(sender.sender_code_id, largest.list_id, world.phone(largest.reachable.members[0]))
