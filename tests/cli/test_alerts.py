"""Failures told to Slack, by dlt's own setting: a hook on loopback gets what Slack would."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from listrak_source.cli.errors import Exit
from listrak_source.sandbox import Fault, Sandbox
from tests.cli.conftest import Listrak


class Hook:
    """What came in, and what is answered."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.status = 200
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.texts.append(json.loads(body)["text"])
                self.send_response(hook.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}/services/T0/B0/secret-of-the-hook"


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    found = Hook()
    monkeypatch.setenv("RUNTIME__SLACK_INCOMING_HOOK", found.address)
    yield found
    found.server.shutdown()
    found.server.server_close()


def test_what_needs_a_person_is_told(
    listrak: Listrak, sandbox: Sandbox, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as wrong:
        wrong.setenv("SOURCES__LISTRAK__CLIENT_SECRET", "another-secret")
        code, _, err = listrak("pull")
    assert code == Exit.REFUSED
    (text,) = hook.texts
    assert text.startswith("listrak pull on ")
    assert f"ended with exit code 3: {err.removeprefix('listrak: ').strip()}" in text
    assert "another-secret" not in text
    sender = min(sandbox.world.sender_codes)
    sandbox.faults.add(Fault("status", "list_phone_lists", path=f"/ShortCode/{sender}/", times=None, status=403))
    assert listrak("pull", "--table", "lists")[0] == Exit.NOT_ALL
    assert "ended with exit code 5: " in hook.texts[1]
    assert str(sender) in hook.texts[1]
    sandbox.faults.clear()
    assert listrak("status", "--max-age", "26h")[0] == Exit.FAILED
    assert hook.texts[2].startswith("listrak status on ")
    assert len(hook.texts) == 3


def test_what_passes_by_itself_is_not(listrak: Listrak, sandbox: Sandbox, hook: Hook) -> None:
    assert listrak("pull", "--table", "lists")[0] == Exit.DONE
    sandbox.faults.add(Fault("status", "list_sender_codes", times=None, status=503))
    with pytest.MonkeyPatch.context() as hurry:
        hurry.setenv("SOURCES__LISTRAK__MAX_ATTEMPTS", "1")
        assert listrak("pull")[0] == Exit.TRY_AGAIN
    sandbox.faults.clear()
    assert listrak("person", "nobody")[0] != Exit.DONE
    assert hook.texts == []


@pytest.mark.parametrize("is_there", [True, False])
def test_whatever_slack_answers_the_command_has_ended(
    listrak: Listrak, sandbox: Sandbox, hook: Hook, is_there: bool
) -> None:
    hook.status = 500
    if not is_there:
        hook.server.server_close()
    code, _, err = listrak("pull", "--table", "nothing")
    assert code == Exit.WRONG_USE
    assert "There is no table nothing" in err
    assert "secret-of-the-hook" not in err
    assert "Traceback" not in err
