"""Faults, one each; and what they leave alone."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from listrak_source.sandbox import Fault, Sandbox, World

from .caller import Caller, list_of, sender_of


@pytest.fixture
def path(caller: Caller) -> str:
    world = caller.sandbox.world
    sender = sender_of(world)
    return f"/ShortCode/{sender}/PhoneList/{list_of(world, sender, 'All subscribers')}/Contact"


def test_status(caller: Caller) -> None:
    caller.sandbox.faults.add(Fault("status", status=503, retry_after="7", body='{"why": "because"}'))
    answer = caller.get("/ShortCode")
    assert (answer.status_code, answer.headers["Retry-After"], answer.json()) == (503, "7", {"why": "because"})
    assert caller.get("/ShortCode").status_code == 200


def test_delay(caller: Caller) -> None:
    caller.sandbox.faults.add(Fault("delay", seconds=0.3))
    begun = time.monotonic()
    assert caller.get("/ShortCode").status_code == 200
    assert time.monotonic() - begun >= 0.3


def test_drop(caller: Caller) -> None:
    caller.sandbox.faults.add(Fault("drop"))
    with pytest.raises(requests.ConnectionError):
        caller.get("/ShortCode")
    assert caller.get("/ShortCode").status_code == 200


def test_drop_mid_body(caller: Caller, path: str) -> None:
    caller.sandbox.faults.add(Fault("drop_mid_body"))
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        caller.get(path)
    assert caller.get(path).status_code == 200


def test_cut_body(caller: Caller, path: str) -> None:
    caller.sandbox.faults.add(Fault("cut_body"))
    answer = caller.get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Length"] == str(len(answer.content))
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()


def test_not_json(caller: Caller) -> None:
    caller.sandbox.faults.add(Fault("not_json"))
    answer = caller.get("/ShortCode")
    assert (answer.status_code, answer.text[:6]) == (200, "<html>")


def test_repeated_page(caller: Caller, path: str) -> None:
    first = caller.get(path, count=5).json()
    caller.sandbox.faults.add(Fault("repeated_page", times=2))
    for _ in range(2):
        second = caller.get(path, count=5, cursor=first["nextPageCursor"]).json()
        assert second["nextPageCursor"] == first["nextPageCursor"]
        assert second["data"] != first["data"]
    assert caller.get(path, count=5, cursor=first["nextPageCursor"]).json()["nextPageCursor"] != first["nextPageCursor"]


def test_circle(caller: Caller, path: str) -> None:
    first = caller.get(path, count=5).json()
    caller.sandbox.faults.add(Fault("circle", times=2))
    back = [caller.get(path, count=5, cursor=first["nextPageCursor"]).json()["nextPageCursor"] for _ in range(2)]
    assert len({first["nextPageCursor"], *back}) == 3, "each time it says so in other words"
    assert caller.get(path, count=5, cursor=back[0]).json()["data"] == first["data"]


def test_wrong_charset(caller: Caller) -> None:
    caller.sandbox.faults.add(Fault("wrong_charset"))
    answer = caller.get("/ShortCode")
    assert (answer.status_code, answer.encoding) == (200, "utf-8")
    with pytest.raises(UnicodeDecodeError):
        answer.content.decode()


def test_bomb(caller: Caller) -> None:
    caller.sandbox.faults.add(Fault("bomb"))
    answer = caller.get("/ShortCode")
    assert int(answer.headers["Content-Length"]) < 1_000_000
    assert len(answer.content) == 300_000_000


def test_trickle(caller: Caller) -> None:
    caller.sandbox.faults.add(Fault("trickle"))
    begun = time.monotonic()
    with caller.call("GET", "/ShortCode", stream=True) as answer:
        rest = answer.iter_content(1)
        got = [next(rest) for _ in range(2)]
    assert (b"".join(got), time.monotonic() - begun > 0.9) == (b'{"', True)


def test_full_page_no_cursor(caller: Caller, path: str) -> None:
    caller.sandbox.faults.add(Fault("full_page_no_cursor"))
    body = caller.get(path, count=5).json()
    assert (len(body["data"]), body["nextPageCursor"]) == (5, None)


def test_empty_page(caller: Caller, path: str) -> None:
    whole = caller.all(path, count=50)
    caller.sandbox.faults.add(Fault("empty_page", after=1, times=2))
    pages = list(caller.pages(path, count=50))
    assert [] in pages
    assert [row for page in pages for row in page] == whole


@pytest.mark.parametrize("kind", ["empty_page", "repeated_page", "full_page_no_cursor"])
def test_a_collection_without_cursors_is_whole(caller: Caller, kind: Any) -> None:
    """Nothing could lead to what an empty page leaves out."""
    path = f"/ShortCode/{sender_of(caller.sandbox.world)}/SegmentationField"
    whole = caller.get(path).json()
    assert whole["data"]
    caller.sandbox.faults.add(Fault(kind))
    assert caller.get(path).json() == whole


def test_a_token_request_can_fail_too(caller: Caller) -> None:
    caller.sandbox.faults.add(Fault("status", "*", status=500, times=None))
    assert caller.token().status_code == 200
    caller.sandbox.faults.add(Fault("status", "token", status=503))
    assert caller.token().status_code == 503
    assert caller.token().status_code == 200


def test_after_times_and_operation(caller: Caller) -> None:
    caller.sandbox.faults.add(Fault("status", "list_sender_codes", after=1, times=2))
    sender = sender_of(caller.sandbox.world)
    assert [caller.get("/ShortCode").status_code for _ in range(4)] == [200, 500, 500, 200]
    caller.sandbox.faults.add(Fault("status", "get_sender_code", times=None))
    assert [caller.get(f"/ShortCode/{sender}").status_code for _ in range(3)] == [500, 500, 500]
    assert caller.get("/ShortCode").status_code == 200
    caller.sandbox.faults.clear()
    assert caller.get(f"/ShortCode/{sender}").status_code == 200


@pytest.mark.parametrize("acts", [False, True])
def test_a_write_may_act_although_its_answer_is_lost(caller: Caller, path: str, acts: bool) -> None:
    caller.sandbox.faults.add(Fault("drop", "create_contact", acts=acts))
    with pytest.raises(requests.ConnectionError):
        caller.call("POST", path, json={"phoneNumber": "12125550001"})
    assert ("12125550001" in caller.sandbox.world.people) is acts


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "gremlin"}, {"kind": "drop", "operation": "list_gremlins"}, {"kind": "drop", "times": 0}, {"x": 1}],
)
def test_a_fault_that_makes_no_sense_is_refused(caller: Caller, wrong: dict[str, Any]) -> None:
    answer = caller.control("POST", "/faults", wrong)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_faults_over_http(caller: Caller) -> None:
    caller.control("POST", "/faults", {"kind": "status", "status": 502}).raise_for_status()
    assert [item["status"] for item in caller.control("GET", "/faults").json()["faults"]] == [502]
    assert caller.get("/ShortCode").status_code == 502
    caller.control("POST", "/faults", {"kind": "drop"}).raise_for_status()
    caller.control("DELETE", "/faults").raise_for_status()
    assert caller.get("/ShortCode").status_code == 200


def test_a_delay_for_all_holds_up_nobody_else() -> None:
    with Sandbox(World(contacts=0), delay=0.2) as sandbox:
        caller = Caller(sandbox)
        begun = time.monotonic()
        with ThreadPoolExecutor(10) as pool:
            assert {answer.status_code for answer in pool.map(lambda _: caller.get("/ShortCode"), range(10))} == {200}
        assert 0.2 <= time.monotonic() - begun < 1.0
