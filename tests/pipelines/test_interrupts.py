"""An interrupt stops a command, also where something on the way has swallowed it; SIGTERM does as Ctrl-C (13.C18)."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread

import duckdb
import pytest

from listrak_source.sandbox import Sandbox, imports
from pipelines.interrupts import noticed
from pipelines.messages import Exit
from pipelines.warehouse import Warehouse
from tests.pipelines.conftest import Listrak


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_that_was_swallowed_is_noticed_once() -> None:
    with noticed() as stop_if_interrupted:
        stop_if_interrupted()
        with suppress(BaseException):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            stop_if_interrupted()
        stop_if_interrupted()
    assert signal.set_wakeup_fd(-1) == -1, "as it was before"


def test_an_interrupt_has_its_sentence_wherever_it_comes(listrak: Listrak, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Warehouse, "reading", interrupted)
    code, _, err = listrak("status")
    assert code == Exit.TRY_AGAIN
    assert err == "listrak: Interrupted.\n"


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_is_the_way_to_end_the_sandbox() -> None:
    command = [sys.executable, "-u", "-m", "pipelines.console", "sandbox", "--contacts", "50", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        assert any("Ctrl-C ends it" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == ""
    assert process.returncode == 0


def told_to_end(*arguments: str, when: Callable[[], bool], by: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
    """Run a command until ``when``, and tell it to end: its exit code, and what it said on standard error."""
    command = [sys.executable, "-u", "-m", "pipelines.console", *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        while not when() and process.poll() is None:
            time.sleep(0.01)
        # Who tells a process to end often tells it twice: a group gets it as well.
        process.send_signal(by)
        process.send_signal(by)
        err = process.stderr.read()
    return process.returncode, err


@pytest.mark.parametrize("by", [signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.full)])
def test_a_pull_that_is_told_to_end(listrak: Listrak, sandbox: Sandbox, by: signal.Signals) -> None:
    sandbox.service.delay = 0.1
    code, err = told_to_end("pull", when=lambda: sandbox.traffic.counts["list_contacts"] > 3, by=by)
    assert code == 143
    assert err == (
        "listrak: Told to end: what was loaded stays, and the same command goes on after the last complete load.\n"
    )
    sandbox.service.delay = 0.0
    assert listrak("pull")[0] == Exit.DONE
    with duckdb.connect("listrak.duckdb") as connection:
        (held,) = connection.execute("SELECT count(*) FROM listrak_sms.contacts").fetchone() or (0,)
    assert held == len(sandbox.world.truth()["contacts"])


@pytest.mark.full
def test_a_push_that_is_told_to_end(listrak: Listrak, sandbox: Sandbox) -> None:
    assert listrak("pull")[0] == Exit.DONE
    world = sandbox.world
    sender = next(iter(world.sender_codes))
    field = next(one for one in world.fields.values() if (one.data_type, one.status) == ("Text", "Active"))
    people = f"FROM listrak_sms.contacts WHERE NOT opted_out AND sender_code_id = {sender} LIMIT 5"
    Path("listrak_push.toml").write_text(
        f"[tiers]\nquery = \"SELECT phone_number AS phone, 'gold' AS tier {people}\"\n"
        f'phone = "phone"\nsender_code = {sender}\n[tiers.columns]\ntier = {field.field_id}\n'
        f"[tiers.budget]\nimports = {{ rows = 100, percent = 100 }}\n"
    )
    sandbox.service.import_seconds = 60.0
    code, err = told_to_end("push", "apply", "tiers", when=lambda: sandbox.traffic.counts["get_contact_import"] > 0)
    assert code == 143
    assert err == "listrak: Told to end: what was sent is in the ledger, and the next apply goes on from there.\n"
    for job in sandbox.service.import_files.values():
        list(imports.run(world, job, sandbox.service.quirks))
    code, out, err = listrak("push", "apply", "tiers")
    assert (code, err) == (Exit.DONE, ""), "no lock was left behind"
    assert "was cut short: it is finished first." in out


@pytest.mark.parametrize("command", ["sandbox", pytest.param("demo", marks=pytest.mark.full)])
def test_a_sandbox_that_is_told_to_end(command: str) -> None:
    began = time.monotonic()
    options = ("--port", "0") if command == "sandbox" else ()
    code, err = told_to_end(command, "--contacts", "300", *options, when=lambda: time.monotonic() > began + 1.5)
    assert (code, err) == (143, "listrak: Told to end.\n")


def test_on_another_thread_nothing_is_noticed() -> None:
    failed: list[BaseException] = []

    def run() -> None:
        try:
            with noticed() as stop_if_interrupted:
                stop_if_interrupted()
        except BaseException as error:  # noqa: BLE001 - handed to the thread that asserts
            failed.append(error)

    thread = Thread(target=run)
    thread.start()
    thread.join()
    assert not failed
