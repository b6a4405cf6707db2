"""What a pull tells besides rows: what was set aside, what is gone, which load it is at, and that it was cut short."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest

from listrak_source.cli.errors import Exit
from listrak_source.sandbox import Quirks, Sandbox
from tests.cli.conftest import Listrak
from tests.pull.asking import somebody
from tests.pull.proxy import proxy


@pytest.mark.full
def test_what_was_set_aside(listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(path: str, body: dict[str, Any]) -> None:
        if path.endswith("/OptOut"):
            for record in body["data"][:1]:
                record["optOutDate"] = "yesterday"
        if path.endswith("/Contact"):
            for record in body["data"]:
                record["birthday"] = "never" if record["phoneNumber"] == phone else record["birthday"]

    phone = somebody(sandbox).phone_number
    with proxy(sandbox, spoil) as address:
        monkeypatch.setenv("SOURCES__LISTRAK__BASE_URL", address)
        code, out, err = listrak("pull", "--chunk-rows", "50")
        assert (code, err) == (0, "")
        told = re.search(r"Set aside (\d+) records in rejected_rows: (.+)\.\n", out)
        assert told, out
        reasons = dict(re.findall(r"([^;]+?) \((\d+)\)(?:; |$)", told[2]))
        assert sum(map(int, reasons.values())) == int(told[1])
        assert any(reason.startswith("contacts, birthday: ") for reason in reasons)
        assert any(reason.startswith("opt_outs, optOutDate: ") for reason in reasons)
        assert "rejected_rows" not in out.partition("Loaded")[2].partition("Set aside")[0]
        assert phone not in out
        assert "Set aside" not in listrak("pull")[1], "once"
        assert "for records are set aside in rejected_rows" in listrak("pull", "--full")[1]
    assert re.search(rf"rejected_rows +{told[1]} ", listrak("status")[1])


@pytest.mark.full
def test_what_was_not_read(listrak: Listrak, sandbox: Sandbox) -> None:
    sender = next(iter(sandbox.world.sender_codes))
    sandbox.world.disable_sender_code(sender)
    sandbox.service.quirks = Quirks(disabled_reads="refused")
    code, out, err = listrak("pull")
    assert (code, err) == (0, "")
    assert f"Sender code {sender} is disabled at Listrak: only its own row was read.\n" in out
    assert "Sender code" in listrak("pull")[1], "as long as it is"
    assert f"{sender}" in listrak("pull", "--full")[1]
    assert "The last complete walk began at " in listrak("status")[1]
    assert "Nothing is marked as removed of " in listrak("status")[1]
    sandbox.world.disable_sender_code(sender, enabled=True)
    assert f"Sender code {sender} is disabled" not in listrak("pull")[1]


@pytest.mark.full
def test_what_is_gone(listrak: Listrak, sandbox: Sandbox) -> None:
    listrak("pull")
    one = somebody(sandbox)
    sandbox.world.vanish(one.phone_number)
    code, out, err = listrak("pull", "--full")
    assert (code, err) == (0, "")
    told = re.search(r"(\d+) rows are gone at Listrak and are marked as removed: (.+)\.\n", out)
    assert told, out
    counts = {name: int(rows) for rows, name in re.findall(r"(\d+) (\w+)", told[2])}
    assert counts["contacts"] == 1
    assert counts["list_memberships"] >= 1
    assert sum(counts.values()) == int(told[1])
    people = len(sandbox.world.truth()["contacts"])
    assert not re.search(r" \d+ contacts.*into dataset", out), "everybody else is as they were"
    status = listrak("status")[1]
    assert re.search(rf"  contacts +{people} +1", status)
    sandbox.world.clock.advance(timedelta(hours=1))
    assert "gone at Listrak and" not in listrak("pull", "--full")[1]


@pytest.mark.full
def test_each_load_has_a_number(listrak: Listrak, sandbox: Sandbox) -> None:
    _, out, _ = listrak("pull", "--chunk-rows", "100")
    assert out.startswith("Reading: ")
    numbers = [int(number) for number in re.findall(r"^Load (\d+), reading: ", out, re.MULTILINE)]
    assert len(numbers) >= 2
    assert numbers == list(range(2, len(numbers) + 2))
    people = len(sandbox.world.truth()["contacts"])
    assert f" {people} contacts" in out, "of all loads together"


@pytest.mark.cases(0, 1)
@pytest.mark.full
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_and_gone_on_with(listrak: Listrak, sandbox: Sandbox, number: signal.Signals) -> None:
    command = [sys.executable, "-u", "-m", "listrak_source", "pull", "--chunk-rows", "100"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        for line in process.stdout:
            if line.startswith("Load 2, loading"):
                break
        process.send_signal(number)
        err = process.stderr.read()
    told, ended = ("Interrupted", Exit.TRY_AGAIN) if number == signal.SIGINT else ("Told to end", Exit.TERMINATED)
    assert process.returncode == ended
    goes_on = "what was loaded stays, and the same command goes on after the last complete load"
    assert err == f"listrak: {told}: {goes_on}.\n"
    assert re.search(
        r"A pull that began at 2026-\d\d-\d\d \S+ \(UTC\) is not finished: run it again\.", listrak("status")[1]
    )
    sandbox.traffic.clear()
    code, out, _ = listrak("pull", "--chunk-rows", "100")
    assert code == 0
    rows = re.search(r"(\d+) contacts", out.partition("Loaded")[2])
    assert rows
    people = len(sandbox.world.truth()["contacts"])
    assert int(rows[1]) < people, "only what was missing"
    status = listrak("status")[1]
    assert "not finished" not in status
    assert re.search(rf"  contacts +{people} ", status)


@pytest.mark.full
def test_removals_are_let_through_by_their_hash_alone(listrak: Listrak, sandbox: Sandbox) -> None:
    """A hash that fits no set is wrong use, told before a long walk; what a walk has told is taken."""
    listrak("pull", "--lookups", "none")
    for phone in list(sandbox.world.people)[:80]:
        sandbox.world.vanish(phone)
    again = ("pull", "--full", "--lookups", "none", "--accept-removals")
    sandbox.traffic.clear()
    code, _, err = listrak(*again, "0123456789ab")
    assert code == Exit.WRONG_USE
    assert "there is no such set of rows. The last complete walk has left none unmarked." in err
    assert not sandbox.traffic.counts, "nothing was asked"
    code, said, err = listrak("pull", "--full", "--lookups", "none")
    left = re.search(r"--accept-removals (\w+)\.", said + err)
    assert code == Exit.NOT_ALL
    assert left
    code, _, err = listrak(*again, "0123456789ab")
    assert code == Exit.WRONG_USE
    assert f"The last complete walk has left {left[1]}." in err
    code, said, _ = listrak(*again, left[1])
    assert code == 0
    assert re.search(r"are marked as removed: \d+ contacts, ", said)


@pytest.mark.full
def test_what_is_said_of_removals_is_a_command_that_works(listrak: Listrak, sandbox: Sandbox) -> None:
    sender = str(min(sandbox.world.sender_codes))
    listrak("pull", "--lookups", "none", "--sender-code", sender)
    for phone in list(sandbox.world.people)[:80]:
        sandbox.world.vanish(phone)
    _, said, err = listrak("pull", "--full", "--lookups", "none", "--sender-code", sender)
    told = re.search(r"If that is right: listrak (.+?)\.", said + err)
    assert told
    assert f"--sender-code {sender}" in told[1]
    assert listrak(*told[1].split(), "--lookups", "none")[0] == 0
