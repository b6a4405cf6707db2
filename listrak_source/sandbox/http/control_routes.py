"""The control routes, under ``/_sandbox`` and so never in the API's way: faults, clock, life, counts, reset."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from listrak_source.sandbox.faults import Fault
from listrak_source.sandbox.rate_limits import RateLimit
from listrak_source.sandbox.service import Service
from listrak_source.sandbox.world.clock import to_text

CONTROL_PATH = "/_sandbox"

_Command = Callable[[dict[str, Any]], Any]


def control_routes(service: Service) -> list[Route]:
    """Every answer is JSON; what cannot be understood is answered 400 with a sentence.

    No token is asked for, but the sandbox's key (see ``guard``).
    """
    control = _Control(service)
    commands: list[tuple[str, str, _Command]] = [
        ("GET", "/faults", control.faults),
        ("POST", "/faults", control.add_fault),
        ("DELETE", "/faults", control.clear_faults),
        ("GET", "/clock", control.clock),
        ("POST", "/clock", control.move_clock),
        ("POST", "/live", control.live),
        ("GET", "/stats", control.stats),
        ("DELETE", "/stats", control.clear_stats),
        ("POST", "/settings", control.settings),
        ("POST", "/reset", control.reset),
    ]
    return [Route(CONTROL_PATH + path, _endpoint(command), methods=[method]) for method, path, command in commands]


def _endpoint(command: _Command) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        try:
            # A day of a large world's life takes a while; the API answers in between.
            return JSONResponse(await run_in_threadpool(command, _given(await request.body())))
        except (TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)

    return respond


def _given(body: bytes) -> dict[str, Any]:
    given = json.loads(body or b"{}")
    if not isinstance(given, dict):
        raise TypeError("send a JSON object")
    return given


class _Control:
    def __init__(self, service: Service) -> None:
        self.service = service

    def faults(self, _: dict[str, Any]) -> Any:
        return {"faults": [fault.to_json() for fault in self.service.faults.waiting()]}

    def add_fault(self, given: dict[str, Any]) -> Any:
        self.service.faults.add(Fault.from_json(given))
        return self.faults({})

    def clear_faults(self, _: dict[str, Any]) -> Any:
        self.service.faults.clear()
        return self.faults({})

    def clock(self, _: dict[str, Any]) -> Any:
        clock = self.service.world.clock
        return {"now": clock.now().isoformat(), "local": to_text(clock.ticks()), "timezone": clock.zone.key}

    def move_clock(self, given: dict[str, Any]) -> Any:
        """``{"days", "hours", "minutes", "seconds"}`` to go on, or ``{"to": "2026-03-05T12:00:00"}``."""
        if "to" in given:
            self.service.world.clock.move_to(datetime.fromisoformat(given["to"]))
        else:
            self.service.world.clock.advance(**given)
        return self.clock({})

    def live(self, given: dict[str, Any]) -> Any:
        """``{"days": 3}``; answers what happened, by kind."""
        days = given.get("days", 1)
        if not isinstance(days, int) or isinstance(days, bool) or days < 0:
            raise ValueError("days is a whole number")
        return {"happened": self.service.world.live(days), **self.clock({})}

    def stats(self, _: dict[str, Any]) -> Any:
        traffic = self.service.traffic
        return {
            "requests": dict(traffic.counts),
            "tokens_issued": self.service.tokens.issued,
            "allowed": traffic.allowed,
            "rate_limited": traffic.refused,
            "verdicts": [list(verdict) for verdict in traffic.verdicts],
            "log": [list(entry) for entry in traffic.log],
        }

    def clear_stats(self, _: dict[str, Any]) -> Any:
        self.service.traffic.clear()
        return self.stats({})

    def settings(self, given: dict[str, Any]) -> Any:
        """Changes how the sandbox answers.

        It takes any quirk by name, ``delay`` and ``import_seconds``, ``paused``, and ``rate_limit``, which begins anew:
        ``{"requests", "seconds", "retry_after", "shape", "burst"}``, or null.
        """
        service, given = self.service, dict(given)
        if "rate_limit" in given:
            service.traffic.limit = RateLimit.from_json(given.pop("rate_limit"))
        service.delay = float(given.pop("delay", service.delay))
        service.import_seconds = float(given.pop("import_seconds", service.import_seconds))
        service.tokens.paused = bool(given.pop("paused", service.tokens.paused))
        service.quirks = dataclasses.replace(service.quirks, **given)
        return {
            "delay": service.delay,
            "import_seconds": service.import_seconds,
            "paused": service.tokens.paused,
            "rate_limit": service.traffic.limit and dataclasses.asdict(service.traffic.limit),
            **dataclasses.asdict(service.quirks),
        }

    def reset(self, _: dict[str, Any]) -> Any:
        self.service.reset()
        return self.clock({})
