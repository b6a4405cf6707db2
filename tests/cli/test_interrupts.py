"""An interrupt stops a command, also where something on the way has swallowed it; SIGTERM does as Ctrl-C (13.C18)."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import duckdb
import pytest
from typer.core import TyperGroup

from listrak_source.cli.errors import Exit
from listrak_source.cli.process.signals import Terminated, end_when_told, noticed
from listrak_source.cli.warehouse import Warehouse
from listrak_source.runs import INTERRUPTED, Attempt
from listrak_source.sandbox import Sandbox
from listrak_source.sandbox.http import import_routes
from listrak_source.sql import Sql
from tests.cli.conftest import Listrak


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
def test_a_signal_at_the_start_has_its_document() -> None:
    """Seen: until the command was read, ``--json`` printed nothing."""
    program = (
        "import sys, signal\nfrom listrak_source.cli import entrypoint\nsys.argv = ['listrak', 'status', '--json']\n"
        "entrypoint.keep_flat = lambda: signal.raise_signal(signal.SIGTERM)\nentrypoint.main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (Exit.TERMINATED, "listrak: Told to end.\n")
    told = json.loads(done.stdout)
    assert (told["metadata"]["command"], told["exit_code"], told["message"]) == ("status", 143, "Told to end.")


def test_signals_are_heeded_before_anything_large_is_imported() -> None:
    """Seen: Ctrl-C in the first third of a second ended in a traceback."""
    names = "sorted(name for name in sys.modules if name.partition('.')[0] in {'listrak_source', 'requests', 'dlt'})"
    program = f"import sys, listrak_source.cli.entrypoint; print(*{names})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    rooms = (
        "",
        ".cli",
        ".cli.entrypoint",
        *(f".cli.process{room}" for room in ("", ".memory", ".signals", ".streams")),
    )
    assert done.stdout.split() == [f"listrak_source{room}" for room in rooms]


@pytest.mark.full
@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_is_the_way_to_end_the_sandbox() -> None:
    command = [sys.executable, "-u", "-m", "listrak_source", "sandbox", "--contacts", "50", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        assert any("Ctrl-C ends it" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == ""
    assert process.returncode == 0


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_before_the_command_begins_has_its_sentence(
    listrak: Listrak, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Typer reads the command line, and makes a code of its own of an interrupt that comes then."""

    def interrupted(*_: object, **__: object) -> None:
        raise Terminated

    monkeypatch.setattr(TyperGroup, "make_context", interrupted)
    code, _, err = listrak("status")
    assert (code, err) == (Exit.TERMINATED, "listrak: Told to end.\n")


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_that_duckdb_has_swallowed_has_its_sentence(
    listrak: Listrak, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Rows:
        def __arrow_c_stream__(self, *_: object) -> None:
            raise Terminated

    def read(*_: object) -> None:
        rows = Rows()  # noqa: F841 - DuckDB finds it by its name
        duckdb.sql("FROM rows")

    monkeypatch.setattr(Warehouse, "reading", read)
    code, _, err = listrak("status")
    assert (code, err) == (Exit.TERMINATED, "listrak: Told to end.\n")


@pytest.fixture
def told(interruptible: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process ends when it is told to, as the command does."""
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    before = {way: signal.getsignal(way) for way in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    end_when_told()
    yield
    for way, handler in before.items():
        signal.signal(way, handler)


def interrupted_by(act: Callable[[], object]) -> type[BaseException] | None:
    """Act, and wait: the kind of interrupt that comes."""
    try:
        act()
        time.sleep(10)
    except KeyboardInterrupt as error:
        return type(error)
    return None


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(("way", "kind"), [(signal.SIGTERM, Terminated), (signal.SIGINT, KeyboardInterrupt)])
def test_an_import_comes_to_its_end_before_the_interrupt(
    way: signal.Signals, kind: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error in the middle of the import's own work leaves its lock taken: the process would never end."""
    monkeypatch.syspath_prepend(str(tmp_path))
    module = f"told_{way.name.lower()}"
    (tmp_path / f"{module}.py").write_text(f"import signal\nsignal.raise_signal({way.value})\nwhole = True\n")
    assert interrupted_by(lambda: importlib.import_module(module)) is kind
    assert sys.modules.pop(module).whole


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(("way", "kind"), [(signal.SIGTERM, Terminated), (signal.SIGINT, KeyboardInterrupt)])
def test_an_interrupt_that_comes_when_an_object_goes_comes_again(
    way: signal.Signals, kind: type[BaseException]
) -> None:
    class Thing:
        def __del__(self) -> None:
            signal.raise_signal(way)

    assert interrupted_by(Thing) is kind


def told_to_end(
    *arguments: str, when: Callable[[], bool], by: signal.Signals = signal.SIGTERM, printed: Path = Path(os.devnull)
) -> tuple[int, str]:
    """Run a command until ``when``, and tell it to end: its exit code, and what it said on standard error."""
    command = [sys.executable, "-u", "-m", "listrak_source", *arguments]
    with (
        printed.open("w") as out,
        subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, text=True) as process,
    ):
        assert process.stderr
        while not when() and process.poll() is None:
            time.sleep(0.01)
        # Who tells a process to end often tells it twice: a group gets it as well.
        process.send_signal(by)
        process.send_signal(by)
        err = process.stderr.read()
    return process.returncode, err


@pytest.mark.usefixtures("interruptible")
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
        list(import_routes.run(world, job, sandbox.service.quirks))
    code, out, err = listrak("push", "apply", "tiers")
    assert (code, err) == (Exit.DONE, ""), "no lock was left behind"
    assert "was cut short: it is finished first." in out


@pytest.mark.parametrize("command", ["sandbox", pytest.param("demo", marks=pytest.mark.full)])
def test_a_sandbox_that_is_told_to_end(command: str, tmp_path: Path) -> None:
    options, printed = ("--port", "0") if command == "sandbox" else (), tmp_path / "printed"
    code, err = told_to_end(
        command, "--contacts", "300", *options, when=lambda: printed.stat().st_size > 0, printed=printed
    )
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


_REOPENED = """
import signal, sys, time
import dlt
from listrak_source.sql import opened

def told(*_):
    raise KeyboardInterrupt

signal.signal(signal.SIGALRM, told)
pipeline = dlt.pipeline("long", destination=dlt.destinations.duckdb("long.duckdb"), dataset_name="long")
kept = []
for _ in range(10):
    try:
        with opened(pipeline) as sql:
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.1)
                sql.run("SELECT COUNT(*) FROM range(1000000) AS a, range(1000000) AS b WHERE a.range * b.range % 7 = 3")
            except BaseException:
                began = time.monotonic()
                assert sql.one("SELECT 1") == 1
                assert time.monotonic() - began < 5, "it waits for the other one"
                raise
    except BaseException as error:
        kept.append(error)
        with opened(pipeline) as sql:
            assert sql.one("SELECT 1") == 1
assert len(kept) == 10
"""


@pytest.mark.full
def test_a_file_opens_again_after_an_interrupt_in_a_statement(tmp_path: Path) -> None:
    """Seen: DuckDB span for ever, and no further signal ended the command."""
    run = subprocess.run([sys.executable, "-c", _REOPENED], cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert (run.returncode, run.stdout) == (0, b""), run.stderr


def test_the_row_of_an_interrupted_run_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB may never open a file again in which it was interrupted."""
    never, warned = Event(), list[str]()
    monkeypatch.setattr("listrak_source.runs.logger.warning", warned.append)

    @contextmanager
    def opens_never() -> Iterator[Sql]:
        never.wait(60)
        raise RuntimeError
        yield

    run = Attempt("push apply")
    run.kept_by(opens_never)
    monkeypatch.setattr("listrak_source.runs._PATIENCE", 0.2)
    began = time.monotonic()
    run.end(INTERRUPTED)
    never.set()
    assert time.monotonic() - began < 5
    assert warned == ["The row of this run could not be written to push_attempts: TimeoutError"]


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_while_a_file_is_opened_comes_when_it_is_open() -> None:
    """Where a setting of DuckDB's was interrupted, the file could not be opened again in that process."""
    before, hook = signal.getsignal(signal.SIGINT), sys.unraisablehook
    end_when_told()
    steps: list[str] = []
    told: dict[str, Any] = {"os": os, "signal": signal, "steps": steps}
    # A function of the module in which dlt opens the file.
    told["__name__"] = "dlt.destinations.impl.duckdb.configuration"
    exec("def opens():\n    os.kill(os.getpid(), signal.SIGINT)\n    steps.append('open')", told)

    def goes_on() -> None:
        told["opens"]()
        steps.append("after")
        time.sleep(5)

    try:
        with pytest.raises(KeyboardInterrupt):
            goes_on()
        assert steps == ["open", "after"]
    finally:
        signal.signal(signal.SIGINT, before)
        sys.unraisablehook = hook


def test_a_file_that_duckdb_cannot_keep_is_said(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("a?b").mkdir()
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(Path("a?b/x.duckdb").resolve()))
    code, _, err = listrak("pull")
    assert (code, "with a question mark in its path" in err) == (Exit.WRONG_USE, True)
    assert not sandbox.traffic.log
