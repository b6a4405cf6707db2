"""The token endpoint, and tokens that end."""

from __future__ import annotations

import time

from listrak_source.sandbox import Fault, Sandbox, World

from .caller import Caller, code_of


def test_a_token_for_good_credentials(untouched: Caller) -> None:
    answer = untouched.token()
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"access_token", "token_type", "expires_in"}
    assert (body["token_type"], body["expires_in"]) == ("bearer", 3599)


def test_bad_credentials_are_answered_in_a_shape_of_their_own(untouched: Caller) -> None:
    for wrong in ({"client_secret": "wrong"}, {"client_id": "wrong"}, {"grant_type": "password"}):
        answer = untouched.token(**wrong)
        assert (answer.status_code, answer.json()) == (400, {"error": "Invalid Credentials"})


def test_credentials_must_come_as_a_form(untouched: Caller) -> None:
    sandbox = untouched.sandbox
    body = {"grant_type": "client_credentials", "client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
    assert untouched.session.post(sandbox.token_url, json=body, timeout=10).status_code == 400
    assert untouched.session.get(sandbox.token_url, timeout=10).status_code == 405


def test_tokens_expire() -> None:
    with Sandbox(World(contacts=0), token_lifetime=0.3) as sandbox:
        caller = Caller(sandbox)
        assert caller.get("/ShortCode").status_code == 200
        time.sleep(0.35)
        assert code_of(caller.get("/ShortCode")) == "ERROR_UNAUTHORIZED"
        caller.renew()
        assert caller.get("/ShortCode").status_code == 200


def test_a_revoked_token_is_refused_until_there_is_a_new_one(caller: Caller) -> None:
    caller.sandbox.faults.add(Fault("revoked_token"))
    assert code_of(caller.get("/ShortCode")) == "ERROR_UNAUTHORIZED"
    assert code_of(caller.get("/ShortCode")) == "ERROR_UNAUTHORIZED"
    caller.renew()
    assert caller.get("/ShortCode").status_code == 200


def test_a_paused_integration_is_refused_everywhere(caller: Caller) -> None:
    caller.control("POST", "/settings", {"paused": True}).raise_for_status()
    assert caller.token().json() == {"error": "Invalid Credentials"}
    assert code_of(caller.get("/ShortCode")) == "ERROR_INVALID_CREDENTIALS"
    caller.control("POST", "/settings", {"paused": False}).raise_for_status()
    assert caller.get("/ShortCode").status_code == 200


def test_the_worlds_clock_does_not_end_a_token(caller: Caller) -> None:
    caller.sandbox.world.clock.advance(days=30)
    assert caller.get("/ShortCode").status_code == 200
