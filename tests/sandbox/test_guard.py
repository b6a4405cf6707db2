"""No web page may tell a sandbox what to do, or ask it under a name of its own (13.C20)."""

from __future__ import annotations

import pytest

from .caller import Caller

JSON = {"Content-Type": "application/json"}


def post(caller: Caller, headers: dict[str, str | None], path: str = "/clock") -> tuple[int, str]:
    """What a post to the control address is answered; a header that is None is not sent."""
    known = {"X-Sandbox-Key": caller.sandbox.control_key, **JSON, **headers}
    sent = {name: value for name, value in known.items() if value is not None}
    url = caller.sandbox.control_url + path
    answer = caller.session.post(url, data='{"hours": 1}', headers=sent, timeout=10)
    return answer.status_code, answer.text


@pytest.mark.parametrize(
    ("headers", "status", "part"),
    [
        ({"Origin": "https://example.com"}, 403, "no page of another origin"),
        ({"Origin": "null"}, 403, "no page of another origin"),
        ({"Origin": "http://localhost:3000"}, 403, "no page of another origin"),
        ({"Host": "example.com"}, 421, "not as 'example.com'"),
        ({"Host": "127.0.0.1.example.com:80"}, 421, "not as"),
        ({"Host": "localhost.example.com"}, 421, "not as"),
        ({"Content-Type": "text/plain"}, 415, "application/json"),
        ({"Content-Type": None}, 415, "application/json"),
        ({"X-Sandbox-Key": None}, 403, "X-Sandbox-Key"),
        ({"X-Sandbox-Key": "guessed"}, 403, "X-Sandbox-Key"),
    ],
)
def test_what_a_web_page_can_send_is_refused(
    caller: Caller, headers: dict[str, str | None], status: int, part: str
) -> None:
    before = caller.sandbox.world.clock.now()
    answered, text = post(caller, headers)
    assert answered == status
    assert part in text
    assert caller.sandbox.world.clock.now() == before


@pytest.mark.parametrize(
    "host", ["localhost:8088", "127.0.0.1", "127.3.2.1:99", "[::1]:8088", "LOCALHOST", "a.localhost"]
)
def test_a_program_on_this_machine_is_heard(caller: Caller, host: str) -> None:
    assert post(caller, {"Host": host})[0] == 200
    assert post(caller, {"Host": host, "Origin": f"http://{host}"})[0] == 200
    assert post(caller, {"Content-Type": "application/json; charset=utf-8"})[0] == 200


def test_nothing_is_told_without_the_key_either(caller: Caller) -> None:
    answer = caller.session.get(caller.sandbox.control_url + "/stats", timeout=10)
    assert answer.status_code == 403
    assert "requests" not in answer.json()


def test_the_api_is_not_asked_by_a_foreign_name(caller: Caller) -> None:
    answer = caller.call("GET", "/ShortCode", headers={"Host": "rebound.example.com"})
    assert answer.status_code == 421
    token = caller.session.post(caller.sandbox.token_url, headers={"Host": "rebound.example.com"}, timeout=10)
    assert token.status_code == 421
    assert caller.get("/ShortCode").status_code == 200
