"""How much the command says, to whom, and in which form."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from listrak_source.cli.errors import Exit
from listrak_source.cli.output.console import err, out
from listrak_source.cli.output.sentry import without_people
from listrak_source.sandbox import Fault, RateLimit, Sandbox
from tests.cli.conftest import Listrak


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What options set is of one process: here the next command is another one."""
    for name in ("RUNTIME__LOG_LEVEL", "RUNTIME__LOG_FORMAT"):
        monkeypatch.delenv(name, raising=False)
    yield
    out.quiet = out.no_color = err.no_color = False
    logging.getLogger("listrak_source").handlers.clear()


def test_quiet_says_why_a_pull_is_not_whole(listrak: Listrak, sandbox: Sandbox) -> None:
    """It ended with 5, and said nothing."""
    sender = min(sandbox.world.sender_codes)
    sandbox.faults.add(Fault("status", "list_phone_lists", path=f"/ShortCode/{sender}/", times=None, status=403))
    code, said, err = listrak("-q", "pull", "--table", "lists")
    sandbox.faults.clear()
    assert (code, said) == (5, "")
    assert err.startswith("listrak: ")
    assert str(sender) in err


def test_a_report_to_sentry_names_nobody() -> None:
    """As sentry-sdk makes it of an error, and of what took how long: that names each request's path."""
    phone, mail, secret = "15551234567", "ann.lee+1@shop.example.com", "client_secret=abc"
    error = {
        "event_id": "0123456789abcdef0123456789abcdef",
        "exception": {
            "values": [
                {
                    "type": "ValueError",
                    "value": f"no such contact {phone}, {mail}",
                    "stacktrace": {"frames": [{"function": "read", "vars": {"phone": phone, "rows": [phone]}}]},
                }
            ]
        },
        "breadcrumbs": {"values": [{"message": secret, "data": {"url": f"/Contact/{phone}"}}]},
        "request": {"headers": {"Authorization": "abc"}},
    }
    slow = {
        "contexts": {"trace": {"trace_id": "12345678901234567890123456789012"}},
        "spans": [{"span_id": "1234567890123456", "description": f"GET http://127.0.0.1/Contact/{phone}"}],
    }
    for event in (error, slow):
        told = json.dumps(without_people(event))
        assert phone not in told
        assert "ann" not in told
        assert "abc" not in told.replace("0123456789abcdef", "")
    assert without_people(slow)["contexts"] == slow["contexts"]
    assert without_people(error)["event_id"] == error["event_id"]
    assert without_people(slow)["spans"][0]["description"] == "GET http://127.0.0.1/Contact/…4567"


@pytest.mark.cases(1)
@pytest.mark.parametrize("words", [("-q", "pull"), ("pull", "--quiet")])
def test_quiet_says_what_is_wrong_and_nothing_else(listrak: Listrak, sandbox: Sandbox, words: tuple[str, ...]) -> None:
    assert listrak(*words, "-t", "lists") == (0, "", "")
    document = json.loads(listrak("-q", "status", "--json")[1])
    assert document["status"] == "success"
    assert "Reading" not in listrak("-q", "pull", "-t", "contacts", "--json")[2]
    code, said, wrong = listrak("-q", "pull", "-t", "nothing")
    assert (code, said) == (Exit.WRONG_USE, "")
    assert wrong.startswith("listrak: There is no table nothing")


@pytest.mark.full
def test_verbose_tells_of_a_limit_and_of_no_person(listrak: Listrak, sandbox: Sandbox) -> None:
    assert "info: " not in listrak("pull", "-t", "lists")[2]
    sandbox.traffic.limit = RateLimit(5, 1)
    try:
        _, _, said = listrak("pull", "-v", "-t", "contacts")
    finally:
        sandbox.traffic.limit = None
    assert "info: Listrak refuses requests for haste (HTTP 429)" in said
    assert not re.search(r"\d{10}", said)


@pytest.mark.cases(2)
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["-vv", "pull", "-t", "contacts"], 0),
        (["pull", "--nope"], 2),
        (["pull", "-t", "nothing"], 2),
        (["push", "apply"], 2),
        (["status", "--max-age", "1s"], 1),
        (["pull", "--full", "--json", "-t", "nothing"], 2),
        (["pull", "--full", "--json", "-v"], 0),
    ],
)
def test_a_log_for_programs_is_json_alone(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int
) -> None:
    monkeypatch.setenv("RUNTIME__LOG_FORMAT", "JSON")
    command = [sys.executable, "-m", "listrak_source", *words]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == code
    lines = [json.loads(line) for line in run.stderr.splitlines()]
    assert lines or code == 0
    assert all(line["msg"] and line["level"] and line["written_at"].endswith("Z") for line in lines)
    assert code == 0 or lines[-1]["level"] == "ERROR"
    phones = {key[1] for key in sandbox.world.truth()["contacts"]}
    assert not [phone for phone in phones if phone in run.stderr]


@pytest.mark.full
def test_without_colors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    for words, is_colored in ((["pull", "-h"], True), (["pull", "-h", "--no-color"], False)):
        command = [sys.executable, "-m", "listrak_source", *words]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert bool(re.search(r"\x1b\[[0-9;]*3[0-9]m", said)) is is_colored


def test_no_value_that_a_database_quotes_is_in_the_log(listrak: Listrak, caplog: pytest.LogCaptureFixture) -> None:
    listrak("-v", "status")
    dlts = logging.getLogger("dlt")
    caplog.set_level(logging.WARNING, "dlt")
    dlts.propagate = True
    try:
        int("Key (phone_number)=(15550109901) already exists.")
    except ValueError:
        dlts.exception("Job of load 1795998140.983121 for %s failed", "+1 (555) 010-9901")
    assert "15550109901" not in caplog.text
    assert "010-9901" not in caplog.text
    assert "1795998140.983121" in caplog.text
    assert "ValueError: invalid literal" in caplog.text
