"""The server itself: where it binds, its control routes, and how fast it is."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time

import pytest
import requests

from listrak_source.sandbox import Sandbox, World, serve

from .caller import Caller


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com", ""])
def test_it_binds_loopback_only(host: str) -> None:
    with pytest.raises(ValueError, match="loopback only"):
        Sandbox(World(contacts=0), host=host)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2"])
def test_loopback_has_several_names(host: str) -> None:
    with Sandbox(World(contacts=0), host=host) as sandbox:
        assert Caller(sandbox).get("/ShortCode").status_code == 200


def test_a_taken_port_is_an_error() -> None:
    with Sandbox(World(contacts=0)) as sandbox, pytest.raises(OSError, match="in use"):
        Sandbox(World(contacts=0), port=sandbox.port)


def test_serve_tells_when_it_listens_and_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    heard: list[int] = []

    def on_listen(sandbox: Sandbox) -> None:
        def visit() -> None:
            heard.append(Caller(sandbox).get("/ShortCode").status_code)
            sandbox.stop()

        threading.Thread(target=visit).start()

    serve(World(contacts=0), port=0, on_listen=on_listen)
    assert heard == [200]
    assert capfd.readouterr() == ("", "")


def test_without_its_extra_the_import_says_what_to_install() -> None:
    code = "import sys; sys.modules['starlette'] = None\nimport listrak_source.sandbox"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert 'pip install "listrak-source[sandbox]"' in run.stderr


def test_clock_life_stats_and_reset_over_http(caller: Caller) -> None:
    assert caller.control("GET", "/clock").json()["local"] == "2026-03-02T12:00:00"
    assert caller.control("POST", "/clock", {"hours": 2}).json()["local"] == "2026-03-02T14:00:00"
    assert caller.control("POST", "/clock", {"to": "2026-03-02T15:00:00"}).json()["local"] == "2026-03-02T15:00:00"
    assert caller.control("POST", "/clock", {"hours": -2}).status_code == 400
    lived = caller.control("POST", "/live", {"days": 2}).json()
    assert lived["happened"]["subscribed"] >= 2
    assert lived["local"] == "2026-03-04T15:00:00"
    caller.get("/ShortCode", a="b")
    stats = caller.control("GET", "/stats").json()
    assert stats["requests"] == {"token": 1, "list_sender_codes": 1}
    assert stats["tokens_issued"] == 1
    assert stats["log"][-1] == ["GET", "/sms/v1/ShortCode", "a=b"]
    assert caller.control("POST", "/reset").json()["local"] == "2026-03-02T12:00:00"
    assert caller.sandbox.world.journal == []
    assert caller.sandbox.world.rows == World(contacts=200).rows
    assert caller.control("GET", "/stats").json()["requests"] == {}


def test_unknown_settings_are_refused(caller: Caller) -> None:
    assert caller.control("POST", "/settings", {"cursor_style": "runes"}).status_code == 400
    assert caller.control("POST", "/settings", {"gremlins": 1}).status_code == 400
    assert caller.control("POST", "/settings", {"cursor_style": "absolute"}).json()["cursor_style"] == "absolute"


SERVE = """
import resource, sys
from listrak_source.sandbox import Sandbox, World, serve
world = World(seed=1, contacts=200_000, sender_codes=1, lists=1, values_per_contact=3)
print("made", flush=True)
def used():
    use = resource.getrusage(resource.RUSAGE_SELF)
    return use.ru_utime + use.ru_stime
def listen(sandbox):
    import threading
    def work():
        print(sandbox.base_url, sandbox.token_url, used(), flush=True)
        sys.stdin.readline()
        print(used(), flush=True)
        sandbox.stop()
    threading.Thread(target=work).start()
serve(world, port=0, on_listen=listen)
"""


@pytest.mark.full
def test_serving_200_000_contacts_costs_little() -> None:
    begun = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-c", SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        assert server.stdout.readline() == "made\n"
        made = time.monotonic() - begun
        base_url, token_url, before = server.stdout.readline().split()
        with requests.Session() as session:
            form = {
                "grant_type": "client_credentials",
                "client_id": "sandbox-client",
                "client_secret": "sandbox-secret",
            }
            session.headers["Authorization"] = "Bearer " + session.post(token_url, data=form).json()["access_token"]
            sender = session.get(base_url + "/ShortCode").json()["data"][0]["shortCodeId"]
            at = f"{base_url}/ShortCode/{sender}/PhoneList"
            contacts = f"{at}/{session.get(at).json()['data'][0]['phoneListId']}/Contact"
            rows = 0
            for stopped in ("false", "true"):
                cursor = "Start"
                while cursor:
                    query = {"count": "5000", "optedOut": stopped, "cursor": cursor}
                    page = session.get(contacts, params=query).content
                    rows += page.count(b'{"phoneNumber":')
                    # The cursor stands in front of the rows: no need to parse them.
                    cursor = json.loads(page[: page.index(b',"data":')] + b"}")["nextPageCursor"]
        server.stdin.write("done\n")
        server.stdin.flush()
        cost = float(server.stdout.readline()) - float(before)
    assert rows == 200_000
    assert made < 10
    # A million may cost one second; three times that leaves room for a slow machine.
    assert cost < 0.6
