"""One call of the client that something happens to: it gives what Listrak has, or says what went wrong."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from functools import cache, partial
from types import SimpleNamespace

from listrak_source.api import ListrakClient, ListrakError
from listrak_source.api.operations import OPERATIONS
from listrak_source.sandbox import Sandbox
from tests.api.calls_of_all import CALLS, things
from tests.chaos import faults
from tests.chaos.case import Case, Verdict
from tests.chaos.ground import PATIENCE, Ground, leaks

PART = "One call"
TIMELY = 10.0
"""Seconds: an answer may take half of one, and is asked for four times."""
TIMES: dict[str, int | None] = {"once": 1, "twice": 2, "three times": 3, "for ever": None}
STYLES = ("http", "body")


def cases(rounds: range) -> Iterator[Case]:
    """Each fault at each of the 20 operations and at the token's: so many times, and after the request took effect."""
    for number in rounds:
        for name, operation in OPERATIONS.items():
            reads = operation.method == "GET"
            for kind in faults.kinds(reads=reads):
                how = faults.KINDS[kind]
                if how["kind"] in faults.OF_PAGES and operation.answer not in ("paged", "collection"):
                    continue
                for often in TIMES:
                    if how["kind"] in ("bomb", *faults.SLOW) and often != "once":
                        continue
                    for acts in (False, True) if not reads and _hides(how) else (False,):
                        for at in ("operation", "token"):
                            if at == "token" and (acts or how["kind"] in (*faults.OF_PAGES, *faults.OF_RECORDS)):
                                continue
                            what = f"{name}, {often}{', after it took effect' if acts else ''}, {at}, {number}"
                            run = partial(_call, kind, name, often, acts, at, number)
                            yield Case(PART, kind, what, run, 0.1)


def _hides(how: dict[str, object]) -> bool:
    """Whether a request may have taken effect behind this answer: 401 and 429 say that it has not."""
    return how["kind"] in ("status", "drop", "not_json") and how.get("status") not in (401, 429)


@cache
def _things(sandbox: Sandbox) -> SimpleNamespace:
    with _client(sandbox) as client:
        return things(client)


def _client(sandbox: Sandbox) -> ListrakClient:
    return ListrakClient(
        sandbox.client_id,
        sandbox.client_secret,
        base_url=sandbox.base_url,
        token_url=sandbox.token_url,
        timeout=0.4,
        max_attempts=3,
        max_request_seconds=0.8,
        max_answer_bytes=20_000_000,
        **PATIENCE,  # type: ignore[arg-type]
    )


def _call(kind: str, name: str, often: str, acts: bool, at: str, number: int, ground: Ground, verdict: Verdict) -> None:
    sandbox = ground.sandbox(60, 1, 3)
    sandbox.service.quirks = sandbox.service.quirks.__class__(error_style=STYLES[number % 2])  # type: ignore[arg-type]
    asked = SimpleNamespace(**vars(_things(sandbox)))
    logs = _Logs()
    listrak = logging.getLogger("listrak_source")
    listrak.addHandler(logs)
    began = time.monotonic()
    try:
        with _client(sandbox) as client:
            asked.import_id = client.start_contact_import(asked.sender, asked.import_file)
            sandbox.traffic.clear()
            if at == "token":
                sandbox.service.tokens.revoke()
            harm = faults.fault(kind, name if at == "operation" else "token", times=TIMES[often], acts=acts)
            sandbox.faults.add(harm)
            CALLS[name](client, asked)
    except ListrakError as error:
        logs.texts.append(f"{error}\n{error!r}")
    except Exception as error:  # noqa: BLE001 - the client promises errors of its own
        verdict.find("tracebacks", f"{type(error).__name__}: {error}"[:300])
    finally:
        listrak.removeHandler(logs)
    if (took := time.monotonic() - began) > TIMELY:
        verdict.find("hung", f"{took:.0f} s")
    verdict.find("leaked", found := leaks("\n".join(logs.texts), sandbox), len(found))
    if OPERATIONS[name].method != "GET":
        requests, limit = sandbox.traffic.counts[name], TIMES[often]
        harmed = (requests if limit is None else min(limit, requests)) if at == "operation" else 0
        # What a fault has let through took effect, and so did what it hid the answer of. Where the token is concerned
        # the first request came with one that was not good any more.
        effects = requests - (0 if acts or not _instead(kind) else harmed) - (at == "token")
        verdict.find("writes", f"{name} took effect {effects} times", max(effects - 1, 0))


def _instead(kind: str) -> bool:
    """Whether the fault takes the place of the answer, before the request takes effect."""
    return faults.KINDS[kind]["kind"] in ("status", "drop", "not_json", "bomb", "revoked_token")


class _Logs(logging.Handler):
    """What is logged, as texts."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())
