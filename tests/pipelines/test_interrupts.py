"""An interrupt stops a pull, also where something on the way has swallowed it."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from threading import Thread

import pytest

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
    assert err.startswith("listrak: Interrupted: ")


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
