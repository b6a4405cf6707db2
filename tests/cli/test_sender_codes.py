"""``listrak sender-codes``: what a scheduler maps its tasks over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from listrak_source.cli.errors import Exit
from listrak_source.sandbox import Fault, Sandbox, World
from tests.cli.conftest import Listrak
from tests.cli.test_documents import read


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    """An account of three sender codes."""
    with Sandbox(World(seed=5, contacts=60, sender_codes=3)) as sandbox:
        yield sandbox


def test_the_units_are_those_that_a_pull_reads_and_no_warehouse_is_asked(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    senders = sorted(sandbox.world.sender_codes)
    document, err = read(listrak, "sender-codes")
    assert (document["status"], document["message"], err) == ("success", None, "")
    assert [one["sender_code_id"] for one in document["sender_codes"]] == senders
    assert all(one.keys() == {"sender_code_id", "code", "merchant_name", "country"} for one in document["sender_codes"])
    code, out, err = listrak("sender-codes")
    assert (code, err) == (0, "")
    assert all(f"{one['sender_code_id']}  " in out and one["code"] in out for one in document["sender_codes"])
    assert not list(Path().glob("*.duckdb*")), "no warehouse is made"
    assert sandbox.traffic.counts.keys() <= {"list_sender_codes", "token"}

    monkeypatch.setenv("SOURCES__LISTRAK__SENDER_CODES", f"[{senders[1]}]")
    document, _ = read(listrak, "sender-codes")
    assert [one["sender_code_id"] for one in document["sender_codes"]] == senders[1:2]


def test_one_that_listrak_does_not_have(listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheduler that went on with the others would never read it."""
    monkeypatch.setenv("SOURCES__LISTRAK__SENDER_CODES", f"[{min(sandbox.world.sender_codes)}, 424242]")
    document, _ = read(listrak, "sender-codes")
    assert (document["status"], document["exit_code"]) == ("error", Exit.WRONG_USE)
    assert "Listrak has no 424242" in document["message"]
    assert "sender_codes" not in document


@pytest.mark.parametrize(
    ("body", "code", "status", "said"),
    [
        ("[]", Exit.DONE, "success", "Listrak shows no sender code"),
        ('[{"shortCodeId": 7, "code": "1"}, {"code": "2"}]', Exit.NOT_ALL, "partial", "has no id that can be read"),
    ],
)
def test_what_a_person_should_look_at(
    listrak: Listrak, sandbox: Sandbox, body: str, code: Exit, status: str, said: str
) -> None:
    answer = f'{{"status": 200, "data": {body}}}'
    sandbox.faults.add(Fault("status", "list_sender_codes", status=200, body=answer))
    document, err = read(listrak, "sender-codes")
    assert (document["exit_code"], document["status"]) == (code, status)
    assert said in document["message"]
    assert err == f"listrak: {document['message']}\n"


def test_who_is_refused(listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__LISTRAK__CLIENT_SECRET", "wrong")
    document, _ = read(listrak, "sender-codes")
    assert (document["status"], document["exit_code"]) == ("error", Exit.REFUSED)
